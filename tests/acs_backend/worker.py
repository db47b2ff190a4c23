"""One of several processes on a store: carries out commands, a line of JSON each, and answers in the same order.

It also reads the change feed from when it opened the store, as a process with clients would.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select, update

from acs_backend import AcsBackend
from acs_backend.event_sources.change_feed import ChangeFeed
from acs_backend.event_sources.hub import Hub
from acs_backend.store import changes, identities, schema
from acs_backend.store.changes import Kind
from acs_backend.store.database import Database
from tests.acs_backend.deployment import draft, page, room, sign_in
from tests.support.requirements import ROOT
from twilio_compat.account import account_actor
from twilio_compat.records import ConversationChanges, ConversationDraft, Direction, ParticipantDraft
from twilio_compat.settings import Settings

COUNTER = "counter"


class Place:
    """What a worker has while it works on a store."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""
        self.backend = AcsBackend(settings)
        self.database = Database(settings.database_url)
        self.feed = ChangeFeed(self.database, Hub(), sleep=asyncio.sleep)
        self.position = 0
        self.seen: list[tuple[int, object]] = []

    async def room(self) -> str:
        """Make what all workers share: a counter and a conversation; return the sid of that."""
        (alice,) = await sign_in(self.backend, "alice")
        async with self.database.write() as connection:
            row = {"identity": COUNTER, "acs_id": "8:acs:counter", "sid": "US", "created_at": 0}
            await connection.execute(insert(schema.identities).values(row))
        return (await room(self.backend, alice, "alice")).sid

    async def count(self, times: int) -> list[int]:
        """Count on several times at once; return the values."""
        return await asyncio.gather(*(self._count() for _ in range(times)))

    async def _count(self) -> int:
        """Read the counter, give way to others, write one more, and tell of it; return the new value."""
        mine = schema.identities.c.identity == COUNTER
        async with self.database.write() as connection:
            found = await connection.scalar(select(schema.identities.c.created_at).where(mine))
            await asyncio.sleep(0)
            new = int(found or 0) + 1
            await connection.execute(update(schema.identities).where(mine).values(created_at=new))
            await changes.add(connection, Kind.USER, now=new, content={"count": new})
        return new

    async def identify(self, name: str) -> tuple[str, str]:
        """Sign somebody in, and return the ACS user and the sid that they have in the store."""
        await sign_in(self.backend, name)
        async with self.database.read() as connection:
            row = await identities.find(connection, name)
        assert row is not None
        return row.acs_id, row.sid

    async def send(self, sid: str, bodies: list[str]) -> dict[str, int]:
        """Send messages at the same time; return the index of each."""
        (alice,) = await sign_in(self.backend, "alice")
        sent = await asyncio.gather(
            *(self.backend.messages.create(alice, sid, draft(body, mutation_id=body)) for body in bodies)
        )
        return {str(each.body): each.index for each in sent}

    async def adopt(self, sid: str, body: str, kept: str, index: int) -> int:
        """Import a message; return its index."""
        kept_draft = draft(body, mutation_id=body, sid=kept, index=index, is_first=False)
        return (await self.backend.messages.create(account_actor(), sid, kept_draft)).index

    async def move(self, sid: str) -> str:
        """Import a conversation; return its sid."""
        return (await self.backend.conversations.create(account_actor(), ConversationDraft(sid=sid))).sid

    async def list(self, sid: str) -> list[tuple[int, str | None]]:
        """Return the index and body of every message."""
        (alice,) = await sign_in(self.backend, "alice")
        conversation = await self.backend.conversations.get(alice, sid)
        found = await page(self.backend, alice, conversation, 1000, direction=Direction.BACKWARDS)
        return [(each.index, each.body) for each in found.items]

    async def create(self, unique_name: str) -> str:
        """Make a conversation; return its sid."""
        (alice,) = await sign_in(self.backend, "alice")
        draft = ConversationDraft(unique_name=unique_name)
        return (await self.backend.conversations.create(alice, draft)).sid

    async def rename(self, sid: str, name: str | None) -> str | None:
        """Give a conversation a friendly name; return the one it has then."""
        (alice,) = await sign_in(self.backend, "alice")
        changes = ConversationChanges(friendly_name=name)
        return (await self.backend.conversations.update(alice, sid, changes)).friendly_name

    async def delete(self, sid: str) -> None:
        """Delete a conversation."""
        (alice,) = await sign_in(self.backend, "alice")
        await self.backend.conversations.delete(alice, sid)

    async def add(self, sid: str, identity: str) -> str:
        """Add a member; return their sid."""
        (alice,) = await sign_in(self.backend, "alice")
        newcomer = ParticipantDraft(identity=identity)
        return (await self.backend.participants.create(alice, sid, newcomer)).sid

    async def remove(self, sid: str, identity: str) -> None:
        """Remove a member."""
        (alice,) = await sign_in(self.backend, "alice")
        await self.backend.participants.delete(alice, sid, identity)

    async def changes(self, newest: int) -> list[tuple[int, object]]:
        """Return all that was heard of the feed once *newest* was; wait for that."""
        async with asyncio.timeout(30):
            while not self.seen or self.seen[-1][0] < newest:
                for each in await self.feed.since(self.position):
                    self.position = each.change_id
                    self.seen.append((each.change_id, each.content))
                await asyncio.sleep(0.005)
        return self.seen

    async def close(self) -> None:
        """Let go of everything."""
        await self.backend.close()
        await self.database.close()


async def work() -> None:
    """Serve one store after another until standard input ends."""
    while (first := await _next()) is not None:
        place = Place(Settings(**first["settings"]))
        async with place.feed.open():
            place.position = await place.feed.position()
            _answer(place.position)
            while (command := await _next()) is not None and command["do"] != "close":
                method: Callable[..., Awaitable[object]] = getattr(place, command.pop("do"))
                _answer(await method(**command))
        await place.close()
        _answer(None)


async def _next() -> dict[str, Any] | None:
    line = await asyncio.to_thread(sys.stdin.readline)
    return dict(json.loads(line)) if line else None


def _answer(content: object) -> None:
    print(json.dumps(content), flush=True)


@dataclass(eq=False)
class Worker:
    """The other end: a process, and what it was asked and has not answered."""

    process: subprocess.Popen[str] = field(
        default_factory=lambda: subprocess.Popen(
            [sys.executable, "-m", "tests.acs_backend.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
    )
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    position: int = 0

    def tell(self, **command: object) -> None:
        """Ask for something, and do not wait."""
        assert self.process.stdin is not None
        self.asked.append(command)
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def ask(self, **command: object) -> Any:
        """Ask for something when all else is answered, and return the answer."""
        assert not self.asked
        self.tell(**command)
        ((_, answer),) = self.answers()
        return answer

    def answers(self) -> list[tuple[Mapping[str, Any], Any]]:
        """Wait for the answers to all that was asked."""
        answered = [(command, json.loads(self._read())) for command in self.asked]
        self.asked = []
        return answered

    def kill(self) -> list[tuple[Mapping[str, Any], Any]]:
        """Kill the process; return what it had answered. What was left is in `asked`."""
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        self.process.kill()
        lines = [each for each in self.process.stdout if each.endswith("\n")]
        answered = [(command, json.loads(line)) for command, line in zip(self.asked, lines, strict=False)]
        self.asked = self.asked[len(answered) :]
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        return answered

    def _read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the worker has died; its words are above"
        return line


if __name__ == "__main__":
    asyncio.run(work())
