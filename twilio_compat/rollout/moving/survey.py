"""What a move has to do: counted before it begins, and decided message by message while it runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from twilio_compat.errors import NotFoundError
from twilio_compat.records import MessageRecord, ParticipantRecord
from twilio_compat.rollout.comparing.comparison import compare
from twilio_compat.rollout.comparing.reconcile import paired
from twilio_compat.rollout.moving.plans import Plan
from twilio_compat.rollout.moving.walking import each_message
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side


async def survey(office: Office, pin: Pin, plan: Plan) -> Plan:
    """Return the plan of a move with numbers, having read the conversation on both sides."""
    here = await office.place(pin, at_once=True)
    there = await office.place(pin, here.side.other, at_once=True)
    has_mirror = await _exists(there)
    members = await here.backend.participants.list(here.account, here.sid)
    others = await there.backend.participants.list(there.account, there.sid) if has_mirror else ()
    known = {there.public.sid(each.sid) for each in others}
    missing = sum(here.public.sid(each.sid) not in known for each in members)
    plan = replace(
        plan,
        participants=len(members),
        missing_participants=missing,
        hindrances=tuple(map(_foreign, _strangers(there, members))),
    )
    async with aclosing(each_message(here)) as these, aclosing(_messages(there, has_mirror)) as those:
        async for one, other in paired(these, those):
            plan = _counted(plan, there, one, other)
    return plan


async def _messages(place: Place, exists: bool) -> AsyncGenerator[MessageRecord, None]:
    if exists:
        async with aclosing(each_message(place)) as walk:
            async for each in walk:
                yield each


async def _exists(place: Place) -> bool:
    try:
        await place.backend.conversations.get(place.account, place.sid)
    except NotFoundError:
        return False
    return True


def _counted(plan: Plan, there: Place, one: MessageRecord | None, other: MessageRecord | None) -> Plan:
    """Return the plan with one more place in both streams."""
    files = () if one is None else one.media
    hindrances = plan.hindrances
    if one is not None and there.side is Side.TWILIO and len(files) > 1:
        hindrances += (f"Twilio's REST API takes one file in a message, and {one.sid} has {len(files)}",)
    return replace(
        plan,
        hindrances=hindrances,
        messages=plan.messages + (one is not None),
        files=plan.files + len(files),
        bytes=plan.bytes + sum(each.size for each in files),
        missing=plan.missing + len(to_be_written(there, one, other)),
    )


def _strangers(there: Place, members: Sequence[ParticipantRecord]) -> Sequence[ParticipantRecord]:
    """Return the members whom a side cannot have."""
    return [each for each in members if there.side is Side.ACS and each.type != "chat"]


def _foreign(participant: ParticipantRecord) -> str:
    return f"ACS Chat has no members by {participant.type}, as {participant.sid} is"


def to_be_written(
    there: Place, one: MessageRecord | None, other: MessageRecord | None
) -> Sequence[MessageRecord]:
    """Return of what is at one place in both streams that in which the mirror is to be made equal.

    What the mirror has more is taken away only where it came from the authority: on ACS what no native client wrote, and at
    Twilio what was born on ACS.
    """
    if one is not None and other is not None and one.sid == other.sid:
        return [one] if compare(one, other) else []
    more = [other] if other is not None and _is_ours(there, other) else []
    return [*more, *([] if one is None else [one])]


def _is_ours(there: Place, message: MessageRecord) -> bool:
    if there.side is Side.ACS:
        return not message.is_native
    return any(each.public == message.sid for each in there.map.pairs)
