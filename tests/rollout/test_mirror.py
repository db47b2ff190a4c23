"""One side is made what the other is, whatever happened before, and by whomever."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.rollout.deployment import (
    ACCOUNT,
    RolloutDeployment,
    drained,
    held_up,
    listed,
    moved,
    on_side,
    room,
    send,
)
from tests.support.http_faults import FOREVER
from tests.support.waiting import eventually
from twilio_compat.account import ConversationQuery, RoleDraft, account_actor
from twilio_compat.errors import ConflictError, LimitError, TranslationGapError
from twilio_compat.records import (
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    MediaUpload,
    MessageDraft,
    ParticipantChanges,
    ParticipantDraft,
    ParticipantRecord,
    UserChanges,
)
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.mirroring.participants import check_chat
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.staging.stages import Side, Stage


async def live(backend: RolloutBackend, *members: str) -> ConversationRecord:
    """Make a conversation that is on ACS, with a mirror at Twilio."""
    made = await room(backend, *members)
    await drained(backend, made.sid)
    return made


async def apply(backend: RolloutBackend, sid: str, side: Side, entry: Entry) -> None:
    pin = await backend.office.pins.of(await backend.office.target(sid))
    while not await backend.parts.mirror.apply(pin, side, entry):
        pass


async def bodies(backend: RolloutBackend, sid: str, side: Side) -> list[str | None]:
    return [body for _, _, body in await on_side(backend, sid, side)]


async def test_carried_out_again_nothing_changes(deployment: RolloutDeployment) -> None:
    backend = deployment.open("live")
    made = await live(backend, "bob")
    sent = await send(backend, made.sid, "once")
    await drained(backend, made.sid)
    for sid in (None, sent.sid):
        await apply(backend, made.sid, Side.TWILIO, Entry(what="message", conversation_sid=made.sid, sid=sid))
    await apply(backend, made.sid, Side.TWILIO, Entry(what="participant", conversation_sid=made.sid))
    await apply(backend, made.sid, Side.TWILIO, Entry(what="conversation", conversation_sid=made.sid))
    assert [(0, sent.sid, "once")] == await on_side(backend, made.sid, Side.TWILIO)
    assert 1 == len(await everything(deployment))


async def everything(deployment: RolloutDeployment) -> list[ConversationRecord]:
    page = deployment.twilio.backend.conversations.page
    return [*await page(ACCOUNT, ConversationQuery(), after=None, limit=100)]


async def twilio_sid(backend: RolloutBackend, sid: str) -> str:
    pin = await backend.office.pins.of(await backend.office.target(sid))
    return (await backend.office.place(pin, Side.TWILIO, at_once=True)).sid


async def test_what_others_wrote_at_twilio_while_acs_had_the_authority_stays(
    deployment: RolloutDeployment,
) -> None:
    backend = deployment.open("live")
    made = await live(backend, "bob")
    await send(backend, made.sid, "one")
    await drained(backend, made.sid)
    there = await twilio_sid(backend, made.sid)
    foreign = MessageDraft(mutation_id="foreign", body="past the library", author="bob", is_first=True)
    await deployment.twilio.backend.messages.create(ACCOUNT, there, foreign)
    await send(backend, made.sid, "two")
    await drained(backend, made.sid)
    found = [each.body for each in await listed(deployment.twilio.backend, there)]
    assert ["one", "past the library", "two"] == found
    assert ["one", "two"] == await bodies(backend, made.sid, Side.ACS)


async def test_the_index_of_a_message_that_was_gone_before_it_was_mirrored_is_not_given_again(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob")
    await send(backend, made.sid, "zero")
    await drained(backend, made.sid)
    with held_up(backend):
        gone = await send(backend, made.sid, "one")
        await backend.messages.delete(ACCOUNT, made.sid, gone.sid)
    await drained(backend, made.sid)
    await moved(backend, made.sid, Stage.LIVE)
    assert 2 == (await send(backend, made.sid, "two")).index


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
async def test_files_are_on_both_sides_under_one_name(deployment: RolloutDeployment, stage: str) -> None:
    backend = deployment.open(stage)
    made = await live(backend, "bob")
    content = b"\0file" * 50_000
    file = await backend.media.upload(
        ACCOUNT, MediaUpload(content=content, content_type="image/png", filename="a 🙂.png")
    )
    draft = MessageDraft(mutation_id="with file", body="see", author="bob", media=(file,), is_first=True)
    await backend.messages.create(ACCOUNT, made.sid, draft)
    await drained(backend, made.sid)
    for side in Side:
        pin = await backend.office.pins.of(await backend.office.target(made.sid))
        place = await backend.office.place(pin, side, at_once=True)
        (found,) = await listed(place.backend, place.sid)
        assert (file.sid, len(content)) == (place.public.message(found).media[0].sid, found.media[0].size)


async def test_several_files_are_refused_before_anything_is_sent(deployment: RolloutDeployment) -> None:
    backend = deployment.open("live")
    made = await live(backend, "bob")
    upload = MediaUpload(content=b"x", content_type="text/plain")
    files = tuple([await backend.media.upload(ACCOUNT, upload) for _ in range(2)])
    with pytest.raises(LimitError, match="one file"):
        await backend.messages.create(
            ACCOUNT, made.sid, MessageDraft(mutation_id="two", author="bob", media=files, is_first=True)
        )
    assert [] == await listed(backend, made.sid)


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
async def test_members_are_the_same_with_attributes_roles_and_horizons(
    deployment: RolloutDeployment, stage: str
) -> None:
    backend = deployment.open(stage)
    role = await backend.roles.create(
        RoleDraft(friendly_name="reader", type="conversation", permissions=("leaveConversation",))
    )
    made = await live(backend, "bob", "ann", "eve")
    for number in range(3):
        await send(backend, made.sid, f"message {number}")
    changes = ParticipantChanges(attributes={"seat": "é🙂"}, role_sid=role.sid, last_read_message_index=1)
    ann = await backend.participants.update(ACCOUNT, made.sid, "ann", changes)
    await backend.participants.delete(ACCOUNT, made.sid, "eve")
    await drained(backend, made.sid)
    assert role.sid == ann.role_sid
    for side in Side:
        assert {
            "bob": ({}, None, None),
            "ann": ({"seat": "é🙂"}, "reader", 1),
        } == await members(backend, made.sid, side)


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
async def test_who_left_and_came_back_before_the_mirror_was_told_came_when_they_came_back(
    deployment: RolloutDeployment, stage: str
) -> None:
    backend = deployment.open(stage)
    made = await live(backend, "bob")
    with held_up(backend):
        await backend.participants.delete(ACCOUNT, made.sid, "bob")
        later = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
        await backend.participants.create(
            ACCOUNT, made.sid, ParticipantDraft(identity="bob", date_created=later)
        )
    await drained(backend, made.sid)
    pin = await backend.office.pins.of(await backend.office.target(made.sid))
    for side in Side:
        place = await backend.office.place(pin, side, at_once=True)
        (bob,) = await place.backend.participants.list(place.account, place.sid)
        assert later == bob.date_created


async def members(
    backend: RolloutBackend, sid: str, side: Side
) -> dict[str, tuple[object, str | None, int | None]]:
    """Return members by identity: attributes, the role if it is no default one, and what they have read."""
    pin = await backend.office.pins.of(await backend.office.target(sid))
    place = await backend.office.place(pin, side, at_once=True)
    actor = account_actor(place.backend.service_sid)
    names = {each.sid: each.friendly_name for each in await place.backend.roles.list()}
    found = [
        place.public.participant(each) for each in await place.backend.participants.list(actor, place.sid)
    ]
    own = {each.identity: names[each.role_sid] for each in found}
    return {
        each.identity: (
            each.attributes,
            "reader" if own[each.identity] == "reader" else None,
            each.last_read_message_index,
        )
        for each in found
    }


async def test_a_closed_conversation_takes_what_was_written_before_it_was_closed(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob")
    await drained(backend, made.sid)
    with held_up(backend):
        await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(attributes={"a": 1}))
        await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity="late"))
        await send(backend, made.sid, "last words")
        await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(state="closed"))
    await drained(backend, made.sid)
    acs = backend.office.sides.acs
    assert "closed" == (await acs.conversations.get(ACCOUNT, made.sid)).state.current
    assert ["last words"] == await bodies(backend, made.sid, Side.ACS)
    assert {"bob", "late"} == {each.identity for each in await acs.participants.list(ACCOUNT, made.sid)}


async def test_users_are_told_to_acs_once_they_are_there(deployment: RolloutDeployment) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob")
    await drained(backend, made.sid)
    await backend.users.update(ACCOUNT, "bob", UserChanges(friendly_name="Bob 🙂", attributes={"team": 1}))
    at_twilio = await backend.users.get(ACCOUNT, "bob")

    async def is_told() -> bool:
        on_acs = await backend.office.sides.acs.users.get(ACCOUNT, "bob")
        return (on_acs.sid, on_acs.friendly_name, on_acs.attributes) == (
            at_twilio.sid,
            "Bob 🙂",
            {"team": 1},
        )

    await eventually(is_told)


async def test_a_deleted_conversation_is_deleted_on_both_sides(deployment: RolloutDeployment) -> None:
    for stage in ("dualwrite", "live"):
        backend = deployment.open(stage)
        made = await room(backend, "bob")
        await drained(backend, made.sid)
        there = await twilio_sid(backend, made.sid)
        await backend.conversations.delete(ACCOUNT, made.sid)
        await drained(backend, made.sid)
        assert there not in [each.sid for each in await everything(deployment)]


async def test_who_is_reached_by_other_ways_than_chat_is_not_copied_but_named() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    participant = ParticipantRecord(
        sid="MB1", conversation_sid="CH1", identity="whatsapp:+1", attributes={}, date_created=moment,
        date_updated=moment, type="whatsapp",
    )  # fmt: skip
    with pytest.raises(TranslationGapError, match="whatsapp"):
        check_chat(participant)


async def test_a_unique_name_is_unique_over_both_sides(deployment: RolloutDeployment) -> None:
    off, live_ = deployment.open("off"), deployment.open("live")
    await room(off, unique_name="here")
    await room(live_, unique_name="there")
    await eventually(off.office.ever_live)
    for backend, name in ((live_, "here"), (off, "there")):
        with pytest.raises(ConflictError):
            await backend.conversations.create(ACCOUNT, ConversationDraft(unique_name=name))
    assert "there" == (await off.conversations.get_by_unique_name(ACCOUNT, "there")).unique_name
    assert "here" == (await live_.conversations.get_by_unique_name(ACCOUNT, "here")).unique_name


async def test_a_user_who_was_first_met_on_acs_is_called_as_at_twilio(deployment: RolloutDeployment) -> None:
    backend = deployment.open("live")
    await live(backend, "newcomer")

    async def is_the_same() -> bool:
        here, there = [await backend.office.sides.of(side).users.get(ACCOUNT, "newcomer") for side in Side]
        return here.sid == there.sid

    await eventually(is_the_same)


async def test_members_can_be_listed_and_added_on_acs_while_twilio_is_down(
    deployment: RolloutDeployment,
) -> None:
    backend = deployment.open("live")
    made = await live(backend, "bob")
    deployment.twilio.faults.fail(times=FOREVER)
    await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity="ann"))
    assert {"ann", "bob"} == {each.identity for each in await backend.participants.list(ACCOUNT, made.sid)}
    deployment.twilio.faults.clear()


async def test_who_is_on_acs_is_known_while_twilio_does_not_answer(deployment: RolloutDeployment) -> None:
    backend = deployment.open("live")
    await live(backend, "bob")
    deployment.twilio.faults.fail(times=FOREVER)
    async with asyncio.timeout(8):
        assert "bob" == (await backend.users.get(ACCOUNT, "bob")).identity
        made = await backend.conversations.create(ACCOUNT, ConversationDraft(unique_name="meanwhile"))
        assert made.sid == await backend.conversations.sid_of(ACCOUNT, "meanwhile")
    deployment.twilio.faults.clear()
