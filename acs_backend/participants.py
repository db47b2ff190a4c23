"""Participants: the members of an ACS thread, but for the steward.

Who is a member, ACS says; the store adds what ACS has no place for. `acs_backend.admissions` says how somebody is added,
once and with the whole history.

A row stands as long as its member may write, from before the one until after the other: whether somebody may write
past this library is read from the rows (`acs_backend.ledger.ledger`), whatever dies in between.

The account adds, changes and removes as the steward, or as a member where the steward is none. The dates that it wants
shown of somebody who is imported are kept beside those of what really happened, by which it is told whom a message was
for, and of two adds at once which one was first.

Joining oneself, and adding by the creator before joining, is the steward's work, since ACS lets only members add.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from azure.communication.chat import CommunicationUserIdentifier
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend import authority, records
from acs_backend.admissions import MEMBER_LIMIT, Admissions, exists_already, is_full
from acs_backend.arrivals import Arrivals, arrived
from acs_backend.authority import is_account
from acs_backend.checks import PARTICIPANT_ATTRIBUTES, changed, check_attributes, check_horizon, check_sid
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.conversation_edits import check_open
from acs_backend.conversations import Conversations
from acs_backend.errands import Errands
from acs_backend.errors import Subject, translated
from acs_backend.identities import Identities
from acs_backend.ledger.entries import Entry
from acs_backend.ledger.listings import Listings
from acs_backend.member_edits import MemberEdits, edited
from acs_backend.read_receipts import ReadReceipts
from acs_backend.retries import Retries, removal
from acs_backend.roles import Permission, Roles
from acs_backend.sids import PARTICIPANT, participant_sid
from acs_backend.store import changes as feed
from acs_backend.store import conversations as conversation_table
from acs_backend.store import identities as identity_table
from acs_backend.store import participants as table
from acs_backend.store.changes import Kind
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.store.participants import Participant
from acs_backend.times import to_milliseconds
from twilio_compat.errors import (
    ForbiddenError,
    NotFoundError,
    TranslationGapError,
    TwilsockUpstreamError,
)
from twilio_compat.records import UNCHANGED, Actor, ParticipantChanges, ParticipantDraft, ParticipantRecord

TYPING_TIMEOUT = 5.0
"""Seconds for which a member counts as typing, as at Twilio."""
RECENT = timedelta(seconds=1)
"""How late a send may notice that another process added or removed a member, in what it says of its recipients."""
KEPT_RECENT = 10_000
UNDER_WAY = timedelta(minutes=10)
"""How old the row of somebody who is no member must be to stand for nothing any more."""


@dataclass(frozen=True, slots=True)
class _Roster:
    """The members as ACS listed them, who could list them, and what the store had on them before that."""

    seen_by: AcsUser
    acs_ids: Sequence[str]
    rows: Mapping[str, Participant]


class Participants:
    """The port's participants, and what the other parts need of them."""

    def __init__(
        self,
        database: Database,
        clients: AcsClients,
        identities: Identities,
        retries: Retries,
        conversations: Conversations,
        listings: Listings,
        receipts: ReadReceipts,
        typing_notices: Errands,
        roles: Roles,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep rows in *database*, and members at ACS through *clients*; *clock* tells the time for dates."""
        self._database = database
        self._clients = clients
        self._identities = identities
        self._retries = retries
        self._conversations = conversations
        self._receipts = receipts
        self._typing_notices = typing_notices
        self._clock = clock
        self._arrivals = Arrivals(database, listings)
        self._edits = MemberEdits(database, clock)
        self._admissions = Admissions(database, clients, identities, retries, clock)
        self._roles = roles
        self._recent: OrderedDict[str, tuple[datetime, Mapping[str, Participant]]] = OrderedDict()

    # The port

    async def create(self, actor: Actor, conversation_sid: str, draft: ParticipantDraft) -> ParticipantRecord:
        """Add a member. `ConflictError` 50433, `LimitError` 50417, 50303; errors of `Conversations.get`.

        For the account also `NotFoundError` 50109 (role).
        """
        authority.check_participant_draft(actor, draft)
        check_sid(draft.sid, PARTICIPANT)
        check_attributes(draft.attributes, PARTICIPANT_ATTRIBUTES)
        if draft.role_sid is not None:
            await self._roles.check_is(draft.role_sid, "conversation")
        conversation = await self._conversations.find(actor, conversation_sid)
        if draft.sid is None:  # one that is imported was in it before it was closed
            check_open(conversation)
        user = await self._identities.acting(actor)
        joins = not is_account(actor) and draft.identity in (actor.identity, user.id)
        roster = await (self._roster_for_joining if joins else self._roster_for_adding)(actor, conversation)
        acs_id = user.id if joins else await self._identities.acs_id(draft.identity)
        if acs_id in roster.acs_ids:
            raise exists_already()
        if len(roster.acs_ids) >= MEMBER_LIMIT:
            raise is_full()
        row = await self._admissions.claim(conversation, acs_id, draft, over=roster.rows.get(acs_id))
        self._recent.pop(conversation.thread_id, None)
        await self._mark_if_native(conversation, acs_id)
        try:
            await self._admissions.add(roster.seen_by, conversation.thread_id, acs_id)
        except (TwilsockUpstreamError, TranslationGapError):
            await self._withdraw(row)
            raise
        async with self._database.write() as connection:
            stands = await table.settle(connection, row)
            await identity_table.revive(connection, acs_id, to_milliseconds(self._clock()))
            await self._announce(connection, conversation, acs_id)
        if not stands:
            raise exists_already()
        settled = replace(row, updated_at=row.created_at)
        return (await self.records(conversation, [acs_id], {acs_id: settled}))[0]

    async def list(self, actor: Actor, conversation_sid: str) -> Sequence[ParticipantRecord]:
        """Return the members in the order in which they were added; errors of `Conversations.get`."""
        conversation = await self._conversations.find(actor, conversation_sid)
        roster = await self._roster(actor, conversation)
        await self._forget_gone(conversation, roster)
        members = await self._identities.names(roster.acs_ids)
        rows = await self._arrivals.completed(roster.seen_by, conversation, members, roster.rows)
        moved = await self._receipts.collect(roster.seen_by, conversation, roster.acs_ids)
        return await self.records(conversation, roster.acs_ids, None if moved else rows)

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """Return how many members there are; errors of `Conversations.get`."""
        conversation = await self._conversations.find(actor, conversation_sid)
        roster = await self._roster(actor, conversation)
        return len(await self._identities.names(roster.acs_ids))

    async def update(
        self, actor: Actor, conversation_sid: str, sid_or_identity: str, changes: ParticipantChanges
    ) -> ParticipantRecord:
        """Change a member. `NotFoundError` 50432, 50109 (role); `ForbiddenError` 50107; `LimitError` 50303.

        Members may change their own attributes, the conversation's admins everybody's, and roles. For the account also
        `TwilsockUpstreamError` 50421.
        """
        authority.check_participant_changes(actor, changes)
        check_horizon(changed(changes.last_read_message_index, None))
        check_attributes(changed(changes.attributes, None), PARTICIPANT_ATTRIBUTES)
        if changes.role_sid is not UNCHANGED:
            await self._roles.check_is(changes.role_sid, "conversation")
        conversation = await self._conversations.find(actor, conversation_sid)
        if changes.date_updated is UNCHANGED:  # what keeps its date was so before it was closed
            check_open(conversation)
        roster = await self._roster(actor, conversation)
        acs_id = await self._member(roster, conversation, sid_or_identity)
        user = await self._identities.acting(actor)
        await authority.check_member(
            self._roles, actor, user.id, conversation, *_needed(changes, own=acs_id == user.id)
        )
        row = await self._edits.edit(conversation, acs_id, lambda old, now: edited(old, changes, now))
        self._recent.pop(conversation.thread_id, None)
        if changes.last_read_message_index is not UNCHANGED:
            member = self._identities.by_acs_id(acs_id)
            await self._receipts.pass_on(member, conversation.thread_id, roster.rows.get(acs_id), row)
        return (await self.records(conversation, [acs_id], {acs_id: row}))[0]

    async def typing(self, actor: Actor, conversation_sid: str) -> float:
        """Tell the other members, native ones too, that the actor types. `ForbiddenError` 50430 for who is none.

        Native ones are told by an errand; but where the store does not know the actor, ACS says whether they may type.
        """
        if is_account(actor):
            raise ForbiddenError("Participant is not a member of conversation", code=50430)
        user = await self._identities.acting(actor)
        thread_id = (await self._conversations.find(actor, conversation_sid)).thread_id
        notify = self._typing_notice(actor, user, thread_id)
        is_known = user.id in await self.recent_rows(thread_id)
        if not is_known:
            with translated(Subject.CONVERSATION):
                await notify()
        now = to_milliseconds(self._clock())
        async with self._database.write(durable=False) as connection:
            await feed.add(connection, Kind.TYPING, now=now, thread_id=thread_id, acs_id=user.id)
        if is_known:
            self._typing_notices.run((user.id, thread_id), notify)
        return TYPING_TIMEOUT

    async def delete(self, actor: Actor, conversation_sid: str, sid_or_identity: str) -> None:
        """Remove a member. `NotFoundError` 50432; errors of `Conversations.get`."""
        conversation = await self._conversations.find(actor, conversation_sid)
        roster = await self._roster(actor, conversation)
        leaving = await self._member(roster, conversation, sid_or_identity)
        user = await self._identities.acting(actor)
        needed = Permission.LEAVE_CONVERSATION if leaving == user.id else Permission.REMOVE_PARTICIPANT
        await authority.check_member(self._roles, actor, user.id, conversation, needed)
        await self._remove(actor, conversation, leaving)

    # For the other parts

    async def leave(self, user: AcsUser, conversation: Conversation) -> None:
        """Take a user out of a conversation, whoever wants that; it is no error where they are no member."""
        thread, leaving = (
            self._clients.thread(user, conversation.thread_id),
            CommunicationUserIdentifier(user.id),
        )
        try:
            with translated(Subject.CONVERSATION):
                await self._retries.idempotent(lambda: thread.remove_participant(leaving))
        except (ForbiddenError, NotFoundError):
            pass
        await self._note_gone(conversation, user.id)

    async def records(
        self,
        conversation: Conversation,
        acs_ids: Collection[str],
        rows: Mapping[str, Participant] | None = None,
    ) -> Sequence[ParticipantRecord]:
        """Return members as the port tells them, in the order given, without the steward."""
        if rows is None:
            rows = await self.rows(conversation.thread_id)
        names = await self._identities.names(acs_ids)
        await self.look_up_roles(row.role_sid for row in rows.values())
        return [
            self.record(conversation, names[each], rows.get(each) or records.without_row(conversation, each))
            for each in acs_ids
            if each in names
        ]

    async def look_up_roles(self, given: Iterable[str | None]) -> None:
        """Have `record` tell roles that members were *given* as they are now, or were up to a second ago."""
        await self._roles.book(given=given)

    def record(self, conversation: Conversation, identity: str, row: Participant) -> ParticipantRecord:
        """Return one member as the port tells them."""
        return records.participant(conversation, identity, row, self._roles.known)

    async def note_arrivals(self, conversation: Conversation, listing: Iterable[Entry]) -> None:
        """Make the rows of those who came past this library, as a listing of the thread tells it."""
        since = arrived(listing)
        members = await self._identities.names(since)
        await self._arrivals.note(conversation, {each: since[each] for each in members})

    async def collect_receipts(self, user: AcsUser, conversation: Conversation) -> None:
        """Move the horizons of native members to where ACS has their receipts, if it has any."""
        members = list(await self.rows(conversation.thread_id))
        await self._receipts.collect(user, conversation, members)

    async def rows(self, thread_id: str) -> Mapping[str, Participant]:
        """Return what the store has on members of a thread, by ACS id; who is one, it does not know."""
        async with self._database.read() as connection:
            return await table.of_thread(connection, thread_id)

    async def recent_rows(self, thread_id: str) -> Mapping[str, Participant]:
        """Return `rows` as they were up to `RECENT` ago, or after the last change in this process: for every send."""
        now = self._clock()
        kept = self._recent.get(thread_id)
        if kept is None or not timedelta(0) <= now - kept[0] < RECENT:
            kept = self._recent[thread_id] = now, await self.rows(thread_id)
            if len(self._recent) > KEPT_RECENT:
                self._recent.popitem(last=False)
        return kept[1]

    async def sids(self, thread_id: str) -> Mapping[str, str]:
        """Return the sids of the members that the store knows, by ACS id."""
        return {acs_id: row.sid for acs_id, row in (await self.rows(thread_id)).items()}

    # Steps

    async def _member(self, roster: _Roster, conversation: Conversation, sid_or_identity: str) -> str:
        """Return the ACS id of a member. `NotFoundError` 50432."""
        for acs_id, identity in (await self._identities.names(roster.acs_ids)).items():
            row = roster.rows.get(acs_id)
            sid = participant_sid(conversation.thread_id, acs_id) if row is None else row.sid
            if sid_or_identity in (sid, identity):
                return acs_id
        raise NotFoundError("Participant not found", code=50432)

    async def _announce(self, connection: AsyncConnection, conversation: Conversation, acs_id: str) -> None:
        """Have every process look at the thread at once: somebody came or went."""
        now = to_milliseconds(self._clock())
        await feed.add(connection, Kind.MEMBERSHIP, now=now, thread_id=conversation.thread_id, acs_id=acs_id)

    async def _roster_for_adding(self, actor: Actor, conversation: Conversation) -> _Roster:
        """Return the members as seen by who adds somebody. `ForbiddenError` 50430, 50107 for who may not."""
        roster = await self._roster(actor, conversation)
        user = await self._identities.acting(actor)
        await authority.check_member(self._roles, actor, user.id, conversation, Permission.ADD_PARTICIPANT)
        return roster

    async def _roster_for_joining(self, actor: Actor, conversation: Conversation) -> _Roster:
        """Return the members as seen by the steward, through whom anybody may join."""
        joining = await self._identities.acting(actor)
        await authority.check_user(self._roles, actor, joining.id, Permission.JOIN_CONVERSATION)
        rows = await self.rows(conversation.thread_id)
        user, acs_ids = await self._conversations.as_steward(lambda each: self._members(each, conversation))
        return _Roster(user, acs_ids, rows)

    async def _roster(self, actor: Actor, conversation: Conversation) -> _Roster:
        rows = await self.rows(conversation.thread_id)
        user, acs_ids = await self._conversations.as_member_or_creator(
            actor, conversation, lambda each: self._members(each, conversation)
        )
        return _Roster(user, acs_ids, rows)

    async def _members(self, user: AcsUser, conversation: Conversation) -> tuple[AcsUser, Sequence[str]]:
        return user, await self._admissions.members(user, conversation.thread_id)

    def _typing_notice(self, actor: Actor, user: AcsUser, thread_id: str) -> Callable[[], Awaitable[None]]:
        """Return the request that tells native members; it is of no use later than `TYPING_TIMEOUT`."""
        thread = self._clients.thread(user, thread_id)
        name = None if actor.identity == user.id else actor.identity
        until = self._retries.until(at_most=TYPING_TIMEOUT)
        return lambda: self._retries.idempotent(
            lambda: thread.send_typing_notification(sender_display_name=name), until=until
        )

    async def _withdraw(self, row: Participant) -> None:
        """Drop the row of somebody who is no member; or they would count among those a message is for."""
        async with self._database.write() as connection:
            await table.withdraw(connection, row)
        self._recent.pop(row.thread_id, None)

    async def _forget_gone(self, conversation: Conversation, roster: _Roster) -> None:
        """Drop the rows of those who left past this library; a young row may stand for an add under way."""
        before = to_milliseconds(self._clock() - UNDER_WAY)
        for acs_id, row in roster.rows.items():
            if acs_id not in roster.acs_ids and row.created_at < before:
                await self._mark_if_native(conversation, acs_id)
                await self._withdraw(row)

    async def _remove(self, actor: Actor, conversation: Conversation, acs_id: str) -> None:
        leaving = CommunicationUserIdentifier(acs_id)

        async def remove(user: AcsUser) -> None:
            await self._clients.thread(user, conversation.thread_id).remove_participant(leaving)

        leaves = acs_id == (await self._identities.acting(actor)).id
        gone = {403, 404} if leaves else {404}  # who has left may not even ask
        await self._conversations.as_member_or_creator(actor, conversation, removal(remove, gone=gone))
        await self._note_gone(conversation, acs_id)

    async def _note_gone(self, conversation: Conversation, acs_id: str) -> None:
        await self._mark_if_native(conversation, acs_id)
        async with self._database.write() as connection:
            await table.remove(connection, conversation.thread_id, acs_id)
            await self._announce(connection, conversation, acs_id)
        self._recent.pop(conversation.thread_id, None)

    async def _mark_if_native(self, conversation: Conversation, acs_id: str) -> None:
        """Note on the conversation, which outlasts the membership, that this member may write past this library."""
        if not conversation.native and await self._identities.native([acs_id]):
            async with self._database.write() as connection:
                await conversation_table.mark_native(connection, conversation.thread_id)
            await self._identities.notice()


def _needed(changes: ParticipantChanges, *, own: bool) -> Sequence[Permission]:
    """Return the permissions of which whoever makes *changes* needs one. Roles are an admin's to give."""
    if own and changes.role_sid is UNCHANGED:
        return (Permission.EDIT_OWN_PARTICIPANT_ATTRIBUTES, Permission.EDIT_ANY_PARTICIPANT_ATTRIBUTES)
    return (Permission.EDIT_ANY_PARTICIPANT_ATTRIBUTES,)
