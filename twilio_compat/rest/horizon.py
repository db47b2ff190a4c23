"""How far somebody has read, as a request says it: `LastReadMessageIndex`, which may also be taken away."""

from __future__ import annotations

import re
from typing import Final

from twilio_compat.errors import LimitError
from twilio_compat.records import UNCHANGED, Unchanged
from twilio_compat.rest.call import Call
from twilio_compat.rest.error_codes import text_of

_INDEX: Final = re.compile(r"[0-9]{1,18}")
_NONE: Final = frozenset({"", "null"})


def last_read_message_index(call: Call) -> int | Unchanged | None:
    """Return the index that was given; None for ``null`` and for nothing, which take it away. `LimitError` 50421."""
    given = call.get("LastReadMessageIndex", str)
    if given is None:
        return UNCHANGED
    if given in _NONE:
        return None
    if not _INDEX.fullmatch(given):
        detail = f"{given[:40]!r} is neither an index, which counts from 0, nor null, which takes it away"
        raise LimitError(text_of(50421, detail), code=50421)
    return int(given)
