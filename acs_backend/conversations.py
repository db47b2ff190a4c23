"""Conversations: ACS threads, and what ACS has no place for.

The steward makes each thread, because a conversation's creator is not a participant at Twilio while the maker of a
thread is a member at ACS. The creator may act on a conversation before joining it; the steward then acts instead.
Everybody else may do what ACS lets a member do, so it is ACS that decides: a call is made as the actor, and only
its refusal leads any further.

The account may do everything with every conversation, and is a member of none. It acts as the steward, or as somebody
who is a member where the steward is not (`acs_backend.stand_ins`). What it lists comes from the store alone, so it has
the conversations of threads that the steward is not in as well; and one is told as the store has it whose thread nobody
can be asked about, or nobody but this library can have changed.

A thread that another ACS client made appears as soon as one of its members looks (`acs_backend.adoption`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from azure.core.exceptions import HttpResponseError

from acs_backend import authority, records, timers
from acs_backend.adoption import Adoption
from acs_backend.authority import is_account
from acs_backend.checks import changed, check_conversation, check_initial_state, check_sid, check_state
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.conversation_edits import (
    Edits,
    check_open,
    existing,
    made,
    name_taken,
    sid_taken,
    topic_of,
)
from acs_backend.deletions import Deletions
from acs_backend.errors import Subject, translated
from acs_backend.event_sources.thread_cursor import ThreadGlance
from acs_backend.identities import Identities
from acs_backend.ledger.foresight import NOTICE
from acs_backend.ledger.recorder import Recorder
from acs_backend.movements import Movements
from acs_backend.records import Known
from acs_backend.retries import Retries, removal
from acs_backend.roles import Permission, Roles
from acs_backend.sids import CONVERSATION, conversation_sid, is_sid
from acs_backend.stand_ins import StandIns
from acs_backend.store import conversations as table
from acs_backend.store import messages as ledger
from acs_backend.store import participants
from acs_backend.store.conversations import Conversation, Sought
from acs_backend.store.database import Database
from acs_backend.text import check_text
from acs_backend.threads import Threads
from acs_backend.times import to_milliseconds
from twilio_compat.account import SYSTEM, ConversationQuery, StateMove
from twilio_compat.errors import ForbiddenError, NotFoundError, TranslationGapError, TwilsockUpstreamError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    Timers,
)

T = TypeVar("T")

KNOWN_THREADS = 10_000


@dataclass(frozen=True, slots=True)
class Opened:
    """A thread to write to. ``is_inactive``: what is written there makes the conversation active again."""

    thread_id: str
    is_inactive: bool = False


class Conversations:
    """The port's conversations, and what the other parts need of them."""

    def __init__(
        self,
        database: Database,
        clients: AcsClients,
        identities: Identities,
        retries: Retries,
        recorder: Recorder,
        roles: Roles,
        movements: Movements,
        stand_ins: StandIns,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep rows in *database*, and threads at ACS through *clients*; *clock* tells the time for dates."""
        self._database = database
        self._acs = Threads(clients)
        self._identities = identities
        self._retries = retries
        self._recorder = recorder
        self._clock = clock
        self._edits = Edits(database, clock)
        self._adoption = Adoption(database, self._acs, identities, retries)
        self._deletions = Deletions(database, self._acs, identities, retries, clock)
        self._roles = roles
        self._movements = movements
        self._stand_ins = stand_ins
        self._threads: dict[str, str] = {}
        self._open_until: dict[str, int] = {}

    # The port

    async def create(self, actor: Actor, draft: ConversationDraft) -> ConversationRecord:
        """Make a conversation. `ConflictError` 50353, `LimitError` 50003, 50004, 50303; `DirectModeError`.

        For the account also `LimitError` 50384 (closed from the start), 50375, 50376, 50379, 50380 (timers). A sid to be
        kept is taken (50353) by a conversation that is there; one that was deleted gives it up.
        """
        authority.check_conversation_draft(actor, draft)
        check_sid(draft.sid, CONVERSATION)
        check_text(draft.created_by or "", "A creator")
        check_conversation(draft.friendly_name, draft.unique_name, draft.attributes)
        check_initial_state(draft.state)
        timers.check_timers(draft.timers)
        user = await self._identities.acting(actor)
        await authority.check_user(self._roles, actor, user.id, Permission.CREATE_CONVERSATION)
        if draft.unique_name:
            await self._check_free(draft.unique_name)
        if draft.sid is not None:
            await self._check_free_sid(draft.sid)
        epoch = await self._recorder.epoch()
        row = await self._new_thread(actor, draft)
        async with self._database.write() as connection:
            if draft.sid is not None:
                await table.set_free(connection, draft.sid)
            added = await table.add(connection, row)
            holder = await table.by_sid(connection, row.sid)
        if not added:
            await self.as_steward(lambda steward: self._acs.delete(steward, row.thread_id))
            raise name_taken() if holder is None else sid_taken()
        self._recorder.settle(row.thread_id, epoch)
        self._remember(row)
        return records.conversation(Known(row), joined=False)

    async def get(self, actor: Actor, sid: str) -> ConversationRecord:
        """Fetch one. `NotFoundError` 50350, `ForbiddenError` 50430."""
        return await self._fetch(actor, await self.find(actor, sid))

    async def get_by_unique_name(self, actor: Actor, unique_name: str) -> ConversationRecord:
        """Fetch one by its unique name; errors as `get`."""
        return await self._fetch(actor, await self._settled(await self._named(unique_name)))

    async def sid_of(self, actor: Actor, unique_name: str) -> str:
        """Return the sid of the one with a unique name, which whoever does something with it then looks at. `NotFoundError` 50350."""
        authority.check_account(actor)
        return (await self._named(unique_name)).sid

    async def list(self, actor: Actor) -> Sequence[ConversationRecord]:
        """Return those the actor is a member of, in ascending order of sid; for the account, those the steward is."""
        user = await self._identities.acting(actor)
        return await self.records(user, await self.glances(user), joined=not is_account(actor))

    async def page(
        self, actor: Actor, query: ConversationQuery, *, after: str | None, limit: int
    ) -> Sequence[ConversationRecord]:
        """Return up to *limit* that were made after the one with the sid *after* (None: from the first on).

        From the store, in one query; without their last messages, which such a list does not show at Twilio.
        """
        if query.state is not None:
            await self._movements.settle_due()
        sought = Sought(
            state=query.state,
            created_from=None if query.created_from is None else to_milliseconds(query.created_from),
            created_until=None if query.created_until is None else to_milliseconds(query.created_until),
        )
        async with self._database.read() as connection:
            found = await table.page(connection, sought, after=after, limit=limit)
        settled = await self._movements.settled({row.thread_id: row for row, _ in found})
        return [
            records.conversation(Known(settled[row.thread_id], latest=newest), joined=False)
            for row, newest in found
        ]

    async def move_due(self) -> Sequence[StateMove]:
        """Move on those whose time has come, and return what moved, once to one caller of any process."""
        return await self._movements.move_due()

    async def update(self, actor: Actor, sid: str, changes: ConversationChanges) -> ConversationRecord:
        """Change it. Errors as `create` and `get`; `ForbiddenError` 50107, `ConflictError` 50377 once it is closed."""
        _check(actor, changes)
        row, joined = await self._look(actor, await self.find(actor, sid))
        user = await self._identities.acting(actor)
        for permission in _needed(changes):
            await authority.check_member(self._roles, actor, user.id, row, permission)
        if unique_name := changed(changes.unique_name, None):
            await self._check_free(unique_name, row)
        if changes.state == "inactive":
            await self._movements.complete(row.thread_id)
        renames = changes.friendly_name is not UNCHANGED
        row = await (
            self._rename(actor, row, changes) if renames else self._edits.write(row.thread_id, changes)
        )
        if changes.state == "closed":
            await self._identities.notice()
        return await self._record(user, row, joined=joined)

    async def delete(self, actor: Actor, sid: str) -> None:
        """Delete it for everyone; errors as `get`."""
        row, _ = await self._look(actor, await self.find(actor, sid))
        user = await self._identities.acting(actor)
        await authority.check_member(self._roles, actor, user.id, row, Permission.DELETE_CONVERSATION)
        delete = removal(lambda user: self._acs.delete(user, row.thread_id))
        await self.as_member_or_creator(actor, row, delete)
        await self._deletions.mark(row.thread_id)
        self._threads.pop(sid, None)

    # For the other parts

    async def find(self, actor: Actor, sid: str) -> Conversation:
        """Return the row of a conversation, adopting its thread if it is one of the actor's. `NotFoundError` 50350."""
        if not is_sid(sid, CONVERSATION):
            raise _not_found()
        async with self._database.read() as connection:
            row = await table.by_sid(connection, sid)
        if row is None and not is_account(actor):  # which has no threads of its own
            user = await self._identities.acting(actor)
            mine = [each for each in await self.glances(user) if conversation_sid(each) == sid]
            row = (await self._rows(user, mine)).get(mine[0]) if mine else None
            row = row if row is not None and row.sid == sid else None  # which one that is imported keeps
        found = await self._settled(existing(row))
        self._remember(found)
        return found

    async def thread_id(self, actor: Actor, sid: str) -> str:
        """Return the thread of a conversation; it never changes, so it is looked up once. Errors as `find`."""
        known = self._threads.get(sid)
        return known if known is not None else (await self.find(actor, sid)).thread_id

    async def open_thread_id(self, actor: Actor, sid: str) -> str:
        """Return the thread of a conversation to write to; errors as `opened`."""
        return (await self.opened(actor, sid)).thread_id

    async def opened(self, actor: Actor, sid: str, *, even_closed: bool = False) -> Opened:
        """Return the thread of a conversation to write to. `ConflictError` 50377 unless it may be *even_closed*.

        Errors as `find`.

        That it is open is remembered for as long as whoever closes it waits before they say so. So is that it is active:
        of a message that comes in the moment when it is not any more, whoever looks at the conversation takes note.
        """
        thread_id = await self.thread_id(actor, sid)
        if self._open_until.get(thread_id, 0) > self._now():
            return Opened(thread_id)
        looked_at = self._now()
        row = await self._settled(existing(await self.row(thread_id)))
        if row.state == "closed" and even_closed:
            return Opened(thread_id)
        check_open(row)
        if row.state == "inactive":
            return Opened(thread_id, is_inactive=True)
        if len(self._open_until) >= KNOWN_THREADS:
            self._open_until.clear()
        self._open_until[thread_id] = looked_at + int(NOTICE * 1000)
        return Opened(thread_id)

    async def wake(self, thread_id: str, message_id: int) -> None:
        """Make a conversation active again into which a message was sent."""
        await self._movements.wake(thread_id, message_id)

    async def settle(self, row: Conversation) -> None:
        """Write down what time and messages have done to a conversation."""
        await self._settled(row)

    async def as_member_or_creator(
        self, actor: Actor, row: Conversation, call: Callable[[AcsUser], Awaitable[T]]
    ) -> T:
        """Run *call* as the actor; if ACS refuses and the actor made the conversation, as the steward.

        For the account, as the steward or a stand-in. Raises the port's errors: `ForbiddenError` 50430, `NotFoundError`
        50350, and for the account `TranslationGapError` instead of the first.
        """
        if is_account(actor):
            return await self._stand_ins.act(row.thread_id, lambda user: self._as(user, call))
        user = await self._identities.acting(actor)
        with translated(Subject.CONVERSATION):
            try:
                return await self._retries.idempotent(lambda: call(user))
            except HttpResponseError as error:
                if error.status_code not in (403, 404) or not self._made_by(actor, row):
                    raise
        return await self.as_steward(call)

    async def as_steward(self, call: Callable[[AcsUser], Awaitable[T]]) -> T:
        """Run *call* on a thread as the steward. `NotFoundError` 50350 where the thread is gone."""
        steward = await self._identities.steward()
        try:
            return await self._as(steward, call)
        except TwilsockUpstreamError as error:
            if error.status in (403, 404):
                raise _not_found() from error
            raise

    async def glances(self, user: AcsUser) -> dict[str, ThreadGlance]:
        """Return what ACS lists of the user's threads, by thread id."""
        with translated(Subject.CONVERSATION):
            return await self._acs.glances(user, self._retries)

    async def records(
        self, user: AcsUser, glances: Mapping[str, ThreadGlance], *, joined: bool = True
    ) -> Sequence[ConversationRecord]:
        """Return the conversations of threads the user is a member of, in ascending order of sid."""
        rows = await self._rows(user, list(glances))
        for thread_id, row in rows.items():
            rows[thread_id] = await self._noticed(user, row, glances[thread_id].topic)
        known = await self._known(user, rows)
        found = [records.conversation(each, joined=joined) for each in known.values()]
        return sorted(found, key=lambda each: each.sid)

    async def rows_of(self, user: AcsUser) -> Collection[Conversation]:
        """Return the rows of all conversations that a user is a member of, made by whomever."""
        return (await self._rows(user, list(await self.glances(user)))).values()

    async def follow_topic(self, user: AcsUser, thread_id: str, listed: str) -> bool:
        """Have the store follow a topic that was listed; say whether it has it now. The change feed tells it."""
        row = await self.row(thread_id)
        return row is None or (await self._noticed(user, row, listed)).topic == listed

    async def known(self, user: AcsUser, thread_ids: Collection[str]) -> Mapping[str, Known]:
        """Return what the store has on threads, and on the user's own standing there, by thread id."""
        async with self._database.read() as connection:
            rows = await table.by_threads(connection, thread_ids)
        return await self._known(user, rows)

    async def row(self, thread_id: str) -> Conversation | None:
        """Return the row of a thread, deleted or not."""
        async with self._database.read() as connection:
            return await table.by_thread(connection, thread_id)

    async def was_deleted(self, user: AcsUser, thread_id: str) -> bool:
        """Say whether a thread that the user does not see any more is gone for everyone."""
        return await self._deletions.was_deleted(user, thread_id)

    # Making and reading

    async def _new_thread(self, actor: Actor, draft: ConversationDraft) -> Conversation:
        topic = topic_of(draft.friendly_name, draft.unique_name)
        thread_id = await self._as(await self._identities.steward(), self._acs.making(topic))
        created_by = actor.identity if draft.created_by is None else draft.created_by
        return made(thread_id, draft, topic=topic, created_by=created_by, now=self._now())

    async def _as(self, user: AcsUser, call: Callable[[AcsUser], Awaitable[T]]) -> T:
        with translated(Subject.CONVERSATION):
            return await self._retries.idempotent(lambda: call(user))

    async def _settled(self, row: Conversation) -> Conversation:
        return (await self._movements.settled({row.thread_id: row}))[row.thread_id]

    async def _check_free(self, unique_name: str, row: Conversation | None = None) -> None:
        """Refuse a name that another conversation than *row* has, unless that one is gone at ACS."""
        async with self._database.read() as connection:
            holder = await table.by_unique_name(connection, unique_name)
        if holder is None or (row is not None and holder.thread_id == row.thread_id):
            return
        if not await self._is_found_gone(holder):
            raise name_taken()

    async def _check_free_sid(self, sid: str) -> None:
        """Refuse a sid that another conversation has, unless that one is gone at ACS."""
        async with self._database.read() as connection:
            holder = await table.by_sid(connection, sid)
        if holder is not None and holder.deleted_at is None and not await self._is_found_gone(holder):
            raise sid_taken()

    async def _is_found_gone(self, holder: Conversation) -> bool:
        """Say whether a conversation turns out to be gone at ACS, and take note of it."""
        if self._identities.direct or not await self._deletions.is_gone(holder.thread_id):
            return False
        await self._deletions.mark(holder.thread_id)
        return True

    async def _named(self, unique_name: str) -> Conversation:
        check_text(unique_name, "A unique name")
        async with self._database.read() as connection:
            row = await table.by_unique_name(connection, unique_name)
        return existing(row)

    async def _fetch(self, actor: Actor, row: Conversation) -> ConversationRecord:
        row, joined = await self._look(actor, row)
        return await self._record(await self._identities.acting(actor), row, joined=joined)

    async def _look(
        self, actor: Actor, row: Conversation, *, crossed: bool = False
    ) -> tuple[Conversation, bool]:
        """Return the row as it is once the thread was looked at, and whether the actor is a member; errors as `get`.

        *crossed*: another change of its name was under way.
        """
        if is_account(actor):
            return await self._look_for_account(actor, row, crossed=crossed), False

        async def look(user: AcsUser) -> tuple[str, str]:
            return user.id, await self._topic(user, row)

        acted_as, topic = await self.as_member_or_creator(actor, row, look)
        joined = acted_as == (await self._identities.acting(actor)).id
        return await self._edits.observe(row, topic), joined

    async def _look_for_account(self, actor: Actor, row: Conversation, *, crossed: bool) -> Conversation:
        """Do the same for the account: what nobody can look at is as the store has it, and what is gone, gone there too.

        Where nobody can have changed the thread past this library, and no change of this library's is under way, there is
        nothing to look for; and the steward, who acts for the whole deployment, may look at five threads a second.
        """
        if not (crossed or row.next_topic is not None or await self._is_open_to_natives(row.thread_id)):
            return row
        try:
            topic = await self.as_member_or_creator(actor, row, lambda user: self._topic(user, row))
        except TranslationGapError:
            return row
        except NotFoundError:
            await self._deletions.mark(row.thread_id)
            raise
        return await self._edits.observe(row, topic)

    async def _is_open_to_natives(self, thread_id: str) -> bool:
        """Say whether somebody may have changed a thread past this library."""
        async with self._database.read() as connection:
            standing = (await ledger.standings(connection, [thread_id])).get(thread_id)
        return standing is None or standing.native

    async def _topic(self, user: AcsUser, row: Conversation) -> str:
        return (await self._acs.properties(user, row.thread_id)).topic or row.topic

    async def _rename(self, actor: Actor, row: Conversation, changes: ConversationChanges) -> Conversation:
        """Change the friendly name, and what else *changes* say, in the steps that `conversation_edits` explains."""
        names = (
            changed(changes.friendly_name, row.friendly_name),
            changed(changes.unique_name, row.unique_name),
        )
        topic = topic_of(*names)
        crossed = await self._edits.announce(row.thread_id, changes)

        try:
            await self.as_member_or_creator(
                actor, row, lambda user: self._acs.rename(user, row.thread_id, topic)
            )
        except (TwilsockUpstreamError, TranslationGapError):
            await self._edits.withdraw(row.thread_id, changes)
            raise
        written = await self._edits.write(row.thread_id, changes, topic=topic)
        if crossed or written.next_topic is not None:
            written, _ = await self._look(actor, written, crossed=True)
        return written

    async def _record(self, user: AcsUser, row: Conversation, *, joined: bool) -> ConversationRecord:
        known = await self._known(user, {row.thread_id: row})
        return records.conversation(known[row.thread_id], joined=joined)

    async def _known(self, user: AcsUser, rows: Mapping[str, Conversation]) -> Mapping[str, Known]:
        await self._recorder.flush()
        async with self._database.read() as connection:
            own = await participants.of_user(connection, user.id, rows)
            newest = await ledger.newest(connection, rows)
            timed = [each for each, row in rows.items() if timers.has_timers(row)]
            latest = await ledger.newest_ids(connection, timed)
        return {
            each: Known(row, own.get(each), newest.get(each), latest.get(each, 0))
            for each, row in rows.items()
        }

    async def _noticed(self, user: AcsUser, row: Conversation, listed: str) -> Conversation:
        """Return the row as it is once a listing, which may be older than the row, gave the topic *listed*."""
        if listed == row.topic:
            return row
        try:
            with translated(Subject.CONVERSATION):
                topic = await self._retries.idempotent(lambda: self._topic(user, row))
            return await self._edits.observe(row, topic)
        except (ForbiddenError, NotFoundError):
            return row  # lost meanwhile, which the next look at the list of threads tells

    async def _rows(self, user: AcsUser, thread_ids: Sequence[str]) -> dict[str, Conversation]:
        """Return the rows of the user's threads by thread id, adopting those that have none."""
        return await self._movements.settled(await self._adoption.rows(user, thread_ids))

    def _made_by(self, actor: Actor, row: Conversation) -> bool:
        """Say whether the actor made it. What the account made is not that of a user who happens to be called as it is."""
        return row.created_by == actor.identity != SYSTEM and not self._identities.direct

    def _remember(self, row: Conversation) -> None:
        if len(self._threads) >= KNOWN_THREADS:
            self._threads.clear()
        self._threads[row.sid] = row.thread_id

    def _now(self) -> int:
        return to_milliseconds(self._clock())


def _check(actor: Actor, changes: ConversationChanges) -> None:
    """Refuse what *changes* may not say, whatever the conversation."""
    authority.check_conversation_changes(actor, changes)
    check_conversation(
        changed(changes.friendly_name, None),
        changed(changes.unique_name, None),
        changed(changes.attributes, None),
    )
    check_state(changed(changes.state, "active"))
    timers.check_timers(changed(changes.timers, Timers()))


def _needed(changes: ConversationChanges) -> Iterator[Permission]:
    """Yield what whoever makes *changes* must be allowed to."""
    if changes.friendly_name is not UNCHANGED or changes.unique_name is not UNCHANGED:
        yield Permission.EDIT_CONVERSATION_NAME
    if changes.attributes is not UNCHANGED or changes.state is not UNCHANGED:
        yield Permission.EDIT_CONVERSATION_ATTRIBUTES


def _not_found() -> NotFoundError:
    return NotFoundError("Conversation not found", code=50350)
