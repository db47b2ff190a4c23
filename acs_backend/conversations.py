"""Conversations: ACS threads, and what ACS has no place for.

The steward makes each thread, because a conversation's creator is not a participant at Twilio while the maker of a
thread is a member at ACS. The creator may act on a conversation before joining it; the steward then acts instead.
Everybody else may do what ACS lets a member do, so it is ACS that decides: a call is made as the actor, and only
its refusal leads any further.

A thread that another ACS client made appears as soon as one of its members looks: it is *adopted*, which gives it a
row in the store, with the topic as its friendly name and the ACS id of its maker as its creator.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from azure.communication.chat import ChatThreadProperties
from azure.core.exceptions import HttpResponseError

from acs_backend import authority, records
from acs_backend.checks import changed, check_conversation, check_state
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.conversation_edits import (
    PLACEHOLDER_TOPIC,
    Edits,
    check_open,
    existing,
    name_taken,
    topic_of,
)
from acs_backend.errors import Subject, translated
from acs_backend.event_sources.thread_cursor import ThreadGlance
from acs_backend.identities import Identities
from acs_backend.ledger.foresight import NOTICE
from acs_backend.ledger.listings import items
from acs_backend.ledger.recorder import Recorder
from acs_backend.records import Known
from acs_backend.retries import Retries, removal
from acs_backend.roles import Permission, Roles
from acs_backend.sids import CONVERSATION, conversation_sid, is_sid
from acs_backend.store import changes as feed
from acs_backend.store import conversations as table
from acs_backend.store import messages as ledger
from acs_backend.store import participants
from acs_backend.store.changes import Kind
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.text import check_text
from acs_backend.times import to_milliseconds
from twilio_compat.errors import (
    ForbiddenError,
    InvalidResponseError,
    NotFoundError,
    TwilsockUpstreamError,
)
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
)

T = TypeVar("T")

ADOPTIONS_AT_ONCE = 8
THREADS_PER_PAGE = 100
KNOWN_THREADS = 10_000


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
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep rows in *database*, and threads at ACS through *clients*; *clock* tells the time for dates."""
        self._database = database
        self._clients = clients
        self._identities = identities
        self._retries = retries
        self._recorder = recorder
        self._clock = clock
        self._edits = Edits(database, clock)
        self._roles = roles
        self._threads: dict[str, str] = {}
        self._open_until: dict[str, int] = {}

    # The port

    async def create(self, actor: Actor, draft: ConversationDraft) -> ConversationRecord:
        """Make a conversation. `ConflictError` 50353, `LimitError` 50003, 50004, 50303; `DirectModeError`."""
        check_conversation(draft.friendly_name, draft.unique_name, draft.attributes)
        user = await self._identities.acting(actor)
        await authority.check_user(self._roles, actor, user.id, Permission.CREATE_CONVERSATION)
        if draft.unique_name:
            await self._check_free(draft.unique_name)
        epoch = await self._recorder.epoch()
        row = await self._new_thread(actor, draft)
        async with self._database.write() as connection:
            added = await table.add(connection, row)
        if not added:
            await self.as_steward(lambda steward: self._delete_thread(steward, row.thread_id))
            raise name_taken()
        self._recorder.settle(row.thread_id, epoch)
        self._remember(row)
        return records.conversation(Known(row), joined=False)

    async def get(self, actor: Actor, sid: str) -> ConversationRecord:
        """Fetch one. `NotFoundError` 50350, `ForbiddenError` 50430."""
        return await self._fetch(actor, await self.find(actor, sid))

    async def get_by_unique_name(self, actor: Actor, unique_name: str) -> ConversationRecord:
        """Fetch one by its unique name; errors as `get`."""
        check_text(unique_name, "A unique name")
        async with self._database.read() as connection:
            row = await table.by_unique_name(connection, unique_name)
        return await self._fetch(actor, existing(row))

    async def list(self, actor: Actor) -> Sequence[ConversationRecord]:
        """Return those the actor is a member of, in ascending order of sid."""
        user = await self._identities.acting(actor)
        return await self.records(user, await self.glances(user))

    async def update(self, actor: Actor, sid: str, changes: ConversationChanges) -> ConversationRecord:
        """Change it. Errors as `create` and `get`; `ForbiddenError` 50107, `ConflictError` 50377 once it is closed."""
        check_conversation(
            changed(changes.friendly_name, None),
            changed(changes.unique_name, None),
            changed(changes.attributes, None),
        )
        check_state(changed(changes.state, "active"))
        row, joined = await self._look(actor, await self.find(actor, sid))
        user = await self._identities.acting(actor)
        for permission in _needed(changes):
            await self._roles.check_member(actor.identity, user.id, row, permission)
        if unique_name := changed(changes.unique_name, None):
            await self._check_free(unique_name, row)
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
        await self._roles.check_member(actor.identity, user.id, row, Permission.DELETE_CONVERSATION)
        delete = removal(lambda user: self._delete_thread(user, row.thread_id))
        await self.as_member_or_creator(actor, row, delete)
        await self._mark_deleted(row.thread_id)
        self._threads.pop(sid, None)

    # For the other parts

    async def find(self, actor: Actor, sid: str) -> Conversation:
        """Return the row of a conversation, adopting its thread if it is one of the actor's. `NotFoundError` 50350."""
        if not is_sid(sid, CONVERSATION):
            raise _not_found()
        async with self._database.read() as connection:
            row = await table.by_sid(connection, sid)
        if row is None:
            user = await self._identities.acting(actor)
            mine = [each for each in await self.glances(user) if conversation_sid(each) == sid]
            row = (await self._rows(user, mine)).get(mine[0]) if mine else None
        self._remember(existing(row))
        return existing(row)

    async def thread_id(self, actor: Actor, sid: str) -> str:
        """Return the thread of a conversation; it never changes, so it is looked up once. Errors as `find`."""
        known = self._threads.get(sid)
        return known if known is not None else (await self.find(actor, sid)).thread_id

    async def open_thread_id(self, actor: Actor, sid: str) -> str:
        """Return the thread of a conversation to write to. `ConflictError` 50377 if it is closed; errors as `find`.

        That it is open is remembered for as long as whoever closes it waits before they say so.
        """
        thread_id = await self.thread_id(actor, sid)
        if self._open_until.get(thread_id, 0) <= self._now():
            looked_at = self._now()
            check_open(existing(await self.row(thread_id)))
            if len(self._open_until) >= KNOWN_THREADS:
                self._open_until.clear()
            self._open_until[thread_id] = looked_at + int(NOTICE * 1000)
        return thread_id

    async def as_member_or_creator(
        self, actor: Actor, row: Conversation, call: Callable[[AcsUser], Awaitable[T]]
    ) -> T:
        """Run *call* as the actor; if ACS refuses and the actor made the conversation, as the steward.

        Raises the port's errors: `ForbiddenError` 50430, `NotFoundError` 50350.
        """
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
            with translated(Subject.CONVERSATION):
                return await self._retries.idempotent(lambda: call(steward))
        except TwilsockUpstreamError as error:
            if error.status in (403, 404):
                raise _not_found() from error
            raise

    async def glances(self, user: AcsUser) -> dict[str, ThreadGlance]:
        """Return what ACS lists of the user's threads, by thread id."""
        with translated(Subject.CONVERSATION):
            listed = self._clients.chat(user).list_chat_threads(results_per_page=THREADS_PER_PAGE)
            threads = await items(listed, self._retries)
        return {
            each.id: ThreadGlance(each.topic, each.last_message_received_on)
            for each in threads
            if each.deleted_on is None
        }

    async def records(
        self, user: AcsUser, glances: Mapping[str, ThreadGlance]
    ) -> Sequence[ConversationRecord]:
        """Return the conversations of threads the user is a member of, in ascending order of sid."""
        rows = await self._rows(user, list(glances))
        for thread_id, row in rows.items():
            rows[thread_id] = await self._noticed(user, row, glances[thread_id].topic)
        known = await self._known(user, rows)
        found = [records.conversation(each, joined=True) for each in known.values()]
        return sorted(found, key=lambda each: each.sid)

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
        row = await self.row(thread_id)
        if row is not None and row.deleted_at is not None:
            return True
        try:
            with translated(Subject.CONVERSATION):
                await self._retries.idempotent(self._clients.thread(user, thread_id).get_properties)
        except (ForbiddenError, NotFoundError) as error:
            return isinstance(error, NotFoundError)
        return False

    # Making and reading

    async def _new_thread(self, actor: Actor, draft: ConversationDraft) -> Conversation:
        steward = await self._identities.steward()
        topic = topic_of(draft.friendly_name, draft.unique_name)
        token = str(uuid.uuid4())
        chat = self._clients.chat(steward)
        with translated(Subject.CONVERSATION):
            created = await self._retries.idempotent(
                lambda: chat.create_chat_thread(topic, idempotency_token=token)
            )
        thread: ChatThreadProperties = created.chat_thread
        if not thread.id:
            raise InvalidResponseError("ACS made a thread and did not say which")
        now = self._now()
        return Conversation(
            sid=conversation_sid(thread.id),
            thread_id=thread.id,
            unique_name=draft.unique_name or None,
            friendly_name=draft.friendly_name or None,
            topic=topic,
            attributes=draft.attributes,
            created_by=actor.identity,
            created_at=now,
            updated_at=now,
            state="active",
            state_updated_at=now,
            native=False,
            deleted_at=None,
        )

    async def _delete_thread(self, user: AcsUser, thread_id: str) -> None:
        await self._clients.chat(user).delete_chat_thread(thread_id)

    async def _check_free(self, unique_name: str, row: Conversation | None = None) -> None:
        """Refuse a name that another conversation than *row* has, unless that one is gone at ACS."""
        async with self._database.read() as connection:
            holder = await table.by_unique_name(connection, unique_name)
        if holder is None or (row is not None and holder.thread_id == row.thread_id):
            return
        if self._identities.direct or not await self._is_gone(holder):
            raise name_taken()
        await self._mark_deleted(holder.thread_id)

    async def _is_gone(self, row: Conversation) -> bool:
        """Whether a thread was deleted past this library, or by a process that died before it could say so.

        ACS answers 404 then; from a thread that answers 403, a native client may have removed the steward.
        """
        steward = await self._identities.steward()
        try:
            with translated(Subject.CONVERSATION):
                await self._retries.idempotent(lambda: self._topic(steward, row))
        except (ForbiddenError, NotFoundError) as error:
            return isinstance(error, NotFoundError)
        return False

    async def _mark_deleted(self, thread_id: str) -> None:
        async with self._database.write() as connection:
            await table.mark_deleted(connection, thread_id, self._now())
            await feed.add(connection, Kind.MEMBERSHIP, now=self._now(), thread_id=thread_id)

    async def _fetch(self, actor: Actor, row: Conversation) -> ConversationRecord:
        row, joined = await self._look(actor, row)
        return await self._record(await self._identities.acting(actor), row, joined=joined)

    async def _look(self, actor: Actor, row: Conversation) -> tuple[Conversation, bool]:
        """Return the row as it is once the thread was looked at, and whether the actor is a member; errors as `get`."""

        async def look(user: AcsUser) -> tuple[str, str]:
            return user.id, await self._topic(user, row)

        acted_as, topic = await self.as_member_or_creator(actor, row, look)
        joined = acted_as == (await self._identities.acting(actor)).id
        return await self._edits.observe(row, topic), joined

    async def _topic(self, user: AcsUser, row: Conversation) -> str:
        thread = await self._clients.thread(user, row.thread_id).get_properties()
        return thread.topic or row.topic

    async def _rename(self, actor: Actor, row: Conversation, changes: ConversationChanges) -> Conversation:
        """Change the friendly name, and what else *changes* say, in the steps that `conversation_edits` explains."""
        names = (
            changed(changes.friendly_name, row.friendly_name),
            changed(changes.unique_name, row.unique_name),
        )
        topic = topic_of(*names)
        crossed = await self._edits.announce(row.thread_id, changes)

        async def rename(user: AcsUser) -> None:
            await self._clients.thread(user, row.thread_id).update_topic(topic)

        try:
            await self.as_member_or_creator(actor, row, rename)
        except TwilsockUpstreamError:
            await self._edits.withdraw(row.thread_id, changes)
            raise
        written = await self._edits.write(row.thread_id, changes, topic=topic)
        if crossed or written.next_topic is not None:
            written, _ = await self._look(actor, written)
        return written

    async def _record(self, user: AcsUser, row: Conversation, *, joined: bool) -> ConversationRecord:
        known = await self._known(user, {row.thread_id: row})
        return records.conversation(known[row.thread_id], joined=joined)

    async def _known(self, user: AcsUser, rows: Mapping[str, Conversation]) -> Mapping[str, Known]:
        await self._recorder.flush()
        async with self._database.read() as connection:
            own = await participants.of_user(connection, user.id, rows)
            newest = await ledger.newest(connection, rows)
        return {each: Known(row, own.get(each), newest.get(each)) for each, row in rows.items()}

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
        async with self._database.read() as connection:
            rows = await table.by_threads(connection, thread_ids)
        strangers = [each for each in thread_ids if each not in rows]
        for start in range(0, len(strangers), ADOPTIONS_AT_ONCE):
            batch = strangers[start : start + ADOPTIONS_AT_ONCE]
            adopted = await asyncio.gather(*(self._adopt(user, each) for each in batch))
            rows |= {row.thread_id: row for row in adopted if row is not None}
        return {thread_id: row for thread_id, row in rows.items() if row.deleted_at is None}

    async def _adopt(self, user: AcsUser, thread_id: str) -> Conversation | None:
        """Make a row for a thread; None if the user lost it meanwhile."""
        try:
            with translated(Subject.CONVERSATION):
                thread = await self._retries.idempotent(self._clients.thread(user, thread_id).get_properties)
        except (ForbiddenError, NotFoundError):
            return None
        maker = thread.created_by.raw_id
        names = await self._identities.names([maker])
        row = table.adopted(
            thread_id,
            topic=thread.topic or PLACEHOLDER_TOPIC,
            created_by=names.get(maker, ""),
            created_at=to_milliseconds(thread.created_on),
        )
        async with self._database.write() as connection:
            await table.add(connection, row)
            return await table.by_thread(connection, thread_id)

    def _made_by(self, actor: Actor, row: Conversation) -> bool:
        return row.created_by == actor.identity and not self._identities.direct

    def _remember(self, row: Conversation) -> None:
        if len(self._threads) >= KNOWN_THREADS:
            self._threads.clear()
        self._threads[row.sid] = row.thread_id

    def _now(self) -> int:
        return to_milliseconds(self._clock())


def _needed(changes: ConversationChanges) -> Iterator[Permission]:
    """Yield what whoever makes *changes* must be allowed to."""
    if changes.friendly_name is not UNCHANGED or changes.unique_name is not UNCHANGED:
        yield Permission.EDIT_CONVERSATION_NAME
    if changes.attributes is not UNCHANGED or changes.state is not UNCHANGED:
        yield Permission.EDIT_CONVERSATION_ATTRIBUTES


def _not_found() -> NotFoundError:
    return NotFoundError("Conversation not found", code=50350)
