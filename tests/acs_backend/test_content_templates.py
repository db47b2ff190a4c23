"""Content templates in the store, and on messages: what was sent stays, whatever becomes of the template."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment, draft, page, room, sign_in
from twilio_compat.errors import DirectModeError, NotFoundError, TwilsockUpstreamError
from twilio_compat.records import (
    Actor,
    ContentTemplateRecord,
    ConversationRecord,
    JSONValue,
    MessageChanges,
)

SID, OTHER = "HX" + "a" * 32, "HX" + "b" * 32
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def template(sid: str = SID, body: str = "{{who}}: order {{1}}", **more: JSONValue) -> ContentTemplateRecord:
    return ContentTemplateRecord(
        sid=sid,
        friendly_name="order",
        variables={"1": "7", "who": "Ann"},
        types={"twilio/text": {"body": body}, **more},
        date_created=NOW,
        date_updated=NOW,
    )


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    await backend.content_templates.put([template()])
    return await room(backend, alice, "alice", "bob")


async def test_templates_are_kept_for_every_process(emulator: Emulator, shared_store: str) -> None:
    async with Deployment(emulator, shared_store) as deployment:
        first, second = deployment.backend(), deployment.backend()
        await asyncio.gather(
            first.content_templates.put([template(OTHER), template()]),
            second.content_templates.put([template(), template(OTHER)]),
        )
        [alice] = await sign_in(second, "alice")
        assert [template(), template(OTHER)] == await second.content_templates.list(alice)
        assert [template(), template(OTHER)] == await first.content_templates.list(None)


async def test_a_template_takes_the_place_of_the_one_with_its_sid(backend: AcsBackend) -> None:
    await backend.content_templates.put([template()])
    await backend.content_templates.put([template(body="new")])
    assert [template(body="new")] == await backend.content_templates.list(None)


async def test_none_is_removed_where_one_is_not_there(backend: AcsBackend) -> None:
    await backend.content_templates.put([template()])
    with pytest.raises(NotFoundError, match=OTHER):
        await backend.content_templates.remove([SID, OTHER])
    assert [template()] == await backend.content_templates.list(None)
    await backend.content_templates.remove([SID])
    assert [] == await backend.content_templates.list(None)


async def test_a_message_of_a_template_reads_the_same_everywhere(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    sent = await backend.messages.create(
        alice, chat.sid, draft(None, content_sid=SID, content_variables={"1": "8"})
    )
    assert ("Ann: order 8", SID) == (sent.body, sent.content_sid)
    [read] = (await page(deployment.backend(), alice, chat)).items
    assert ("Ann: order 8", SID) == (read.body, read.content_sid)
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    listed = [each async for each in (await bob.only_thread()).list_messages() if each.type == "text"]
    assert ["Ann: order 8"] == [each.content.message for each in listed if each.content]


async def test_the_content_of_a_message_outlives_its_template(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    sent = await backend.messages.create(alice, chat.sid, draft(None, content_sid=SID))
    await backend.content_templates.remove([SID])
    assert {"twilio/text": {"body": "Ann: order 7"}} == await backend.messages.content(
        alice, chat.sid, sent.sid
    )


async def test_a_large_template_and_an_edit_keep_the_content(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    card: JSONValue = {"title": "{{who}}", "subtitle": "x" * 2000}
    await backend.content_templates.put([template(**{"twilio/card": card})])
    sent = await backend.messages.create(alice, chat.sid, draft(None, content_sid=SID))
    edited = await backend.messages.update(alice, chat.sid, sent.sid, MessageChanges(body="edited"))
    assert ("edited", SID) == (edited.body, edited.content_sid)
    content = await backend.messages.content(alice, chat.sid, sent.sid)
    assert content is not None
    assert {"title": "Ann", "subtitle": "x" * 2000} == content["twilio/card"]


async def test_a_message_of_no_template_has_no_content(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    sent = await backend.messages.create(alice, chat.sid, draft("hello"))
    assert await backend.messages.content(alice, chat.sid, sent.sid) is None


async def test_a_template_that_does_not_exist_is_refused_before_anything_is_sent(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    with pytest.raises(TwilsockUpstreamError, match=f"Invalid content SID: {OTHER}") as caught:
        await backend.messages.create(alice, chat.sid, draft(None, content_sid=OTHER))
    assert (400, 50526) == (caught.value.status, caught.value.code)
    assert () == (await page(backend, alice, chat)).items


async def test_without_a_connection_string_templates_cannot_be_kept(deployment: Deployment) -> None:
    direct = deployment.backend(connection_string=None, endpoint=deployment.emulator.http_endpoint)
    with pytest.raises(DirectModeError, match="COMMUNICATION_SERVICES_CONNECTION_STRING"):
        await direct.content_templates.put([template()])
    with pytest.raises(DirectModeError, match="COMMUNICATION_SERVICES_CONNECTION_STRING"):
        await direct.content_templates.list(None)
