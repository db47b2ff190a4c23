"""A deployment that is on its way from Twilio to ACS: both sides, and as many processes of ours as a test wants.

Twilio is `tests.support.twilio_stand_in`; the unmodified twilio-python is between it and us. ACS is an emulator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.support.twilio_stand_in import TwilioStandIn, twilio_stand_in
from tests.support.waiting import eventually
from twilio_backend.backend import TwilioBackend
from twilio_compat.account import account_actor
from twilio_compat.backend import open_backend
from twilio_compat.records import (
    Actor,
    ConversationDraft,
    ConversationRecord,
    Direction,
    MessageDraft,
    MessageRecord,
    ParticipantDraft,
)
from twilio_compat.rollout.assembly import Tools
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.opening import with_rollout
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.settings import Settings

ACCOUNT: Actor = account_actor()


@dataclass
class RolloutDeployment:
    """Both sides, and how to open another process of ours."""

    twilio: TwilioStandIn
    emulator: Emulator
    settings: Settings
    resources: AsyncExitStack

    def with_rollout(self, rollout: str, **more: Any) -> Settings:
        """Return the settings of a process."""
        return replace(self.settings, rollout=rollout, **more)

    def open(self, rollout: str = "off", tools: Tools | None = None, **more: Any) -> RolloutBackend:
        """Open a backend over both sides, as another process would."""
        settings = self.with_rollout(rollout, **more)
        if tools is None:
            backend = open_backend(settings)
        else:
            backend = with_rollout(TwilioBackend(settings), AcsBackend(settings), settings, tools)
        assert isinstance(backend, RolloutBackend)
        self.resources.push_async_callback(backend.close)
        return backend


@asynccontextmanager
async def rollout_deployment(store: str, **more: Any) -> AsyncIterator[RolloutDeployment]:
    """Serve both sides for as long as the context lasts; what our processes share is at the URL *store*."""
    async with twilio_stand_in() as twilio, AsyncExitStack() as resources:
        emulator = resources.enter_context(Emulator())
        settings = twilio.settings(
            backend="acs",
            connection_string=emulator.connection_string,
            storage_connection_string=emulator.storage_connection_string,
            database_url=store,
            poll_interval=0.05,
            **more,
        )
        yield RolloutDeployment(twilio, emulator, settings, resources)


# What tests do


async def room(backend: RolloutBackend, *members: str, unique_name: str | None = None) -> ConversationRecord:
    """Make a conversation with members."""
    made = await backend.conversations.create(ACCOUNT, ConversationDraft(unique_name=unique_name))
    for each in members:
        await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity=each))
    return made


_sent = iter(range(10**9))


async def send(backend: RolloutBackend, sid: str, body: str, author: str = "bob") -> MessageRecord:
    """Send a message as the account."""
    draft = MessageDraft(mutation_id=f"test {next(_sent)} {body}", body=body, author=author, is_first=True)
    return await backend.messages.create(ACCOUNT, sid, draft)


async def listed(backend: Any, sid: str) -> list[MessageRecord]:
    """Return all messages of a conversation, as a backend tells them."""
    found: list[MessageRecord] = []
    anchor: int | None = None
    while True:
        page = await backend.messages.page(ACCOUNT, sid, size=100, anchor=anchor, direction=Direction.FORWARD)
        found += page.items
        if not page.has_newer:
            return found
        anchor = page.items[-1].index + 1


async def on_side(backend: RolloutBackend, sid: str, side: Side) -> list[tuple[int, str, str | None]]:
    """Return the messages that one side has, by their public names: index, sid and body."""
    pin = await backend.office.pins.of(await backend.office.target(sid))
    place = await backend.office.place(pin, side, at_once=True)
    return [
        (each.index, each.sid, each.body)
        for each in map(place.public.message, await listed(place.backend, place.sid))
    ]


@contextmanager
def held_up(backend: RolloutBackend) -> Iterator[None]:
    """Have nothing of the outbox carried out while a block runs, and all of it afterwards."""

    async def take_nothing(_: Side) -> bool:
        return False

    worker = backend.parts.worker
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "_take", take_nothing)
        yield
    worker.wake()


async def drained(backend: RolloutBackend, sid: str) -> None:
    """Wait until both sides were told of everything in a conversation."""

    async def is_drained() -> bool:
        return all([await backend.office.outbox.drained(sid, side) for side in Side])

    await eventually(is_drained)


async def moved(backend: RolloutBackend, sid: str, stage: Stage) -> None:
    """Have a conversation go to a stage, and wait until it is there."""
    await backend.office.pins.set(sid, stage)

    async def is_there() -> bool:
        target = await backend.office.target(sid)
        return (await backend.office.pins.of(target)).stage is stage

    await eventually(is_there, within=90)  # a handover that was given up is tried again after half a minute
