"""A backend in memory: the whole port, with events, for tests of the faces.

`MemoryService` is the service that all users share; `MemoryBackend` is one way into it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import fields, replace
from datetime import datetime
from typing import TypeAlias, TypeVar

from tests.support.memory_service import EPOCH, MemoryService, Room, sid_of
from twilio_compat import events
from twilio_compat.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    TwilsockUpstreamError,
)
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ContentTemplateRecord,
    ConversationChanges,
    ConversationDraft,
    ConversationLimits,
    ConversationRecord,
    ConversationState,
    DeliveryReceiptRecord,
    DeliveryRecord,
    Direction,
    IssuedIdentity,
    JSONValue,
    MediaRecord,
    MediaUpload,
    MessageChanges,
    MessageDraft,
    MessagePage,
    MessageRecord,
    ParticipantChanges,
    ParticipantDraft,
    ParticipantRecord,
    PushChannel,
    UserChanges,
    UserConversationChanges,
    UserConversationRecord,
    UserRecord,
)
from twilio_compat.templates import fill_in, text_of

__all__ = ["EPOCH", "MemoryBackend", "MemoryService"]

Record = TypeVar("Record", ConversationRecord, ParticipantRecord, UserRecord)
Changes: TypeAlias = ConversationChanges | ParticipantChanges | UserChanges


def changed(record: Record, changes: Changes, *, date_updated: datetime) -> Record:
    """Return *record* with what *changes* name of its fields, and that time."""
    named = {each.name for each in fields(record)} & {each.name for each in fields(changes)} - {"state"}
    values = {name: getattr(changes, name) for name in named if getattr(changes, name) is not UNCHANGED}
    return replace(record, **values, date_updated=date_updated)


class _Part:
    def __init__(self, service: MemoryService) -> None:
        self._service = service


class MemoryConversations(_Part):
    """`twilio_compat.backend.Conversations`."""

    async def create(self, actor: Actor, draft: ConversationDraft) -> ConversationRecord:
        service = self._service
        service.enter("conversations.create")
        service.expect_free(draft.unique_name)
        now = service.now()
        record = ConversationRecord(
            sid=sid_of("CH", len(service.rooms)),
            friendly_name=draft.friendly_name,
            unique_name=draft.unique_name,
            attributes=draft.attributes,
            created_by=actor.identity,
            date_created=now,
            date_updated=now,
            state=ConversationState(current="active", date_updated=now),
        )
        service.rooms[record.sid] = Room(record)
        return record

    async def get(self, actor: Actor, sid: str) -> ConversationRecord:
        self._service.enter("conversations.get")
        return self._service.room(actor, sid).seen_by(actor.identity)

    async def get_by_unique_name(self, actor: Actor, unique_name: str) -> ConversationRecord:
        self._service.enter("conversations.get_by_unique_name")
        names = {room.record.unique_name: sid for sid, room in self._service.rooms.items()}
        return self._service.room(actor, names.get(unique_name, "")).seen_by(actor.identity)

    async def list(self, actor: Actor) -> Sequence[ConversationRecord]:
        self._service.enter("conversations.list")
        rooms = sorted(self._service.rooms.items())
        return [room.seen_by(actor.identity) for _, room in rooms if actor.identity in room.members]

    async def update(self, actor: Actor, sid: str, changes: ConversationChanges) -> ConversationRecord:
        service = self._service
        service.enter("conversations.update")
        room = service.room(actor, sid)
        if isinstance(changes.unique_name, str):
            service.expect_free(changes.unique_name, but=sid)
        now = service.now()
        room.record = changed(room.record, changes, date_updated=now)
        if changes.state is not UNCHANGED:
            state = ConversationState(current=changes.state, date_updated=now)
            room.record = replace(room.record, state=state)
        service.tell_update(room)
        return room.seen_by(actor.identity)

    async def delete(self, actor: Actor, sid: str) -> None:
        self._service.enter("conversations.delete")
        room = self._service.room(actor, sid)
        del self._service.rooms[sid]
        self._service.tell_members(room, events.ConversationLeft(conversation_sid=sid, reason="deleted"))


class MemoryParticipants(_Part):
    """`twilio_compat.backend.Participants`."""

    async def create(self, actor: Actor, conversation_sid: str, draft: ParticipantDraft) -> ParticipantRecord:
        service = self._service
        service.enter("participants.create")
        room = service.room(actor, conversation_sid)
        if draft.identity in room.members:
            raise ConflictError("Participant already exists", code=50433)
        now = service.now()
        record = ParticipantRecord(
            sid=sid_of("MB", conversation_sid, draft.identity),
            conversation_sid=conversation_sid,
            identity=draft.identity,
            attributes=draft.attributes,
            date_created=now,
            date_updated=now,
        )
        service.tell_members(room, events.ParticipantJoined(participant=record))
        room.members[draft.identity] = record
        joined = events.ConversationJoined(conversation=room.seen_by(draft.identity))
        service.tell(draft.identity, joined)
        return record

    async def list(self, actor: Actor, conversation_sid: str) -> Sequence[ParticipantRecord]:
        self._service.enter("participants.list")
        return [*self._service.room(actor, conversation_sid).members.values()]

    async def delete(self, actor: Actor, conversation_sid: str, sid_or_identity: str) -> None:
        service = self._service
        service.enter("participants.delete")
        room = service.room(actor, conversation_sid)
        gone = room.members.pop(service.member(room, sid_or_identity).identity)
        service.tell_members(room, events.ParticipantLeft(participant=gone))
        left = events.ConversationLeft(conversation_sid=conversation_sid, reason="left", participant=gone)
        service.tell(gone.identity, left)

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        self._service.enter("participants.count")
        return len(self._service.room(actor, conversation_sid).members)

    async def update(
        self, actor: Actor, conversation_sid: str, sid_or_identity: str, changes: ParticipantChanges
    ) -> ParticipantRecord:
        service = self._service
        service.enter("participants.update")
        room = service.room(actor, conversation_sid)
        before = service.member(room, sid_or_identity)
        after = changed(before, changes, date_updated=service.now())
        room.members[after.identity] = after
        service.tell_members(room, events.ParticipantUpdated(participant=after))
        return after

    async def typing(self, actor: Actor, conversation_sid: str) -> float:
        service = self._service
        service.enter("participants.typing")
        room = service.room(actor, conversation_sid)
        member = service.member(room, actor.identity)
        typing = events.TypingStarted(participant=member, timeout=service.typing_timeout)
        service.tell_members(room, typing, but=actor.identity)
        return service.typing_timeout


class MemoryMessages(_Part):
    """`twilio_compat.backend.Messages`."""

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        service = self._service
        service.enter("messages.create")
        room = service.room(actor, conversation_sid)
        if draft.mutation_id in room.by_mutation:
            return room.by_mutation[draft.mutation_id]
        now = service.now()
        member = room.members.get(actor.identity)
        content = self._content(draft)
        record = MessageRecord(
            sid=sid_of("IM", conversation_sid, room.next_index),
            conversation_sid=conversation_sid,
            index=room.next_index,
            author=actor.identity,
            body=text_of(content) if content else draft.body,
            attributes=draft.attributes,
            date_created=now,
            date_updated=now,
            subject=draft.subject,
            media=draft.media,
            participant_sid=member.sid if member else None,
            content_sid=draft.content_sid,
        )
        record = replace(record, delivery=room.delivery_of(record))
        service.contents[record.sid] = content
        room.next_index += 1
        room.messages.append(record)
        room.by_mutation[draft.mutation_id] = record
        service.tell_members(room, events.MessageAdded(message=record))
        service.tell_update(room)
        return record

    async def page(
        self, actor: Actor, conversation_sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        self._service.enter("messages.page")
        messages = self._service.room(actor, conversation_sid).messages
        if direction is Direction.FORWARD:
            start = sum(1 for each in messages if anchor is not None and each.index < anchor)
            stop = min(start + size, len(messages))
        else:
            stop = sum(1 for each in messages if anchor is None or each.index <= anchor)
            start = max(stop - size, 0)
        room = self._service.room(actor, conversation_sid)
        items = tuple(replace(each, delivery=room.delivery_of(each)) for each in messages[start:stop])
        return MessagePage(items=items, has_older=start > 0, has_newer=stop < len(messages))

    async def receipts(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Sequence[DeliveryReceiptRecord]:
        self._service.enter("messages.receipts")
        room, place = self._find(actor, conversation_sid, message_sid)
        message = room.messages[place]
        delivery = room.delivery_of(message) or DeliveryRecord(recipients=frozenset())
        return [
            DeliveryReceiptRecord(
                sid=sid_of("DY", message_sid, recipient),
                conversation_sid=conversation_sid,
                message_sid=message_sid,
                participant_sid=recipient,
                status="read" if recipient in delivery.read_by else "sent",
                date_created=message.date_created,
                date_updated=message.date_created,
            )
            for recipient in sorted(delivery.recipients)
        ]

    async def content(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Mapping[str, JSONValue] | None:
        self._service.enter("messages.content")
        self._find(actor, conversation_sid, message_sid)
        return self._service.contents.get(message_sid)

    async def get(self, actor: Actor, conversation_sid: str, message_sid: str) -> MessageRecord:
        self._service.enter("messages.get")
        room, place = self._find(actor, conversation_sid, message_sid)
        found = room.messages[place]
        return replace(found, delivery=room.delivery_of(found))

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        self._service.enter("messages.count")
        return len(self._service.room(actor, conversation_sid).messages)

    async def update(
        self, actor: Actor, conversation_sid: str, message_sid: str, changes: MessageChanges
    ) -> MessageRecord:
        service = self._service
        service.enter("messages.update")
        room, place = self._find(actor, conversation_sid, message_sid)
        before = room.messages[place]
        after = replace(
            before,
            body=before.body if changes.body is UNCHANGED else changes.body,
            attributes=before.attributes if changes.attributes is UNCHANGED else changes.attributes,
            last_updated_by=actor.identity,
            date_updated=service.now(),
        )
        room.messages[place] = after
        service.tell_members(room, events.MessageUpdated(message=after))
        return after

    async def delete(self, actor: Actor, conversation_sid: str, message_sid: str) -> None:
        self._service.enter("messages.delete")
        room, place = self._find(actor, conversation_sid, message_sid)
        gone = room.messages.pop(place)
        self._service.tell_members(
            room,
            events.MessageRemoved(
                conversation_sid=conversation_sid, message_sid=message_sid, index=gone.index
            ),
        )
        self._service.tell_update(room)

    def _content(self, draft: MessageDraft) -> Mapping[str, JSONValue] | None:
        if draft.content_sid is None:
            return None
        for template in self._service.templates:
            if template.sid == draft.content_sid:
                return fill_in(template.types, {**template.variables, **draft.content_variables})
        raise TwilsockUpstreamError(f"Invalid content SID: {draft.content_sid}", code=50526)

    def _find(self, actor: Actor, conversation_sid: str, message_sid: str) -> tuple[Room, int]:
        room = self._service.room(actor, conversation_sid)
        places = [place for place, each in enumerate(room.messages) if each.sid == message_sid]
        if not places:
            raise NotFoundError("Message not found", code=50500)
        return room, places[0]


class MemoryUsers(_Part):
    """`twilio_compat.backend.Users`."""

    async def get(self, actor: Actor, identity: str) -> UserRecord:
        self._service.enter("users.get")
        return self._service.user(identity)

    async def update(self, actor: Actor, identity: str, changes: UserChanges) -> UserRecord:
        service = self._service
        service.enter("users.update")
        if identity != actor.identity:
            raise ForbiddenError("User unauthorized for command", code=50107)
        after = changed(service.user(identity), changes, date_updated=service.now())
        service.users[identity] = after
        service.tell_all(events.UserUpdated(user=after))
        return after


class MemoryMedia(_Part):
    """`twilio_compat.backend.Media`."""

    async def upload(self, actor: Actor, upload: MediaUpload) -> MediaRecord:
        self._service.enter("media.upload")
        content = upload.content
        if isinstance(content, AsyncIterable):
            content = b"".join([chunk async for chunk in content])
        record = MediaRecord(
            sid=sid_of("ME", len(self._service.files)),
            content_type=upload.content_type,
            size=len(content),
            filename=upload.filename,
            category=upload.category,
        )
        self._service.files[record.sid] = (record, content)
        return record

    async def temporary_urls(self, actor: Actor, media_sids: Sequence[str]) -> Mapping[str, str]:
        self._service.enter("media.temporary_urls")
        if not self._service.files.keys() >= set(media_sids):
            raise NotFoundError("Media not found", code=50507)
        return {sid: f"memory://{sid}" for sid in media_sids}


class MemoryUserConversations(_Part):
    """`twilio_compat.backend.UserConversations`."""

    async def get(self, actor: Actor, conversation_sid: str) -> UserConversationRecord:
        self._service.enter("user_conversations.get")
        return self._told(actor, self._room(actor, conversation_sid))

    async def update(
        self, actor: Actor, conversation_sid: str, changes: UserConversationChanges
    ) -> UserConversationRecord:
        service = self._service
        service.enter("user_conversations.update")
        room = self._room(actor, conversation_sid)
        if changes.notification_level is not UNCHANGED:
            room.levels[actor.identity] = changes.notification_level
            own = room.seen_by(actor.identity)
            service.tell(actor.identity, events.ConversationUpdated(conversation=own))
        if changes.last_read_message_index is not UNCHANGED:
            self._read(actor, room, changes.last_read_message_index, changes.advance_only)
        return self._told(actor, room)

    def _room(self, actor: Actor, sid: str) -> Room:
        room = self._service.room(actor, sid)
        if actor.identity not in room.members:
            raise ForbiddenError("Participant is not a member of conversation", code=50430)
        return room

    def _read(self, actor: Actor, room: Room, index: int | None, advance_only: bool) -> None:
        before = self._service.member(room, actor.identity)
        if advance_only and index is not None and (before.last_read_message_index or 0) > index:
            return
        now = self._service.now()
        after = replace(before, last_read_message_index=index, last_read_timestamp=now)
        room.members[actor.identity] = after
        self._service.tell_members(room, events.ParticipantUpdated(participant=after))

    def _told(self, actor: Actor, room: Room) -> UserConversationRecord:
        horizon = self._service.member(room, actor.identity).last_read_message_index
        unread = None if horizon is None else sum(each.index > horizon for each in room.messages)
        return UserConversationRecord(
            conversation_sid=room.record.sid,
            unread_messages_count=unread,
            last_read_message_index=horizon,
            notification_level=room.levels.get(actor.identity, "default"),
        )


class MemoryContentTemplates(_Part):
    """`twilio_compat.backend.ContentTemplates`."""

    async def list(self, actor: Actor | None) -> Sequence[ContentTemplateRecord]:
        self._service.enter("content_templates.list")
        return sorted(self._service.templates, key=lambda each: each.sid)

    async def put(self, templates: Sequence[ContentTemplateRecord]) -> None:
        self._service.enter("content_templates.put")
        self._service.templates += templates

    async def remove(self, sids: Sequence[str]) -> None:
        self._service.enter("content_templates.remove")
        self._service.templates = [each for each in self._service.templates if each.sid not in sids]


class MemoryPushRegistrations(_Part):
    """`twilio_compat.backend.PushRegistrations`."""

    async def create(self, actor: Actor, channel: PushChannel, registration_id: str) -> None:
        self._service.enter("push_registrations.create")
        self._service.devices.add((actor.identity, channel, registration_id))

    async def delete(self, actor: Actor, channel: PushChannel, registration_id: str | None = None) -> None:
        self._service.enter("push_registrations.delete")
        self._service.devices -= {
            each
            for each in self._service.devices
            if each[:2] == (actor.identity, channel) and registration_id in (None, each[2])
        }


class MemoryBackend:
    """`twilio_compat.backend.Backend` on a `MemoryService`."""

    def __init__(self, service: MemoryService) -> None:
        self.service = service
        self.conversations = MemoryConversations(service)
        self.participants = MemoryParticipants(service)
        self.messages = MemoryMessages(service)
        self.users = MemoryUsers(service)
        self.media = MemoryMedia(service)
        self.user_conversations = MemoryUserConversations(service)
        self.content_templates = MemoryContentTemplates(service)
        self.push_registrations = MemoryPushRegistrations(service)
        self.limits = ConversationLimits(media_count=10, media_size=150, media_total_size=150)
        self.reachability_enabled = False

    async def of(self, service_sid: str | None) -> MemoryBackend:
        return self

    async def sign_in(self, token: str) -> Actor:
        self.service.enter("sign_in")
        return self.service.sign_in(token)

    async def issue_identity(self, identity: str, *, with_token: bool = False) -> IssuedIdentity:
        return IssuedIdentity(identity=identity, acs_user_id=f"memory:{identity}")

    def subscribe(self, actor: Actor) -> AbstractAsyncContextManager[AsyncIterator[events.Event]]:
        return self.service.subscribe(actor)

    async def close(self) -> None:
        self.service.closed += 1
