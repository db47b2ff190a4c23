"""What a thing is called on either side: sids and indexes, public and Twilio's; pure.

The *public* name is the one that was told first, and it never changes. What was born at Twilio has Twilio's, and ACS
adopts it. What was born on ACS, while that had the authority, is called otherwise at Twilio, where it is made later; so
each such thing has a `Pair`, and no other needs one: a sid without a pair is the same on both sides.

`SidMap` is the pairs of one conversation; its `public` and its `twilio` translate into either: sids, indexes, read
horizons, whole records.

Indexes
-------
Both sides number messages upwards, and Twilio leaves gaps that ACS does not know of, so after some messages were born on
ACS the two numbers of a message differ. Messages that are born at Twilio after that have no pair; their public index is
Twilio's, but above the public indexes of all before them: where ACS was ahead of Twilio at the last pair, by as much as it
was ahead. So public indexes ascend, whoever has the authority, and either index can be told from the other. That needs a
pair, too, for a message that was gone from ACS before Twilio was told of it (`SidMap.gone`): its index is not given again.

A read horizon is an index that need not be that of a message. It becomes the greatest index on the other side up to which
nothing is that has not been read: a translation never says of a message that it was read which was not. The same goes for
the index of a message that somebody wrote at Twilio past the library while ACS had the authority; it has the index of the
message before it, since there is none between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from math import ceil, floor
from typing import Final, Literal, TypeAlias

from twilio_compat.records import (
    ConversationRecord,
    DeliveryReceiptRecord,
    DeliveryRecord,
    Direction,
    MessagePage,
    MessageRecord,
    ParticipantRecord,
    UserConversationRecord,
)

What: TypeAlias = Literal["conversation", "participant", "message"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What one thing is called on either side. Indexes are those of a message, ``media`` its files, public to Twilio's.

    ``is_gone``: Twilio never had it; ``twilio_index`` is that of the last message before it, or -1.
    """

    what: What
    public: str
    twilio: str
    public_index: int | None = None
    twilio_index: int | None = None
    media: tuple[tuple[str, str], ...] = ()
    is_gone: bool = False

    @property
    def names(self) -> Iterable[tuple[str, str]]:
        """All sids in it, public and Twilio's."""
        return ((self.public, self.twilio), *self.media)


@dataclass(frozen=True, slots=True)
class _Rung:
    """A message that has an index here, and one on the side that is translated into.

    At Twilio one that is gone stands half way between two indexes. ``shift`` is what is added above it, until the next.
    """

    here: float
    there: float
    shift: int


class _Ladder:
    """The indexes of messages that have two, and what lies between, from one side to the other."""

    def __init__(self, rungs: Iterable[_Rung]) -> None:
        """Climb from *rungs*."""
        self._rungs = sorted(rungs, key=lambda each: (each.there, each.here))
        self._read = [*accumulate((each.here for each in self._rungs), max)]
        self._exact = {each.here: each.there for each in self._rungs}

    def of(self, index: int) -> int:
        """Return the index there of the message with *index* here."""
        found = self._exact.get(index)
        return self.below(index) if found is None else floor(found)

    def below(self, index: int) -> int:
        """Return the greatest index there up to which nothing is above *index* here."""
        place = bisect_right(self._read, index) - 1
        lowest, between = -1, index
        if place >= 0:
            rung = self._rungs[place]
            lowest = floor(rung.there)
            between = lowest if self._read[place] == index else index + rung.shift
        if place + 1 < len(self._rungs):
            between = min(between, ceil(self._rungs[place + 1].there) - 1)
        return max(between, lowest)


class Names:
    """Translates what belongs to one conversation into the names of one side."""

    def __init__(self, sids: Mapping[str, str], ladder: _Ladder) -> None:
        """Translate by *sids* and *ladder*; what they do not have stays."""
        self._sids = sids
        self._ladder = ladder

    def sid(self, sid: str) -> str:
        """Return what *sid* is called."""
        return self._sids.get(sid, sid)

    def index(self, index: int) -> int:
        """Return the index of a message that has *index* on the other side."""
        return self._ladder.of(index)

    def horizon(self, index: int | None) -> int | None:
        """Return up to where somebody has read who has read up to *index* on the other side; None where nothing is."""
        below = -1 if index is None else self._ladder.below(index)
        return None if below < 0 else below

    def anchor(self, index: int, direction: Direction) -> int:
        """Return where a page begins that begins at *index* on the other side, which need not be there."""
        if direction is Direction.BACKWARDS:
            return self._ladder.below(index)
        return self._ladder.below(index - 1) + 1

    # Records; where nothing is called otherwise, they are returned as they are

    def conversation(self, record: ConversationRecord) -> ConversationRecord:
        """Translate a conversation."""
        if not self._sids:
            return record
        last = record.last_message
        return replace(
            record,
            sid=self.sid(record.sid),
            last_message=None if last is None else replace(last, index=self.index(last.index)),
            last_read_message_index=self.horizon(record.last_read_message_index),
        )

    def user_conversation(self, record: UserConversationRecord) -> UserConversationRecord:
        """Translate a user's standing."""
        if not self._sids:
            return record
        return replace(
            record,
            conversation_sid=self.sid(record.conversation_sid),
            participant_sid=self.sid(record.participant_sid),
            last_read_message_index=self.horizon(record.last_read_message_index),
        )

    def participant(self, record: ParticipantRecord) -> ParticipantRecord:
        """Translate a member."""
        if not self._sids:
            return record
        return replace(
            record,
            sid=self.sid(record.sid),
            conversation_sid=self.sid(record.conversation_sid),
            last_read_message_index=self.horizon(record.last_read_message_index),
        )

    def message(self, record: MessageRecord) -> MessageRecord:
        """Translate a message, with its files, and those it was for."""
        if not self._sids:
            return record
        return replace(
            record,
            sid=self.sid(record.sid),
            conversation_sid=self.sid(record.conversation_sid),
            index=self.index(record.index),
            media=tuple(replace(each, sid=self.sid(each.sid)) for each in record.media),
            participant_sid=None if record.participant_sid is None else self.sid(record.participant_sid),
            delivery=None if record.delivery is None else self._delivery(record.delivery),
        )

    def page(self, page: MessagePage) -> MessagePage:
        """Translate a page of messages."""
        if not self._sids:
            return page
        return replace(page, items=tuple(self.message(each) for each in page.items))

    def receipt(self, record: DeliveryReceiptRecord) -> DeliveryReceiptRecord:
        """Translate what became of a message at one member."""
        if not self._sids:
            return record
        return replace(
            record,
            conversation_sid=self.sid(record.conversation_sid),
            message_sid=self.sid(record.message_sid),
            participant_sid=self.sid(record.participant_sid),
        )

    def _delivery(self, record: DeliveryRecord) -> DeliveryRecord:
        return DeliveryRecord(
            recipients=frozenset(map(self.sid, record.recipients)),
            read_by=frozenset(map(self.sid, record.read_by)),
        )


class SidMap:
    """The pairs of one conversation."""

    def __init__(self, pairs: Sequence[Pair] = ()) -> None:
        """Translate by *pairs*."""
        self.pairs: Final = tuple(pairs)

    @cached_property
    def public(self) -> Names:
        """Says what is called how in public, of what has Twilio's names."""
        return Names(
            {twilio: public for public, twilio in self._names()},
            _Ladder(_Rung(at_twilio, public, ahead) for public, at_twilio, ahead in self._numbered()),
        )

    @cached_property
    def twilio(self) -> Names:
        """Says what is called how at Twilio, of what has public names."""
        return Names(
            dict(self._names()),
            _Ladder(_Rung(public, at_twilio, -ahead) for public, at_twilio, ahead in self._numbered()),
        )

    def gone(self, public_sid: str, public_index: int) -> Pair:
        """Return the pair of a message that was gone from ACS before Twilio was told of it."""
        before = max(-1, self.twilio.index(public_index - 1))
        return Pair(
            what="message",
            public=public_sid,
            twilio=public_sid,
            public_index=public_index,
            twilio_index=before,
            is_gone=True,
        )

    def with_more(self, pairs: Sequence[Pair]) -> SidMap:
        """Return the map with more pairs; the same without any."""
        return SidMap((*self.pairs, *pairs)) if pairs else self

    def _names(self) -> Iterator[tuple[str, str]]:
        for pair in self.pairs:
            yield from pair.names

    def _numbered(self) -> Iterator[tuple[int, float, int]]:
        """Yield both indexes of each message that has two, and by how much ACS was ahead."""
        for each in self.pairs:
            if each.public_index is not None and each.twilio_index is not None:
                ahead = max(0, each.public_index - each.twilio_index)
                yield each.public_index, each.twilio_index + (0.5 if each.is_gone else 0), ahead


UNMAPPED: Final = SidMap()
"""The map of a conversation in which everything is called the same on both sides."""
