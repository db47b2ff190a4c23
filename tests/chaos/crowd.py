"""Eight people in one conversation: four on each of two backends that share a store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Self

from tests.acs_backend.deployment import Deployment, room, sign_in
from tests.chaos.party import Line, Party

HERE = ("alice", "bob", "carol", "dave")
THERE = ("erin", "frank", "grace", "heidi")
LAST = "That is all"


class Crowd:
    """All of them, and the emulator whose faults they suffer."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.faults = deployment.emulator.faults
        self.here = Party(deployment.settings)
        self.there = Party(deployment.settings)

    async def __aenter__(self) -> Self:
        (host,) = await sign_in(self.here.backend, "host")
        self.sid = (await room(self.here.backend, host, *HERE, *THERE)).sid
        await asyncio.gather(self.here.enter(self.sid, HERE), self.there.enter(self.sid, THERE))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.faults.clear()
        await asyncio.gather(self.here.close(), self.there.close())

    async def talk(self, turns: int) -> dict[str, int]:
        here, there = await asyncio.gather(self.here.talk(turns), self.there.talk(turns))
        return here | there

    async def hear_out(self) -> Sequence[Sequence[Line]]:
        """Return what each of them heard, once all have heard the end."""
        self.faults.clear()
        await self.here.people[0].say(LAST)
        here, there = await asyncio.gather(self.here.hear_out(LAST), self.there.hear_out(LAST))
        return [*here, *there]

    async def transcript(self) -> list[Line]:
        """Return all messages as somebody reads them who looks afterwards, in the order of their indexes."""
        late = Party(self.deployment.settings)
        try:
            await late.enter(self.sid, ["alice"])
            ((read),) = await late.read_back()
            return read[::-1]
        finally:
            await late.close()
