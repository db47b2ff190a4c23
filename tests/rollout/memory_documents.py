"""Documents in memory, which count what is asked of them, and fail or wait when a test says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from twilio_compat.account import Document
from twilio_compat.records import JSONObject

_EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class MemoryDocuments:
    """`twilio_compat.account.Documents`. What is kept is text, as in a store."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self._kept: dict[tuple[str, str], tuple[str, datetime, datetime]] = {}
        self._ticks = 0

    def put_back(self, kind: str, name: str, content: JSONObject) -> None:
        """Keep a document as if another process had, without a count."""
        now = _EPOCH + timedelta(milliseconds=self._next())
        made = self._kept[kind, name][1] if (kind, name) in self._kept else now
        self._kept[kind, name] = (json.dumps(content), made, now)

    async def list(self, kind: str, *, after: datetime | None = None) -> Sequence[Document]:
        await self._enter(f"list {kind}")
        found = [self._document(*key) for key in self._kept if key[0] == kind]
        return [each for each in found if after is None or each.date_created > after]

    async def get(self, kind: str, name: str) -> Document | None:
        await self._enter(f"get {kind}")
        return self._document(kind, name) if (kind, name) in self._kept else None

    async def put(self, kind: str, name: str, content: JSONObject) -> Document:
        await self._enter(f"put {kind}")
        self.put_back(kind, name, content)
        return self._document(kind, name)

    async def change(
        self, kind: str, name: str, change: Callable[[JSONObject | None], JSONObject]
    ) -> Document:
        await self._enter(f"change {kind}")
        old = json.loads(self._kept[kind, name][0]) if (kind, name) in self._kept else None
        self.put_back(kind, name, change(old))
        return self._document(kind, name)

    async def delete(self, kind: str, name: str) -> bool:
        await self._enter(f"delete {kind}")
        return self._kept.pop((kind, name), None) is not None

    def content(self, kind: str, name: str) -> JSONObject:
        """Return what a document holds, without a count."""
        return self._document(kind, name).content

    def taken(self) -> list[str]:
        """Return what was asked since the last time."""
        calls, self.calls = self.calls, []
        return calls

    async def _enter(self, call: str) -> None:
        self.calls.append(call)
        await self.open.wait()
        if self.failure is not None:
            raise self.failure

    def _document(self, kind: str, name: str) -> Document:
        content, made, changed = self._kept[kind, name]
        return Document(
            kind=kind, name=name, content=json.loads(content), date_created=made, date_updated=changed
        )

    def _next(self) -> int:
        self._ticks += 1
        return self._ticks
