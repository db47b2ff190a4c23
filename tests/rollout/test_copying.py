"""Moving a conversation that is there already, with a mirror that does no more than it must."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acs_backend import AcsBackend
from tests.rollout.clock import turns
from tests.rollout.two_sides import TwoSides, two_sides
from twilio_compat.account import account_actor
from twilio_compat.errors import (
    ConflictError,
    NotFoundError,
    ServiceUnavailableError,
    TranslationGapError,
)
from twilio_compat.records import (
    ConversationChanges,
    ConversationDraft,
    Direction,
    MediaUpload,
    MessageChanges,
    MessageDraft,
    MessageRecord,
    ParticipantChanges,
    ParticipantDraft,
)
from twilio_compat.rollout.comparing.reconcile import Report, reconcile
from twilio_compat.rollout.moving import copying as copying_module
from twilio_compat.rollout.moving import survey as survey_module
from twilio_compat.rollout.moving.copying import Mover, Tools
from twilio_compat.rollout.moving.plans import Phase, Progress
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side, Stage

ACCOUNT = account_actor()
DEADLINE = 10.0
FILE = MediaUpload(content=b"xyz", content_type="image/png", filename="a.png")
WRITTEN = datetime(2024, 5, 1, 12, tzinfo=UTC)
OFF, DUALWRITE, SHADOW, LIVE, RAMPDOWN, COMPLETE = Stage


class SmallMirror:
    """Makes ACS what Twilio is, where both call everything the same."""

    def __init__(self, sides: TwoSides) -> None:
        self._one, self._other = sides.twilio, sides.acs
        self.applied: list[Entry] = []
        self.before: Callable[[Entry], object] = lambda _: None
        self.after: Callable[[Entry], object] = lambda _: None

    async def send(self, pin: Pin, side: Side, messages: Sequence[MessageRecord]) -> None:
        for each in messages:
            sid = pin.conversation_sid
            entry = Entry(what="message", conversation_sid=sid, sid=each.sid, index=each.index)
            await self.apply(pin, side, entry)

    async def apply(self, pin: Pin, side: Side, entry: Entry) -> bool:
        assert (Side.ACS, False) == (side, pin.copied)
        self.before(entry)
        self.applied.append(entry)
        match entry.what:
            case "conversation":
                await self._conversation(entry)
            case "participant":
                await self._participants(entry)
            case _:
                await self._message(entry)
        self.after(entry)
        return True

    async def _conversation(self, entry: Entry) -> None:
        sid = entry.conversation_sid
        found = await self._one.conversations.get(ACCOUNT, sid)
        dates = {"date_created": found.date_created, "date_updated": found.date_updated}
        try:
            made = ConversationDraft(sid=sid, created_by=found.created_by, **dates)
            await self._other.conversations.create(ACCOUNT, made)
        except ConflictError:
            pass
        if (await self._other.conversations.get(ACCOUNT, sid)).state.current == "closed":
            return
        changes = ConversationChanges(
            friendly_name=found.friendly_name,
            unique_name=found.unique_name,
            attributes=found.attributes,
            state=found.state.current,
            **dates,
        )
        await self._other.conversations.update(ACCOUNT, sid, changes)

    async def _participants(self, entry: Entry) -> None:
        sid = entry.conversation_sid
        known = {each.sid for each in await self._other.participants.list(ACCOUNT, sid)}
        for each in await self._one.participants.list(ACCOUNT, sid):
            dates = {"date_created": each.date_created, "date_updated": each.date_updated}
            if each.sid not in known:
                draft = ParticipantDraft(identity=each.identity, sid=each.sid, **dates)
                await self._other.participants.create(ACCOUNT, sid, draft)
            changes = ParticipantChanges(
                attributes=each.attributes,
                last_read_message_index=each.last_read_message_index,
                last_read_timestamp=each.last_read_timestamp or UNREAD,
                **dates,
            )
            await self._other.participants.update(ACCOUNT, sid, each.sid, changes)

    async def _message(self, entry: Entry) -> None:
        sid, message_sid = entry.conversation_sid, entry.sid or ""
        try:
            found = await self._one.messages.get(ACCOUNT, sid, message_sid)
        except NotFoundError:
            await self._other.messages.delete(ACCOUNT, sid, message_sid)
            return
        dates = {"date_created": found.date_created, "date_updated": found.date_updated}
        draft = MessageDraft(
            mutation_id=f"copy {found.sid}",
            sid=found.sid,
            index=found.index,
            body=found.body,
            author=found.author,
            attributes=found.attributes,
            subject=found.subject,
            media=tuple([await self._carry(each.sid) for each in found.media]),
            is_quiet=True,
            **dates,
        )
        try:
            await self._other.messages.get(ACCOUNT, sid, message_sid)
        except NotFoundError:
            await self._other.messages.create(ACCOUNT, sid, draft)
        else:
            changes = MessageChanges(body=found.body or "", attributes=found.attributes, **dates)
            await self._other.messages.update(ACCOUNT, sid, message_sid, changes)

    async def _carry(self, media_sid: str):  # type: ignore[no-untyped-def]
        found = (await self._one.media.get(media_sid)).media
        upload = MediaUpload(
            content=b"x" * found.size,
            content_type=found.content_type,
            filename=found.filename,
            sid=media_sid,
        )
        return await self._other.media.upload(ACCOUNT, upload)


UNREAD = WRITTEN


@pytest.fixture
async def sides(tmp_path: Path) -> AsyncIterator[TwoSides]:
    async with two_sides(tmp_path) as running:
        yield running


@pytest.fixture
def mirror(sides: TwoSides) -> SmallMirror:
    return SmallMirror(sides)


def mover(sides: TwoSides, mirror: SmallMirror, office: Office | None = None) -> Mover:
    tools = Tools(clock=sides.clock, sleep=sides.clock.sleep)
    return Mover(office or sides.office, mirror, deadline=DEADLINE, tools=tools)


async def conversation(backend: AcsBackend, messages: int = 6) -> str:
    """Make an old conversation: gaps where messages were deleted, emoji, a file, a long text, and who has read how far."""
    made = await backend.conversations.create(
        ACCOUNT,
        ConversationDraft(
            unique_name="order-1", friendly_name="Order", attributes={"n": [1]}, date_created=WRITTEN
        ),
    )
    for each in ("bob", "alice"):
        await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity=each))
    for number in range(messages):
        files = [await backend.media.upload(ACCOUNT, FILE)] if number % 3 == 1 else []
        draft = MessageDraft(
            mutation_id=f"{made.sid} {number}",
            body=(f"message {number} 👋🏽", "", "ä" * 1500)[number % 3] or None,
            media=tuple(files),
            author="alice" if number % 2 else "bob",
            attributes={"number": number},
            date_created=WRITTEN + timedelta(minutes=number),
            date_updated=WRITTEN + timedelta(minutes=number, seconds=number % 2),
            is_first=True,
        )
        sent = await backend.messages.create(ACCOUNT, made.sid, draft)
        if number % 5 == 3:
            await backend.messages.delete(ACCOUNT, made.sid, sent.sid)
    changes = ParticipantChanges(last_read_message_index=2, last_read_timestamp=WRITTEN)
    await backend.participants.update(ACCOUNT, made.sid, "bob", changes)
    return made.sid


async def is_same(sides: TwoSides, sid: str) -> Report:
    """Check that both sides are the same."""
    pin = await sides.office.pins.of(await sides.office.target(sid))
    report = await reconcile(sides.office, pin)
    assert [] == report.differences
    return report


async def stage(sides: TwoSides, sid: str) -> tuple[Stage, bool]:
    sides.clock.move(1.0)
    pin = await sides.office.pins.of(await sides.office.target(sid))
    return pin.stage, pin.copied


async def test_a_conversation_is_copied_and_goes_to_the_stage_that_was_asked_for(
    sides: TwoSides, mirror: SmallMirror
) -> None:
    sid = await conversation(sides.twilio)
    report = await mover(sides, mirror).move(sid, SHADOW)
    assert report is not None
    assert (5, 2, 2) == (
        report.messages[Side.ACS],
        report.participants[Side.ACS],
        report.files[Side.ACS],
    )
    await is_same(sides, sid)
    assert (SHADOW, True) == await stage(sides, sid)


async def test_it_goes_on_to_live_where_nothing_waits(sides: TwoSides, mirror: SmallMirror) -> None:
    sid = await conversation(sides.twilio)
    await mover(sides, mirror).move(sid, LIVE)
    assert (LIVE, True) == await stage(sides, sid)


async def test_each_message_is_written_once(sides: TwoSides, mirror: SmallMirror) -> None:
    sid = await conversation(sides.twilio)
    await mover(sides, mirror).move(sid, DUALWRITE)
    indexes = [each.index for each in mirror.applied if each.what == "message"]
    assert [0, 1, 2, 4, 5] == indexes


async def test_a_flag_that_says_off_does_not_take_it_back(sides: TwoSides, mirror: SmallMirror) -> None:
    sides.flag.answer = OFF
    sid = await conversation(sides.twilio, 2)
    await mover(sides, mirror).move(sid, DUALWRITE)
    assert (DUALWRITE, True) == await stage(sides, sid)


async def test_the_flag_counts_afterwards_where_it_is_released(sides: TwoSides, mirror: SmallMirror) -> None:
    sides.flag.answer = SHADOW
    sid = await conversation(sides.twilio, 2)
    await mover(sides, mirror).move(sid, DUALWRITE, release=True)
    assert (SHADOW, True) == await stage(sides, sid)


# Plans


async def test_a_plan_says_what_there_is_and_writes_nothing(sides: TwoSides, mirror: SmallMirror) -> None:
    sid = await conversation(sides.twilio)
    plan = await mover(sides, mirror).plan(sid, SHADOW)
    assert (2, 5, 2, 6) == (plan.participants, plan.messages, plan.files, plan.bytes)
    assert (2, 5, OFF, SHADOW, Side.ACS) == (
        plan.missing_participants,
        plan.missing,
        plan.now,
        plan.stage,
        plan.side,
    )
    assert [] == mirror.applied
    with pytest.raises(NotFoundError):
        await sides.acs.conversations.get(ACCOUNT, sid)
    assert (OFF, False) == await stage(sides, sid)


async def test_a_plan_counts_what_is_left(sides: TwoSides, mirror: SmallMirror) -> None:
    sid = await conversation(sides.twilio)
    await mover(sides, mirror).move(sid, DUALWRITE)
    await mover(sides, mirror).move(sid, OFF)
    extra = MessageDraft(mutation_id="later", body="later", author="bob")
    await sides.twilio.messages.create(ACCOUNT, sid, extra)
    plan = await mover(sides, mirror).plan(sid, DUALWRITE)
    assert (0, 6, 1) == (plan.missing_participants, plan.messages, plan.missing)


async def test_there_is_nothing_to_copy_where_the_mirror_has_everything(
    sides: TwoSides, mirror: SmallMirror
) -> None:
    sid = await conversation(sides.twilio)
    await mover(sides, mirror).move(sid, DUALWRITE)
    mirror.applied.clear()
    plan = await mover(sides, mirror).plan(sid, SHADOW)
    assert (None, 0.0) == (plan.side, plan.seconds)
    assert await mover(sides, mirror).move(sid, SHADOW) is None
    assert [] == mirror.applied


async def test_a_conversation_that_is_not_there_cannot_be_moved(sides: TwoSides, mirror: SmallMirror) -> None:
    with pytest.raises(NotFoundError):
        await mover(sides, mirror).move("CH" + "9" * 32, SHADOW)
    assert [] == await sides.office.pins.list()


async def test_members_that_acs_cannot_have_are_said_before_anything_is_written(
    sides: TwoSides, mirror: SmallMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = await conversation(sides.twilio)
    (member, *_) = await sides.twilio.participants.list(ACCOUNT, sid)
    by_sms = [replace(member, type="sms")]
    monkeypatch.setattr(survey_module, "_strangers", lambda *_: by_sms)
    with pytest.raises(TranslationGapError, match=f"no members by sms, as {member.sid} is"):
        await mover(sides, mirror).move(sid, SHADOW)
    assert (OFF, False) == await stage(sides, sid)


async def test_progress_is_told(
    sides: TwoSides, mirror: SmallMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying_module, "AT_ONCE", 2)
    monkeypatch.setattr(copying_module, "TOLD_EVERY", 0.0)
    told: list[Progress] = []
    sid = await conversation(sides.twilio)
    mirror.before = lambda _: sides.clock.move(1.0)
    await mover(sides, mirror).move(sid, DUALWRITE, told=told.append)
    copying = [(each.done, each.total, each.written) for each in told if each.phase is Phase.COPYING]
    assert [(1, 5, 0), (2, 5, 2), (3, 5, 2), (4, 5, 4), (5, 5, 4)] == copying[:5]
    order = list(dict.fromkeys(each.phase for each in told))
    assert [Phase.COPYING, Phase.WAITING, Phase.CHECKING, Phase.DONE] == order
    left = [each.seconds_left for each in told if each.phase is Phase.COPYING][:5]
    assert sorted(left, reverse=True) == left
    assert 0.0 == left[-1]


# While it goes on


async def test_a_write_that_began_before_is_found(sides: TwoSides, mirror: SmallMirror) -> None:
    sid = await conversation(sides.twilio)
    late: list[asyncio.Task[object]] = []

    def write(entry: Entry) -> None:
        if entry.index == 5 and not late:
            draft = MessageDraft(mutation_id="late", body="late", author="bob")
            late.append(asyncio.create_task(sides.twilio.messages.create(ACCOUNT, sid, draft)))

    mirror.after = write
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)

    await mover(sides, mirror).move(sid, DUALWRITE, told=tell)
    await asyncio.gather(*late)
    waited = [each for each in told if each.phase is Phase.WAITING]
    assert waited
    await is_same(sides, sid)


async def test_what_was_edited_and_deleted_meanwhile_is_made_equal(
    sides: TwoSides, mirror: SmallMirror
) -> None:
    sid = await conversation(sides.twilio)
    page = await sides.twilio.messages.page(ACCOUNT, sid, size=9, anchor=None, direction=Direction.FORWARD)
    changed: list[asyncio.Task[object]] = []

    def change(entry: Entry) -> None:
        if entry.index == 4 and not changed:
            edit = MessageChanges(body="edited")
            first, second = page.items[0].sid, page.items[2].sid
            changed.append(asyncio.create_task(sides.twilio.messages.update(ACCOUNT, sid, first, edit)))
            changed.append(asyncio.create_task(sides.twilio.messages.delete(ACCOUNT, sid, second)))

    mirror.after = change
    await mover(sides, mirror).move(sid, DUALWRITE)
    await asyncio.gather(*changed)
    assert 4 == (await is_same(sides, sid)).messages[Side.ACS]


async def test_a_mirror_that_stays_different_is_told_and_the_conversation_waits(
    sides: TwoSides, mirror: SmallMirror
) -> None:
    sid = await conversation(sides.twilio)

    async def nothing(*_: object) -> None: ...

    mirror._message = nothing  # type: ignore[method-assign]
    with pytest.raises(
        ServiceUnavailableError, match=r"5 differences, such as messages\[IM\w+\] \(missing\)"
    ):
        await mover(sides, mirror).move(sid, DUALWRITE)
    assert (DUALWRITE, False) == await stage(sides, sid)


async def test_two_do_not_move_one_conversation_at_once(sides: TwoSides, mirror: SmallMirror) -> None:
    sid = await conversation(sides.twilio)
    results = await asyncio.gather(
        mover(sides, mirror).move(sid, DUALWRITE),
        mover(sides, mirror, sides.another_office()).move(sid, DUALWRITE),
        return_exceptions=True,
    )
    (refused,) = [each for each in results if isinstance(each, BaseException)]
    assert isinstance(refused, ConflictError)
    await is_same(sides, sid)


# Interruptions


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", range(1, 10))
async def test_one_that_was_killed_before_or_after_any_step_is_gone_on_with(
    sides: TwoSides, mirror: SmallMirror, place: int, when: str
) -> None:
    """There are nine: the conversation, its members, five messages, the conversation once more, and again."""
    sid = await conversation(sides.twilio)
    steps = 0

    def kill(_: Entry) -> None:
        nonlocal steps
        steps += 1
        if steps == place:
            raise asyncio.CancelledError

    setattr(mirror, when, kill)
    with pytest.raises(asyncio.CancelledError):
        await mover(sides, mirror).move(sid, DUALWRITE)
    assert (DUALWRITE, False) == await stage(sides, sid)
    await mover(sides, mirror, sides.another_office()).move(sid, DUALWRITE)
    await is_same(sides, sid)


async def test_one_that_was_killed_at_any_moment_is_gone_on_with(
    sides: TwoSides, mirror: SmallMirror
) -> None:
    sid = await conversation(sides.twilio)
    for moment in range(1, 40):
        task = asyncio.create_task(mover(sides, mirror, sides.another_office()).move(sid, DUALWRITE))
        await turns(moment * moment)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await mover(sides, mirror).move(sid, DUALWRITE)
    await is_same(sides, sid)


async def test_a_closed_conversation_is_copied(sides: TwoSides, mirror: SmallMirror) -> None:
    sid = await conversation(sides.twilio)
    await sides.twilio.conversations.update(ACCOUNT, sid, ConversationChanges(state="closed"))
    await mover(sides, mirror).move(sid, DUALWRITE)
    await is_same(sides, sid)
    copied = await sides.acs.conversations.get(ACCOUNT, sid)
    assert "closed" == copied.state.current
