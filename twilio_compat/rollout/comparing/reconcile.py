"""Whether a mirror has all of a conversation: both sides are read from beginning to end and compared.

Messages are read as two streams, side by side, in the order of their public indexes; so memory is that of two pages, however
long the conversation is. Members and roles are read at once. What is passed over is what `twilio_compat.rollout.comparing.comparison`
says, and `OF_OTHERS`.

A conversation that goes on is never quite the same on both sides. Who wants to know looks when nothing waits in its line of
the outbox, and looks again at what differs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from twilio_compat.errors import NotFoundError
from twilio_compat.records import ConversationRecord, JSONObject, MessageRecord, ParticipantRecord
from twilio_compat.rollout.comparing.comparison import EXTRA, MISSING, Difference, compare
from twilio_compat.rollout.moving.walking import each_message
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side

SHOWN: Final = 100
"""Differences that a report names."""
OF_OTHERS: Final = ("last_message", "joined")
"""Fields of a conversation that say something of its messages, or of who asks."""

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Report:
    """What both sides have of a conversation. ``differences`` are the first `SHOWN` of ``count``."""

    conversation_sid: str
    authority: Side
    participants: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))
    messages: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))
    files: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))
    differences: list[Difference] = field(default_factory=list)
    count: int = 0
    extra: int = 0
    """How many of them are things that the mirror has and the authority has not."""

    @property
    def is_equal(self) -> bool:
        """Whether both sides are the same."""
        return self.count == 0

    @property
    def is_complete(self) -> bool:
        """Whether the mirror has all that the authority has, as it has it; it may have more, which others wrote there."""
        return self.count == self.extra

    def add(self, *differences: Difference) -> None:
        """Note differences."""
        self.count += len(differences)
        self.extra += sum(each.kind == EXTRA for each in differences)
        self.differences += differences[: SHOWN - len(self.differences)]

    def as_json(self) -> JSONObject:
        """Return it without what anybody wrote."""
        return {
            "conversation": self.conversation_sid,
            "authority": self.authority.value,
            "participants": {each.value: self.participants[each] for each in Side},
            "messages": {each.value: self.messages[each] for each in Side},
            "files": {each.value: self.files[each] for each in Side},
            "differences": self.count,
            "shown": [{"path": each.path, "kind": each.kind} for each in self.differences],
        }


async def reconcile(office: Office, pin: Pin) -> Report:
    """Compare all of a conversation. Raises what reading either side raises, but for a conversation that is not there."""
    here = await office.place(pin, at_once=True)
    there = await office.place(pin, here.side.other, at_once=True)
    return await _Reconciliation(here, there).run()


class _Reconciliation:
    """One comparison of what is *here*, where the authority is, with what is *there*."""

    def __init__(self, here: Place, there: Place) -> None:
        self._here = here
        self._there = there
        self._report = Report(conversation_sid=here.pin.conversation_sid, authority=here.side)

    async def run(self) -> Report:
        """Compare everything."""
        one, other = await _conversation(self._here), await _conversation(self._there)
        if one is not None and other is not None:
            self._report.add(*_within("conversation", compare(one, other, ignore=OF_OTHERS)))
            await self._participants()
            await self._messages()
        elif one is not other:
            kind = MISSING if other is None else EXTRA
            self._report.add(Difference("conversation", kind, one, other))
        return self._report

    async def _participants(self) -> None:
        here, there = await _participants(self._here), await _participants(self._there)
        self._report.participants.update({self._here.side: len(here), self._there.side: len(there)})
        as_read = [self._there.as_read(each) for each in here]
        self._report.add(*_within("participants", compare(as_read, there)))
        roles = await _roles(self._here), await _roles(self._there)
        others = {each.sid: each for each in there}
        for each in here:
            if each.sid in others:
                self._role(each.sid, roles[0].get(each.role_sid), roles[1].get(others[each.sid].role_sid))

    def _role(self, sid: str, one: str | None, other: str | None) -> None:
        """Compare roles by their names, as far as both sides have names for them."""
        if one is not None and other is not None and one != other:
            self._report.add(Difference(f"participants[{sid}].role", "role", one, other))

    async def _messages(self) -> None:
        async with (
            aclosing(each_message(self._here)) as these,
            aclosing(each_message(self._there)) as those,
        ):
            async for one, other in paired(these, those):
                self._count(self._here.side, one)
                self._count(self._there.side, other)
                self._report.add(*_compared(one, other))

    def _count(self, side: Side, message: MessageRecord | None) -> None:
        if message is not None:
            self._report.messages[side] += 1
            self._report.files[side] += len(message.media)


async def paired(
    these: AsyncIterator[MessageRecord], those: AsyncIterator[MessageRecord]
) -> AsyncIterator[tuple[MessageRecord | None, MessageRecord | None]]:
    """Yield what is at the same place in two streams, or in one of them alone, by index."""
    one, other = await _next(these), await _next(those)
    while one is not None or other is not None:
        if one is not None and other is not None and (one.sid == other.sid or one.index == other.index):
            yield one, other
            one, other = await _next(these), await _next(those)
        elif other is None or (one is not None and one.index < other.index):
            yield one, None
            one = await _next(these)
        else:
            yield None, other
            other = await _next(those)


async def _next(stream: AsyncIterator[MessageRecord]) -> MessageRecord | None:
    return await anext(stream, None)


def _compared(one: MessageRecord | None, other: MessageRecord | None) -> Sequence[Difference]:
    these, those = ([] if each is None else [each] for each in (one, other))
    return _within("messages", compare(these, those))


def _within(name: str, differences: Sequence[Difference]) -> Sequence[Difference]:
    """Return differences with the name of what they are in before their paths."""
    between = {"[": "", "": ""}
    return [replace(each, path=f"{name}{between.get(each.path[:1], '.')}{each.path}") for each in differences]


async def _conversation(place: Place) -> ConversationRecord | None:
    try:
        found = await place.backend.conversations.get(place.account, place.sid)
    except NotFoundError:
        return None
    return place.public.conversation(found)


async def _participants(place: Place) -> Sequence[ParticipantRecord]:
    found = await place.backend.participants.list(place.account, place.sid)
    return [*map(place.public.participant, found)]


async def _roles(place: Place) -> Mapping[str, str]:
    return {each.sid: each.friendly_name for each in await place.backend.roles.list()}
