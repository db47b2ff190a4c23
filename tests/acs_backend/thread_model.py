"""A thread as ACS keeps it: numbers, order and pages, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from azure.core.exceptions import ResourceNotFoundError

from acs_backend.clients import RawAnswer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Line:
    """One message, or system message, of the thread."""

    message_id: int
    sequence: int
    version: int
    mutation_id: str | None = None
    type: str = "text"
    members: tuple[str, ...] = ()
    deleted: bool = False
    text: str = ""


@dataclass(slots=True)
class ThreadModel:
    """Numbers every change; ``now`` is in epoch milliseconds and moves with each."""

    now: int = 1_000_000
    sequence: int = 0
    lines: list[Line] = field(default_factory=list)
    between_pages: Callable[[], None] = lambda: None
    """Runs after each page that a reader takes: whatever others do meanwhile."""
    pages_read: int = 0
    fetched: int = 0
    """How often a single message was asked for."""
    floor: int = 0
    """The reader sees no message with a smaller id: their history was shared from then on."""
    unlisted: Line | None = None
    """A message that the lists do not show yet."""
    gate: asyncio.Event | None = None
    """A reader has a page only once this is set."""
    slowness: int = 0
    """How often a reader lets others run before it has a page that was taken."""

    def add(
        self, mutation_id: str | None = None, *, kind: str = "text", members: tuple[str, ...] = ()
    ) -> Line:
        self.now += 1
        self.sequence += 1
        line = Line(self.now, self.sequence, self.now, mutation_id, kind, members)
        self.lines.append(line)
        return line

    def change(self, line: Line, *, delete: bool = False) -> None:
        self.now += 1
        self.sequence += 1
        line.sequence, line.version, line.deleted = self.sequence, self.now, delete
        line.text = f"changed at {self.now}"

    @property
    def messages(self) -> list[Line]:
        """Users' messages in the order of creation."""
        return sorted((each for each in self.lines if each.type == "text"), key=lambda each: each.message_id)

    @property
    def received(self) -> datetime | None:
        """When a message last came, to the second, as the list of threads tells it."""
        newest = max((each.version for each in self.lines), default=None)
        return None if newest is None else EPOCH + timedelta(seconds=newest // 1000)

    # What the SDK offers

    def clients(self) -> Any:
        """Return what stands for the SDK's clients: every thread is this one."""
        return SimpleNamespace(thread=lambda user, thread_id: self)

    def list_messages(self, *, results_per_page: int, raw_answer: RawAnswer) -> ThreadModel._Paged:
        return self._Paged(self, results_per_page, raw_answer)

    async def get_message(self, message_id: str, *, raw_answer: RawAnswer) -> None:
        self.fetched += 1
        for each in self.lines:
            if each.message_id == int(message_id) >= self.floor:
                raw_answer.items = [message_json(each)]
                return
        raise ResourceNotFoundError

    @dataclass(slots=True)
    class _Paged:
        model: ThreadModel
        size: int
        raw_answer: RawAnswer

        def by_page(self, continuation_token: str | None = None) -> ThreadModel._Pages:
            below = int(continuation_token) if continuation_token else None
            return ThreadModel._Pages(self.model, self.size, self.raw_answer, below)

    @dataclass(slots=True)
    class _Pages:
        model: ThreadModel
        size: int
        raw_answer: RawAnswer
        below: int | None = None
        continuation_token: str | None = None
        ended: bool = False

        def __aiter__(self) -> ThreadModel._Pages:
            return self

        async def __anext__(self) -> AsyncIterator[object]:
            if self.ended:
                raise StopAsyncIteration
            self.model.pages_read += 1
            listed = (each for each in self.model.lines if each is not self.model.unlisted)
            seen = (each for each in listed if each.message_id >= self.model.floor)
            newest_first = sorted(seen, key=lambda each: -each.sequence)
            left = [each for each in newest_first if self.below is None or each.sequence < self.below]
            page = [message_json(each) for each in left[: self.size]]
            full = len(page) == self.size
            self.ended = not full
            self.below = left[: self.size][-1].sequence if page else None
            self.continuation_token = str(self.below) if full else None
            self.model.between_pages()
            for _ in range(self.model.slowness):
                await asyncio.sleep(0)
            if self.model.gate is not None:
                await self.model.gate.wait()
            self.raw_answer.items = page
            return _nothing()


async def _nothing() -> AsyncIterator[object]:
    """Iterate over what the SDK has to deserialise."""
    for each in ():
        yield each


def message_json(line: Line) -> dict[str, Any]:
    """Return a line as ACS writes it."""
    changed = EPOCH + timedelta(milliseconds=line.version)
    identifiers = [{"communicationIdentifier": {"rawId": each}} for each in line.members]
    return {
        "id": str(line.message_id),
        "type": line.type,
        "sequenceId": str(line.sequence),
        "version": str(line.version),
        "content": {"message": line.text, "participants": identifiers},
        "deletedOn": changed.isoformat() if line.deleted else None,
        "metadata": {"twId": line.mutation_id} if line.mutation_id else None,
    }
