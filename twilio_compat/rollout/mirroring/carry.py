"""Bringing a file from one side to the other, in pieces, whatever its size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import httpx

from twilio_compat.account import account_actor
from twilio_compat.errors import NotFoundError, ServiceUnavailableError
from twilio_compat.records import MediaRecord, MediaUpload
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.staging.stages import Side

PIECE: Final = 64 * 1024
TIMEOUT: Final = 60.0
"""Seconds that a piece may take to come."""
_GONE: Final = (404, 410)


async def carry(sides: Sides, to: Side, record: MediaRecord) -> MediaRecord:
    """Upload to a side what the other one has, and return what it is there. On ACS it keeps its sid.

    `NotFoundError` 50507 where it is gone; `ServiceUnavailableError` where it cannot be read.
    """
    source, target = sides.of(to.other), sides.of(to)
    urls = await source.media.temporary_urls(account_actor(source.service_sid), [record.sid])
    async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=True) as client:
        try:
            async with client.stream("GET", urls[record.sid]) as response:
                if response.status_code in _GONE:
                    raise NotFoundError(f"Media not found: {record.sid}", code=50507)
                if not response.is_success:
                    raise ServiceUnavailableError(
                        f"The file {record.sid} cannot be read (HTTP {response.status_code})"
                    )
                upload = MediaUpload(
                    content=_pieces(response),
                    content_type=record.content_type,
                    filename=record.filename,
                    size=record.size,
                    category=record.category,
                    sid=record.sid if to is Side.ACS else None,
                )
                return await target.media.upload(account_actor(target.service_sid), upload)
        except httpx.HTTPError as error:
            raise ServiceUnavailableError(f"The file {record.sid} cannot be read: {error}") from error


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    async for piece in response.aiter_bytes(PIECE):
        yield piece
