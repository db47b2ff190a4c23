"""The documents that say what a thing is called on either side, and what a process knows of them.

What pairs mean, and how a `SidMap` translates, says `twilio_compat.rollout.sid_map`. A conversation that never was live
has no pairs, and nobody looks for any.

===================================  ==============  ==========================================
kind                                 name            content
===================================  ==============  ==========================================
``rollout-sids CH...``               public sid      the pair
``rollout-twilio-sids CH...``        Twilio's sid    the public sid
``rollout-twilio-sids``              ``CH...``       the public sid of a conversation, by Twilio's
===================================  ==============  ==========================================

Kinds name the public sid of the conversation. A pair is made once and never changed; so what is known of them stays right,
and only what was made since is read, once a second at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, cast

from twilio_compat.account import Document, Documents
from twilio_compat.records import JSONObject, JSONValue
from twilio_compat.rollout.sid_map import UNMAPPED, Names, Pair, SidMap, What
from twilio_compat.rollout.staging.fresh import LASTS, Fresh
from twilio_compat.rollout.staging.pin import Pin

__all__ = ["UNMAPPED", "Names", "Pair", "SidMap", "Sids", "What"]

SWEPT_AT: Final = 1024
"""Maps that are kept before those that were not used lately are forgotten."""


class Sids:
    """The pairs of one service. Belongs to the event loop in which it is first used."""

    def __init__(self, documents: Documents, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep them among *documents*, the service's. *clock* is monotonic, in seconds."""
        self._documents = documents
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._sweep_at = SWEPT_AT

    async def of(self, pin: Pin, *, at_once: bool = False) -> SidMap:
        """Return the map of a conversation, a second old at most, and not older than its stage.

        *at_once*: with all pairs that were made before this call, by whomever.
        """
        if not pin.was_live:
            return UNMAPPED
        known = self._known_of(pin.conversation_sid)
        if at_once or known.since != pin.since:
            known.map.forget()
            known.since = pin.since
        return await known.map.get()

    async def record(self, conversation_sid: str, pair: Pair) -> Pair:
        """Keep a pair, unless the thing has one; return the one that counts from now on.

        Where that is another, what *pair* names at Twilio is there twice, and whoever made it takes it away again.
        """
        found = await self._documents.change(
            _forward(conversation_sid), pair.public, lambda old: old or _content(pair)
        )
        counts = _pair(found)
        if not counts.is_gone:
            public: JSONObject = {"public": counts.public}
            backward = _backward(conversation_sid, counts.what)
            await self._documents.change(backward, counts.twilio, lambda old: old or public)
        if (known := self._known.get(conversation_sid)) is not None:
            known.map.forget()
        return counts

    async def find(self, conversation_sid: str, sid: str) -> Pair | None:
        """Return the pair of one thing in a conversation, by either of its sids, without reading all pairs."""
        document = await self._documents.get(_forward(conversation_sid), sid)
        if document is None:
            backward = await self._documents.get(_backward(conversation_sid, "message"), sid)
            if backward is None:
                return None
            document = await self._documents.get(_forward(conversation_sid), str(backward.content["public"]))
        return None if document is None else _pair(document)

    async def conversation(self, twilio_sid: str) -> str:
        """Return the public sid of a conversation that Twilio calls *twilio_sid*."""
        document = await self._documents.get(_backward("", "conversation"), twilio_sid)
        return twilio_sid if document is None else str(document.content["public"])

    async def forget(self, conversation_sid: str) -> None:
        """Forget the pairs of a conversation that is gone."""
        for document in await self._documents.list(_forward(conversation_sid)):
            pair = _pair(document)
            await self._documents.delete(_backward(conversation_sid, pair.what), pair.twilio)
            await self._documents.delete(document.kind, document.name)
        if (known := self._known.pop(conversation_sid, None)) is not None:
            await known.map.close()

    async def close(self) -> None:
        """Read nothing any more."""
        known, self._known = self._known, {}
        await asyncio.gather(*(each.map.close() for each in known.values()))

    def _known_of(self, conversation_sid: str) -> _Known:
        known = self._known.get(conversation_sid)
        if known is None:
            self._sweep()
            known = self._known[conversation_sid] = _Known(self._documents, conversation_sid, self._clock)
        return known

    def _sweep(self) -> None:
        if len(self._known) >= self._sweep_at:
            self._known = {sid: each for sid, each in self._known.items() if each.map.age < LASTS}
            self._sweep_at = max(SWEPT_AT, 2 * len(self._known))


class _Known:
    """What a process knows of the pairs of one conversation."""

    def __init__(self, documents: Documents, conversation_sid: str, clock: Callable[[], float]) -> None:
        self.since: datetime | None = None
        """From when on the conversation was in the stage in which the map was asked for."""
        self.map: Fresh[SidMap] = Fresh(self._read, clock=clock, what=f"The sids of {conversation_sid}")
        self._documents = documents
        self._kind = _forward(conversation_sid)
        self._read_up_to: datetime | None = None
        self._pairs = UNMAPPED

    async def _read(self) -> SidMap:
        """Read the pairs that were made since the last time."""
        found = await self._documents.list(self._kind, after=self._read_up_to)
        if found:
            self._read_up_to = found[-1].date_created
            self._pairs = self._pairs.with_more([_pair(each) for each in found])
        return self._pairs


def _forward(conversation_sid: str) -> str:
    return f"rollout-sids {conversation_sid}"


def _backward(conversation_sid: str, what: What) -> str:
    return "rollout-twilio-sids" if what == "conversation" else f"rollout-twilio-sids {conversation_sid}"


def _content(pair: Pair) -> JSONObject:
    return {
        "what": pair.what,
        "twilio": pair.twilio,
        "public_index": pair.public_index,
        "twilio_index": pair.twilio_index,
        "media": dict(pair.media),
        "is_gone": pair.is_gone,
    }


def _pair(document: Document) -> Pair:
    content = document.content
    media = cast(dict[str, str], content["media"])
    return Pair(
        what=cast(What, content["what"]),
        public=document.name,
        twilio=str(content["twilio"]),
        public_index=_index(content["public_index"]),
        twilio_index=_index(content["twilio_index"]),
        media=tuple(media.items()),
        is_gone=content["is_gone"] is True,
    )


def _index(value: JSONValue) -> int | None:
    return value if isinstance(value, int) else None
