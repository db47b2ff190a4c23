"""What Twilio has no place for: documents, errands and leases are kept by the ACS side's store.

Each call is refused with `TwilioGapError`. Whoever runs both sides at once takes these three from the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NoReturn

from twilio_backend.errors import TwilioGapError
from twilio_compat.account import Backlog, Document, Errand, TakenErrand
from twilio_compat.records import JSONObject


def _refuse(what: str) -> NoReturn:
    raise TwilioGapError(f"Twilio has no place for {what}: they are kept by the store of the ACS side")


class Documents:
    """The port's documents."""

    async def list(self, kind: str, *, after: datetime | None = None) -> Sequence[Document]:
        """Refuse."""
        _refuse("documents")

    async def get(self, kind: str, name: str) -> Document | None:
        """Refuse."""
        _refuse("documents")

    async def put(self, kind: str, name: str, content: JSONObject) -> Document:
        """Refuse."""
        _refuse("documents")

    async def change(
        self, kind: str, name: str, change: Callable[[JSONObject | None], JSONObject]
    ) -> Document:
        """Refuse."""
        _refuse("documents")

    async def delete(self, kind: str, name: str) -> bool:
        """Refuse."""
        _refuse("documents")


class Errands:
    """The port's errands."""

    async def add(self, errands: Sequence[Errand]) -> int:
        """Refuse."""
        _refuse("errands")

    async def amend(self, queue: str, key: str, *, content: JSONObject, due: datetime) -> bool:
        """Refuse."""
        _refuse("errands")

    async def withdraw(self, queue: str, key: str) -> bool:
        """Refuse."""
        _refuse("errands")

    async def of_line(self, queue: str, line: str) -> Backlog:
        """Refuse."""
        _refuse("errands")

    async def take(self, queue: str, *, limit: int, hold: float) -> Sequence[TakenErrand]:
        """Refuse."""
        _refuse("errands")

    async def done(self, errand_id: int) -> None:
        """Refuse."""
        _refuse("errands")

    async def retry(self, errand_id: int, *, at: datetime, error: str, is_failure: bool = True) -> None:
        """Refuse."""
        _refuse("errands")

    async def bury(self, errand_id: int, *, error: str) -> None:
        """Refuse."""
        _refuse("errands")

    async def revive(self, queue: str, keys: Sequence[str] | None = None) -> int:
        """Refuse."""
        _refuse("errands")

    async def dead(self, queue: str, *, limit: int) -> Sequence[TakenErrand]:
        """Refuse."""
        _refuse("errands")

    async def backlog(self, queue: str) -> Backlog:
        """Refuse."""
        _refuse("errands")

    async def next_due(self, queue: str) -> datetime | None:
        """Refuse."""
        _refuse("errands")


class Leases:
    """The port's leases."""

    async def hold(self, name: str, holder: str, *, seconds: float) -> bool:
        """Refuse."""
        _refuse("leases")

    async def release(self, name: str, holder: str) -> None:
        """Refuse."""
        _refuse("leases")
