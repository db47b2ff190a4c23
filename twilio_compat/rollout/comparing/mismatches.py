"""What was not alike on both sides, kept in the store for whoever decides how a rollout goes on.

Each mismatch is a document of kind `KIND`. There are `KEPT` places for them in each service, taken in turn by all
processes, so the newest are there and the store does not grow. The same mismatch is kept once in `AGAIN` seconds by one
process.

What people wrote is not kept: bodies, subjects, attributes and names become their length and a hash, whose key is drawn by
each process and told nobody, so that nothing can be looked up by it. The setting ``rollout_bodies`` shows them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from hashlib import blake2b
from typing import Final, cast

from twilio_compat.account import Document, Documents
from twilio_compat.records import JSONObject, JSONValue
from twilio_compat.rollout.comparing.comparison import Difference
from twilio_compat.rollout.staging.stages import Side, Stage

KIND: Final = "rollout-mismatch"
COUNT: Final = ("rollout", "mismatches")
"""Kind and name of the document that says how many there were."""
KEPT: Final = 1000
"""How many are kept in a service."""
SHOWN: Final = 20
"""How many differences are kept of one mismatch."""
AGAIN: Final = 60.0
"""Seconds for which one that was kept is not kept again."""

WRITTEN_BY_PEOPLE: Final = frozenset({"body", "subject", "attributes", "friendly_name", "filename"})
"""Fields that are not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """That the *mirror* said something else than the other side. ``at`` is when it was found; ``differences`` are shown."""

    conversation_sid: str
    operation: str
    stage: Stage
    mirror: Side
    differences: tuple[JSONObject, ...]
    count: int
    """How many differences there were, all told."""
    at: datetime
    number: int = 0
    """Which one it is, of all that there ever were in the service."""


class Mismatches:
    """The mismatches of one service."""

    def __init__(
        self,
        documents: Documents,
        *,
        shows_bodies: bool = False,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep them among *documents*, the service's. *clock* is monotonic, in seconds."""
        self._documents = documents
        self._show = Redaction(frozenset() if shows_bodies else WRITTEN_BY_PEOPLE)
        self._clock = clock
        self._now = now
        self._kept_at: dict[object, float] = {}

    async def note(
        self,
        conversation_sid: str,
        operation: str,
        stage: Stage,
        mirror: Side,
        differences: Sequence[Difference],
    ) -> bool:
        """Keep one; say whether it was not kept already."""
        key = (conversation_sid, operation, *((each.path, each.kind) for each in differences[:SHOWN]))
        if not self._is_new(key):
            return False
        mismatch = Mismatch(
            conversation_sid=conversation_sid,
            operation=operation,
            stage=stage,
            mirror=mirror,
            differences=tuple(map(self._show.difference, differences[:SHOWN])),
            count=len(differences),
            at=self._now(),
        )
        number = await self._next()
        await self._documents.put(KIND, f"{number % KEPT:03}", _to_content(mismatch, number))
        return True

    async def list(self) -> Sequence[Mismatch]:
        """Return those that are kept, oldest first."""
        found = map(_from_document, await self._documents.list(KIND))
        return sorted(found, key=lambda each: each.number)

    async def clear(self) -> int:
        """Forget all; return how many that was."""
        self._kept_at.clear()
        found = await self._documents.list(KIND)
        return sum([await self._documents.delete(KIND, each.name) for each in found])

    def _is_new(self, key: object) -> bool:
        now = self._clock()
        if now - self._kept_at.get(key, -AGAIN) < AGAIN:
            return False
        if len(self._kept_at) >= KEPT:
            self._kept_at = {each: at for each, at in self._kept_at.items() if now - at < AGAIN}
        if len(self._kept_at) < KEPT:
            self._kept_at[key] = now
        return True

    async def _next(self) -> int:
        def counted(old: JSONObject | None) -> JSONObject:
            return {"count": 1 if old is None else cast(int, old["count"]) + 1}

        return cast(int, (await self._documents.change(*COUNT, counted)).content["count"])


class Redaction:
    """Makes JSON of what is compared, without what people wrote."""

    def __init__(self, hidden: Collection[str]) -> None:
        """Hide the fields of these names."""
        self._hidden = hidden
        self._key = os.urandom(16)

    def difference(self, difference: Difference) -> JSONObject:
        """Return what is kept of a difference."""
        name = difference.path.rpartition(".")[2]
        return {
            "path": difference.path,
            "kind": difference.kind,
            "authority": self.shown(difference.authority, name),
            "mirror": self.shown(difference.mirror, name),
        }

    def shown(self, value: object, name: str = "") -> JSONValue:
        """Return a value as it is kept; *name* is that of the field it is of."""
        if name in self._hidden:
            return self._hash(value)
        if is_dataclass(value) and not isinstance(value, type):
            return {each.name: self.shown(getattr(value, each.name), each.name) for each in fields(value)}
        if isinstance(value, dict):
            return {str(key): self.shown(each, str(key)) for key, each in value.items()}
        if isinstance(value, list | tuple | frozenset):
            return [self.shown(each) for each in value]
        return _scalar(value)

    def _hash(self, value: object) -> JSONValue:
        if value is None:
            return None
        text = value if isinstance(value, str) else json.dumps(_scalar_or_json(value), sort_keys=True)
        data = text.encode("utf-8", "surrogatepass")
        return {"length": len(text), "hash": blake2b(data, key=self._key, digest_size=6).hexdigest()}


def _scalar(value: object) -> JSONValue:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def _scalar_or_json(value: object) -> JSONValue:
    return cast(JSONValue, value) if isinstance(value, dict | list) else _scalar(value)


def _to_content(mismatch: Mismatch, number: int) -> JSONObject:
    return {
        "number": number,
        "conversation_sid": mismatch.conversation_sid,
        "operation": mismatch.operation,
        "stage": mismatch.stage.value,
        "mirror": mismatch.mirror.value,
        "differences": [*mismatch.differences],
        "count": mismatch.count,
        "at": mismatch.at.isoformat(),
    }


def _from_document(document: Document) -> Mismatch:
    content = document.content
    return Mismatch(
        number=cast(int, content["number"]),
        conversation_sid=str(content["conversation_sid"]),
        operation=str(content["operation"]),
        stage=Stage(str(content["stage"])),
        mirror=Side(str(content["mirror"])),
        differences=tuple(cast("list[JSONObject]", content["differences"])),
        count=cast(int, content["count"]),
        at=datetime.fromisoformat(str(content["at"])),
    )
