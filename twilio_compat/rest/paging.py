"""Pages of a list, the tokens that lead from one to the next, and how Twilio wraps them.

A token names the last record of its page, not a position: what is deleted or added meanwhile neither hides a record
nor shows one twice, so that an application may delete what it walks through.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar
from urllib.parse import urlencode

from twilio_compat.errors import LimitError
from twilio_compat.records import JSONObject
from twilio_compat.rest.call import Call, Page
from twilio_compat.rest.http import Pairs

T = TypeVar("T")
R = TypeVar("R")

_STRIDE: Final = 500
"""How many records are passed over at a time on the way to a page that is asked for by its number."""
_AT_ONCE: Final = 8
"""Of how many records more is asked at the same time."""


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
    return _page(call, _wanted(call, records, key), render, key)


async def of_asking(
    call: Call,
    records: Sequence[T],
    ask: Callable[[T], Awaitable[JSONObject | None]],
    key: Callable[[T], str],
) -> Page:
    """Return the page that was asked for as `of_list` does, where more is to be asked of each record that is shown.

    What turns out to be gone, for which *ask* returns None, leaves its page shorter.
    """
    found = _wanted(call, records, key)
    shown = await _asked(ask, found[: call.page_size])
    return Page([each for each in shown if each is not None], _next_token(call, found, key))


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


def _wanted(call: Call, records: Sequence[T], key: Callable[[T], str]) -> Sequence[T]:
    """Return the records of the page, and the one after it, should there be more."""
    after = _after(call)
    rest = _rest(records, after, key) if after is not None else records[call.page_number * call.page_size :]
    return rest[: call.page_size + 1]


async def _asked(ask: Callable[[T], Awaitable[R]], records: Sequence[T]) -> Sequence[R]:
    """Return what *ask* answers to each, a few at a time; all have ended when an error of one is raised."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(record: T) -> R:
        async with gate:
            return await ask(record)

    answers = await asyncio.gather(*(one(each) for each in records), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [each for each in answers if not isinstance(each, BaseException)]


def _rest(records: Sequence[T], after: str, key: Callable[[T], str]) -> Sequence[T]:
    keys = [key(each) for each in records]
    if after in keys:
        return records[keys.index(after) + 1 :]
    return [each for each, its_key in zip(records, keys, strict=True) if its_key > after]


def _page(call: Call, found: Sequence[T], render: Callable[[T], JSONObject], key: Callable[[T], str]) -> Page:
    return Page([render(each) for each in found[: call.page_size]], _next_token(call, found, key))


def _next_token(call: Call, found: Sequence[T], key: Callable[[T], str]) -> str | None:
    return page_token(key(found[call.page_size - 1])) if len(found) > call.page_size else None


def page_token(after: str) -> str:
    """Return the token of the page after the record with this key."""
    return "PA" + base64.urlsafe_b64encode(json.dumps(after).encode()).decode().rstrip("=")


def number(after: str) -> int:
    """Return the number that a key is, for a source whose keys are numbers. `LimitError`: the token was another list's."""
    if not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise _unusable()
    return int(after)


def envelope(call: Call, page: Page, key: str, url: str, filters: Pairs) -> JSONObject:
    """Wrap a page as Twilio does. *url* is that of the list without its query, *filters* what narrowed it."""

    def link(page_number: int, token: str | None) -> str:
        query = [*filters, ("PageSize", str(call.page_size)), ("Page", str(page_number))]
        return f"{url}?{urlencode([*query, ('PageToken', token)] if token else query)}"

    here, onward = call.page_number, page.next_token
    meta: JSONObject = {
        "page": here,
        "page_size": call.page_size,
        "first_page_url": link(0, None),
        "previous_page_url": link(here - 1, None) if here else None,
        "url": link(here, call.page_token),
        "next_page_url": link(here + 1, onward) if onward else None,
        "key": key,
    }
    return {"meta": meta, key: list(page.items)}


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
