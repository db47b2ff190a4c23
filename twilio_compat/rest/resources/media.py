"""Files, as Twilio's media service has them: ``https://mcs.us1.twilio.com/v1/Services/IS.../Media``.

twilio-python knows nothing of it, so applications ask it with an HTTP client of their own, or with the REST client's
``request``. An upload is the bytes themselves, or a form with one file in it. Either is passed on as it comes in: what
memory holds of a file does not grow with it.

Its answers differ from those of the other resources: urls are relative, and times have microseconds and an offset. Only
a fetch tells where the bytes are for a while (``links.content_direct_temporary``); ``.../Content`` leads there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from twilio_compat.account import StoredMedia
from twilio_compat.errors import LimitError
from twilio_compat.records import JSONObject, MediaCategory, MediaUpload
from twilio_compat.rest.call import Call, Handler, Redirect
from twilio_compat.rest.error_codes import text_of
from twilio_compat.rest.multipart import is_form, read_file

_CATEGORIES: Final[Mapping[str, MediaCategory]] = MappingProxyType(
    {"media": "media", "body": "body", "history": "history"}
)


async def create(call: Call) -> JSONObject:
    """Take in a file. `LimitError` 50511 (content type), 50512 (over 150 MB), 20422 (no file in the form)."""
    if is_form(call.headers.get("content-type", "")):
        async with read_file(call.headers["content-type"], call.body) as file:
            record = await call.backend.media.upload(call.actor, file)
    else:
        record = await call.backend.media.upload(call.actor, _whole_body(call))
    return render(call, await call.backend.media.get(record.sid))


async def fetch(call: Call) -> JSONObject:
    """Return what is known of a file, and where its bytes are. `NotFoundError` 50507."""
    stored = await call.backend.media.get(call.path["Sid"])
    return render(call, stored, await _temporary_url(call))


async def delete(call: Call) -> None:
    """Remove a file; messages that name it keep doing so. `NotFoundError` 50507."""
    await call.backend.media.delete(call.path["Sid"])


async def content(call: Call) -> Redirect:
    """Lead to the bytes. `NotFoundError` 50507."""
    return Redirect(await _temporary_url(call))


def render(call: Call, stored: StoredMedia, temporary_url: str | None = None) -> JSONObject:
    """Return a file as Twilio shows it."""
    url = urlsplit(call.url("Media", stored.media.sid)).path
    date = stored.date_created.astimezone(UTC).isoformat(timespec="microseconds")
    links: JSONObject = {"content": f"{url}/Content"}
    return {
        "sid": stored.media.sid,
        "service_sid": call.backend.service_sid,
        "date_created": date,
        "date_upload_updated": date,
        "date_updated": date,
        "links": links | ({"content_direct_temporary": temporary_url} if temporary_url else {}),
        "size": stored.media.size,
        "content_type": stored.media.content_type,
        "filename": stored.media.filename,
        "author": stored.author,
        "category": stored.media.category,
        "message_sid": stored.message_sid,
        "channel_sid": stored.conversation_sid,
        "url": url,
        "is_multipart_upstream": False,
    }


def _whole_body(call: Call) -> MediaUpload:
    length = call.headers.get("content-length", "")
    return MediaUpload(
        content=call.body,
        content_type=call.headers.get("content-type", ""),
        filename=call.get("Filename", str) or None,
        size=int(length) if length.isdecimal() else None,
        category=_category(call),
    )


def _category(call: Call) -> MediaCategory:
    wanted = call.get("Category", str) or "media"
    if wanted not in _CATEGORIES:
        raise LimitError(text_of(20422, f"Category: {wanted}"), code=20422)
    return _CATEGORIES[wanted]


async def _temporary_url(call: Call) -> str:
    sid = call.path["Sid"]
    return (await call.backend.media.temporary_urls(call.actor, [sid]))[sid]


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "media.create": create,
        "media.fetch": fetch,
        "media.delete": delete,
        "media.content": content,
    }
)
