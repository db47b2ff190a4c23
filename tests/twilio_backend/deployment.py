"""Backends on one Twilio that is stood in for; waits between attempts take no time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar

from tests.support.twilio_stand_in import TwilioStandIn
from twilio_backend import TwilioBackend
from twilio_compat.account import account_actor
from twilio_compat.events import Event
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant
from twilio_compat.records import (
    Actor,
    ConversationDraft,
    ConversationRecord,
    Direction,
    MessageDraft,
    MessageRecord,
    ParticipantDraft,
)

ACCOUNT = account_actor()
_numbers = itertools.count()

E = TypeVar("E", bound=Event)


class Deployment:
    """One Twilio; any number of backends share it."""

    def __init__(self, twilio: TwilioStandIn) -> None:
        self.twilio = twilio
        self.waits: list[float] = []
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._resources.aclose()

    def backend(self, *, is_patient: bool = False, **changes: Any) -> TwilioBackend:
        """Open another backend, as another process would; one that *is_patient* really waits."""
        sleep = asyncio.sleep if is_patient else self._sleep
        backend = TwilioBackend(self.twilio.settings(**changes), sleep=sleep, chance=lambda: 0.5)
        self._resources.push_async_callback(backend.close)
        return backend

    def token(self, identity: str, *, ttl: int = 3600) -> str:
        """Return a token that the customer's server makes for a user."""
        twilio = self.twilio
        token = AccessToken(twilio.account_sid, twilio.api_key, twilio.api_secret, identity=identity, ttl=ttl)
        token.add_grant(ChatGrant(service_sid=twilio.service_sid))
        return str(token.to_jwt())

    async def _sleep(self, seconds: float) -> None:
        """Note the wait; what polls must let others do something."""
        self.waits.append(seconds)
        await asyncio.sleep(0.01)


async def sign_in(deployment: Deployment, backend: TwilioBackend, *identities: str) -> Sequence[Actor]:
    return [await backend.sign_in(deployment.token(each)) for each in identities]


async def room(backend: TwilioBackend, *members: str, actor: Actor = ACCOUNT) -> ConversationRecord:
    """Make a conversation with these members."""
    made = await backend.conversations.create(actor, ConversationDraft(friendly_name="Room"))
    for each in members:
        await backend.participants.create(actor, made.sid, ParticipantDraft(identity=each))
    return made


def draft(body: str | None, **more: Any) -> MessageDraft:
    """Return a message with a mutation id of its own."""
    fields = {"mutation_id": f"mutation-{next(_numbers)}", "is_first": True, "body": body}
    return MessageDraft(**(fields | more))


async def send(
    backend: TwilioBackend, actor: Actor, conversation: ConversationRecord, body: str
) -> MessageRecord:
    return await backend.messages.create(actor, conversation.sid, draft(body))


async def there(deployment: Deployment, conversation: ConversationRecord) -> list[str | None]:
    """Return the bodies of all messages that are really there, seen past the adapter."""
    page = await deployment.twilio.backend.messages.page(
        ACCOUNT, conversation.sid, size=1000, anchor=None, direction=Direction.FORWARD
    )
    return [each.body for each in page.items]


async def next_event(events: AsyncIterator[Event]) -> Event:
    return await asyncio.wait_for(anext(events), 30)


async def next_of(events: AsyncIterator[Event], kind: type[E]) -> E:
    """Return the next event of a kind; others are passed over."""
    while True:
        event = await next_event(events)
        if isinstance(event, kind):
            return event
