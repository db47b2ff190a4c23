"""Backends on one emulator and one store, and ACS clients that go past them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar

from azure.communication.chat import ChatParticipant, CommunicationUserIdentifier
from azure.communication.chat.aio import ChatClient, ChatThreadClient, CommunicationTokenCredential
from azure.core.pipeline.policies import SansIOHTTPPolicy

from acs_backend import AcsBackend
from acs_emulator import Emulator
from twilio_compat.events import Event
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant
from twilio_compat.records import (
    Actor,
    ConversationDraft,
    ConversationRecord,
    Direction,
    IssuedIdentity,
    MessageDraft,
    MessagePage,
    MessageRecord,
    ParticipantDraft,
)
from twilio_compat.settings import Settings

KEY, SECRET = "SK" + "1" * 32, "a secret that is long enough for HS256"
_numbers = itertools.count()

E = TypeVar("E", bound=Event)


class Deployment:
    """One ACS resource with one store; any number of backends share them."""

    def __init__(self, emulator: Emulator, database_url: str) -> None:
        self.emulator = emulator
        self.settings = Settings(
            connection_string=emulator.connection_string,
            storage_connection_string=emulator.storage_connection_string,
            database_url=database_url,
            twilio_api_key=KEY,
            twilio_api_secret=SECRET,
            poll_interval=0.05,
            deadline=10.0,
        )
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._resources.aclose()

    def backend(self, **changes: Any) -> AcsBackend:
        """Open another backend on the same resource and store, as another process would."""
        fields = {name: getattr(self.settings, name) for name in Settings.__slots__}
        backend = AcsBackend(Settings(**(fields | changes)))
        self._resources.push_async_callback(backend.close)
        return backend

    async def native(self, issued: IssuedIdentity) -> NativeUser:
        """Return an ACS client of a user whose id and token were told."""
        assert issued.token is not None
        user = NativeUser(self.emulator.http_endpoint, issued.acs_user_id, issued.token)
        self._resources.push_async_callback(user.close)
        return user


class NativeUser:
    """Somebody who uses Microsoft's SDK as its documentation shows."""

    def __init__(self, endpoint: str, acs_id: str, token: str) -> None:
        self.acs_id = acs_id
        self._endpoint = endpoint
        self._credential = CommunicationTokenCredential(token)
        self._client = ChatClient(endpoint, self._credential, per_call_policies=[_AllowHttp()])

    async def threads(self) -> list[str]:
        return [each.id async for each in self._client.list_chat_threads()]

    async def only_thread(self) -> ChatThreadClient:
        (thread_id,) = await self.threads()
        return self.thread(thread_id)

    def thread(self, thread_id: str) -> ChatThreadClient:
        return ChatThreadClient(
            self._endpoint,
            self._credential,
            thread_id,
            transport=self._client._client._client._pipeline._transport,  # the one that `close` closes
            per_call_policies=[_AllowHttp()],
        )

    async def create_thread(self, topic: str, *members: str) -> str:
        participants = [ChatParticipant(identifier=CommunicationUserIdentifier(each)) for each in members]
        created = await self._client.create_chat_thread(topic, thread_participants=participants)
        return str(created.chat_thread.id)

    async def delete_thread(self, thread_id: str) -> None:
        await self._client.delete_chat_thread(thread_id)

    async def close(self) -> None:
        await self._client.close()
        await self._credential.close()


class _AllowHttp(SansIOHTTPPolicy[Any, Any]):
    def on_request(self, request: Any) -> None:
        request.context.options["enforce_https"] = False


def twilio_token(identity: str, *, ttl: int = 3600, service_sid: str = "IS" + "2" * 32) -> str:
    token = AccessToken("AC" + "0" * 32, KEY, SECRET, identity=identity, ttl=ttl)
    token.add_grant(ChatGrant(service_sid=service_sid))
    return str(token.to_jwt())


async def sign_in(backend: AcsBackend, *identities: str) -> Sequence[Actor]:
    return [await backend.sign_in(twilio_token(each)) for each in identities]


async def room(backend: AcsBackend, creator: Actor, *members: str) -> ConversationRecord:
    """Make a conversation with these members."""
    conversation = await backend.conversations.create(creator, ConversationDraft(friendly_name="Room"))
    for identity in members:
        await backend.participants.create(creator, conversation.sid, ParticipantDraft(identity=identity))
    return conversation


def draft(body: str | None, **more: Any) -> MessageDraft:
    """Return a message with a mutation id of its own, or with another one that was not used yet."""
    fields = {"mutation_id": f"mutation-{next(_numbers)}", "is_first": True, "body": body}
    return MessageDraft(**(fields | more))


async def send(
    backend: AcsBackend, actor: Actor, conversation: ConversationRecord, body: str
) -> MessageRecord:
    return await backend.messages.create(actor, conversation.sid, draft(body))


async def page(
    backend: AcsBackend,
    actor: Actor,
    conversation: ConversationRecord,
    size: int = 30,
    anchor: int | None = None,
    direction: Direction = Direction.BACKWARDS,
) -> MessagePage:
    return await backend.messages.page(actor, conversation.sid, size=size, anchor=anchor, direction=direction)


async def bodies(backend: AcsBackend, actor: Actor, conversation: ConversationRecord) -> list[str | None]:
    """Return all bodies in the order of the indexes."""
    return [each.body for each in (await page(backend, actor, conversation, 10_000)).items]


async def next_event(events: AsyncIterator[Event]) -> Event:
    return await asyncio.wait_for(anext(events), 30)


async def next_of(events: AsyncIterator[Event], kind: type[E]) -> E:
    """Return the next event of a kind; others are passed over."""
    while True:
        event = await next_event(events)
        if isinstance(event, kind):
            return event


async def quiet(events: AsyncIterator[Event], ticks: float = 0.4) -> list[Event]:
    """Return what comes within some ticks: nothing, if all is well."""
    came: list[Event] = []
    pending = asyncio.ensure_future(anext(events))
    while (await asyncio.wait([pending], timeout=ticks))[0]:
        came.append(pending.result())
        pending = asyncio.ensure_future(anext(events))
    pending.cancel()
    await asyncio.gather(pending, return_exceptions=True)
    return came
