"""Messages at the mirror.

Theory of operation
-------------------
The mirror is told of messages in the order of their indexes. So whatever an entry names, first everything is sent that is
newer than the newest message the mirror has, up to that; then the message itself is changed or taken away, if that is it.

*ACS* keeps the sid and the index that a message brings, and knows a message by its mutation id; so sending one twice is
sending it once.

*Twilio* gives a message a sid and an index of its own, and has no name for a send. So who sends looks first: what is there
after the newest message that is known, and is not known itself, may be what somebody sent who died before they could note
its name. One that says the same by the same author at the same time is that one, and gets its pair; so does one that says
something else, if it was edited at the authority since. What is left is what others wrote at Twilio, past the library; it
stays.

A message that the mirror refuses holds up none that comes after it. It has an entry of its own, which is given up where that
does not help; and where one has not, because nobody knows the message by name, the refusal is told when the rest is sent.
A file that is gone at Twilio is gone on ACS, where its message names it just the same.

An index that was told is not given again. One whose message was deleted before the mirror had it is taken on ACS by an
empty message that is deleted at once, and noted as a pair for Twilio.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from twilio_compat.errors import (
    ArgumentError,
    LimitError,
    NotFoundError,
    TranslationGapError,
    TwilioCompatError,
)
from twilio_compat.records import (
    UNCHANGED,
    Direction,
    MediaRecord,
    MediaUpload,
    MessageChanges,
    MessageDraft,
    MessageRecord,
)
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.sids import Pair
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.times import is_same_time
from twilio_compat.sameness import same

PAGE: Final = 100

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Mirrored:
    """How far a mirror has come: the highest public index it has, and what is there of unknown origin after that."""

    upto: int
    orphans: list[MessageRecord]


class _Refused:
    """The first refusal that is to be told once the messages were sent that come after it."""

    def __init__(self, until: int | None) -> None:
        """*until* is the index of the message that is asked for; None: all are."""
        self._until = until
        self._error: TwilioCompatError | None = None

    @contextmanager
    def noting(self, message: MessageRecord) -> Iterator[None]:
        """Send a message in the block. What is wrong with the message alone is noted, or told if it is the last one."""
        try:
            yield
        except (LimitError, TranslationGapError, ArgumentError) as error:
            if message.index == self._until:
                raise
            _log.info("%s is passed over: %s", message.sid, error)
            self._error = self._error or error

    def tell(self) -> None:
        """Raise what was noted, unless each message has an entry of its own that does."""
        if self._until is None and self._error is not None:
            raise self._error


class MirroredMessages:
    """Makes the messages at the mirror those of the authority."""

    def __init__(self, office: Office, *, at_once: int, patience: float, clock: Callable[[], float]) -> None:
        """Keep what Twilio calls messages in *office*'s map. Send up to *at_once* at a time, for *patience* seconds."""
        self._office = office
        self._at_once = at_once
        self._patience = patience
        self._clock = clock

    async def apply(self, here: Place, there: Place, entry: Entry) -> bool:
        """Make *there* what is *here*, up to what *entry* names; False: there is more to be sent before that."""
        if entry.sid is None:
            return await self._catch_up(here, there, None)
        wanted, found = await _message(here, entry.sid), await _message(there, entry.sid)
        if wanted is not None and found is None:
            if not await self._catch_up(here, there, wanted.index):
                return False
            there = await self._office.place(there.pin, there.side, at_once=True)
            if await _message(there, entry.sid) is None:
                await self._send(here, there, wanted, await self._mirrored(here, there))
        elif wanted is not None and found is not None:
            await self._change(there, found, wanted)
        elif found is not None:
            await there.backend.messages.delete(there.account, there.sid, there.there.sid(entry.sid))
        elif entry.index is not None:
            await self._keep_index(here, there, entry.sid, entry.index)
        return True

    async def send(self, here: Place, there: Place, wanted: Sequence[MessageRecord]) -> None:
        """Send messages that whoever copies has missed at the mirror, in order; once more does nothing."""
        mirrored = await self._mirrored(here, there)
        for each in wanted:
            await self._send(here, there, each, mirrored)

    # Catching up

    async def _catch_up(self, here: Place, there: Place, until: int | None) -> bool:
        """Send what the mirror does not have, in order; False where that was not all."""
        mirrored, refused = await self._mirrored(here, there), _Refused(until)
        give_up_at, sent = self._clock() + self._patience, 0
        while page := await self._missing(here, mirrored.upto, until):
            for each in page:
                if sent == self._at_once or self._clock() > give_up_at:
                    refused.tell()
                    return False
                with refused.noting(each):
                    await self._send(here, there, each, mirrored)
                mirrored.upto = each.index
                sent += 1
        refused.tell()
        return True

    async def _missing(self, here: Place, after: int, until: int | None) -> Sequence[MessageRecord]:
        """Return the next messages with an index above *after*, up to *until*."""
        size = PAGE if until is None else min(PAGE, until - after)
        if size <= 0:
            return []
        anchor = here.there.anchor(after + 1, Direction.FORWARD)
        page = await here.backend.messages.page(
            here.account, here.sid, size=size, anchor=anchor, direction=Direction.FORWARD
        )
        found = [each for each in here.public.page(page).items if each.index > after]
        return found if until is None else [each for each in found if each.index <= until]

    async def _mirrored(self, here: Place, there: Place) -> _Mirrored:
        newest = await self._newest(there)
        if there.side is Side.ACS:
            return _Mirrored(max((each.index for each in newest), default=-1), [])
        known = {each.twilio: each.public_index for each in there.map.pairs if each.what == "message"}
        highest = max((each for each in known.values() if each is not None), default=-1)
        mirrored = _Mirrored(highest, [])
        for each in reversed(newest):  # at Twilio by its names, the newest first
            index = known[each.sid] if each.sid in known else await self._adopted(here, each)
            if index is not None:
                mirrored.upto = max(mirrored.upto, index)
                break
            mirrored.orphans.insert(0, each)
        return mirrored

    async def _newest(self, place: Place) -> Sequence[MessageRecord]:
        """Return the newest messages at a place, by its own names."""
        size = 1 if place.side is Side.ACS else PAGE
        page = await place.backend.messages.page(
            place.account, place.sid, size=size, anchor=None, direction=Direction.BACKWARDS
        )
        return page.items

    async def _adopted(self, here: Place, at_twilio: MessageRecord) -> int | None:
        """Return the index of a message that was born at Twilio, and is on ACS under the same sid."""
        found = await _message(here, at_twilio.sid)
        return None if found is None else found.index

    # Sending

    async def _send(self, here: Place, there: Place, wanted: MessageRecord, mirrored: _Mirrored) -> None:
        if there.side is Side.ACS:
            await self._send_to_acs(there, wanted)
            return
        _check(wanted)
        made = _taken(mirrored.orphans, wanted)
        media = list(made.media) if made else []
        if made is None:
            media = [await self._carried_to_twilio(there, each) for each in wanted.media]
            made = await there.backend.messages.create(there.account, there.sid, _to_twilio(wanted, media))
        await self._pair(there, wanted, made, media)

    async def _pair(
        self, there: Place, wanted: MessageRecord, made: MessageRecord, media: Sequence[MediaRecord]
    ) -> None:
        names = zip(wanted.media, media, strict=False)
        pair = Pair(
            what="message",
            public=wanted.sid,
            twilio=made.sid,
            public_index=wanted.index,
            twilio_index=made.index,
            media=tuple((one.sid, other.sid) for one, other in names if one.sid != other.sid),
        )
        counts = await self._office.sids.record(there.pin.conversation_sid, pair)
        if counts.twilio != made.sid and not counts.is_gone:
            await there.backend.messages.delete(there.account, there.sid, made.sid)

    async def _send_to_acs(self, there: Place, wanted: MessageRecord) -> None:
        """Send a message with its files; one that is gone is named just the same, which takes that it is there for a moment."""
        media, gone = list[MediaRecord](), list[MediaRecord]()
        for each in wanted.media:
            try:
                media.append(await self._carried(there, each))
            except NotFoundError:
                empty = MediaUpload(
                    content=b"", content_type=each.content_type, filename=each.filename, sid=each.sid
                )
                await there.backend.media.upload(there.account, empty)
                media.append(each)
                gone.append(each)
        await there.backend.messages.create(there.account, there.sid, _to_acs(wanted, media))
        for each in gone:
            await there.backend.media.delete(each.sid)

    async def _carried(self, there: Place, record: MediaRecord) -> MediaRecord:
        (carried,) = await self._office.carried(there, [record])
        return carried

    async def _carried_to_twilio(self, there: Place, record: MediaRecord) -> MediaRecord:
        try:
            return await self._carried(there, record)
        except NotFoundError as error:
            text = f"The file {record.sid} is gone, and Twilio takes no message with a file that is not there"
            raise TranslationGapError(text) from error

    async def _keep_index(self, here: Place, there: Place, sid: str, index: int) -> None:
        """Have an index not given again whose message is gone before the mirror had it.

        Where the mirror has, or had, a message after it, it is not given again anyway; and it may be that of a message the
        mirror had, whose entry is carried out once more.
        """
        if index <= (await self._mirrored(here, there)).upto:
            return
        if there.side is Side.TWILIO:
            names = await self._office.sids.of(there.pin, at_once=True)
            await self._office.sids.record(there.pin.conversation_sid, names.gone(sid, index))
            return
        empty = MessageDraft(
            mutation_id=f"mirror:{sid}", body="", sid=sid, index=index, is_quiet=True, author="system"
        )
        with suppress(NotFoundError):  # it was taken before, and what is gone is not made again
            await there.backend.messages.create(there.account, there.sid, empty)
            await there.backend.messages.delete(there.account, there.sid, sid)

    # Changing

    async def _change(self, there: Place, found: MessageRecord, wanted: MessageRecord) -> None:
        is_same_subject = found.subject == wanted.subject or there.side is Side.TWILIO  # which does not say
        changes = MessageChanges(
            body=UNCHANGED if (found.body or "") == (wanted.body or "") else wanted.body or "",
            attributes=UNCHANGED if same(found.attributes, wanted.attributes) else wanted.attributes,
            subject=UNCHANGED if wanted.subject is None or is_same_subject else wanted.subject,
            author=UNCHANGED if found.author == wanted.author or not wanted.author else wanted.author,
        )
        is_late = not is_same_time(found.date_updated, wanted.date_updated)
        if changes == MessageChanges() and not is_late:
            return
        changes = replace(changes, date_updated=wanted.date_updated)
        await there.backend.messages.update(there.account, there.sid, there.there.sid(found.sid), changes)


async def _message(place: Place, sid: str) -> MessageRecord | None:
    """Return a message at a place, by its public sid and in public names, if it is there."""
    try:
        found = await place.backend.messages.get(place.account, place.sid, place.there.sid(sid))
    except NotFoundError:
        return None
    return place.public.message(found)


def _to_acs(wanted: MessageRecord, media: Sequence[MediaRecord]) -> MessageDraft:
    return replace(_draft(wanted, media), sid=wanted.sid, index=wanted.index)


def _to_twilio(wanted: MessageRecord, media: Sequence[MediaRecord]) -> MessageDraft:
    return replace(_draft(wanted, media), is_first=True)  # it was looked for


def _draft(wanted: MessageRecord, media: Sequence[MediaRecord]) -> MessageDraft:
    return MessageDraft(
        mutation_id=f"mirror:{wanted.sid}",
        body=wanted.body,
        attributes=wanted.attributes,
        subject=wanted.subject,
        media=tuple(media),
        author=wanted.author,
        date_created=wanted.date_created,
        date_updated=wanted.date_updated,
        is_quiet=True,
    )


def _check(wanted: MessageRecord) -> None:
    if len(wanted.media) > 1:
        raise TranslationGapError(
            f"The message {wanted.sid} has {len(wanted.media)} files, and Twilio's REST API takes one; Twilio is not told "
            "of it"
        )


def _taken(orphans: list[MessageRecord], wanted: MessageRecord) -> MessageRecord | None:
    """Take from *orphans* the message that is *wanted*, if it is there: as it is, or as it was before it was edited."""
    likely = [each for each in orphans if _may_be(each, wanted)]
    found = next((each for each in likely if _says_the_same(each, wanted)), None)
    if found is None and wanted.date_updated > wanted.date_created:
        found = next(iter(likely), None)
    if found is not None:
        orphans.remove(found)
    return found


def _may_be(one: MessageRecord, other: MessageRecord) -> bool:
    return (
        one.author == other.author
        and len(one.media) == len(other.media)
        and is_same_time(one.date_created, other.date_created)
    )


def _says_the_same(one: MessageRecord, other: MessageRecord) -> bool:
    return (one.body or "") == (other.body or "") and same(one.attributes, other.attributes)
