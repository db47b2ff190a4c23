"""Documents: JSON objects that the store keeps for an account, by kind and name, and that nothing here looks into.

Each call is one transaction, so of two that keep a document of the same name at once the later one stays;
`Documents.change` keeps what the earlier one wrote beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from acs_backend.store import documents as table
from acs_backend.store.database import Database
from acs_backend.text import check_text
from acs_backend.times import to_milliseconds, to_time
from twilio_compat.account import Document
from twilio_compat.records import JSONObject


class Documents:
    """The port's documents."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        """Keep them in *database*; *clock* tells the time for dates."""
        self._database = database
        self._clock = clock

    async def list(self, kind: str, *, after: datetime | None = None) -> Sequence[Document]:
        """Return all of a kind, or those made *after* a time, in the order in which they were made."""
        bound = None if after is None else to_milliseconds(after)
        async with self._database.read() as connection:
            return [_document(each) for each in await table.every(connection, kind, after=bound)]

    async def get(self, kind: str, name: str) -> Document | None:
        """Return one, if there is one."""
        check_text(name, "The name of a document")
        async with self._database.read() as connection:
            row = await table.find(connection, kind, name)
        return None if row is None else _document(row)

    async def put(self, kind: str, name: str, content: JSONObject) -> Document:
        """Keep one, in place of the one that is there. `ArgumentError` for a name that is no text."""
        check_text(name, "The name of a document")
        async with self._database.write() as connection:
            return _document(await table.put(connection, kind, name, content, to_milliseconds(self._clock())))

    async def change(
        self, kind: str, name: str, change: Callable[[JSONObject | None], JSONObject]
    ) -> Document:
        """Keep what *change* makes of what is there, while nobody else writes. What it raises goes through."""
        check_text(name, "The name of a document")
        async with self._database.write() as connection:
            old = await table.find(connection, kind, name)
            content = change(None if old is None else old.content)
            return _document(await table.put(connection, kind, name, content, to_milliseconds(self._clock())))

    async def delete(self, kind: str, name: str) -> bool:
        """Forget one; say whether there was one."""
        check_text(name, "The name of a document")
        async with self._database.write() as connection:
            return await table.remove(connection, kind, name)


def _document(row: table.DocumentRow) -> Document:
    return Document(
        kind=row.kind,
        name=row.name,
        content=row.content,
        date_created=to_time(row.created_at),
        date_updated=to_time(row.updated_at),
    )
