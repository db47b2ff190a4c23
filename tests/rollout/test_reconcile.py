"""Whether both sides of a conversation are found to be the same, and in what they are not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from acs_backend import AcsBackend
from tests.rollout.two_sides import TwoSides, two_sides
from twilio_compat.account import account_actor
from twilio_compat.records import (
    ConversationChanges,
    ConversationDraft,
    MediaUpload,
    MessageChanges,
    MessageDraft,
    ParticipantChanges,
    ParticipantDraft,
)
from twilio_compat.rollout.comparing import reconcile as module
from twilio_compat.rollout.comparing.reconcile import Report, reconcile
from twilio_compat.rollout.sids import Pair
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target

ACCOUNT = account_actor()
SID = "CH" + "1" * 32
MEMBERS = {"alice": "MB" + "a" * 32, "bob": "MB" + "b" * 32}
WRITTEN = datetime(2024, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
PIN = Pin(about=Target(conversation_sid=SID), stage=Stage.DUALWRITE)
BODIES = ["hello", "", "👋🏽 Grüße", "x" * 5000, "last"]


def im(number: int) -> str:
    return f"IM{number:032x}"


@pytest.fixture
async def sides(tmp_path: Path) -> AsyncIterator[TwoSides]:
    """Both sides have the same conversation: an old one, with gaps, a file, and a horizon."""
    async with two_sides(tmp_path) as running:
        await fill(running.twilio)
        await fill(running.acs, later=timedelta(seconds=0.5))
        yield running


async def fill(backend: AcsBackend, later: timedelta = timedelta()) -> None:
    given = ConversationDraft(
        sid=SID, friendly_name="Order", date_created=WRITTEN, date_updated=WRITTEN, attributes={"a": [1]}
    )
    await backend.conversations.create(ACCOUNT, given)
    for name, sid in MEMBERS.items():
        member = ParticipantDraft(identity=name, sid=sid, date_created=WRITTEN, date_updated=WRITTEN)
        await backend.participants.create(ACCOUNT, SID, member)
    file = await backend.media.upload(
        ACCOUNT, MediaUpload(content=b"png", content_type="image/png", filename="a.png", sid="ME" + "1" * 32)
    )
    for number, body in enumerate(BODIES):
        await send(backend, 2 * number, body or None, later, media=() if body else (file,))
    changes = ParticipantChanges(last_read_message_index=4, last_read_timestamp=WRITTEN)
    await backend.participants.update(ACCOUNT, SID, "alice", changes)


async def send(backend: AcsBackend, index: int, body: str | None, later: timedelta, **more: Any) -> None:
    draft = MessageDraft(
        mutation_id=f"import {index}",
        body=body,
        author="alice" if index % 4 else "bob",
        index=index,
        sid=im(index),
        date_created=WRITTEN + timedelta(minutes=index) + later,
        date_updated=WRITTEN + timedelta(minutes=index) + later,
        is_quiet=True,
        **more,
    )
    await backend.messages.create(ACCOUNT, SID, draft)


async def differences(sides: TwoSides, pin: Pin = PIN) -> list[tuple[str, str]]:
    report = await reconcile(sides.office, pin)
    assert report.count == len(report.differences)
    return [(each.path, each.kind) for each in report.differences]


async def test_both_sides_are_the_same(sides: TwoSides) -> None:
    report = await reconcile(sides.office, PIN)
    assert [] == report.differences
    assert report.is_equal
    assert (5, 2, 1) == (
        report.messages[Side.ACS],
        report.participants[Side.TWILIO],
        report.files[Side.ACS],
    )


async def test_each_difference_is_named(sides: TwoSides) -> None:
    await sides.acs.conversations.update(ACCOUNT, SID, ConversationChanges(friendly_name="Other"))
    await sides.acs.participants.update(
        ACCOUNT, SID, "alice", ParticipantChanges(last_read_message_index=2, attributes={"a": 1})
    )
    await sides.acs.messages.update(ACCOUNT, SID, im(6), MessageChanges(body="changed"))
    await sides.acs.messages.delete(ACCOUNT, SID, im(8))
    found = await differences(sides)
    expected = [
        ("conversation.friendly_name", "friendly_name"),
        (f"participants[{MEMBERS['alice']}].attributes", "attributes"),
        (f"participants[{MEMBERS['alice']}].last_read_message_index", "last_read_message_index"),
        (f"messages[{im(6)}].body", "body"),
        (f"messages[{im(8)}]", "missing"),
    ]
    assert expected == [each for each in found if each[1] not in ("date_updated", "last_read_timestamp")]


async def test_a_message_that_is_missing_in_the_middle_is_one_difference(sides: TwoSides) -> None:
    await sides.acs.messages.delete(ACCOUNT, SID, im(4))
    assert [(f"messages[{im(4)}]", "missing")] == await differences(sides)


async def test_what_the_mirror_has_more_leaves_it_complete(sides: TwoSides) -> None:
    await sides.twilio.messages.delete(ACCOUNT, SID, im(0))
    report = await reconcile(sides.office, PIN)
    assert (False, True) == (report.is_equal, report.is_complete)
    assert [f"messages[{im(0)}]"] == [each.path for each in report.differences]


async def test_another_index_is_a_difference_of_one_message(sides: TwoSides) -> None:
    for backend, index in ((sides.twilio, 20), (sides.acs, 21)):
        draft = MessageDraft(
            mutation_id="last",
            body="last",
            sid=im(99),
            index=index,
            date_created=WRITTEN,
            date_updated=WRITTEN,
        )
        await backend.messages.create(ACCOUNT, SID, draft)
    assert [(f"messages[{im(99)}].index", "index")] == await differences(sides)


async def test_roles_are_compared_by_name(sides: TwoSides) -> None:
    (admin,) = [each for each in await sides.acs.roles.list() if each.friendly_name == "channel admin"]
    await sides.acs.participants.update(ACCOUNT, SID, "bob", ParticipantChanges(role_sid=admin.sid))
    assert (f"participants[{MEMBERS['bob']}].role", "role") in await differences(sides)


async def test_a_conversation_that_is_on_one_side_alone_is_missing(sides: TwoSides) -> None:
    await sides.acs.conversations.delete(ACCOUNT, SID)
    assert [("conversation", "missing")] == await differences(sides)
    await sides.twilio.conversations.delete(ACCOUNT, SID)
    assert [] == await differences(sides)


async def test_messages_are_compared_by_their_public_names(sides: TwoSides) -> None:
    """ACS had the authority: the newest message was born there, and is called otherwise at Twilio."""
    live = replace(PIN, stage=Stage.LIVE, was_live=True)
    dates = {"date_created": WRITTEN, "date_updated": WRITTEN}
    born = MessageDraft(mutation_id="born", body="born on ACS", sid=im(50), index=9, author="alice", **dates)
    told = MessageDraft(mutation_id="told", body="born on ACS", sid=im(60), index=11, author="alice", **dates)
    await sides.acs.messages.create(ACCOUNT, SID, born)
    await sides.twilio.messages.create(ACCOUNT, SID, told)
    pair = Pair(what="message", public=im(50), twilio=im(60), public_index=9, twilio_index=11)
    await sides.sids.record(SID, pair)
    assert [] == await differences(sides, live)


async def test_who_has_read_only_what_the_mirror_never_had_has_read_nothing_there(sides: TwoSides) -> None:
    """The first message was born on ACS, read, and deleted before Twilio was told of it."""
    live = replace(PIN, stage=Stage.LIVE, was_live=True)
    for number in range(len(BODIES)):
        for each in (sides.twilio, sides.acs):
            await each.messages.delete(ACCOUNT, SID, im(2 * number))
    names = await sides.office.sids.of(live, at_once=True)
    await sides.sids.record(SID, names.gone(im(0), 0))
    read = ParticipantChanges(last_read_message_index=0, last_read_timestamp=WRITTEN)
    await sides.acs.participants.update(ACCOUNT, SID, "alice", read)
    unread = ParticipantChanges(last_read_message_index=None)
    await sides.twilio.participants.update(ACCOUNT, SID, "alice", unread)
    assert [] == await differences(sides, live)


async def test_a_report_names_the_first_differences_and_counts_all(
    sides: TwoSides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHOWN", 2)
    for number in (2, 4, 6):
        await sides.acs.messages.delete(ACCOUNT, SID, im(number))
    report = await reconcile(sides.office, PIN)
    assert (3, 2) == (report.count, len(report.differences))
    assert 3 == report.as_json()["differences"]


async def test_a_long_conversation_is_read_a_page_at_a_time(sides: TwoSides) -> None:
    for number in range(150):
        for each in (sides.twilio, sides.acs):
            await send(each, 100 + number, f"message {number}", timedelta())
    await sides.acs.messages.delete(ACCOUNT, SID, im(249))
    report: Report = await reconcile(sides.office, PIN)
    assert (155, 154) == (report.messages[Side.TWILIO], report.messages[Side.ACS])
    assert [f"messages[{im(249)}]"] == [each.path for each in report.differences]
