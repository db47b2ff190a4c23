"""What Twilio takes as the url and the events of a webhook, wherever it is configured."""

from __future__ import annotations

from collections.abc import Collection

import httpx

from twilio_compat.errors import LimitError
from twilio_compat.rest.call import Call
from twilio_compat.rest.error_codes import text_of

LONGEST_URL = 4000
"""Characters. Twilio does not say how long one may be here; this is what it says of other callbacks."""


def url(call: Call, name: str) -> str | None:
    """Return a parameter that is a url; empty where none is wanted, None where it was not given.

    `LimitError` 50054 unless it is absolute, and of ``http`` or ``https``; 50372 where it is too long.
    """
    given = call.get(name, str)
    if not given:
        return given
    if len(given) > LONGEST_URL:
        raise LimitError(text_of(50372), code=50372)
    if not _is_url(given):
        raise LimitError(text_of(50054, f"{name} must be an absolute http or https url"), code=50054)
    return given


def events(call: Call, name: str, known: Collection[str], *, code: int) -> tuple[str, ...] | None:
    """Return a parameter that names events; None where it was not given. `LimitError` *code* for one not *known*."""
    given = call.get(name, tuple)
    if given is None:
        return None
    wanted = tuple(dict.fromkeys(str(each) for each in given))
    unknown = [each for each in wanted if each not in known]
    if unknown:
        raise LimitError(text_of(code, f"{name}: {', '.join(unknown)}"), code=code)
    return wanted


def _is_url(text: str) -> bool:
    """Say whether a webhook can be called at *text*, which is then parsed as here (`twilio_compat.webhooks.requests`)."""
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    is_written_out = text.isprintable() and " " not in text
    return is_written_out and parsed.scheme in ("http", "https") and bool(parsed.host)
