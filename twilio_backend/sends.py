"""Sending a message once, though Twilio has no name for a send.

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
  the same ``mutation_id`` looks again before it sends.

Sends of the same words by the same author wait for each other, so that of each it is known what it became before the
next one is looked for. What a mutation id became is remembered for the last `KEPT` sends, so that in this process a draft
that comes twice is one message. Another process, or this one after a restart, looks back `Sends.look_back` seconds for a
draft that is not the first, or for its date however long ago it was sent, among the newest `LOOKED_THROUGH`.

What this cannot tell apart: the same words of the same author, sent by two processes within the time of one unclear send,
or sent before a restart within `Sends.look_back` of a draft that is not the first. Then the one counts as the other, and
there is one message where two were wanted. There are never two for one, unless a request still comes into effect after
Twilio answered that it failed, or after a draft was given again that no look had found.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from twilio_backend import authority, records
from twilio_backend.clients import segment
from twilio_backend.errors import UnclearError, translated
from twilio_backend.listing import pages
from twilio_backend.retries import LONGEST_PAUSE
from twilio_backend.tenancy import Tenancy
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import Actor, ActorKind, MessageDraft, MessageRecord
from twilio_compat.sameness import same

KEPT: Final = 10_000
LOOKS: Final = 4
"""How often a message is looked for that was not answered for."""
LOOKED_THROUGH: Final = 1000
"""Among how many of the newest messages one is looked for."""
SLACK: Final = timedelta(seconds=2)
"""How much earlier than a send its message may seem to be made: times and Twilio's clock have whole seconds."""


@dataclass(slots=True)
class _Send:
    """What is known of a mutation id: since when it is tried, and what became of it."""

    since: datetime
    found: MessageRecord | None = None
    is_unclear: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sends:
    """Sends, and remembers what became of it."""

    def __init__(self, tenancy: Tenancy, *, look_back: float) -> None:
        """In the service of *tenancy*."""
        self._tenancy = tenancy
        self._http = tenancy.clients.http
        self._sends: OrderedDict[tuple[str, str], _Send] = OrderedDict()
        self._turns: WeakValueDictionary[tuple[str, str, str | None], asyncio.Lock] = WeakValueDictionary()
        self._claimed: OrderedDict[str, None] = OrderedDict()
        self.look_back = look_back
        """Seconds before a repeated draft in which the attempt that nobody here knows of may have been."""

    async def send(
        self, actor: Actor, conversation_sid: str, draft: MessageDraft, author: str
    ) -> MessageRecord:
        """Send a message, or return what an earlier attempt at it became."""
        send, turn = self._send_of(conversation_sid, draft), self._turn(conversation_sid, author, draft)
        async with send.turn, turn:
            if send.found is None:
                send.found = await self._deliver(actor, conversation_sid, draft, author, send)
        return send.found

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
            was_unclear, send.is_unclear = (
                send.is_unclear,
                True,
            )  # should this be called off while it is under way
            try:
                with translated(is_unclear_kept=True):
                    made = await self._place(conversation_sid).create_async(**_drafted(actor, draft, author))
                    return self._claim(records.message(made))
            except TwilioCompatError:
                send.is_unclear = was_unclear
                raise
            except UnclearError as error:
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

    def _place(self, conversation_sid: str) -> Any:
        return self._tenancy.root.conversations(segment(conversation_sid)).messages


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
    }
    return {name: value for name, value in given.items() if value is not None} | records.dates(draft)
