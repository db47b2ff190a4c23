"""Uploaded files, in Azure Blob Storage, since ACS keeps none.

A file is one blob, ``{32 hex digits}/{safe file name}``, in a container that is made when missing. Its SID is the
hash of the blob's name, unless it comes from elsewhere and keeps the one it had. The store has the rest: content type, true file name, size, author. A URL is a shared access
signature: good for a while, for anyone who has it. SIDs cannot be guessed, so who knows one may have a URL, as at
Twilio.

A file is named by one message, as at Twilio. Whoever sends one claims its files first, under the mutation id of the
message, so that a send may be repeated; who is told that the message was not sent gives them back.

A file that a native ACS client links to (see `acs_backend.message_codec`) has a row with its URL in place of a blob
name, and that URL is all there is to give. Only names made here are signed: the container may hold what others keep.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast
from urllib.parse import quote

from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob import ContentSettings

from acs_backend import authority
from acs_backend.blobs import BLOCK_SIZE, Blobs
from acs_backend.checks import check_sid
from acs_backend.errands import Errands
from acs_backend.errors import Subject
from acs_backend.sids import MEDIA, is_sid, media_sid
from acs_backend.store import media as table
from acs_backend.store.database import Database
from acs_backend.text import check_text
from acs_backend.times import to_time
from twilio_compat.account import StoredMedia
from twilio_compat.errors import (
    ArgumentError,
    ConfigurationError,
    LimitError,
    NotFoundError,
    RateLimitedError,
    TranslationGapError,
    TwilsockUpstreamError,
)
from twilio_compat.records import MEGABYTE, Actor, MediaCategory, MediaRecord, MediaUpload, MessageDraft
from twilio_compat.settings import Settings

T = TypeVar("T")

SIZE_LIMIT = 150 * MEGABYTE
"""Bytes of one file, Twilio's limit for chat."""
DELETED_AT_ONCE = 16
_NOT_SENT = (
    ArgumentError,
    ConfigurationError,
    RateLimitedError,
    TranslationGapError,
    TwilsockUpstreamError,
)
"""Errors after which a message certainly does not exist."""
_KNOWN_BLOBS = 10_000
_OWN_NAME = re.compile(r"[0-9a-f]{32}/[A-Za-z0-9._-]+\Z")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_CONTENT_TYPE = re.compile(r"[!-~][ -~]*\Z")


class Media:
    """The port's media, and what sending a message needs of them."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        transport: AioHttpTransport,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Use the storage account of *settings*, from the first upload on; *clock* tells when URLs end."""
        self._settings = settings
        self._database = database
        self._blobs = Blobs(settings, transport)
        self._clock = clock
        self._errands = Errands("A note of which message names a file", Subject.MESSAGE)
        self._blob_names: OrderedDict[str, str] = OrderedDict()

    async def upload(self, actor: Actor, upload: MediaUpload) -> MediaRecord:
        """Store a file. `LimitError` 50511 (content type), 50512 (over 150 MB); `ArgumentError` for a name of no text.

        With a sid to be kept that was uploaded before, nothing happens.
        """
        authority.check_upload(actor, upload)
        check_sid(upload.sid, MEDIA)
        if not _CONTENT_TYPE.match(upload.content_type):
            raise LimitError("Invalid message media content type", code=50511)
        check_text(upload.filename or "", "A file name")
        _check_size(len(upload.content) if isinstance(upload.content, bytes) else upload.size or 0)
        if (kept := await self._kept(upload.sid)) is not None:
            return kept
        name = blob_name(_token(upload.sid), upload.filename)
        counted = _Counted(upload.content)
        async with aclosing(counted.pieces()) as content:
            await self._blobs.put(name, content, _content_settings(upload))
        record = MediaRecord(
            sid=media_sid(name) if upload.sid is None else upload.sid,
            content_type=upload.content_type,
            size=counted.size,
            filename=upload.filename,
            category=upload.category,
        )
        await self._insert([self._row(record, name, actor.identity)])
        return await self._kept(upload.sid) or record

    async def _kept(self, sid: str | None) -> MediaRecord | None:
        """Return the file that was uploaded before with a sid to be kept, if it was."""
        if sid is None:
            return None
        async with self._database.read() as connection:
            found = await table.find(connection, sid)
        return None if found is None else _stored(found).media

    async def temporary_urls(self, actor: Actor, media_sids: Sequence[str]) -> Mapping[str, str]:
        """Return, by sid, URLs that are good for a short while. `NotFoundError` 50507."""
        return await self._urls(media_sids, self._settings.temporary_url_lifetime)

    async def get(self, sid: str) -> StoredMedia:
        """Fetch one, and where it is. `NotFoundError` 50507."""
        return _stored(await self._find(sid))

    async def delete(self, sid: str) -> None:
        """Remove the file; messages that name it keep doing so. `NotFoundError` 50507.

        Doing it again finishes what was broken off. Of a file that lies elsewhere only the record goes.
        """
        name = (await self._find(sid)).row.blob_name
        if _OWN_NAME.match(name):
            await self._blobs.delete(name)
        async with self._database.write() as connection:
            await table.remove(connection, sid)
        self._blob_names.pop(sid, None)

    async def delete_all(self) -> None:
        """Remove all files."""
        while files := await self._some():
            await asyncio.gather(*(self.delete(sid) for sid, _ in files))

    async def attachment_urls(self, media: Sequence[MediaRecord]) -> Mapping[str, str]:
        """Return, by sid, URLs for the metadata of a message, which are good for longer. `NotFoundError` 50507."""
        return await self._urls([each.sid for each in media], self._settings.attachment_url_lifetime)

    async def naming(self, draft: MessageDraft, send: Callable[[], Awaitable[T]]) -> T:
        """Send a message, which alone may name its files. `TwilsockUpstreamError` 50508 where another one does."""
        if not draft.media:
            return await send()
        sids, mutation_id = {each.sid for each in draft.media}, draft.mutation_id
        async with self._database.write() as connection:
            if not await table.claim(connection, sids, mutation_id):
                raise _not_to_be_named(sids - (await table.blob_names(connection, sids)).keys())
        try:
            return await send()
        except _NOT_SENT:
            async with self._database.write() as connection:
                await table.release(connection, sids, mutation_id)
            raise

    def attach(self, media: Sequence[MediaRecord], thread_id: str, message_id: int) -> None:
        """Note which message names *media*; returns at once, since that message was sent whatever comes of it."""

        async def note() -> None:
            async with self._database.write() as connection:
                await table.attach(connection, [each.sid for each in media], thread_id, message_id)

        self._errands.run((thread_id, message_id), note)

    async def adopt(self, media: Sequence[MediaRecord], links: Mapping[str, str], author: str) -> None:
        """Make files known that lie outside the container, at *links* by sid, so that `temporary_url` finds them."""
        rows = [self._row(each, links[each.sid], author) for each in media if each.sid in links]
        new = [row for row in rows if row.sid not in self._blob_names]
        if new:
            await self._insert(new)

    async def close(self) -> None:
        """Finish what is under way, and release the storage client. The connections are the transport's."""
        await self._errands.close()
        await self._blobs.close()

    # Keeping

    async def _insert(self, rows: Sequence[table.MediaRow]) -> None:
        async with self._database.write() as connection:
            await table.insert_new(connection, rows)
        self._remember({row.sid: row.blob_name for row in rows})

    def _row(self, record: MediaRecord, name: str, author: str) -> table.MediaRow:
        return table.MediaRow(
            sid=record.sid,
            blob_name=name,
            content_type=record.content_type,
            filename=record.filename,
            size=record.size,
            category=record.category,
            author=author,
            created_at=int(self._clock().timestamp() * 1000),
        )

    # Finding

    async def _find(self, sid: str) -> table.Placed:
        async with self._database.read() as connection:
            found = await table.find(connection, sid) if is_sid(sid, MEDIA) else None
        if found is None:
            raise _not_found([sid])
        return found

    async def _some(self) -> Sequence[tuple[str, str]]:
        async with self._database.read() as connection:
            return await table.some(connection, limit=DELETED_AT_ONCE)

    async def _urls(self, sids: Collection[str], lifetime: float) -> dict[str, str]:
        names = {sid: self._blob_names[sid] for sid in sids if sid in self._blob_names}
        names |= await self._look_up([sid for sid in sids if sid not in names and is_sid(sid, MEDIA)])
        missing = [sid for sid in sids if sid not in names]
        if missing:
            raise _not_found(missing)
        expiry = self._clock() + timedelta(seconds=lifetime)
        return {sid: self._url(names[sid], expiry) for sid in sids}

    async def _look_up(self, sids: Collection[str]) -> Mapping[str, str]:
        if not sids:
            return {}
        async with self._database.read() as connection:
            names = await table.blob_names(connection, sids)
        self._remember(names)
        return names

    def _remember(self, names: Mapping[str, str]) -> None:
        self._blob_names.update(names)
        while len(self._blob_names) > _KNOWN_BLOBS:
            self._blob_names.popitem(last=False)

    def _url(self, name: str, expiry: datetime) -> str:
        return self._blobs.url(name, expiry) if _OWN_NAME.match(name) else name


class _Counted:
    """The bytes of an upload, counted on the way; more than the limit is refused before they are sent."""

    def __init__(self, content: bytes | AsyncIterable[bytes]) -> None:
        self._content = content
        self.size = 0

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        if isinstance(self._content, bytes):
            for start in range(0, len(self._content), BLOCK_SIZE):
                yield self._count(self._content[start : start + BLOCK_SIZE])
        else:
            async for chunk in self._content:
                yield self._count(chunk)

    def _count(self, chunk: bytes) -> bytes:
        self.size += len(chunk)
        _check_size(self.size)
        return chunk


def _stored(found: table.Placed) -> StoredMedia:
    row = found.row
    return StoredMedia(
        media=MediaRecord(
            sid=row.sid,
            content_type=row.content_type,
            size=row.size,
            filename=row.filename,
            category=cast(MediaCategory, row.category),
        ),
        author=row.author,
        date_created=to_time(row.created_at),
        conversation_sid=found.conversation_sid,
        message_sid=found.message_sid,
    )


def _not_found(sids: Collection[str]) -> NotFoundError:
    return NotFoundError(f"Media not found: {', '.join(sids)}", code=50507)


def _not_to_be_named(gone: Collection[str]) -> TwilsockUpstreamError:
    if gone:
        return _not_found(gone)
    return TwilsockUpstreamError("Media already sent with another message", code=50508)


def _check_size(size: int) -> None:
    if size > SIZE_LIMIT:
        raise LimitError(f"Message media size is too large: over {SIZE_LIMIT} bytes (150 MB)", code=50512)


def blob_name(token: str, filename: str | None) -> str:
    """Return the name of a new blob: *token*, then what is harmless in a URL of *filename*."""
    safe = _UNSAFE.sub("_", filename or "").strip("._")[-100:]
    return f"{token}/{safe or 'file'}"


def _token(sid: str | None) -> str:
    """Return what names a new blob: of a sid to be kept always the same, so that a repeated upload leaves one blob."""
    return uuid.uuid4().hex if sid is None else sid.removeprefix(MEDIA)


def _content_settings(upload: MediaUpload) -> ContentSettings:
    return ContentSettings(
        content_type=upload.content_type, content_disposition=_disposition(upload.filename)
    )


def _disposition(filename: str | None) -> str | None:
    """Return the header that gives a download its true name, whatever characters are in it."""
    return f"inline; filename*=UTF-8''{quote(filename, safe='')}" if filename else None
