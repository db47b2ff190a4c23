"""Pages of a list, and the tokens that lead from one to the next.

A token names the last record of its page, not a position: what is deleted or added meanwhile neither hides a record
nor shows one twice, so that an application may delete what it walks through.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final, Protocol, TypeVar

from twilio_compat.errors import LimitError
from twilio_compat.records import JSONObject
from twilio_compat.rest.call import Call, Page

T = TypeVar("T")

_STRIDE: Final = 500
"""How many records are passed over at a time on the way to a page that is asked for by its number."""


class Dated(Protocol):
    """What has a sid and a time at which it was made."""

    @property
    def sid(self) -> str:
        """Its sid."""

    @property
    def date_created(self) -> datetime:
        """When it was made."""


def age_key(date_created: datetime, name: str) -> str:
    """Return a key for `of_list` that ascends with the time, and is unique where *name* is."""
    return f"{date_created.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f} {name}"


def by_age(record: Dated) -> str:
    """Return `age_key` of a record."""
    return age_key(record.date_created, record.sid)


def of_list(
    call: Call, records: Sequence[T], render: Callable[[T], JSONObject], key: Callable[[T], str]
) -> Page:
    """Return the page that was asked for, of records that are all at hand.

    *key* is unique to a record, and ascends in their order; should the record that a token names be gone, the page
    begins with the first of a higher key.
    """
    after = _after(call)
    rest = _rest(records, after, key) if after is not None else records[call.page_number * call.page_size :]
    return _page(call, list(islice(rest, call.page_size + 1)), render, key)


async def of_source(
    call: Call,
    fetch: Callable[[str | None, int], Awaitable[Sequence[T]]],
    render: Callable[[T], JSONObject],
    key: Callable[[T], str],
) -> Page:
    """Return the page that was asked for, from ``fetch(after, limit)``, which returns what follows a key.

    *key* of a record is what *fetch* takes to go on after it.
    """
    after = _after(call)
    if after is None:
        beyond, after = await _skip(fetch, key, call.page_number * call.page_size)
        if beyond:
            return Page([], None)
    return _page(call, await fetch(after, call.page_size + 1), render, key)


async def _skip(
    fetch: Callable[[str | None, int], Awaitable[Sequence[T]]], key: Callable[[T], str], count: int
) -> tuple[bool, str | None]:
    """Walk past *count* records; say whether there are fewer, and return the key of the last."""
    after = None
    while count > 0:
        passed = await fetch(after, min(count, _STRIDE))
        if not passed:
            return True, after
        count, after = count - len(passed), key(passed[-1])
    return False, after


def _rest(records: Sequence[T], after: str, key: Callable[[T], str]) -> Sequence[T]:
    keys = [key(each) for each in records]
    if after in keys:
        return records[keys.index(after) + 1 :]
    return [each for each, its_key in zip(records, keys, strict=True) if its_key > after]


def _page(call: Call, found: Sequence[T], render: Callable[[T], JSONObject], key: Callable[[T], str]) -> Page:
    shown = found[: call.page_size]
    more = len(found) > call.page_size
    return Page([render(each) for each in shown], page_token(key(shown[-1])) if more else None)


def page_token(after: str) -> str:
    """Return the token of the page after the record with this key."""
    return "PA" + base64.urlsafe_b64encode(json.dumps(after).encode()).decode().rstrip("=")


def _after(call: Call) -> str | None:
    """Return the key that the call's token names; `LimitError` for one that was never given out."""
    token = call.page_token
    if token is None:
        return None
    try:
        padded = token.removeprefix("PA") + "=" * (-len(token.removeprefix("PA")) % 4)
        after = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _unusable() from error
    if not isinstance(after, str) or page_token(after) != token:
        raise _unusable()
    return after


def _unusable() -> LimitError:
    return LimitError("Invalid PageToken", code=20422)
