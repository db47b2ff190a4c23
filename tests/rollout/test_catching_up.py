"""What a mirror has missed is sent in its order, whatever is in the way, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.rollout.deployment import (
    ACCOUNT,
    RolloutDeployment,
    drained,
    listed,
    moved,
    on_side,
    room,
    send,
)
from tests.support.http_faults import FOREVER
from twilio_compat.errors import LimitError, NotFoundError, ServiceUnavailableError
from twilio_compat.records import MediaUpload, MessageChanges, MessageDraft, MessageRecord
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.mirroring.carry import carry
from twilio_compat.rollout.mirroring.messages import MirroredMessages, _Mirrored
from twilio_compat.rollout.mirroring.mirror import AT_ONCE, Mirror
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.sids import Sids
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side, Stage


async def quiet(backend: RolloutBackend, *members: str) -> tuple[str, Pin, Mirror]:
    """Make a conversation whose mirror is told of nothing but what a test has it told of."""
    made = await room(backend, *members)
    await drained(backend, made.sid)
    await backend.parts.worker.close()
    return made.sid, await backend.office.pins.of(await backend.office.target(made.sid)), backend.parts.mirror


def message(sent: MessageRecord) -> Entry:
    return Entry(what="message", conversation_sid=sent.conversation_sid, sid=sent.sid, index=sent.index)


async def bodies(backend: RolloutBackend, sid: str, side: Side) -> list[str | None]:
    return [body for _, _, body in await on_side(backend, sid, side)]


async def at_twilio(backend: RolloutBackend, deployment: RolloutDeployment, pin: Pin) -> list[str | None]:
    """Return what Twilio itself has."""
    place = await backend.office.place(pin, Side.TWILIO, at_once=True)
    return [each.body for each in await listed(deployment.twilio.backend, place.sid)]


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
async def test_hundreds_of_messages_are_sent_in_order_some_at_a_time(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    backend = deployment.open(stage)
    sid, pin, mirror = await quiet(backend, "bob")
    authority = pin.decision.authority
    source = deployment.twilio.backend if authority is Side.TWILIO else backend.office.sides.acs
    for number in range(AT_ONCE + 50):
        draft = MessageDraft(mutation_id=f"{number}", body=f"{number}", author="bob", is_first=True)
        await source.messages.create(ACCOUNT, sid, draft)
    entry = Entry(what="message", conversation_sid=sid)
    done = [await mirror.apply(pin, authority.other, entry)]
    assert AT_ONCE == len(await on_side(backend, sid, authority.other))
    while not done[-1]:
        done.append(await mirror.apply(pin, authority.other, entry))
    assert [False, True] == done
    assert await on_side(backend, sid, authority) == await on_side(backend, sid, authority.other)


async def test_catching_up_ends_in_time_and_is_gone_on_with(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds a line must be done with it before others are given it."""
    backend = deployment.open("dualwrite")
    sid, pin, _ = await quiet(backend, "bob")
    for number in range(5):
        await send(backend, sid, f"{number}")
    seconds = iter(range(0, 10**6, 25))
    mirror = Mirror(backend.office, clock=lambda: float(next(seconds)))
    entry = Entry(what="message", conversation_sid=sid)
    assert not await mirror.apply(pin, Side.ACS, entry)
    some = await bodies(backend, sid, Side.ACS)
    assert 0 < len(some) < 5
    while not await mirror.apply(pin, Side.ACS, entry):
        pass
    assert [f"{number}" for number in range(5)] == await bodies(backend, sid, Side.ACS)


async def died(backend: RolloutBackend, monkeypatch: pytest.MonkeyPatch, entry: Entry, pin: Pin) -> None:
    """Have a process send a message to Twilio, and die before it can note what that is called there."""
    with monkeypatch.context() as patch:
        patch.setattr(Sids, "record", _dying)
        with pytest.raises(_DiedError):
            await backend.parts.mirror.apply(pin, Side.TWILIO, entry)


async def another(deployment: RolloutDeployment) -> RolloutBackend:
    """Return another process, which knows nothing of what the first one has sent, and is told nothing but by a test."""
    backend = deployment.open("live")
    await backend.parts.worker.close()
    return backend


async def test_what_somebody_sent_who_died_is_found_by_another_process(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = deployment.open("live")
    sid, pin, _ = await quiet(backend, "bob")
    for body in ("first", "the same words", "the same words"):
        await send(backend, sid, body)
    entry = Entry(what="message", conversation_sid=sid)
    for sent in range(1, 4):
        await died(await another(deployment), monkeypatch, entry, pin)
        assert sent == len(await at_twilio(backend, deployment, pin))
        third = await another(deployment)
        only = (await on_side(backend, sid, Side.ACS))[sent - 1]
        assert await third.parts.mirror.apply(pin, Side.TWILIO, replace(entry, sid=only[1], index=only[0]))
    assert await (await another(deployment)).parts.mirror.apply(pin, Side.TWILIO, entry)
    assert ["first", "the same words", "the same words"] == await at_twilio(backend, deployment, pin)
    assert await on_side(backend, sid, Side.ACS) == await on_side(backend, sid, Side.TWILIO)


async def test_what_was_edited_after_who_sent_it_to_twilio_died_is_not_sent_twice(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = deployment.open("live")
    sid, pin, _ = await quiet(backend, "bob", "ann")
    sent = await send(backend, sid, "as it was written")
    await died(backend, monkeypatch, message(sent), pin)
    await send(backend, sid, "by somebody else", author="ann")
    changed = await backend.messages.update(ACCOUNT, sid, sent.sid, MessageChanges(body="as it was edited"))
    assert changed.date_updated > sent.date_updated
    mirror = (await another(deployment)).parts.mirror
    for _ in range(2):
        assert await mirror.apply(pin, Side.TWILIO, message(sent))
        assert await mirror.apply(pin, Side.TWILIO, Entry(what="message", conversation_sid=sid))
    assert ["as it was edited", "by somebody else"] == await at_twilio(backend, deployment, pin)


class _DiedError(Exception):
    pass


async def _dying(*_: object) -> None:
    raise _DiedError


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
async def test_a_message_that_the_mirror_refuses_holds_none_up_that_comes_after_it(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    backend = deployment.open(stage)
    sid, pin, mirror = await quiet(backend, "bob")
    side = pin.decision.authority.other
    sent = [await send(backend, sid, body) for body in ("one", "refused", "three", "four")]
    messages = backend.office.sides.of(side).messages
    with monkeypatch.context() as patch:
        patch.setattr(messages, "create", refusing(messages.create, "refused"))
        with pytest.raises(LimitError, match="too long"):
            await mirror.apply(pin, side, message(sent[1]))
        assert await mirror.apply(pin, side, message(sent[2]))
        assert await mirror.apply(pin, side, message(sent[3]))
    assert ["one", "three", "four"] == await bodies(backend, sid, side)
    assert await mirror.apply(pin, side, message(sent[1]))  # as if it was revived
    assert {"one", "refused", "three", "four"} == {*await bodies(backend, sid, side)}
    assert {(each.sid, each.index) for each in sent} == {
        (each, index) for index, each, _ in await on_side(backend, sid, side)
    }


async def test_what_is_refused_and_has_no_entry_of_its_own_is_told_of_where_all_is_sent(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = deployment.open("live")
    sid, pin, mirror = await quiet(backend, "bob")
    for body in ("refused", "two"):
        await send(backend, sid, body)
    messages = backend.office.sides.twilio.messages
    monkeypatch.setattr(messages, "create", refusing(messages.create, "refused"))
    with pytest.raises(LimitError, match="too long"):
        await mirror.apply(pin, Side.TWILIO, Entry(what="message", conversation_sid=sid))
    assert ["two"] == await bodies(backend, sid, Side.TWILIO)


def refusing(
    create: Callable[..., Awaitable[MessageRecord]], body: str
) -> Callable[..., Awaitable[MessageRecord]]:
    async def refuse(actor: object, sid: str, draft: MessageDraft) -> MessageRecord:
        if draft.body == body:
            raise LimitError("The body is too long", code=50503)
        return await create(actor, sid, draft)

    return refuse


async def test_a_file_that_is_gone_is_gone_on_both_sides_and_its_message_is_there(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = deployment.open("dualwrite")
    sid, pin, mirror = await quiet(backend, "bob")
    file = await backend.media.upload(ACCOUNT, MediaUpload(content=b"x", content_type="text/plain"))
    draft = MessageDraft(mutation_id="file", body="see", author="bob", media=(file,), is_first=True)
    sent = await backend.messages.create(ACCOUNT, sid, draft)
    await deployment.twilio.backend.media.delete(file.sid)
    after = await send(backend, sid, "after it")
    assert await mirror.apply(pin, Side.ACS, message(after))
    found = await listed(backend.office.sides.acs, sid)
    assert ["see", "after it"] == [each.body for each in found]
    assert [each.sid for each in sent.media] == [each.sid for each in found[0].media]
    for side in Side:
        with pytest.raises(NotFoundError, match="50507"):
            await carry(backend.office.sides, side, file)


async def test_what_is_deleted_while_it_is_looked_for_ends_the_search(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = deployment.open("dualwrite")
    sid, pin, mirror = await quiet(backend, "bob")
    sent = [await send(backend, sid, f"{number}") for number in range(4)]
    assert await mirror.apply(pin, Side.ACS, message(sent[0]))
    look = MirroredMessages._mirrored

    async def deleting(self: MirroredMessages, *places: Place) -> _Mirrored:
        monkeypatch.setattr(MirroredMessages, "_mirrored", look)
        await deployment.twilio.backend.messages.delete(ACCOUNT, sid, sent[1].sid)
        return await look(self, *places)

    monkeypatch.setattr(MirroredMessages, "_mirrored", deleting)
    async with asyncio.timeout(30):
        for each in (1, 1, 3):  # the second is what the one who deletes adds
            assert await mirror.apply(pin, Side.ACS, message(sent[each]))
    assert ["0", "2", "3"] == await bodies(backend, sid, Side.ACS)


@pytest.mark.parametrize("last", [False, True])
async def test_indexes_stay_what_they_are_though_it_is_told_twice_that_a_message_of_twilio_is_deleted(
    deployment: RolloutDeployment, last: bool
) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob")
    sent = [await send(backend, made.sid, f"{number}") for number in range(3)]
    await drained(backend, made.sid)
    await moved(backend, made.sid, Stage.LIVE)
    await backend.parts.worker.close()
    pin = await backend.office.pins.of(await backend.office.target(made.sid))
    deleted = sent.pop(-1 if last else 0)
    await backend.messages.delete(ACCOUNT, made.sid, deleted.sid)
    for _ in range(2):
        assert await backend.parts.mirror.apply(pin, Side.TWILIO, message(deleted))
    sent.append(await send(backend, made.sid, "born on ACS"))
    assert await backend.parts.mirror.apply(pin, Side.TWILIO, message(sent[-1]))
    expected = [(each.index, each.sid, each.body) for each in sent]
    for side in Side:
        assert expected == await on_side(backend, made.sid, side)


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
async def test_callers_neither_hear_of_nor_wait_for_a_mirror_that_is_down(
    deployment: RolloutDeployment, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = deployment.open(stage)
    made = await room(backend, "bob")
    await drained(backend, made.sid)
    pin = await backend.office.pins.of(await backend.office.target(made.sid))
    side = pin.decision.authority.other
    messages = backend.office.sides.of(side).messages
    with monkeypatch.context() as patch:
        patch.setattr(messages, "create", refusing_all)
        if side is Side.TWILIO:
            deployment.twilio.faults.fail(FOREVER, path="/Messages")
        for number in range(5):
            async with asyncio.timeout(30):
                await send(backend, made.sid, f"{number}")
    deployment.twilio.faults.clear()
    await drained(backend, made.sid)
    assert [f"{number}" for number in range(5)] == await bodies(backend, made.sid, side)


async def refusing_all(*_: object) -> MessageRecord:
    raise ServiceUnavailableError("down")
