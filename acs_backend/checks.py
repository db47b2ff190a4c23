"""What Twilio takes as names, attributes and states, whoever would carry them; and how a change is read: pure."""

from __future__ import annotations

import json
from typing import TypeVar

from acs_backend.sids import CONVERSATION, is_sid
from acs_backend.store.messages import LARGEST_INDEX
from acs_backend.text import check_text
from twilio_compat.errors import ArgumentError, LimitError, TwilsockUpstreamError
from twilio_compat.records import JSONValue, Unchanged

T = TypeVar("T")

NAME_LIMIT = 256
"""Characters that Twilio takes as a friendly or unique name."""
CONVERSATION_ATTRIBUTES, PARTICIPANT_ATTRIBUTES, USER_ATTRIBUTES = 16 * 1024, 4 * 1024, 16 * 1024
"""UTF-8 bytes of JSON, as JavaScript writes it, that Twilio takes as attributes."""


def changed(change: T | Unchanged, old: T) -> T:
    """Return what a field becomes that may be to stay as it is."""
    return old if isinstance(change, Unchanged) else change


def check_sid(sid: str | None, prefix: str) -> None:
    """Refuse a sid to be kept that is none of its kind (`ArgumentError`)."""
    if sid is not None and not is_sid(sid, prefix):
        raise ArgumentError(
            f"A sid to be kept must be {prefix} and 32 hexadecimal digits in lower case: {sid!r}"
        )


def check_index(index: int | None) -> None:
    """Refuse an index to be kept that no message can have, or that leaves none above it (`ArgumentError`)."""
    if index is not None and not 0 <= index < LARGEST_INDEX:
        raise ArgumentError(f"An index to be kept must be 0 or above, and below {LARGEST_INDEX}: {index}")


def check_attributes(attributes: JSONValue, limit: int) -> None:
    """Refuse what is not JSON (`TwilsockUpstreamError` 50304) or longer than *limit* bytes (`LimitError` 50303)."""
    try:
        size = len(
            json.dumps(attributes, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise TwilsockUpstreamError(f"Attributes not valid JSON: {error}", code=50304) from error
    if size > limit:
        raise LimitError(f"Attributes too long: {size} bytes of JSON, and Twilio takes {limit}", code=50303)


def check_friendly_name(name: str | None) -> None:
    """Refuse a friendly name that is too long (`LimitError` 50003) or not text."""
    check_text(name or "", "A friendly name")
    if len(name or "") > NAME_LIMIT:
        raise LimitError(f"Friendly name too long: Twilio takes {NAME_LIMIT} characters", code=50003)


def check_conversation(friendly_name: str | None, unique_name: str | None, attributes: JSONValue) -> None:
    """Refuse what a conversation cannot have. `LimitError` 50003, 50004, 50303; `TwilsockUpstreamError` 50390."""
    check_friendly_name(friendly_name)
    check_text(unique_name or "", "A unique name")
    if len(unique_name or "") > NAME_LIMIT:
        raise LimitError(f"Unique Name too long: Twilio takes {NAME_LIMIT} characters", code=50004)
    if is_sid(unique_name or "", CONVERSATION):
        raise TwilsockUpstreamError("Unique name must not have the form of a conversation sid", code=50390)
    check_attributes(attributes, CONVERSATION_ATTRIBUTES)


def check_horizon(index: int | None) -> None:
    """Refuse a read horizon where no message can be (`TwilsockUpstreamError` 50421)."""
    if index is not None and not 0 <= index <= LARGEST_INDEX:
        raise TwilsockUpstreamError(
            f"Invalid last read message index: no message has one below 0 or above {LARGEST_INDEX}",
            code=50421,
        )


def check_state(state: str) -> None:
    """Refuse what nobody can put a conversation into (`TwilsockUpstreamError` 50378)."""
    if state not in ("active", "inactive", "closed"):
        raise TwilsockUpstreamError(
            f"'State' parameter value is invalid: {state!r} is none of active, inactive, closed", code=50378
        )


def check_initial_state(state: str) -> None:
    """Refuse what a conversation cannot begin with (`LimitError` 50384, `TwilsockUpstreamError` 50378)."""
    if state == "closed":
        raise LimitError("Initial state can't be 'closed", code=50384)  # Twilio leaves the second mark out
    check_state(state)
