"""People who write, read and listen in one conversation, each with a client, all on one backend.

Time runs `HASTE` times as fast for the backend as for everybody else, its pauses included: that is what makes a test
with many faults quick. Nothing here waits for time to pass; what is waited for is something that was said.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from acs_backend import AcsBackend
from tests.acs_backend.deployment import twilio_token
from twilio_compat import Client, Conversation, Message
from twilio_compat.paginator import Paginator
from twilio_compat.settings import Settings

HASTE = 40.0
PATIENCE = 30.0
"""Seconds of everybody else's time after which something is not expected any more."""
PAGE = 5

Line: TypeAlias = tuple[int, str]
"""The index and the body of a message."""


def hasty_backend(settings: Settings) -> AcsBackend:
    """Open a backend whose time runs fast."""
    return AcsBackend(
        settings, clock=lambda: time.monotonic() * HASTE, sleep=lambda pause: asyncio.sleep(pause / HASTE)
    )


@dataclass(eq=False)
class Person:
    """Somebody with a client in a conversation, and what they heard there."""

    name: str
    client: Client
    room: Conversation
    heard: list[Line] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    async def enter(cls, name: str, backend: AcsBackend, sid: str) -> Self:
        """Sign in, and listen in the conversation."""
        client = await Client.create(twilio_token(name), {"backend": backend})
        person = cls(name, client, await client.getConversationBySid(sid))
        person.room.on("messageAdded", person._hear)
        return person

    async def say(self, *texts: str) -> dict[str, int]:
        """Send these one after the other; return the index of each."""
        return {text: await self.room.sendMessage(text) for text in texts}

    async def read_back(self) -> list[Line]:
        """Read all messages, page by page, the newest first."""
        page: Paginator[Message] | None = await self.room.getMessages(PAGE)
        read: list[Line] = []
        while page is not None:
            read += [(each.index, each.body or "") for each in reversed(page.items)]
            page = await page.prevPage() if page.hasPrevPage else None
        return read

    async def hear_out(self, last: str) -> list[Line]:
        """Wait until *last* was heard; return all that was."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: any(body == last for _, body in self.heard))
        return self.heard

    async def _hear(self, message: Message) -> None:
        async with self._news:
            self.heard.append((message.index, message.body or ""))
            self._news.notify_all()


class Party:
    """Some people on one backend."""

    def __init__(self, settings: Settings) -> None:
        """Open the backend."""
        self.backend = hasty_backend(settings)
        self.people: list[Person] = []

    async def enter(self, sid: str, names: Sequence[str]) -> None:
        """Have all of them sign in and listen."""
        self.people = await asyncio.gather(*(Person.enter(each, self.backend, sid) for each in names))

    async def talk(self, turns: int) -> dict[str, int]:
        """Have everybody say so many things, all at once; return the index of each."""
        said = await asyncio.gather(
            *(each.say(*(f"{each.name} {number}" for number in range(turns))) for each in self.people)
        )
        return {text: index for each in said for text, index in each.items()}

    async def read_back(self) -> list[list[Line]]:
        """Have everybody read everything, the newest first."""
        return await asyncio.gather(*(each.read_back() for each in self.people))

    async def talk_and_read(self, turns: int) -> tuple[dict[str, int], list[list[Line]]]:
        """Have everybody talk and read at once."""
        return await asyncio.gather(self.talk(turns), self.read_back())

    async def hear_out(self, last: str) -> list[list[Line]]:
        """Return what everybody heard, once all have heard *last*."""
        return await asyncio.gather(*(each.hear_out(last) for each in self.people))

    async def close(self) -> None:
        """Sign everybody out."""
        await asyncio.gather(*(each.client.shutdown() for each in self.people))
        await self.backend.close()
