"""The emulator's listeners, and what they leave behind: nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest
from azure.communication.identity.aio import CommunicationIdentityClient
from starlette.types import ASGIApp, Receive, Scope, Send

from acs_emulator import DataError, Emulator, Exchange, ListenError, Options
from acs_emulator.certificates import CERTIFICATE_FILE, Certificates
from acs_emulator.server import Server, authority, listen
from tests.acs_emulator.clients import chat_client, identity_client, new_token, thread_client

PLAIN_REQUEST = b"GET /identities HTTP/1.1\r\nHost: emulator\r\n\r\n"


def trusting(emulator: Emulator) -> ssl.SSLContext:
    """Return TLS settings that trust the emulator's authority and no other."""
    return ssl.create_default_context(cafile=emulator.ca_file)


def answer_to(endpoint: str | None, request: bytes) -> bytes:
    """Send bytes to an endpoint over plain TCP and return all that comes back."""
    url = httpx.URL(endpoint or "")
    with closing(socket.create_connection((url.host, url.port or 0), timeout=10)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: _receive(connection), b""))


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


class TestSchemes:
    def test_the_http_port_answers_http(self, emulator: Emulator) -> None:
        assert answer_to(emulator.http_endpoint, PLAIN_REQUEST).startswith(b"HTTP/1.1 40")

    def test_the_http_port_answers_https_as_well(self, emulator: Emulator) -> None:
        url = str(emulator.http_endpoint).replace("http:", "https:")
        assert 404 == httpx.get(f"{url}/nothing", verify=trusting(emulator)).status_code

    def test_the_https_port_answers_https(self, emulator: Emulator) -> None:
        assert 404 == httpx.get(f"{emulator.https_endpoint}/nothing", verify=trusting(emulator)).status_code

    def test_the_https_port_does_not_answer_http(self, emulator: Emulator) -> None:
        assert not answer_to(emulator.https_endpoint, PLAIN_REQUEST).startswith(b"HTTP/")

    def test_without_an_https_listener_nothing_answers_tls(self) -> None:
        with Emulator(Options(https_port=None)) as emulator:
            url = str(emulator.http_endpoint).replace("http:", "https:")
            with pytest.raises(httpx.ConnectError):
                httpx.get(url, verify=False)
            assert (None, None) == (emulator.https_endpoint, emulator.ca_file)

    def test_without_an_http_listener_the_connection_string_names_https(self) -> None:
        with Emulator(Options(http_port=None)) as emulator:
            assert emulator.http_endpoint is None
            assert emulator.connection_string.startswith(f"endpoint={emulator.https_endpoint}/;accesskey=")

    def test_a_stranger_to_the_authority_refuses_the_certificate(self, emulator: Emulator) -> None:
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(str(emulator.https_endpoint))

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_the_certificate_is_for_every_name_of_this_machine(self, emulator: Emulator, host: str) -> None:
        url = httpx.URL(str(emulator.https_endpoint)).copy_with(host=host)
        assert 404 == httpx.get(url, verify=trusting(emulator)).status_code

    @pytest.mark.parametrize("host", ["::1"])
    def test_the_emulator_listens_on_ipv6(self, host: str) -> None:
        if not socket.has_ipv6:
            pytest.skip("this machine has no IPv6")
        try:
            listen(host, 0).close()
        except ListenError as error:
            pytest.skip(f"this machine has no IPv6 loopback: {error}")
        with Emulator(Options(host=host)) as emulator:
            url = f"{emulator.https_endpoint}/nothing"
            assert url.startswith("https://[::1]:")
            assert 404 == httpx.get(url, verify=trusting(emulator)).status_code

    def test_links_have_the_scheme_and_port_that_were_used(self, emulator: Emulator) -> None:
        plain, secure = str(emulator.http_endpoint), str(emulator.https_endpoint)
        for endpoint in (plain, plain.replace("http:", "https:"), secure):
            location = location_of_a_new_thread(emulator, endpoint)
            assert location.startswith(f"{endpoint}/chat/threads/19")


def location_of_a_new_thread(emulator: Emulator, endpoint: str) -> str:
    """Create a thread at *endpoint*, over plain HTTP or TLS, and return the header Location of the answer."""
    answer = httpx.post(
        f"{endpoint}/chat/threads?api-version=2025-03-15",
        json={"topic": "Lunch"},
        headers={"Authorization": f"Bearer {new_token(emulator)}"},
        verify=trusting(emulator),
    )
    return str(answer.headers["Location"])


class TestConnectionString:
    def test_the_sync_sdk_connects_with_it(self, emulator: Emulator) -> None:
        with identity_client(emulator) as identities:
            assert identities.create_user().properties["id"].startswith("8:acs:")

    async def test_the_async_sdk_connects_with_it(self) -> None:
        async with (
            Emulator() as emulator,
            CommunicationIdentityClient.from_connection_string(
                emulator.connection_string, connection_verify=str(emulator.ca_file)
            ) as identities,
        ):
            assert (await identities.create_user()).properties["id"].startswith("8:acs:")


class TestLifetime:
    def test_a_thread_is_started_and_ended(self) -> None:
        before = threading.active_count()
        with Emulator():
            assert before < threading.active_count()
        assert before == threading.active_count()

    async def test_no_task_is_left_in_the_callers_loop(self) -> None:
        before = asyncio.all_tasks()
        async with Emulator() as emulator, httpx.AsyncClient() as client:
            await client.get(str(emulator.http_endpoint))
        assert before == asyncio.all_tasks()

    def test_the_ports_are_free_again_at_once(self) -> None:
        with Emulator() as first:
            port = httpx.URL(str(first.http_endpoint)).port
        with Emulator(Options(http_port=port)) as second:
            assert first_port(second) == port

    def test_no_file_is_left_without_a_data_directory(self) -> None:
        with Emulator() as emulator:
            ca_file = emulator.ca_file
            assert ca_file is not None
            assert ca_file.exists()
        assert not ca_file.parent.exists()

    def test_an_idle_connection_does_not_delay_the_end(self) -> None:
        with httpx.Client() as client, Emulator() as emulator:
            client.get(str(emulator.http_endpoint))

    def test_a_silent_connection_delays_neither_others_nor_the_end(self) -> None:
        with Emulator() as emulator:
            url = httpx.URL(str(emulator.http_endpoint))
            with closing(socket.create_connection((url.host, url.port or 0))):
                assert 404 == httpx.get(url).status_code

    def test_before_its_start_it_says_that_it_is_not_running(self) -> None:
        with pytest.raises(RuntimeError, match="not running"):
            _ = Emulator().connection_string

    def test_it_cannot_be_entered_twice(self) -> None:
        with Emulator() as emulator, pytest.raises(RuntimeError, match="running already"):
            emulator.__enter__()

    def test_it_can_be_entered_again_after_its_end(self) -> None:
        emulator = Emulator()
        for _ in range(2):
            with emulator:
                assert 404 == httpx.get(str(emulator.http_endpoint)).status_code

    def test_a_taken_port_is_refused_and_nothing_is_left_open(self) -> None:
        with Emulator() as first:
            with pytest.raises(
                ListenError, match=r"cannot listen on 127\.0\.0\.1 port \d+: Address already in use"
            ):
                Emulator(Options(http_port=0, https_port=first_port(first))).__enter__()

    def test_observers_are_told_of_each_exchange(self) -> None:
        seen: list[Exchange] = []
        with Emulator(observe=seen.append) as emulator:
            new_token(emulator)
        assert [("CreateIdentity", 201)] == [(each.operation, each.status) for each in seen]


def first_port(emulator: Emulator) -> int:
    """Return the port of the http listener."""
    return httpx.URL(str(emulator.http_endpoint)).port or 0


class TestData:
    def test_the_authority_and_the_key_survive_a_restart(self, tmp_path: Path) -> None:
        options = Options(data=tmp_path / "data")
        with Emulator(options) as emulator:
            before = (
                emulator.access_key,
                emulator.storage_connection_string.split(";")[2],
                trusted(emulator),
            )
        with Emulator(options) as emulator:
            after = (emulator.access_key, emulator.storage_connection_string.split(";")[2], trusted(emulator))
        assert before == after

    def test_the_key_of_the_authority_is_for_its_owner_only(self, tmp_path: Path) -> None:
        Certificates(tmp_path)
        assert 0o600 == (tmp_path / "ca-key.pem").stat().st_mode & 0o777

    def test_a_certificate_of_somebody_else_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / CERTIFICATE_FILE).write_text("theirs")
        with pytest.raises(DataError, match=r"ca\.pem is there without its ca-key\.pem; move it away"):
            Certificates(tmp_path)
        assert ["theirs"] == [path.read_text() for path in tmp_path.iterdir()]

    def test_two_emulators_cannot_share_a_directory(self, tmp_path: Path) -> None:
        with Emulator(Options(data=tmp_path)), pytest.raises(DataError, match="in use by another emulator"):
            Emulator(Options(data=tmp_path)).__enter__()

    def test_a_damaged_authority_is_refused(self, tmp_path: Path) -> None:
        Certificates(tmp_path)
        (tmp_path / CERTIFICATE_FILE).write_text("not a certificate")
        with pytest.raises(DataError, match="certificate authority"):
            Emulator(Options(data=tmp_path)).__enter__()

    def test_a_message_survives_a_restart(self, tmp_path: Path) -> None:
        options = Options(data=tmp_path)
        with Emulator(options) as emulator:
            token = new_token(emulator)
            with chat_client(emulator, token) as chat:
                thread_id = chat.create_chat_thread("Lunch").chat_thread.id
            with thread_client(emulator, token, thread_id) as thread:
                message_id = thread.send_message("Hello").id
        with Emulator(options) as emulator, thread_client(emulator, token, thread_id) as thread:
            assert "Hello" == thread.get_message(message_id).content.message


def trusted(emulator: Emulator) -> str:
    """Return the certificate of the emulator's authority."""
    assert emulator.ca_file is not None
    return emulator.ca_file.read_text()


class TestStopping:
    async def test_a_request_under_way_is_answered(self) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        async with serving(waiting_app(begun, go_on)) as (server, url), httpx.AsyncClient() as client:
            request = asyncio.create_task(client.get(url))
            await begun.wait()
            stopping = asyncio.create_task(server.stop())
            go_on.set()
            assert 204 == (await request).status_code
            await stopping

    async def test_a_request_that_hangs_is_ended_after_the_grace(self) -> None:
        begun = asyncio.Event()
        async with serving(waiting_app(begun, asyncio.Event()), grace=0.01) as (server, url):
            async with httpx.AsyncClient() as client:
                request = asyncio.create_task(client.get(url))
                await begun.wait()
                await server.stop()
                assert 500 == (await request).status_code

    async def test_a_new_connection_is_refused(self) -> None:
        async with serving(waiting_app(asyncio.Event(), asyncio.Event())) as (server, url):
            await server.stop()
            async with httpx.AsyncClient() as client:
                with pytest.raises(httpx.ConnectError):
                    await client.get(url)


def waiting_app(begun: asyncio.Event, go_on: asyncio.Event) -> ASGIApp:
    """Return an application that says when a request has begun, and answers it when told."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    return app


@asynccontextmanager
async def serving(app: ASGIApp, grace: float = 5.0) -> AsyncIterator[tuple[Server, str]]:
    """Serve *app* over http until the test has stopped the server."""
    server, sock = Server(app, grace=grace), listen("127.0.0.1", 0)
    server.start(sock, tls=None, plain=True)
    yield server, f"http://{authority(sock)}/"
