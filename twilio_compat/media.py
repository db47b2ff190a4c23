"""Files on messages. The bytes stay where they are; a temporary URL says where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from twilio_compat.arguments import Rule, array, instance_of, non_empty_array, string
from twilio_compat.cancellable import CancellablePromise
from twilio_compat.records import MediaCategory, MediaRecord

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = ["Media", "any_media", "media_sids", "some_media", "temporary_urls"]


class Media:
    """A file of a message."""

    def __init__(self, session: Session, record: MediaRecord) -> None:
        """Stand for *record*."""
        self._session = session
        self._record = record

    def __repr__(self) -> str:
        """Name the file."""
        return f"<Media {self.sid} {self.contentType} {self.filename!r}>"

    @property
    def sid(self) -> str:
        """``ME`` and 32 hex digits."""
        return self._record.sid

    @property
    def filename(self) -> str | None:
        """Name of the file, as its sender gave it."""
        return self._record.filename

    @property
    def contentType(self) -> str:
        """MIME type."""
        return self._record.content_type

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self._record.size

    @property
    def category(self) -> MediaCategory:
        """``media`` for a file, ``body`` and ``history`` for parts of an e-mail."""
        return self._record.category

    def getContentTemporaryUrl(self) -> CancellablePromise[str]:
        """Return a URL that serves the bytes for a while to anyone who has it. `NotFoundError` 50507."""
        return self._session.promises.begin(self._temporary_url())

    async def _temporary_url(self) -> str:
        urls = await _temporary_urls(self._session, [self.sid])
        return urls[self.sid]


any_media: Final[Rule] = array("media", instance_of(Media))
some_media: Final[Rule] = non_empty_array("media", instance_of(Media))
media_sids: Final[Rule] = non_empty_array("strings", string)
"""The rules for what `temporary_urls` is asked for."""


def temporary_urls(session: Session, sids: Sequence[str]) -> CancellablePromise[dict[str, str]]:
    """Ask for URLs of several files, by sid, in one request. `NotFoundError` 50507 where one of them is missing."""
    return session.promises.begin(_temporary_urls(session, [*sids]))


async def _temporary_urls(session: Session, sids: Sequence[str]) -> dict[str, str]:
    await session.ready()
    return {**await session.backend.media.temporary_urls(session.actor, sids)}
