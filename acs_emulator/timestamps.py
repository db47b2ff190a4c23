"""Times: milliseconds since 1970 inside, the forms of the wire outside.

Chat writes second resolution with ``Z``; Identity writes seven fraction digits with an offset; the ``startTime`` of
a message list's next link is written in yet another form (all observed on the live service). Seconds are cut, not
rounded, so that no time on the wire lies in the future.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)

_ISO = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?")
_LINK = re.compile(r"(\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d [AP]M) \+00:00")
_LINK_FORM = "%m/%d/%Y %I:%M:%S %p"


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time, cut."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def to_moment(milliseconds: int) -> datetime:
    """The UTC time of milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def chat_time(milliseconds: int) -> str:
    """Write a time as Chat does: ``2026-01-31T12:00:00Z``."""
    return f"{to_moment(milliseconds).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def identity_time(milliseconds: int) -> str:
    """Write a time as Identity does: ``2026-01-31T12:00:00.1230000+00:00``."""
    moment = to_moment(milliseconds).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}0+00:00"


def link_time(milliseconds: int) -> str:
    """Write a time as the next link of a message list does: ``1/31/2026 12:00:00 PM +00:00``."""
    moment = to_moment(milliseconds)
    half, hour = ("AM", "PM")[moment.hour >= 12], moment.hour % 12 or 12
    date = f"{moment.month}/{moment.day}/{moment.year:04}"
    return f"{date} {hour}:{moment.minute:02}:{moment.second:02} {half} +00:00"


def parse_time(text: str) -> int:
    """Read any of the forms above as milliseconds since 1970, cut; a time without an offset is UTC.

    Raises `ValueError` for anything else, and for a time before 1970.
    """
    if match := _LINK.fullmatch(text):
        moment = datetime.strptime(match[1], _LINK_FORM).replace(tzinfo=UTC)
    elif match := _ISO.fullmatch(text):
        fraction = (match[2] or ".0")[:7].ljust(7, "0")
        offset = (match[3] or "Z").upper().replace("Z", "+00:00")
        moment = datetime.fromisoformat(f"{match[1].upper()}{fraction}{offset}")
    else:
        raise ValueError(f"not an ISO 8601 time: {text!r}")
    if (milliseconds := to_milliseconds(moment)) < 0:
        raise ValueError(f"before 1970: {text!r}")
    return milliseconds
