"""Messages, sent at most once though Twilio has no name for a send.

Theory of operation
-------------------
Twilio's REST API takes no idempotency key, so a request that was not answered may have sent its message or not. What is
known of a message that is there is who wrote it, when, and what it says. So a send that ended unclearly is looked for
among the newest messages: with the same author, body, attributes and files, made since the send began (by Twilio's clock,
whose answers tell the time), and not known here as the outcome of another send. An imported message, which brings its
date, must have that date.

* It is found: that was it.
* It is not, and Twilio itself had answered that it failed (500, 503): it is sent again, until the deadline.
* It is not, after several looks over a few seconds, and there was no answer at all, or only one from something on the
  way (502, 504): nobody knows whether it is yet to come, so it is *not* sent again. The error says so, and a draft with
  the same ``mutation_id`` and without ``is_first`` looks again before it sends.

Sends of the same words by the same author wait for each other, so that of each it is known what it became before the next
one is looked for. What a mutation id became is remembered for the last `KEPT` sends, so that in this process a draft that comes twice is one
message. Another process, or this one after a restart, looks back `Messages.look_back` seconds for a draft that is not the
first. What this cannot tell apart: the same words of the same author, sent by two processes within the time of one
unclear send. Then the one counts as the other, and there is one message where two were wanted; never two for one.

Pages
-----
Twilio lists in one of two directions, from an end, 100 at a time, and gives no way to jump. A page in the middle is
walked to from the end that is nearer.

There is one file to a message in REST. A draft with more is refused before anything is sent.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from twilio_backend import authority, records
from twilio_backend.authority import Authority, is_account
from twilio_backend.clients import segment
from twilio_backend.content_templates import ContentTemplates
from twilio_backend.errors import UnclearError, translated
from twilio_backend.listing import every, pages
from twilio_backend.retries import LONGEST_PAUSE
from twilio_backend.tenancy import Tenancy
from twilio_compat.account import SYSTEM
from twilio_compat.errors import ArgumentError, LimitError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ActorKind,
    DeliveryReceiptRecord,
    Direction,
    JSONValue,
    MessageChanges,
    MessageDraft,
    MessagePage,
    MessageRecord,
)
from twilio_compat.sameness import same

KEPT: Final = 10_000
LOOKS: Final = 4
"""How often a message is looked for that was not answered for."""
LOOKED_THROUGH: Final = 1000
"""Among how many of the newest messages one is looked for."""
SLACK: Final = timedelta(seconds=2)
"""How much earlier than a send its message may seem to be made: times and Twilio's clock have whole seconds."""
_NEWEST: Final = 100


@dataclass(slots=True)
class _Send:
    """What is known of a mutation id: since when it is tried, and what became of it."""

    since: datetime
    found: MessageRecord | None = None
    is_unclear: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Messages:
    """The port's messages."""

    def __init__(
        self, tenancy: Tenancy, guard: Authority, templates: ContentTemplates, *, look_back: float
    ) -> None:
        """Of the service of *tenancy*, where *guard* says who may do what."""
        self._tenancy = tenancy
        self._http = tenancy.clients.http
        self._guard = guard
        self._templates = templates
        self._sends: OrderedDict[tuple[str, str], _Send] = OrderedDict()
        self._turns: WeakValueDictionary[tuple[str, str, str | None], asyncio.Lock] = WeakValueDictionary()
        self._claimed: OrderedDict[str, None] = OrderedDict()
        self.look_back = look_back
        """Seconds before a repeated draft in which the attempt that nobody here knows of may have been."""

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        """Send one. `NotFoundError` 50350; `ForbiddenError` 50430, 50107; `ArgumentError`, `LimitError` for what cannot be."""
        _check(draft)
        authority.check_message_draft(actor, draft)
        await self._guard.enter(actor, conversation_sid, "sendMediaMessage" if draft.media else "sendMessage")
        author = draft.author or (SYSTEM if is_account(actor) else actor.identity)
        send, turn = self._send_of(conversation_sid, draft), self._turn(conversation_sid, author, draft)
        async with send.turn, turn:
            if send.found is None:
                send.found = await self._deliver(actor, conversation_sid, draft, author, send)
        return send.found

    async def page(
        self, actor: Actor, conversation_sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        """Return up to *size* messages, from *anchor* on (inclusive; None is the end, or the start going forward)."""
        await self._guard.enter(actor, conversation_sid)
        is_backwards = direction is Direction.BACKWARDS
        if anchor is None:
            return await self._along(conversation_sid, size, lambda index: True, is_backwards=is_backwards)
        if await self._is_nearer_to_the_end(conversation_sid, anchor):
            walk = self._along if is_backwards else self._against
        else:
            walk = self._against if is_backwards else self._along
        inside: Callable[[int], bool] = (lambda i: i <= anchor) if is_backwards else (lambda i: i >= anchor)
        return await walk(conversation_sid, size, inside, is_backwards=is_backwards)

    async def walk(
        self, actor: Actor, conversation_sid: str
    ) -> AsyncGenerator[Sequence[MessageRecord], None]:
        """Yield all messages, oldest first, a page at a time; what `page` would have to walk to each time is gone on from."""
        await self._guard.enter(actor, conversation_sid)
        async with aclosing(pages(self._place(conversation_sid), records.message, order="asc")) as walk:
            async for page in walk:
                yield page

    async def get(self, actor: Actor, conversation_sid: str, message_sid: str) -> MessageRecord:
        """Fetch one. `NotFoundError` 50500."""
        await self._guard.enter(actor, conversation_sid)
        with translated():
            return records.message(await self._place(conversation_sid)(segment(message_sid)).fetch_async())

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """Return how many messages there are, which takes reading all of them: REST does not count."""
        await self._guard.enter(actor, conversation_sid)
        return len(await every(self._place(conversation_sid), records.message))

    async def receipts(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Sequence[DeliveryReceiptRecord]:
        """Return what became of a message; errors as `get`."""
        await self._guard.enter(actor, conversation_sid)
        return await every(
            self._place(conversation_sid)(segment(message_sid)).delivery_receipts, records.receipt
        )

    async def content(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Mapping[str, JSONValue] | None:
        """Return the types of the template that a message was made of. `TwilioGapError` where that had placeholders."""
        found = await self.get(actor, conversation_sid, message_sid)
        return (
            None
            if found.content_sid is None
            else await self._templates.without_placeholders(found.content_sid)
        )

    async def update(
        self, actor: Actor, conversation_sid: str, message_sid: str, changes: MessageChanges
    ) -> MessageRecord:
        """Edit one. `NotFoundError` 50500; `ForbiddenError` 50107."""
        authority.check_message_changes(actor, changes)
        await self._check_own(actor, conversation_sid, message_sid, _needed(changes))
        given, place = _changed(changes), self._place(conversation_sid)(segment(message_sid))
        with translated():
            if not given:
                return records.message(await place.fetch_async())
            return records.message(
                await place.update_async(x_twilio_webhook_enabled=authority.webhooks(actor), **given)
            )

    async def delete(self, actor: Actor, conversation_sid: str, message_sid: str) -> None:
        """Delete one; errors as `update`."""
        await self._check_own(actor, conversation_sid, message_sid, ["Message"], verb="delete")
        with translated():
            await self._place(conversation_sid)(segment(message_sid)).delete_async(
                x_twilio_webhook_enabled=authority.webhooks(actor)
            )

    # Sending

    def _send_of(self, conversation_sid: str, draft: MessageDraft) -> _Send:
        key, now = (conversation_sid, draft.mutation_id), self._http.now()
        since = now if draft.is_first else now - timedelta(seconds=self.look_back)
        send = self._sends.setdefault(key, _Send(since - SLACK))
        self._sends.move_to_end(key)
        while len(self._sends) > KEPT:
            self._sends.popitem(last=False)
        return send

    def _turn(self, conversation_sid: str, author: str, draft: MessageDraft) -> asyncio.Lock:
        """Return what lets one send at a time of the same words through: each must know what the one before became."""
        return self._turns.setdefault((conversation_sid, author, draft.body), asyncio.Lock())

    async def _deliver(
        self, actor: Actor, conversation_sid: str, draft: MessageDraft, author: str, send: _Send
    ) -> MessageRecord:
        if (send.is_unclear or not draft.is_first) and (
            found := await self._look(conversation_sid, draft, author, send)
        ):
            return self._claim(found)
        until, attempt = self._http.clock() + self._http.deadline, 0
        while True:
            try:
                with translated(is_unclear_kept=True):
                    made = await self._place(conversation_sid).create_async(**_drafted(actor, draft, author))
                    return self._claim(records.message(made))
            except UnclearError as error:
                send.is_unclear = True
                found = await self._look_out(conversation_sid, draft, author, send, answered=error.answered)
                if found is not None:
                    return self._claim(found)
                pause = self._http.backoff.pause(attempt, self._http.chance())
                if not error.answered or self._http.clock() + pause >= until:
                    raise error.error from error
            await self._http.sleep(pause)
            attempt += 1

    async def _look_out(
        self, conversation_sid: str, draft: MessageDraft, author: str, send: _Send, *, answered: bool
    ) -> MessageRecord | None:
        """Look for what became of an attempt, more than once where it may still be under way."""
        for attempt in range(1 if answered else LOOKS):
            if attempt:
                await self._http.sleep(min(LONGEST_PAUSE, self._http.backoff.pause(attempt, 1.0)))
            if found := await self._look(conversation_sid, draft, author, send):
                return found
        return None

    async def _look(
        self, conversation_sid: str, draft: MessageDraft, author: str, send: _Send
    ) -> MessageRecord | None:
        """Return the message that a draft became, if it is there: the oldest that can be it."""
        oldest, seen = None, 0
        async with aclosing(pages(self._place(conversation_sid), records.message, order="desc")) as walk:
            async for page in walk:
                for each in page:
                    if each.sid not in self._claimed and _is(each, draft, author, send.since):
                        oldest = each
                seen += len(page)
                is_past = draft.date_created is None and (not page or page[-1].date_created < send.since)
                if is_past or seen >= LOOKED_THROUGH:
                    break
        return oldest

    def _claim(self, message: MessageRecord) -> MessageRecord:
        """Note that a message is the outcome of a send, so that it is not taken for that of another."""
        self._claimed[message.sid] = None
        while len(self._claimed) > KEPT:
            self._claimed.popitem(last=False)
        return message

    # Reading

    async def _is_nearer_to_the_end(self, conversation_sid: str, anchor: int) -> bool:
        with translated():
            page = await self._place(conversation_sid).page_async(order="desc", page_size=1)
            newest = next((records.message(each).index for each in page), 0)
        return anchor > newest // 2

    async def _along(
        self, conversation_sid: str, size: int, inside: Callable[[int], bool], *, is_backwards: bool
    ) -> MessagePage:
        """Walk in the direction in which the page extends: past what is before it, until there is enough."""
        found: list[MessageRecord] = []
        is_passed = False
        async with aclosing(
            self._walk(conversation_sid, "desc" if is_backwards else "asc", size + 1)
        ) as walk:
            async for each in walk:
                if not inside(each.index):
                    is_passed = True
                    continue
                found.append(each)
                if len(found) > size:
                    break
        return _page(found[:size], beyond=len(found) > size, before=is_passed, is_backwards=is_backwards)

    async def _against(
        self, conversation_sid: str, size: int, inside: Callable[[int], bool], *, is_backwards: bool
    ) -> MessagePage:
        """Walk from the other end: all up to the anchor are of the page, or beyond it."""
        found: deque[MessageRecord] = deque(maxlen=size + 1)
        is_more = False
        async with aclosing(self._walk(conversation_sid, "asc" if is_backwards else "desc", None)) as walk:
            async for each in walk:
                if not inside(each.index):
                    is_more = True
                    break
                found.append(each)
        nearest = list(found)[::-1]
        return _page(nearest[:size], beyond=len(nearest) > size, before=is_more, is_backwards=is_backwards)

    async def _walk(
        self, conversation_sid: str, order: str, expected: int | None
    ) -> AsyncGenerator[MessageRecord, None]:
        size = _NEWEST if expected is None else max(1, min(_NEWEST, expected))
        async with aclosing(
            pages(self._place(conversation_sid), records.message, size=size, order=order)
        ) as walk:
            async for page in walk:
                for each in page:
                    yield each

    # Parts

    def _place(self, conversation_sid: str) -> Any:
        return self._tenancy.root.conversations(segment(conversation_sid)).messages

    async def _check_own(
        self, actor: Actor, conversation_sid: str, message_sid: str, kinds: Iterable[str], verb: str = "edit"
    ) -> None:
        """Refuse (`ForbiddenError` 50107) who may change neither any message nor, if it is theirs, their own."""
        member = await self._guard.enter(actor, conversation_sid)
        if actor.kind is not ActorKind.BEARER:
            return
        with translated():
            old = records.message(await self._place(conversation_sid)(segment(message_sid)).fetch_async())
        own = ("Own", "Any") if old.author == actor.identity else ("Any",)
        for kind in kinds:
            await self._guard.check(actor, member, *(f"{verb}{each}{kind}" for each in own))


def _check(draft: MessageDraft) -> None:
    """Refuse what Twilio has no place for, before anything is sent."""
    if draft.sid is not None or draft.index is not None:
        raise ArgumentError(
            "Twilio gives messages their sids and indexes; one that is sent there cannot keep others"
        )
    if len(draft.media) > 1:
        raise LimitError(
            f"Twilio's REST API takes one file with a message, not {len(draft.media)}; send the others as messages of "
            "their own",
            code=20422,
        )


def _is(message: MessageRecord, draft: MessageDraft, author: str, since: datetime) -> bool:
    """Say whether a message can be what a draft became."""
    if message.author != author or not same(message.attributes, draft.attributes):
        return False
    if draft.date_created is not None:
        if message.date_created != draft.date_created.replace(microsecond=0):
            return False
    elif message.date_created < since:
        return False
    if draft.content_sid is not None:
        return message.content_sid == draft.content_sid
    has_media = {each.sid for each in message.media} == {each.sid for each in draft.media}
    return has_media and (message.body or None) == (draft.body or None)


def _drafted(actor: Actor, draft: MessageDraft, author: str) -> dict[str, object]:
    tells = "false" if draft.is_quiet and actor.kind is not ActorKind.BEARER else authority.webhooks(actor)
    given: dict[str, object | None] = {
        "x_twilio_webhook_enabled": tells,
        "author": author,
        "body": draft.body,
        "attributes": records.attributes_text(draft.attributes),
        "subject": draft.subject,
        "media_sid": draft.media[0].sid if draft.media else None,
        "content_sid": draft.content_sid,
        "content_variables": json.dumps({**draft.content_variables}) if draft.content_variables else None,
        "date_created": draft.date_created,
        "date_updated": draft.date_updated,
    }
    return {name: value for name, value in given.items() if value is not None}


def _changed(changes: MessageChanges) -> dict[str, object]:
    given: dict[str, object] = {
        name: value
        for name in ("body", "subject", "author", "date_created", "date_updated")
        if (value := getattr(changes, name)) is not UNCHANGED
    }
    if changes.attributes is not UNCHANGED:
        given["attributes"] = records.attributes_text(changes.attributes)
    return given


def _needed(changes: MessageChanges) -> Sequence[str]:
    needed = {"Message": changes.body, "MessageAttributes": changes.attributes}
    return [kind for kind, value in needed.items() if value is not UNCHANGED]


def _page(found: Sequence[MessageRecord], *, beyond: bool, before: bool, is_backwards: bool) -> MessagePage:
    """Return a page of messages that were found from the anchor on; *beyond* it there are more, and *before* it."""
    items = tuple(sorted(found, key=lambda each: each.index))
    older, newer = (beyond, before) if is_backwards else (before, beyond)
    return MessagePage(items=items, has_older=older, has_newer=newer)
