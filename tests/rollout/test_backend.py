"""A conversation on its way from Twilio to ACS and back: who calls sees none of it, and both sides have everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

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
from tests.support.waiting import eventually
from twilio_compat.account import ConversationQuery
from twilio_compat.records import ConversationChanges, MessageChanges, Timers
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.mirroring.timers import has_timers
from twilio_compat.rollout.staging.stages import Side, Stage


async def test_what_is_off_is_at_twilio_alone(deployment: RolloutDeployment) -> None:
    backend = deployment.open("off")
    made = await room(backend, "bob", "ann")
    sent = await send(backend, made.sid, "hello 🙂")
    at_twilio = await listed(deployment.twilio.backend, made.sid)
    assert [(sent.sid, "hello 🙂")] == [(each.sid, each.body) for each in at_twilio]
    on_acs = backend.office.sides.acs.conversations
    assert [] == await on_acs.page(ACCOUNT, ConversationQuery(), after=None, limit=100)


async def test_in_dualwrite_acs_gets_the_same_under_the_same_names(deployment: RolloutDeployment) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob", "ann", unique_name="support")
    sent = [await send(backend, made.sid, f"message {number}") for number in range(3)]
    await backend.messages.update(ACCOUNT, made.sid, sent[1].sid, MessageChanges(body="edited"))
    await backend.messages.delete(ACCOUNT, made.sid, sent[2].sid)
    await drained(backend, made.sid)
    expected = [(0, sent[0].sid, "message 0"), (1, sent[1].sid, "edited")]
    assert expected == await on_side(backend, made.sid, Side.TWILIO)
    assert expected == await on_side(backend, made.sid, Side.ACS)
    here = await backend.office.sides.acs.participants.list(ACCOUNT, made.sid)
    there = await deployment.twilio.backend.participants.list(ACCOUNT, made.sid)
    assert {(each.sid, each.identity) for each in there} == {(each.sid, each.identity) for each in here}


async def test_a_conversation_goes_all_the_way_and_back(deployment: RolloutDeployment) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob", "ann")
    sent = [await send(backend, made.sid, "at twilio")]
    for stage in (Stage.SHADOW, Stage.LIVE, Stage.RAMPDOWN):
        await moved(backend, made.sid, stage)
        sent.append(await send(backend, made.sid, f"in {stage}"))
    for stage in (Stage.LIVE, Stage.SHADOW, Stage.DUALWRITE):
        await moved(backend, made.sid, stage)
        sent.append(await send(backend, made.sid, f"back in {stage}"))
    await drained(backend, made.sid)
    expected = [(each.index, each.sid, each.body) for each in sent]
    assert list(range(7)) == [each.index for each in sent]
    assert expected == await on_side(backend, made.sid, Side.TWILIO)
    assert expected == await on_side(backend, made.sid, Side.ACS)
    assert expected == [(each.index, each.sid, each.body) for each in await listed(backend, made.sid)]


async def test_timers_run_at_the_authority_alone(deployment: RolloutDeployment) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob")
    await send(backend, made.sid, "from which on they run")
    await backend.conversations.update(
        ACCOUNT, made.sid, ConversationChanges(timers=Timers(inactive="PT1H", closed="PT2H"))
    )
    await drained(backend, made.sid)
    assert (True, False) == await with_timers(backend, deployment, made.sid)
    await moved(backend, made.sid, Stage.LIVE)
    await until_equal((False, True), lambda: with_timers(backend, deployment, made.sid))
    on_acs = await backend.conversations.get(ACCOUNT, made.sid)
    assert on_acs.timers.inactive in ("PT3599S", "PT3600S", "PT3601S")
    await moved(backend, made.sid, Stage.SHADOW)
    await until_equal((True, False), lambda: with_timers(backend, deployment, made.sid))


async def with_timers(backend: RolloutBackend, deployment: RolloutDeployment, sid: str) -> tuple[bool, bool]:
    """Say whether a conversation has timers at Twilio, and on ACS."""
    at_twilio = await deployment.twilio.backend.conversations.get(ACCOUNT, sid)
    on_acs = await backend.office.sides.acs.conversations.get(ACCOUNT, sid)
    return has_timers(at_twilio), has_timers(on_acs)


async def until_equal(expected: object, found: Callable[[], Awaitable[object]]) -> None:
    async def holds() -> bool:
        return await found() == expected

    await eventually(holds)
