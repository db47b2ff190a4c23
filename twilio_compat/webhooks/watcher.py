"""Watching a service's conversations, so that webhooks hear of what no call of this library has told them.

Theory of operation
-------------------
Whoever changes something through this library puts the news into the queue right after it. The watcher, of which the
process with the lease has one per service, subscribes as the account, and puts the same news under the same keys into
the queue once more. Most often that changes nothing. What it adds is what others have not told:

- what native clients do: they know nothing of webhooks;
- what a process did that died before it could tell.

So that news comes from whoever knows who made it, as long as they live, the watcher holds it back for `GRACE` seconds;
but not messages of native clients, which nobody else tells. Of who made it, it knows only the author: it tells all of it
as made by clients (``SDK``), and of a native client no identity.

While nobody watched, messages may have been sent. So the watcher notes, now and then, up to when everything was told;
whoever watches next begins by reading each conversation with a message from after that, less `SLACK`, for clocks that
differ and readings that were late. It goes back `LONGEST_AGE` and `MOST_MESSAGES` per conversation at most: the keys of
what was told are known for a week, and an application that was down for longer has other worries. A webhook is told of
nothing from before it was configured.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from twilio_compat.account import SYSTEM, AccountBackend, account_actor
from twilio_compat.errors import TwilsockUpstreamError
from twilio_compat.events import (
    ConversationJoined,
    ConversationLeft,
    ConversationUpdated,
    Event,
    MessageAdded,
    MessageRemoved,
    MessageUpdated,
    ParticipantJoined,
    ParticipantLeft,
    SourceInterrupted,
    SourceRestored,
    Synchronized,
)
from twilio_compat.records import ConversationRecord, Direction, MessageRecord
from twilio_compat.webhooks import news as writing
from twilio_compat.webhooks.configuration import forget_scoped
from twilio_compat.webhooks.desk import Desk
from twilio_compat.webhooks.events import CONVERSATION_REMOVED
from twilio_compat.webhooks.news import News
from twilio_compat.webhooks.parameters import time_text

GRACE: Final = 2.0
"""Seconds that news is held back, for whoever made it to tell it first."""
LOOK_EVERY: Final = 0.5
"""Seconds between two looks at what was held back."""
NOTED_EVERY: Final = 60.0
"""Seconds between two notes of how far everything was told."""
SLACK: Final = timedelta(minutes=10)
LONGEST_AGE: Final = timedelta(days=3)
RESOLUTION: Final = timedelta(seconds=1)
"""By how much too early a service may say that a message was received."""
MOST_MESSAGES: Final = 1000
PAGE: Final = 100

KIND, NAME = "webhook-watch", "told-until"
"""The document that says up to when everything was told."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    """News that is held back, since when by the clock, and of whom it is as far as the watcher can tell."""

    news: News
    heard: float
    author: str | None


class Watcher:
    """Watches one service, *backend* being its own, where nobody is told."""

    def __init__(
        self,
        backend: AccountBackend,
        desk: Desk,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        sleep: Callable[[float], Coroutine[None, None, None]],
    ) -> None:
        """Watch nothing yet. *now* tells the time of day, *clock* is monotonic, *sleep* waits, in seconds."""
        self._backend = backend
        self._desk = desk
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._actor = account_actor(backend.service_sid)
        self._known: dict[str, ConversationRecord] = {}
        self._held: deque[_Held] = deque()
        self._is_blind = True
        """Whether there may be news that it has not heard of."""
        self._noted: float | None = None

    async def run(self) -> None:
        """Watch until it is cancelled, or the service refuses. Raises the port's errors."""
        async with self._backend.subscribe(self._actor) as events, asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._keep_telling())
            try:
                async for event in events:
                    await self._hear(event)
            finally:
                telling.cancel()

    # Hearing

    async def _hear(self, event: Event) -> None:
        match event:
            case Synchronized():
                self._known = {each.sid: each for each in event.conversations}
                await self._catch_up(event)
                self._is_blind = False
            case SourceInterrupted():
                self._is_blind = True
            case SourceRestored():
                self._is_blind = False
            case MessageAdded():
                await self._hear_message(event.message)
            case MessageUpdated():
                self._hold(writing.message_updated(event.message))
            case MessageRemoved():
                self._hold(
                    writing.unknown_message_removed(
                        event.conversation_sid, event.message_sid, event.index, self._now()
                    )
                )
            case ParticipantJoined():
                self._hold(writing.participant_seen_to_come(event.participant, self._now()))
            case ParticipantLeft():
                self._hold(writing.participant_seen_to_leave(event.participant, self._now()))
            case ConversationJoined() | ConversationUpdated():
                self._hear_conversation(event.conversation)
            case ConversationLeft():
                await self._hear_leaving(event)
            case _:
                pass

    async def _hear_message(self, message: MessageRecord) -> None:
        if message.is_quiet:
            return
        if message.is_native:
            await self._desk.announce([writing.message_added(message)], source="SDK")
        else:
            self._hold(writing.message_added(message), message.author)

    def _hear_conversation(self, record: ConversationRecord) -> None:
        known = self._known.get(record.sid)
        self._known[record.sid] = record
        self._desk.note_messaging_service(record)
        if known is not None and _content(known) != _content(record):
            self._hold(writing.conversation_updated(record))

    async def _hear_leaving(self, event: ConversationLeft) -> None:
        known = self._known.pop(event.conversation_sid, None)
        if known is not None and event.reason == "deleted":
            self._hold(writing.conversation_removed(known, self._now()))

    def _hold(self, news: News, author: str | None = None) -> None:
        self._held.append(_Held(news, self._clock(), None if author == SYSTEM else author))

    # Telling

    async def _keep_telling(self) -> None:
        while True:
            await self._sleep(LOOK_EVERY)
            await self._tell()
            await self._note()

    async def _tell(self) -> None:
        """Tell what was held back for long enough."""
        while self._held and self._clock() - self._held[0].heard >= GRACE:
            held = self._held[0]
            await self._desk.announce([held.news], source="SDK", client_identity=held.author)
            await self._forget(held.news)
            self._held.popleft()

    async def _forget(self, news: News) -> None:
        """Forget the webhooks of a conversation that is gone, once they are told of it."""
        if news.happening is CONVERSATION_REMOVED:
            await forget_scoped(self._backend.documents, news.subject)

    async def _note(self) -> None:
        """Note now and then up to when everything was told."""
        clock = self._clock()
        if self._is_blind or (self._noted is not None and clock - self._noted < NOTED_EVERY):
            return
        age = clock - self._held[0].heard if self._held else 0.0
        until = self._now() - timedelta(seconds=age)
        await self._backend.documents.put(KIND, NAME, {"until": time_text(until)})
        self._noted = clock

    # What happened before

    async def _catch_up(self, event: Synchronized) -> None:
        since = await self._since()
        for each in event.conversations:
            if _last(each, event) >= since:
                await self._catch_up_in(each.sid, since)

    async def _catch_up_in(self, conversation_sid: str, since: datetime) -> None:
        try:
            messages = await self._messages(conversation_sid, since)
        except TwilsockUpstreamError as error:
            _log.warning("Of %s, webhooks are told from now on only: %s", conversation_sid, error)
            return
        for each in messages:
            if not each.is_quiet:
                self._hold(writing.earlier_message_added(each), None if each.is_native else each.author)

    async def _since(self) -> datetime:
        """Return from when on it is not certain that everything was told."""
        now = self._now()
        document = await self._backend.documents.get(KIND, NAME)
        until = document.content.get("until") if document is not None else None
        noted = datetime.fromisoformat(until).astimezone(UTC) if isinstance(until, str) else now
        return max(noted - SLACK, now - LONGEST_AGE)

    async def _messages(self, conversation_sid: str, since: datetime) -> list[MessageRecord]:
        """Return the newest messages of a conversation, in order, back to the first page with none that young."""
        found: list[MessageRecord] = []
        anchor: int | None = None
        while len(found) < MOST_MESSAGES:
            page = await self._backend.messages.page(
                self._actor, conversation_sid, size=PAGE, anchor=anchor, direction=Direction.BACKWARDS
            )
            young = [each for each in page.items if each.date_created >= since]
            found[:0] = young
            if not young or not page.has_older:
                return found
            anchor = page.items[0].index - 1
        _log.warning(
            "Webhooks may not have been told of all messages in %s: too many are new", conversation_sid
        )
        return found


def _last(record: ConversationRecord, event: Synchronized) -> datetime:
    """Return when the last message was sent to a conversation, whoever says so; long ago if there is none."""
    known = record.last_message.date_created if record.last_message else datetime.min.replace(tzinfo=UTC)
    listed = event.written_at.get(record.sid)
    return known if listed is None else max(known, listed + RESOLUTION)


def _content(record: ConversationRecord) -> tuple[object, ...]:
    return (record.friendly_name, record.unique_name, record.attributes)
