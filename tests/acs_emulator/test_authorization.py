"""Who gets in: access key, user tokens, scopes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator.operations import OPERATIONS
from acs_emulator.options import Options
from tests.acs_emulator.support import User, World, make_world

FIELDS = {"thread_id": "19:acsV2_x1@thread.v2", "message_id": "1", "user_id": "8:acs:x_y"}


async def test_without_a_token_every_chat_operation_is_a_401(world: World) -> None:
    for operation in OPERATIONS:
        path = operation.path.format(**FIELDS)
        answer = await world.http.request(operation.method, path, params={"api-version": "2024-03-07"})
        assert (operation.name, answer.status_code, answer.json()["error"]["code"]) == (
            operation.name,
            401,
            "Unauthorized",
        )


async def test_an_expired_token_is_a_401(world: World) -> None:
    ann = await world.user(minutes=60)
    world.clock.advance(minutes=59, seconds=59)
    assert (await ann.get("/chat/threads")).status_code == 200
    world.clock.advance(seconds=1)
    assert (await ann.get("/chat/threads")).status_code == 401


async def test_a_token_of_another_resource_is_a_401(world: World) -> None:
    foreign = make_world(seed=2)
    async with foreign.http:
        stranger = await foreign.user()
    assert (await User(world, stranger.id, stranger.token).get("/chat/threads")).status_code == 401


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "..", "\x80.\xff.\xfe", "[" * 5000 + "..", "eyJhbGciOiJub25lIn0.e30."]
)
async def test_garbage_for_a_token_is_a_401(world: World, token: str) -> None:
    headers = [(b"authorization", b"Bearer " + token.encode("latin-1"))]
    answer = await world.http.get("/chat/threads?api-version=2024-03-07", headers=headers)
    assert answer.status_code == 401


async def test_a_token_that_was_tampered_with_is_a_401(world: World) -> None:
    ann = await world.user()
    head, payload, signature = ann.token.split(".")
    other = (await world.user()).token.split(".")[1]
    for forged in (
        f"{head}.{other}.{signature}",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        f"{head}.{payload}.",
    ):
        assert (await User(world, ann.id, forged).get("/chat/threads")).status_code == 401


async def test_a_new_access_key_ends_all_tokens() -> None:
    before, after = make_world(Options(access_key="b25l")), make_world(Options(access_key="dHdv"))
    async with before.http, after.http:
        old = await before.user()
        new = await after.user()
        assert old.id == new.id
        assert (await User(after, old.id, old.token).get("/chat/threads")).status_code == 401


@pytest.mark.parametrize(
    ("scope", "create", "change_thread", "change_members", "talk"),
    [
        ("chat", 201, 204, 201, 201),
        ("chat.join", 403, 403, 201, 201),
        ("chat.join.limited", 403, 403, 403, 201),
        ("voip", 403, 403, 403, 403),
        ("voip.join", 403, 403, 403, 403),
    ],
)
async def test_scopes_decide_what_a_token_allows(
    world: World, scope: str, create: int, change_thread: int, change_members: int, talk: int
) -> None:
    ann, bob = await world.user(), await world.user()
    limited = await world.token(ann, scope)
    thread = await world.thread(ann, bob)
    path = f"/chat/threads/{thread}"
    answers = [
        await limited.post("/chat/threads", {"topic": "t"}),
        await limited.patch(path, {"topic": "x"}),
        await limited.post(f"{path}/participants/:add", {"participants": []}),
        await limited.post(f"{path}/messages", {"content": "x"}),
    ]
    assert [each.status_code for each in answers] == [create, change_thread, change_members, talk]
    removal = await limited.post(f"{path}/participants/:remove", {"rawId": bob.id})
    assert removal.status_code == (204 if change_members == 201 else 403)
    reads = [
        await limited.get(path),
        await limited.get("/chat/threads"),
        await limited.get(f"{path}/messages"),
    ]
    assert [each.status_code for each in reads] == [200 if talk == 201 else 403] * 3
    deletion = await limited.delete(path)
    assert deletion.status_code == (204 if change_thread == 204 else 403)


async def test_any_scope_that_allows_an_operation_is_enough(world: World) -> None:
    ann = await world.user("voip", "chat.join", "chat")
    assert (await ann.post("/chat/threads", {"topic": "t"})).status_code == 201


async def test_a_user_token_does_not_take_the_place_of_the_access_key_in_chat(world: World) -> None:
    signed = await world.identity("GET", "/chat/threads")
    assert signed.status_code == 401


async def test_any_bearer_token_passes_for_an_entra_login_on_identities(world: World) -> None:
    entra = {"Authorization": "Bearer some-entra-token"}
    answer = await world.http.post("/identities?api-version=2023-10-01", headers=entra)
    assert answer.status_code == 201
    nothing = await world.http.post(
        "/identities?api-version=2023-10-01", headers={"Authorization": "Bearer "}
    )
    assert nothing.status_code == 401


@given(
    st.dictionaries(
        st.sampled_from(["authorization", "x-ms-date", "x-ms-content-sha256", "host", "content-type"]),
        st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=30),
    ),
    st.sampled_from(
        ["", "Bearer ", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="]
    ),
    st.sampled_from(["/identities", "/chat/threads"]),
)
async def test_no_headers_make_the_emulator_fail(headers: dict[str, str], scheme: str, path: str) -> None:
    world = make_world()
    sent = {**headers, "authorization": scheme + headers.get("authorization", "")}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
    async with world.http:
        answer = await world.http.post(f"{path}?api-version=2023-11-07", headers=raw, content=b"{}")
    assert answer.status_code in (201, 400, 401)
