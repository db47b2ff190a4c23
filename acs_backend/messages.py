"""Messages, by index.

A page of the newest messages costs one request: a listing tells whether the actor is a member, brings the ledger up
to date and has the contents. For older pages the ledger says which messages are wanted, and `acs_backend.ledger.reader`
finds what they say.

At Twilio an administrator may change what others wrote, at ACS only the author. So such a change is made as the
author, with a token issued for that. It takes the connection string, and an author who is still a member.

The account changes what anybody wrote in the same way. What the steward sent it can always change. What somebody sent who
has left, nobody can: a `TranslationGapError` says so. They could be added for the moment, and removed; but they would see
what has been written since they left, every client would be told of their coming and going, and a process that died in
between would leave them in. The caller, who knows whether that is well, can do it in two calls.

`acs_backend.voices` says as whom a message is sent, `acs_backend.speaker` does it, `acs_backend.sender` sees to it that a message is sent exactly once, `acs_backend.message_translator` to what it says.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from acs_backend import authority, delivery
from acs_backend.authority import is_account
from acs_backend.checks import check_index, check_sid
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.content_templates import ContentTemplates
from acs_backend.conversation_edits import existing
from acs_backend.conversations import Conversations
from acs_backend.errors import Subject, translated
from acs_backend.event_sources.hub import Hub
from acs_backend.identities import Identities
from acs_backend.ledger.entries import Message
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.reader import Reader
from acs_backend.media import Media
from acs_backend.message_pages import MessagePages, Wanted
from acs_backend.message_translator import MessageTranslator
from acs_backend.participants import Participants
from acs_backend.retries import Retries, removal
from acs_backend.roles import Permission, Roles
from acs_backend.sids import MESSAGE
from acs_backend.speaker import Speaker
from acs_backend.stand_ins import StandIns
from acs_backend.store import changes as feed
from acs_backend.store import messages as table
from acs_backend.store.changes import Kind
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow
from acs_backend.times import to_milliseconds
from acs_backend.voices import Voices, check_author
from twilio_compat.account import SYSTEM
from twilio_compat.errors import ForbiddenError, NotFoundError, TranslationGapError, TwilioCompatError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    DeliveryReceiptRecord,
    Direction,
    JSONValue,
    MessageChanges,
    MessageDraft,
    MessagePage,
    MessageRecord,
)

T = TypeVar("T")
_Needed: TypeAlias = tuple[Permission, Permission]
"""What it takes to do something to any message, and what is enough for one's own."""

_EDIT: Final = Permission.EDIT_ANY_MESSAGE, Permission.EDIT_OWN_MESSAGE
_ATTRIBUTES: Final = Permission.EDIT_ANY_MESSAGE_ATTRIBUTES, Permission.EDIT_OWN_MESSAGE_ATTRIBUTES
_DELETION: Final = Permission.DELETE_ANY_MESSAGE, Permission.DELETE_OWN_MESSAGE

GLANCE = 20
"""Entries that are asked for where only what is new counts."""

_log = logging.getLogger(__name__)


class Messages:
    """The port's messages, and what the event sources need of them."""

    def __init__(
        self,
        database: Database,
        clients: AcsClients,
        identities: Identities,
        retries: Retries,
        conversations: Conversations,
        participants: Participants,
        media: Media,
        content_templates: ContentTemplates,
        ledger: Ledger,
        pages: MessagePages,
        reader: Reader,
        speaker: Speaker,
        translator: MessageTranslator,
        roles: Roles,
        hub: Hub,
        stand_ins: StandIns,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Combine these parts; *clock* tells the time for the change feed."""
        self._database = database
        self._clients = clients
        self._identities = identities
        self._retries = retries
        self._conversations = conversations
        self._participants = participants
        self._media = media
        self._content_templates = content_templates
        self._ledger = ledger
        self._pages = pages
        self._reader = reader
        self._speaker = speaker
        self._translator = translator
        self._hub = hub
        self._clock = clock
        self._roles = roles
        self._stand_ins = stand_ins
        self._voices = Voices(identities, participants)

    # The port

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        """Send. Errors of `message_codec.encode`; `ServiceTimeoutError` where the outcome stays unknown.

        One that keeps a sid or an index is imported: a closed conversation takes it, and an inactive one stays so. `ConflictError`
        where another message has its sid or its index.
        """
        authority.check_message_draft(actor, draft)
        check_sid(draft.sid, MESSAGE)
        check_index(draft.index)
        user = await self._identities.acting(actor)
        is_imported = draft.sid is not None or draft.index is not None
        opened = await self._conversations.opened(actor, conversation_sid, even_closed=is_imported)
        thread_id = opened.thread_id
        draft, content = await self._content_templates.applied(draft)
        needed = Permission.SEND_MEDIA_MESSAGE if draft.media else Permission.SEND_MESSAGE
        await self._check_own(actor, user, thread_id, needed)
        voices = await self._voices.of(actor, thread_id, draft)
        row, message = await self._media.naming(
            draft, lambda: self._speaker.say(voices, thread_id, conversation_sid, draft, content)
        )
        if draft.media:
            self._media.attach(draft.media, thread_id, row.message_id)
        self._hub.use(user.id, thread_id)
        if opened.is_inactive and not is_imported:
            await self._wake(thread_id, row.message_id)
        return message

    async def page(
        self, actor: Actor, conversation_sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        """Return a page, as Twilio's client pages. `ForbiddenError` 50430, `NotFoundError` 50350."""
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        wanted = Wanted(size, anchor, direction)
        page = await self._reading(actor, thread_id, lambda user: self._pages.read(user, thread_id, wanted))
        self._hub.use((await self._identities.acting(actor)).id, thread_id)
        messages = await self.records(conversation_sid, thread_id, page.messages)
        return MessagePage(items=tuple(messages), has_older=page.has_older, has_newer=page.has_newer)

    async def get(self, actor: Actor, conversation_sid: str, message_sid: str) -> MessageRecord:
        """Fetch one. `NotFoundError` 50500; errors of `page`."""
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        shown = await self._find(actor, thread_id, message_sid)
        return (await self.records(conversation_sid, thread_id, [shown]))[0]

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """Return how many messages there are; errors of `page`."""
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        await self._catch_up(actor, thread_id)
        async with self._database.read() as connection:
            return await table.count(connection, thread_id)

    async def receipts(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Sequence[DeliveryReceiptRecord]:
        """Return what became of a message at each of its recipients; errors of `get`.

        Where an ACS client may have read it, ACS is asked for its read receipts.
        """
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        row, message = await self._find(actor, thread_id, message_sid)
        await self._participants.list(actor, conversation_sid)
        members = await self._participants.rows(thread_id)
        sender = await self._translator.sender(thread_id, message, members)
        return delivery.receipts(conversation_sid, members, row, sender)

    async def content(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Mapping[str, JSONValue] | None:
        """Return what the template of a message had, filled in, by type; errors of `get`."""
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        _, message = await self._find(actor, thread_id, message_sid)
        return await self._translator.content(thread_id, message)

    async def update(
        self, actor: Actor, conversation_sid: str, message_sid: str, changes: MessageChanges
    ) -> MessageRecord:
        """Edit. `NotFoundError` 50500, `ForbiddenError` 50107; errors of `message_codec.encode`, `voices.check_author`."""
        authority.check_message_changes(actor, changes)
        check_author("" if changes.author is UNCHANGED else changes.author)
        user = await self._identities.acting(actor)
        thread_id = await self._conversations.open_thread_id(actor, conversation_sid)
        row, old = await self._find(actor, thread_id, message_sid)
        author = await self._author(actor, user, thread_id, old, _needed(changes))
        editor = None if is_account(actor) else user.id
        edit = await self._translator.edit(thread_id, old, changes, editor)

        async def send() -> None:
            thread = self._clients.thread(author, thread_id)
            await thread.update_message(old.id, edit.content, metadata=dict(edit.metadata))  # type: ignore[arg-type]  # None is its default

        await self._change(send, thread_id, author, by_author=author.id == editor)
        await self._announce_edit(thread_id)
        shown = (row, await self._reading(actor, thread_id, lambda each: self._current(each, thread_id, row)))
        return (await self.records(conversation_sid, thread_id, [shown]))[0]

    async def delete(self, actor: Actor, conversation_sid: str, message_sid: str) -> None:
        """Delete; errors as `update`."""
        user = await self._identities.acting(actor)
        thread_id = await self._conversations.open_thread_id(actor, conversation_sid)
        row, old = await self._find(actor, thread_id, message_sid)
        author = await self._author(actor, user, thread_id, old, [_DELETION])
        thread = self._clients.thread(author, thread_id)
        by_author = author.id == user.id and not is_account(actor)
        await self._change(
            removal(lambda: thread.delete_message(old.id)), thread_id, author, by_author=by_author
        )
        await self._pages.mark_deleted(thread_id, [row.message_id])
        await self._announce_edit(thread_id)

    # For the event sources

    async def records(
        self, conversation_sid: str, thread_id: str, messages: Sequence[tuple[LedgerRow, Message]]
    ) -> Sequence[MessageRecord]:
        """Return messages as the port tells them, in the order given."""
        return await self._translator.records(conversation_sid, thread_id, messages)

    # Sending

    async def _wake(self, thread_id: str, message_id: int) -> None:
        """Make the conversation active again; that the message was sent does not depend on it."""
        try:
            await self._conversations.wake(thread_id, message_id)
        except TwilioCompatError as error:
            _log.warning(
                "A conversation is not active again yet; whoever looks at it will see to it: %s", error
            )

    # Finding

    async def _reading(self, actor: Actor, thread_id: str, call: Callable[[AcsUser], Awaitable[T]]) -> T:
        """Run *call* as the actor, or for the account as whoever may read the thread. Raises the port's errors."""

        async def read(user: AcsUser) -> T:
            with translated(Subject.CONVERSATION):
                return await call(user)

        if is_account(actor):
            return await self._stand_ins.act(thread_id, read)
        return await read(await self._identities.acting(actor))

    async def _catch_up(self, actor: Actor, thread_id: str) -> None:
        await self._reading(
            actor, thread_id, lambda user: self._ledger.catch_up(user, thread_id, size=GLANCE)
        )

    async def _find(self, actor: Actor, thread_id: str, sid: str) -> tuple[LedgerRow, Message]:
        """Return the row of a message that is there, and what it says."""
        row = await self._row(thread_id, sid)
        if row is None:
            await self._catch_up(actor, thread_id)
            row = await self._row(thread_id, sid)
        if row is None or row.index is None or row.deleted:
            raise _not_found()
        found = row
        return row, await self._reading(actor, thread_id, lambda user: self._current(user, thread_id, found))

    async def _row(self, thread_id: str, sid: str) -> LedgerRow | None:
        async with self._database.read() as connection:
            return await table.by_sid(connection, thread_id, sid)

    async def _current(self, user: AcsUser, thread_id: str, row: LedgerRow) -> Message:
        message = await self._reader.fetch(user, thread_id, row.message_id)
        if message is None:
            raise _not_found()
        return message

    # Changing

    async def _author(
        self, actor: Actor, user: AcsUser, thread_id: str, message: Message, needed: Sequence[_Needed]
    ) -> AcsUser:
        """Return who sent *message*, to change it as them; *needed* is what that takes.

        What the steward sent for somebody is theirs as much as what they sent.
        """
        is_own = message.sender == user.id
        if is_account(actor):
            return self._identities.by_acs_id(message.sender)
        if is_own or await self._is_theirs(actor, thread_id, message):
            for own in needed:
                await self._check_own(actor, user, thread_id, *own)
            return user if is_own else self._identities.by_acs_id(message.sender)
        conversation = await self._conversations.row(thread_id)
        if conversation is None:
            raise _not_found()
        for every, _ in needed:
            await authority.check_member(self._roles, actor, user.id, conversation, every)
        return self._identities.by_acs_id(message.sender)

    async def _is_theirs(self, actor: Actor, thread_id: str, message: Message) -> bool:
        """Say whether a message is the actor's that somebody else sent; what is the account's own is nobody's."""
        return actor.identity != SYSTEM and actor.identity == await self._translator.author(
            thread_id, message
        )

    async def _check_own(self, actor: Actor, user: AcsUser, thread_id: str, *needed: Permission) -> None:
        """Refuse (`ForbiddenError` 50107) who has none of *needed*; for nearly everybody that asks nothing of the store."""
        if is_account(actor):
            return
        row = (await self._participants.recent_rows(thread_id)).get(user.id)
        if await self._roles.lets_members(None if row is None else row.role_sid, *needed):
            return
        conversation = existing(await self._conversations.row(thread_id))
        await authority.check_member(self._roles, actor, user.id, conversation, *needed)

    async def _announce_edit(self, thread_id: str) -> None:
        """Have every process read the thread at once."""
        now = to_milliseconds(self._clock())
        async with self._database.write(durable=False) as connection:
            await feed.add(connection, Kind.EDIT, now=now, thread_id=thread_id)

    async def _change(
        self, call: Callable[[], Awaitable[None]], thread_id: str, author: AcsUser, *, by_author: bool
    ) -> None:
        """Run *call* as the author of a message, who is not the actor unless *by_author*."""

        async def change() -> None:
            with translated(Subject.MESSAGE):
                await self._retries.idempotent(call)

        try:
            try:
                await change()
            except ForbiddenError:
                if self._identities.direct or author is not await self._identities.steward():
                    raise
                await self._stand_ins.bring_in(thread_id)
                await change()
        except ForbiddenError as error:
            if by_author:
                raise
            raise TranslationGapError(
                "ACS lets nobody but its author change a message, and only while they are a member, which this one "
                "is not any more; add them to the conversation first"
            ) from error


def _needed(changes: MessageChanges) -> Sequence[_Needed]:
    """Return what it takes to change a message so."""
    needed = {_EDIT: changes.body, _ATTRIBUTES: changes.attributes}
    return [each for each, value in needed.items() if value is not UNCHANGED]


def _not_found() -> NotFoundError:
    return NotFoundError("Message not found", code=50500)
