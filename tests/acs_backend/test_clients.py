"""The official clients on one transport, against a service on its bad days."""

import asyncio
from datetime import UTC, datetime

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
)

from acs_backend.clients import USER_AGENT, AcsClients, AcsUser, needed_key, rebased
from acs_backend.retries import OutcomeUnknown, Retries
from tests.acs_backend.stub_service import Answer, StubService, hangs_up, says, says_nothing, says_text
from twilio_compat.errors import ClosedError, ConfigurationError

SENT = says(201, {"id": "1700000000000"})
THREAD = "19:a@thread.v2"


class Tokens:
    """A credential with a list of tokens; the first until it is refused, then the next."""

    def __init__(self, *tokens: str) -> None:
        self.left = list(tokens)

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken(self.left[0], 2**33)

    async def renew(self, refused: str) -> AccessToken | None:
        if len(self.left) < 2:
            return None
        self.left.remove(refused)
        return await self.get_token()


async def send(endpoint: str, *tokens: str) -> str:
    clients = AcsClients(endpoint, None, timeout=5.0)
    try:
        user = AcsUser("8:acs:alice", Tokens(*(tokens or ("t1",))))
        return (await clients.thread(user, THREAD).send_message("hello")).id
    finally:
        await clients.close()


async def test_a_call_carries_the_users_token_and_our_name() -> None:
    async with StubService(SENT) as stub:
        assert "1700000000000" == await send(stub.endpoint)
    headers = stub.requests[0].headers
    assert ("Bearer t1", USER_AGENT) == (headers["Authorization"], headers["User-Agent"])
    assert headers["x-ms-client-request-id"]


async def test_a_refused_token_is_renewed_once_and_the_call_repeated() -> None:
    async with StubService(says(401), SENT) as stub:
        await send(stub.endpoint, "t1", "t2")
    assert ["Bearer t1", "Bearer t2"] == [request.headers["Authorization"] for request in stub.requests]


async def test_a_token_that_cannot_be_renewed_is_refused_for_good() -> None:
    async with StubService(says(401)) as stub:
        with pytest.raises(ClientAuthenticationError):
            await send(stub.endpoint, "t1")
        assert 1 == len(stub.requests)


async def test_two_refusals_in_a_row_end_the_call() -> None:
    async with StubService(says(401)) as stub:
        with pytest.raises(ClientAuthenticationError):
            await send(stub.endpoint, "t1", "t2", "t3")
        assert 2 == len(stub.requests)


@pytest.mark.parametrize(
    "answer",
    [
        says_text(201, "<html>gateway</html>"),
        says_text(201, '{"id": "1', "application/json"),
        says_text(201, "", "application/json"),
        says_text(201, "[" * 100_000, "application/json"),
        says(201),
        says(201, {}),
        says(201, []),
        says(201, {"id": ""}),
        says(201, {"id": None}),
    ],
)
async def test_a_success_without_the_id_of_the_message_is_garbage(answer: Answer) -> None:
    async with StubService(answer) as stub:
        with pytest.raises(DecodeError):
            await send(stub.endpoint)


@pytest.mark.parametrize(
    "answer", [says(200, {"value": [1]}), says(200, {"value": None}), says(200, {"value": {}})]
)
async def test_a_list_of_something_else_is_garbage(answer: Answer) -> None:
    async with StubService(answer) as stub:
        clients = AcsClients(stub.endpoint, None, timeout=5.0)
        with pytest.raises(DecodeError):
            [each async for each in clients.chat(AcsUser("8", Tokens("t"))).list_chat_threads()]
        await clients.close()


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 418, 429, 500, 502, 503])
async def test_an_error_page_keeps_its_status(status: int) -> None:
    async with StubService(says_text(status, "<html>said a proxy</html>")) as stub:
        with pytest.raises(HttpResponseError) as caught:
            await send(stub.endpoint)
    assert status == caught.value.status_code


async def test_the_sdk_repeats_nothing_by_itself() -> None:
    async with StubService(says(503, Retry_After="0")) as stub:
        with pytest.raises(HttpResponseError):
            await send(stub.endpoint)
        assert 1 == len(stub.requests)


async def test_a_lost_connection_leaves_the_outcome_of_a_send_open() -> None:
    retries = Retries(deadline=5.0, attempt_timeout=5.0)
    async with StubService(hangs_up) as stub:
        with pytest.raises(OutcomeUnknown):
            await retries.once(lambda: send(stub.endpoint))
        assert 1 == len(stub.requests)


async def test_a_silent_service_is_given_up_and_leaves_the_outcome_open() -> None:
    retries = Retries(deadline=5.0, attempt_timeout=0.2)
    async with StubService(says_nothing) as stub:
        with pytest.raises(OutcomeUnknown) as caught:
            await retries.once(lambda: send(stub.endpoint))
    assert isinstance(caught.value.cause, TimeoutError)


async def test_a_service_that_is_not_there_is_known_to_have_done_nothing() -> None:
    async with StubService(SENT) as stub:
        gone = stub.endpoint
    retries = Retries(deadline=0.3, attempt_timeout=5.0)
    with pytest.raises(ServiceRequestError):
        await retries.once(lambda: send(gone))


async def test_a_paging_link_to_another_host_is_followed_at_the_endpoint() -> None:
    first = says(200, {"value": [], "nextLink": "https://evil.example/chat/threads?skip=1&api-version=x"})
    async with StubService(first, says(200, {"value": []})) as stub:
        clients = AcsClients(stub.endpoint, None, timeout=5.0)
        assert [] == [each async for each in clients.chat(AcsUser("8", Tokens("t"))).list_chat_threads()]
        await clients.close()
    assert ["/chat/threads", "/chat/threads"] == [request.path for request in stub.requests]


async def test_the_services_time_is_that_of_its_last_answer() -> None:
    async with StubService(says(201, {"id": "1"}, Date="Sun, 22 Nov 2026 08:22:36 GMT")) as stub:
        clients = AcsClients(stub.endpoint, None, timeout=5.0)
        assert clients.server_time() is None
        await clients.thread(AcsUser("8", Tokens("t")), THREAD).send_message("hello")
        assert datetime(2026, 11, 22, 8, 22, 36, tzinfo=UTC) == clients.server_time()
        await clients.close()


async def test_many_users_share_one_session_and_keep_their_tokens_apart() -> None:
    async with StubService(SENT) as stub:
        clients = AcsClients(stub.endpoint, None, timeout=5.0)
        users = [AcsUser(f"8:acs:{name}", Tokens(name)) for name in "abcdefgh"]
        await asyncio.gather(*(clients.thread(user, THREAD).send_message("hello") for user in users))
        assert clients.transport.session is not None
        await clients.close()
    assert {f"Bearer {name}" for name in "abcdefgh"} == {
        each.headers["Authorization"] for each in stub.requests
    }


async def test_asking_twice_gives_the_same_client() -> None:
    clients = AcsClients("http://127.0.0.1:1", None, timeout=5.0)
    user = AcsUser("8", Tokens("t"))
    assert clients.thread(user, THREAD) is clients.thread(user, THREAD)
    assert clients.chat(user) is clients.chat(user)
    assert clients.thread(user, THREAD) is not clients.thread(AcsUser("8", Tokens("t")), THREAD)


async def test_closing_twice_does_no_harm() -> None:
    clients = AcsClients("http://127.0.0.1:1", None, timeout=5.0)
    await clients.close()
    await clients.close()


async def test_a_closed_backend_opens_no_new_connection() -> None:
    async with StubService(SENT) as stub:
        clients = AcsClients(stub.endpoint, None, timeout=5.0)
        await clients.close()
        with pytest.raises(ClosedError, match="was closed"):
            await clients.thread(AcsUser("8", Tokens("t")), THREAD).send_message("hello")
        assert [] == stub.requests


async def test_without_an_access_key_the_missing_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match="COMMUNICATION_SERVICES_CONNECTION_STRING"):
        AcsClients("http://127.0.0.1:1", None, timeout=5.0).identity()


async def test_a_proxy_of_the_environment_is_used_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with StubService(SENT) as proxy:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", proxy.endpoint)
        assert "1700000000000" == await send("http://acs.invalid")
    assert ["acs.invalid"] == [request.headers["Host"] for request in proxy.requests]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h:1/chat?x=1", "http://h:1/chat?x=1"),
        ("https://h:1/chat?x=1", "http://h:1/chat?x=1"),
        ("http://h:1.evil.example/chat", "http://h:1/chat"),
        ("http://other/chat", "http://h:1/chat"),
    ],
)
def test_every_request_goes_to_the_endpoint(url: str, expected: str) -> None:
    assert expected == rebased(url, "http://h:1")


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("POST", "/chat/threads", "chatThread"),
        ("POST", "/chat/threads/19%3Aa/messages", "id"),
        ("POST", "/chat/threads/19%3Aa/typing", None),
        ("POST", "/chat/threads/19%3Aa/readReceipts", None),
        ("POST", "/chat/threads/19%3Aa/participants/:add", None),
        ("POST", "/identities", "identity"),
        ("POST", "/identities/8:acs:x/:issueAccessToken", "token"),
        ("GET", "/chat/threads", "value"),
        ("GET", "/chat/threads/19%3Aa", "id"),
        ("GET", "/chat/threads/19%3Aa/messages/1", "id"),
        ("DELETE", "/chat/threads/19%3Aa", None),
    ],
)
def test_each_operation_has_something_its_answer_must_contain(
    method: str, path: str, key: str | None
) -> None:
    assert key == needed_key(method, f"https://h{path}?api-version=1")
