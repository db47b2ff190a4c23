"""The application around the operations: routes, versions, headers, envelopes, exchanges, faults."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from acs_emulator.app import build_app
from acs_emulator.operations import OPERATIONS
from acs_emulator.options import Options
from acs_emulator.wire import MAX_BODY
from tests.acs_emulator.support import World, make_world


async def test_every_operation_has_a_route(world: World) -> None:
    for operation in OPERATIONS:
        path = operation.path.format(thread_id="t", message_id="1", user_id="u")
        await world.http.request(operation.method, path)
    assert [each.operation for each in world.exchanges] == [each.name for each in OPERATIONS]
    assert len(OPERATIONS) == 16 + 5


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/chat",
        "/chat/threads/",
        "/chat/threads/a/b",
        "/identities/",
        "/chat/threads/a%2Fb",
        "/nowhere",
        "//",
    ],
)
async def test_an_unknown_route_is_a_404(world: World, path: str) -> None:
    answer = await world.http.get(f"http://acs.test{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/chat/threads", "GET, POST"),
        ("GET", "/identities", "POST"),
        ("HEAD", "/chat/threads", "GET, POST"),
        ("OPTIONS", "/identities/x", "DELETE"),
    ],
)
async def test_a_method_nobody_answers_is_a_405(world: World, method: str, path: str, allow: str) -> None:
    answer = await world.http.request(method, path)
    assert (answer.status_code, sorted(answer.headers["allow"].split(", "))) == (
        405,
        sorted(allow.split(", ")),
    )


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("2021-03-07", 200),
        ("2021-09-07", 200),
        ("2023-11-07", 200),
        ("2024-03-07", 200),
        ("2024-06-05-preview", 200),
        ("2023-11-15-preview.2", 200),
        ("2025-03-15", 200),
        ("2021-03-06", 400),
        ("2025-03-16", 400),
        ("2024-03-07x", 400),
        ("latest", 400),
        ("", 400),
    ],
)
async def test_every_api_version_of_chat_is_served_alike(world: World, version: str, status: int) -> None:
    ann = await world.user()
    answer = await ann.get("/chat/threads", **{"api-version": version})
    assert answer.status_code == status


async def test_a_missing_api_version_is_a_400(world: World) -> None:
    ann = await world.user()
    answer = await world.http.get("/chat/threads", headers={"Authorization": f"Bearer {ann.token}"})
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "api-version")


async def test_identity_has_a_newer_api_version(world: World) -> None:
    entra = {"Authorization": "Bearer entra"}
    served = [
        (await world.http.post(f"/identities?api-version={version}", headers=entra)).status_code
        for version in ("2021-03-07", "2025-06-30", "2025-07-01")
    ]
    assert served == [201, 201, 400]


async def test_answers_carry_the_services_headers(world: World) -> None:
    ann = await world.user()
    answer = await ann.call("GET", "/chat/threads", headers={"x-ms-client-request-id": "abc"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert "2024-03-07" in answer.headers["api-supported-versions"]
    assert answer.headers["x-ms-client-request-id"] == "abc"
    assert answer.headers["x-processing-time"].endswith("ms")
    assert answer.headers["ms-cv"].endswith(".0")


async def test_an_answer_without_a_body_has_no_content_type(world: World) -> None:
    ann = await world.user()
    answer = await ann.delete(f"/chat/threads/{await world.thread(ann)}")
    assert (answer.status_code, {"content-type", "content-length"} & {*answer.headers}) == (204, set())


async def test_browsers_may_call_from_any_origin(world: World) -> None:
    asked = {
        "Origin": "https://app.test",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, x-ms-useragent",
    }
    for path in ("/chat/threads", "/chat/threads/x/messages/1", "/anything"):
        allowed = (await world.http.options(path, headers=asked)).headers
        assert allowed["access-control-allow-origin"] == "*"
        assert allowed["access-control-allow-headers"] == "authorization, x-ms-useragent"
        assert allowed["access-control-allow-methods"] == "GET, POST, PATCH, DELETE"
    ann = await world.user()
    answered = (await ann.call("GET", "/chat/threads", headers={"Origin": "https://app.test"})).headers
    assert (answered["access-control-allow-origin"], answered["access-control-expose-headers"]) == ("*", "*")


async def test_the_chat_envelope_is_an_option_and_identitys_never_changes() -> None:
    world = make_world(Options(error_envelope="CommunicationError"))
    async with world.http:
        ann = await world.user()
        refused = (await ann.get("/chat/threads/19:x@thread.v2")).json()
        assert refused["CommunicationError"]["Code"] == "Forbidden"
        malformed = (await ann.post("/chat/threads", {})).json()["communicationError"]
        assert [each["target"] for each in malformed["details"]] == ["topic"]
        identity = await world.identity("DELETE", "/identities/nobody")
        assert identity.json()["error"]["code"] == "NotFound"


async def test_a_huge_body_is_a_400_and_is_not_kept(world: World) -> None:
    ann = await world.user()
    headers = {"Authorization": f"Bearer {ann.token}"}
    answer = await world.http.post(
        "/chat/threads?api-version=2024-03-07", content=b"x" * (MAX_BODY + 1), headers=headers
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "RequestBodyTooLarge")
    assert world.exchanges[-1].request_body == b""


async def test_exchanges_are_what_went_over_the_wire(world: World) -> None:
    ann = await world.user()
    answer = await ann.call("GET", "/chat/threads/19%3Ax@thread.v2", maxPageSize=1)
    seen = world.exchanges[-1]
    assert (seen.operation, seen.method, seen.status) == ("GetChatThreadProperties", "GET", 403)
    assert seen.target == "/chat/threads/19%3Ax@thread.v2?api-version=2024-03-07&maxPageSize=1"
    assert (seen.response_body, seen.caller) == (answer.content, ann.id)
    assert [each.caller for each in world.exchanges[:-1]] == [None]


async def test_a_fault_is_logged_and_answered_with_a_500(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ann = await world.user()
    del world.service.state.__dict__["memberships"]
    with caplog.at_level(logging.ERROR):
        answer = await ann.get("/chat/threads")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "InternalServerError")
    assert "memberships" in caplog.text


async def test_the_storage_account_has_its_own_application(world: World) -> None:
    async def storage(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    app = build_app(world.service, storage=storage, storage_account="account")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://acs.test") as http:
        assert (await http.options("/account/a/b")).content == b"/account/a/b"
        assert (await http.get("/account")).status_code == 299
        assert (await http.get("/accounts/x")).status_code == 404
        assert (await http.get("/x/account")).status_code == 404


async def test_a_caller_that_hangs_up_is_not_answered(world: World) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/identities", "raw_path": b"/identities", "root_path": "",
             "query_string": b"", "headers": [], "scheme": "http", "server": ("127.0.0.1", 1)}  # fmt: skip
    await build_app(world.service)(scope, receive, send)
    assert (sent, world.service.state.users) == ([], {})
