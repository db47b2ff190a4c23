"""Files, at Twilio's media service, which the official client does not know: ``/v1/Services/IS.../Media``.

Nothing is held in memory of a stream. One that breaks off cannot be sent again, since it is read once; bytes can. Whoever
has the sid of a file may have a url, as at Twilio.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import cast

from twilio_backend import records
from twilio_backend.authority import Authority
from twilio_backend.clients import MEDIA, segment
from twilio_backend.errors import translated
from twilio_backend.tenancy import Tenancy
from twilio_compat.account import StoredMedia
from twilio_compat.errors import ArgumentError, InvalidResponseError, LimitError
from twilio_compat.records import MEGABYTE, Actor, JSONObject, MediaRecord, MediaUpload

SIZE_LIMIT = 150 * MEGABYTE


class Media:
    """The port's media."""

    def __init__(self, tenancy: Tenancy, guard: Authority) -> None:
        """Of the service of *tenancy*."""
        self._tenancy = tenancy
        self._http = tenancy.clients.http
        self._guard = guard

    async def upload(self, actor: Actor, upload: MediaUpload) -> MediaRecord:
        """Store a file. `LimitError` 50511, 50512; `ArgumentError` for one with a sid."""
        self._guard.check_token(actor)
        if upload.sid is not None:
            raise ArgumentError(
                "Twilio gives files their sids; one that is uploaded there cannot keep another"
            )
        is_whole = isinstance(upload.content, bytes)
        size = len(upload.content) if isinstance(upload.content, bytes) else upload.size
        if size is not None and size > SIZE_LIMIT:
            raise LimitError("Message media size is too large", code=50512, status=413)
        named = {"Filename": upload.filename} if upload.filename else {}
        headers = {"Content-Type": upload.content_type} | (
            {} if size is None else {"Content-Length": str(size)}
        )
        with translated():
            answer = await self._http.ask(
                "POST",
                await self._url(),
                {"Category": upload.category, **named},
                upload.content,
                headers,
                is_repeatable=is_whole,
                is_long=True,
            )
            return records.stored_media(_read(answer.text)).media

    async def get(self, sid: str) -> StoredMedia:
        """Fetch one. `NotFoundError` 50507."""
        return records.stored_media(await self._fetch(sid))

    async def delete(self, sid: str) -> None:
        """Remove one. `NotFoundError` 50507."""
        with translated():
            await self._http.ask("DELETE", await self._url(sid))

    async def temporary_urls(self, actor: Actor, media_sids: Sequence[str]) -> Mapping[str, str]:
        """Return, by sid, urls that are good for a while. `NotFoundError` 50507."""
        self._guard.check_token(actor)
        found = await asyncio.gather(*map(self._temporary_url, media_sids))
        return dict(zip(media_sids, found, strict=True))

    async def _temporary_url(self, sid: str) -> str:
        links = (await self._fetch(sid)).get("links")
        url = links.get("content_direct_temporary") if isinstance(links, dict) else None
        if not isinstance(url, str):
            raise InvalidResponseError(f"Twilio does not say where the file {sid} is")
        return url

    async def _fetch(self, sid: str) -> JSONObject:
        with translated():
            return _read((await self._http.ask("GET", await self._url(sid))).text)

    async def _url(self, sid: str | None = None) -> str:
        url = f"{MEDIA}/v1/Services/{await self._tenancy.sid()}/Media"
        return url if sid is None else f"{url}/{segment(sid)}"


def _read(text: str) -> JSONObject:
    body = json.loads(text)
    if not isinstance(body, dict):
        raise InvalidResponseError("Twilio's answer cannot be understood: it is no object")
    return cast(JSONObject, body)
