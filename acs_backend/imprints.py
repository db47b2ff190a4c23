"""What the account says of a message besides what the message says: as whom it wrote, when, and whether quietly. Pure.

Theory of operation
-------------------
At Twilio the account writes as anybody, and gives the messages that it imports their old dates. At ACS a message has
the sender and the time that ACS gives it. So what the account says goes into the message's metadata, next to what
`acs_backend.message_codec` puts there:

===========  =========================================================================
``twAuthor`` the author, where that is another one than the sender
``twDates``  when it was written and changed, as JSON in epoch milliseconds or null
``twQuiet``  ``1``: nobody is to be called about it
``twSeal``   proof that the account said so, where the sender is not the steward
===========  =========================================================================

Any member of a thread can write metadata there with Microsoft's SDK, and change those of their own messages. Nobody but
this library writes as the steward, so what a message of the steward's says counts. Of anybody else's it counts with a
**seal**: a hash of all of it, and of which message it belongs to, keyed with a secret that the store keeps. A message
is known by its mutation id, which the ledger lets only one message of a thread have; one that has none, because a native
client wrote it, by ACS's id. A seal on another message proves nothing, therefore.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from acs_backend.times import to_milliseconds
from twilio_compat.records import MessageChanges, MessageDraft, Unchanged

AUTHOR, DATES, QUIET, SEAL = "twAuthor", "twDates", "twQuiet", "twSeal"
KEYS = (QUIET, SEAL, DATES, AUTHOR)
"""In the order in which they are placed in the metadata: what is short first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imprint:
    """What the account says. Times are in epoch milliseconds; None: the message's own author, or time."""

    author: str | None = None
    written_at: int | None = None
    changed_at: int | None = None
    is_quiet: bool = False


NOTHING = Imprint()


def of_draft(draft: MessageDraft, author: str | None) -> Imprint:
    """Return what *draft* says, sent by somebody else than its *author*, unless that is None."""
    return Imprint(
        author=author,
        written_at=None if draft.date_created is None else to_milliseconds(draft.date_created),
        changed_at=None if draft.date_updated is None else to_milliseconds(draft.date_updated),
        is_quiet=draft.is_quiet,
    )


def changed(old: Imprint, changes: MessageChanges, sender: str | None) -> Imprint:
    """Return what is said of a message after *changes*; *sender* is who sent it, None where that is the steward.

    A date of change that was given holds until the next change.
    """
    new = replace(
        old,
        written_at=_milliseconds(changes.date_created, old.written_at),
        changed_at=_milliseconds(changes.date_updated, None),
    )
    if isinstance(changes.author, Unchanged) or not changes.author:
        return new
    return replace(new, author=None if changes.author == sender else changes.author)


def _milliseconds(time: datetime | Unchanged, old: int | None) -> int | None:
    return old if isinstance(time, Unchanged) else to_milliseconds(time)


def dates(imprint: Imprint, sent: int, version: int) -> tuple[int, int]:
    """Return when a message was written and changed, which ACS has as *sent* and as *version*.

    One that was imported, and not edited since, was changed when it was written, unless another time was given.
    """
    written_at = sent if imprint.written_at is None else imprint.written_at
    changed_at = written_at if version == sent else version
    return written_at, changed_at if imprint.changed_at is None else imprint.changed_at


def written(imprint: Imprint) -> dict[str, str]:
    """Return it as metadata, without a seal."""
    keys = {}
    if imprint.author is not None:
        keys[AUTHOR] = imprint.author
    if imprint.written_at is not None or imprint.changed_at is not None:
        keys[DATES] = json.dumps([imprint.written_at, imprint.changed_at], separators=(",", ":"))
    if imprint.is_quiet:
        keys[QUIET] = "1"
    return keys


def sealed(keys: Mapping[str, str], secret: bytes, thread_id: str, message: str) -> dict[str, str]:
    """Return metadata with the seal that makes them count in a message of somebody else's than the steward's."""
    return {**keys, SEAL: _seal(keys, secret, thread_id, message)} if keys else {}


def is_sealed(keys: Mapping[str, str], secret: bytes, thread_id: str, message: str) -> bool:
    """Say whether metadata bear the seal that they should."""
    return hmac.compare_digest(
        keys.get(SEAL, "").encode(errors="surrogatepass"),
        _seal(keys, secret, thread_id, message).encode(),
    )


def read(keys: Mapping[str, str]) -> Imprint:
    """Return what metadata say, whoever wrote them; what cannot be read is not said."""
    written_at, changed_at = _dates(keys.get(DATES))
    return Imprint(
        author=keys.get(AUTHOR) or None,
        written_at=written_at,
        changed_at=changed_at,
        is_quiet=keys.get(QUIET) == "1",
    )


def _dates(text: str | None) -> tuple[int | None, int | None]:
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None, None
    match found:
        case [int() | None as written_at, int() | None as changed_at]:
            return written_at, changed_at
        case _:
            return None, None


def _seal(keys: Mapping[str, str], secret: bytes, thread_id: str, message: str) -> str:
    said = json.dumps([thread_id, message, *(keys.get(each) for each in (AUTHOR, DATES, QUIET))])
    digest = hmac.digest(secret, said.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
