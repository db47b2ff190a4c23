"""Eight people in one conversation: on one backend, or four of them in a process of their own, on the same store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import chain
from typing import Self

from azure.communication.chat.aio import ChatThreadClient

from acs_emulator.faults import Kind, Rule
from tests.acs_backend.deployment import Deployment, room, sign_in
from tests.chaos.neighbours import Neighbours
from tests.chaos.party import Line, Party, Person
from twilio_compat.records import ParticipantDraft

HERE = ("alice", "bob", "carol", "dave")
THERE = ("erin", "frank", "grace", "heidi")
LAST = "That is all"


class Crowd:
    """All of them, and the emulator whose faults they suffer."""

    def __init__(self, deployment: Deployment, there: Neighbours | None = None) -> None:
        self.deployment = deployment
        self.faults = deployment.emulator.faults
        self.here = Party(deployment.settings)
        self.there = there
        self.parties: list[Party | Neighbours] = [self.here] if there is None else [self.here, there]

    async def __aenter__(self) -> Self:
        (self.host,) = await sign_in(self.here.backend, "host")
        self.sid = (await room(self.here.backend, self.host, *HERE, *THERE)).sid
        groups = [HERE + THERE] if self.there is None else [HERE, THERE]
        await asyncio.gather(
            *(party.enter(self.sid, names) for party, names in zip(self.parties, groups, strict=True))
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.faults.clear()
        await asyncio.gather(*(each.close() for each in self.parties))

    def suffer(self, kind: Kind, *operations: str, probability: float = 0.3) -> Rule:
        """Have some of the requests of these operations, or of all, suffer."""
        return self.faults.add(kind, *operations, probability=probability, seed=1, latency=0.02)

    async def native(self) -> ChatThreadClient:
        """Add somebody who uses Microsoft's SDK."""
        issued = await self.here.backend.issue_identity("nina", with_token=True)
        participants = self.here.backend.participants
        await participants.create(self.host, self.sid, ParticipantDraft(identity="nina"))
        return await (await self.deployment.native(issued)).only_thread()

    @property
    def somebody(self) -> Person:
        return self.here.people[0]

    async def talk(self, turns: int) -> dict[str, int]:
        """Have everybody say so many things, all at once; return the index of each."""
        said = await asyncio.gather(*(each.talk(turns) for each in self.parties))
        return dict(chain.from_iterable(each.items() for each in said))

    async def talk_and_read(self, turns: int) -> tuple[dict[str, int], list[list[Line]]]:
        """Have everybody talk and, at the same time, read everything, the newest first."""
        said, read = zip(
            *await asyncio.gather(*(each.talk_and_read(turns) for each in self.parties)), strict=True
        )
        return dict(chain.from_iterable(each.items() for each in said)), [*chain(*read)]

    async def hear_out(self) -> Iterable[list[Line]]:
        """Say the end; return what each of them heard, once all have heard that."""
        await self.somebody.say(LAST)
        return chain(*await asyncio.gather(*(each.hear_out(LAST) for each in self.parties)))

    async def talk_until_the_neighbours_are_killed(self, turns: int) -> dict[str, int]:
        """Have everybody talk, and kill the other process when the first message from there is heard."""
        assert self.there is not None
        theirs = asyncio.ensure_future(self.there.talk(turns))
        ours = asyncio.ensure_future(self.here.talk(turns))
        await self.somebody.hear_out(f"{THERE[0]} 0")
        self.there.kill()
        self.parties = [self.here]
        (outcome,) = await asyncio.gather(theirs, return_exceptions=True)
        assert isinstance(outcome, AssertionError), "they have finished too early"
        return await ours

    async def transcript(self) -> list[Line]:
        """Return all messages as somebody reads them who looks afterwards, in the order of their indexes."""
        late = Party(self.deployment.settings)
        try:
            await late.enter(self.sid, ["alice"])
            (read,) = await late.read_back()
            return read[::-1]
        finally:
            await late.close()
