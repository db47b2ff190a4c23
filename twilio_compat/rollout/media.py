"""Uploaded files: at Twilio, unless that does not answer, and carried to where a message needs them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress

from twilio_compat.account import StoredMedia
from twilio_compat.errors import BackendError, NotFoundError
from twilio_compat.records import Actor, MediaRecord, MediaUpload
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.staging.stages import Side

_log = logging.getLogger(__name__)


class RolloutMedia:
    """`AccountMedia` over both sides. When a file is uploaded nobody knows yet for which conversation that is."""

    def __init__(self, office: Office) -> None:
        """Ask *office* for both sides."""
        self._office = office

    async def upload(self, actor: Actor, upload: MediaUpload) -> MediaRecord:
        """As `Media.upload`. What is in memory goes to ACS where Twilio does not answer; a stream can be read once."""
        try:
            return await self._office.sides.twilio.media.upload(actor, upload)
        except BackendError as error:
            if not isinstance(upload.content, bytes):
                raise
            _log.warning("A file is uploaded to ACS, since Twilio does not answer: %s", error)
            return await self._office.sides.acs.media.upload(actor, upload)

    async def temporary_urls(self, actor: Actor, media_sids: Sequence[str]) -> Mapping[str, str]:
        """As `Media.temporary_urls`, of whichever side has a file."""
        return {sid: await self._temporary_url(actor, sid) for sid in media_sids}

    async def get(self, sid: str) -> StoredMedia:
        """As `AccountMedia.get`."""
        for side in await self._sides():
            with suppress(NotFoundError):
                return await self._office.sides.of(side).media.get(sid)
        raise _not_found()

    async def delete(self, sid: str) -> None:
        """As `AccountMedia.delete`, on both sides."""
        was_there = False
        for side in await self._sides():
            with suppress(NotFoundError):
                await self._office.sides.of(side).media.delete(sid)
                was_there = True
        if not was_there:
            raise _not_found()

    async def _temporary_url(self, actor: Actor, sid: str) -> str:
        for side in await self._sides():
            with suppress(NotFoundError):
                return (await self._office.sides.of(side).media.temporary_urls(actor, [sid]))[sid]
        raise _not_found()

    async def _sides(self) -> Sequence[Side]:
        """Return where a file may be, the likelier one first."""
        return (Side.ACS, Side.TWILIO) if await self._office.ever_live() else (Side.TWILIO,)


def _not_found() -> NotFoundError:
    return NotFoundError("Media not found", code=50507)
