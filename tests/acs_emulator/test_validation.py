"""Malformed requests: a 400 (or another refusal) that says what is wrong, never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator.errors import AcsError
from acs_emulator.operations import OPERATIONS, Operation
from acs_emulator.validation import Fields, merge_metadata, parse_body
from tests.acs_emulator.support import World, make_world, participant

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["topic", "content", "type", "metadata", "participants", "retentionPolicy", "kind", "deleteThreadAfterDays",
     "communicationIdentifier", "communicationUser", "rawId", "id", "displayName", "shareHistoryTime", "chatMessageId",
     "senderDisplayName", "scopes", "createTokenWithScopes", "expiresInMinutes", "token", "appId", "userId"]
)  # fmt: skip
likely = st.sampled_from(
    [
        "text",
        "x",
        "chat",
        60,
        "none",
        "threadCreationDate",
        {"a": "b"},
        [participant("8:acs:x")],
        {"rawId": "4:+1"},
    ]
)
bodies = st.dictionaries(names, likely | values, max_size=6) | values


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b"\xff\xfe", b"{'a': 1}", b'{"a": NaN}', b'{"a": Infinity}', b'{"topic": "\\ud800"}',
     b'{"\\udfff": 1}', b'{"topic": "\xed\xa0\x80"}', '{"topic": "x"}'.encode("utf-16"),
     b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b'"text"', b"null", b"1", b"[]", b"true"],
)  # fmt: skip
async def test_what_is_no_json_object_is_a_400(world: World, body: bytes) -> None:
    ann = await world.user()
    headers = {"Authorization": f"Bearer {ann.token}", "Content-Type": "application/json"}
    answer = await world.http.post("/chat/threads?api-version=2024-03-07", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "body")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("application/merge-patch+json", 201),
        ("text/plain", 400),
        ("application/xml", 400),
        ("", 400),
    ],
)
async def test_a_body_says_that_it_is_json(world: World, content_type: str, status: int) -> None:
    ann = await world.user()
    answer = await ann.call("POST", "/chat/threads", {"topic": "t"}, headers={"Content-Type": content_type})
    assert answer.status_code == status


@given(st.sampled_from(OPERATIONS), bodies, st.dictionaries(
    st.sampled_from(["maxPageSize", "skip", "startTime", "syncState"]), st.text(max_size=8), max_size=4))  # fmt: skip
async def test_no_json_body_or_query_makes_the_emulator_fail(
    operation: Operation, body: object, query: dict[str, str]
) -> None:
    await _never_fails(operation, json.dumps(body).encode(), query)


@given(st.sampled_from(OPERATIONS), st.binary(max_size=40))
async def test_no_bytes_make_the_emulator_fail(operation: Operation, body: bytes) -> None:
    await _never_fails(operation, body, {})


@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from(OPERATIONS))
async def test_no_path_makes_the_emulator_fail(first: str, second: str, operation: Operation) -> None:
    await _never_fails(operation, b"{}", {}, thread_id=first, message_id=second, user_id=first)


async def _never_fails(operation: Operation, body: bytes, query: dict[str, str], **path: str) -> None:
    world = make_world()
    async with world.http:
        ann = await world.user()
        thread = await world.thread(ann)
        message = await ann.send(thread)
        segments = {"thread_id": thread, "message_id": message, "user_id": ann.id, **path}
        encoded = {name: _encode(value) for name, value in segments.items()}
        answer = await world.http.request(
            operation.method,
            operation.path.format(**encoded),
            params={"api-version": "2024-03-07", **query},
            content=body,
            headers={"Authorization": f"Bearer {ann.token}", "Content-Type": "application/json"},
        )
        assert answer.status_code < 500, answer.text
        assert answer.is_success or answer.json()["error"]["message"]


def _encode(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode()) or "-"


@pytest.mark.parametrize(
    ("current", "changes", "merged"),
    [
        ({}, {}, {}),
        ({"a": "1"}, {}, {"a": "1"}),
        ({"a": "1", "kept": ""}, {"a": ""}, {"kept": ""}),
        ({"a": "1"}, {"b": "2", "c": ""}, {"a": "1", "b": "2"}),
        ({"a": "1"}, {"a": "2"}, {"a": "2"}),
    ],
)
def test_metadata_merges(current: dict[str, str], changes: dict[str, str], merged: dict[str, str]) -> None:
    assert merge_metadata(current, changes) == merged


@given(values)
def test_any_json_reads_back(value: Any) -> None:
    try:
        written = json.dumps(value, allow_nan=False)
    except ValueError:
        with pytest.raises(AcsError):
            parse_body(json.dumps(value).encode())
    else:
        assert parse_body(written.encode()) == value


def test_the_target_is_the_whole_path_of_a_field() -> None:
    body = Fields({"participants": [{}, {"metadata": {"a": 5}}]})
    second = list(body.objects("participants"))[1]
    with pytest.raises(AcsError) as caught:
        second.metadata()
    assert caught.value.details[0].target == "participants[1].metadata.a"
