"""Files given by URL: fetched when the message is sent, and what happens where they cannot be."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.memory_backend import MemoryBackend, MemoryService
from twilio_compat import Client, Conversation
from twilio_compat.errors import (
    ArgumentError,
    BackendError,
    ForbiddenError,
    InvalidResponseError,
    NotFoundError,
    RateLimitedError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    TwilioCompatError,
    TwilsockUpstreamError,
)
from twilio_compat.media_by_url import fetched
from twilio_compat.records import Actor, MediaRecord, MediaUpload

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve: TypeAlias = Callable[[Answer], Awaitable[httpx.URL]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve every path of a server of its own with one answer, and return its URL."""
    servers: list[TestServer] = []

    async def serve(answer: Answer) -> httpx.URL:
        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        servers.append(TestServer(application))
        await servers[-1].start_server(shutdown_timeout=0.1)
        return httpx.URL(str(servers[-1].make_url("/")))

    yield serve
    for server in servers:
        await server.close()


@pytest.fixture
async def room(alice: Client) -> Conversation:
    return await (await alice.createConversation(friendlyName="Room")).join()


def says(status: int = 200, body: bytes = b"data", **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return answer


def redirect(to: str) -> web.Response:
    return web.Response(status=302, headers={"Location": to})


async def test_the_server_tells_the_type_and_the_url_the_name(
    service: MemoryService, room: Conversation, serve: Serve
) -> None:
    url = (await serve(says(Content_Type="image/svg+xml"))).join("/logos/our%20logo.svg?size=big")
    await room.prepareMessage().setBody("Our logo").addMedia({"media": url}).build().send()
    [(record, content)] = service.files.values()
    assert (b"data", "image/svg+xml", "our logo.svg", 4) == (
        content,
        record.content_type,
        record.filename,
        record.size,
    )


async def test_what_is_given_goes_before_what_the_server_says(
    service: MemoryService, room: Conversation, serve: Serve
) -> None:
    url = (await serve(says(Content_Type="text/html", Content_Disposition="inline; filename=x"))).join("/y")
    await room.sendMessage({"media": url, "contentType": "text/plain", "filename": "z"})
    [(record, _)] = service.files.values()
    assert ("text/plain", "z") == (record.content_type, record.filename)


@pytest.mark.parametrize(
    ("disposition", "path", "expected"),
    [
        ("attachment; filename=plan.pdf", "/download", "plan.pdf"),
        ("inline; filename*=UTF-8''%E6%96%87%20%F0%9F%98%80.txt", "/", "文 😀.txt"),
        ('attachment; filename="../../etc/passwd"', "/", "passwd"),
        ("inline", "/a/b.txt", "b.txt"),
        ("", "/caf%C3%A9.png", "café.png"),
        ("inline; filename*=idna''%ff%00", "/a/b.txt", "b.txt"),
        ("inline; filename*=punycode''%ff", "/a/b.txt", "b.txt"),
        ("inline; filename*=UTF-8''a%00b.txt", "/", "a\ufffdb.txt"),
        ("inline; filename*=raw_unicode_escape''%5cud800.txt", "/", "\ufffd.txt"),
        ("", "/a%00b.txt", "a\ufffdb.txt"),
        ("", "/folder/", None),
        ("", "/", None),
    ],
)
async def test_the_name_is_that_of_the_download_or_else_of_the_path(
    serve: Serve, disposition: str, path: str, expected: str | None
) -> None:
    url = (await serve(says(Content_Disposition=disposition) if disposition else says())).join(path)
    async with fetched(url) as file:
        assert expected == file.filename


async def test_a_redirect_to_a_port_that_is_none_cannot_be_followed(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.Response:
        return redirect("http://127.0.0.1:99999/")

    url = await serve(answer)
    with pytest.raises(ServiceUnavailableError, match="could not be fetched"):
        async with fetched(url):
            pass


async def test_a_file_without_a_type_is_bytes(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        request.transport.close()
        return web.Response()

    async with fetched(await serve(answer)) as file:
        assert ("application/octet-stream", 0) == (file.content_type, file.size)
        assert [] == [piece async for piece in file.content]


async def test_redirects_are_followed_and_the_last_place_names_the_file(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"here") if request.path == "/new.txt" else redirect("/new.txt")

    async with fetched((await serve(answer)).join("/old")) as file:
        assert "new.txt" == file.filename
        assert b"here" == b"".join([piece async for piece in file.content])


async def test_a_compressed_file_arrives_as_it_was_and_its_length_is_not_taken_for_the_size(
    serve: Serve,
) -> None:
    body = b"long " * 1000
    async with fetched(await serve(says(body=gzip.compress(body), Content_Encoding="gzip"))) as file:
        assert file.size is None
        assert body == b"".join([piece async for piece in file.content])


async def test_the_size_is_announced_and_the_file_passed_on_before_all_of_it_has_come(
    service: MemoryService, room: Conversation, serve: Serve
) -> None:
    arrived = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "200000"})
        await response.prepare(request)
        await response.write(b"x" * 100_000)
        await arrived.wait()
        await response.write(b"x" * 100_000)
        return response

    async with fetched(await serve(answer)) as file:
        assert 200_000 == file.size
        first = await anext(file.content)
        arrived.set()
        assert 200_000 == len(first) + sum([len(piece) async for piece in file.content])


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, NotFoundError, 50507),
        (410, NotFoundError, 50507),
        (401, ForbiddenError, 20003),
        (403, ForbiddenError, 20003),
        (400, TwilsockUpstreamError, 20422),
        (429, RateLimitedError, 20429),
        (500, ServiceUnavailableError, 20503),
        (503, ServiceUnavailableError, 20503),
    ],
)
async def test_a_refusal_is_told_by_its_kind_and_sends_nothing(
    room: Conversation, serve: Serve, status: int, kind: type[TwilioCompatError], code: int
) -> None:
    url = (await serve(says(status))).join("/f?sig=secret").copy_with(username="me", password="hidden")
    with pytest.raises(kind) as caught:
        await room.sendMessage({"media": url})
    told = str(caught.value)
    assert f"/f answered {status} " in told
    assert f"Twilio code {code}" in told
    assert "secret" not in told
    assert "hidden" not in told
    assert [] == (await room.getMessages()).items


async def test_a_server_that_is_not_there_is_told(room: Conversation) -> None:
    with pytest.raises(ServiceUnavailableError, match=r"^http://127\.0\.0\.1:9/f could not be fetched: "):
        await room.sendMessage({"media": httpx.URL("http://127.0.0.1:9/f")})


async def test_a_server_that_does_not_answer_is_given_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("twilio_compat.media_by_url.TIMEOUT", 0.05)
    with pytest.raises(ServiceTimeoutError, match=r"did not answer within 0\.05 seconds"):
        async with fetched(await serve(silent)):
            raise AssertionError


async def test_circles_are_left(serve: Serve) -> None:
    async def circle(request: web.Request) -> web.StreamResponse:
        return redirect(request.path)

    with pytest.raises(InvalidResponseError):
        async with fetched(await serve(circle)):
            raise AssertionError


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_what_is_encoded_otherwise_than_it_says_is_no_file(
    room: Conversation, serve: Serve, encoding: str
) -> None:
    with pytest.raises(InvalidResponseError):
        await room.sendMessage({"media": await serve(says(body=b"\xff" * 100, Content_Encoding=encoding))})
    assert [] == (await room.getMessages()).items


async def test_a_file_that_breaks_off_sends_nothing(room: Conversation, serve: Serve) -> None:
    async def breaks_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x" * 50)
        assert request.transport is not None
        request.transport.close()
        return response

    with pytest.raises(BackendError):
        await room.sendMessage({"media": await serve(breaks_off)})
    assert [] == (await room.getMessages()).items


async def test_the_connection_is_closed_where_the_upload_fails_half_way(
    service: MemoryService, serve: Serve
) -> None:
    closed = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 1000)
        finally:
            closed.set()

    class Full(MemoryBackend):
        def __init__(self, service: MemoryService) -> None:
            super().__init__(service)
            self.media.upload = self.refuse  # type: ignore[method-assign]  # the point of this backend

        async def refuse(self, actor: Actor, upload: MediaUpload) -> MediaRecord:
            assert not isinstance(upload.content, bytes)
            async for _ in upload.content:
                raise ServiceUnavailableError("The disk is full")
            raise AssertionError

    async with Client(service.token("alice"), {"backend": Full(service)}) as client:
        room = await (await client.createConversation()).join()
        with pytest.raises(ServiceUnavailableError, match="disk is full"):
            await room.sendMessage({"media": await serve(endless)})
        await asyncio.wait_for(closed.wait(), 30)


async def test_it_is_fetched_each_time_it_is_sent_and_not_before(
    service: MemoryService, room: Conversation, serve: Serve
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(body=b"data")

    unsent = room.prepareMessage().addMedia({"media": (await serve(answer)).join("/f")}).build()
    assert [] == asked
    assert [0, 1] == [await unsent.send(), await unsent.send()]
    assert (["/f", "/f"], 2) == (asked, len(service.files))


@pytest.mark.parametrize("url", ["ftp://example.com/f", "/f", "http:///f", "file:///etc/passwd"])
async def test_a_url_that_is_not_of_the_web_is_refused_at_once(room: Conversation, url: str) -> None:
    with pytest.raises(ArgumentError, match=r"or an http\(s\) URL\), but got malformed send media options"):
        room.prepareMessage().addMedia({"media": httpx.URL(url)})
    with pytest.raises(ArgumentError, match=r"or an http\(s\) URL\)"):
        await room.sendMessage({"media": httpx.URL(url)})


async def test_a_type_that_is_given_must_not_be_empty(room: Conversation) -> None:
    with pytest.raises(ArgumentError, match='key "contentType" is ""'):
        room.prepareMessage().addMedia({"media": httpx.URL("https://example.com/f"), "contentType": ""})
