"""The desk of one service: where whoever changes something asks webhooks before, and tells them after.

Who acts decides. Of what a user does who signed in, webhooks are asked and told. Of what the account does they are
never asked, and told only where the call says so; otherwise the news is kept *silent*: it enters the queue without being
told, so that the watcher does not tell it either.
"""

from __future__ import annotations

import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from twilio_compat.account import AccountBackend, Errand, account_actor
from twilio_compat.errors import BackendError, TwilioCompatError
from twilio_compat.records import Actor, ActorKind, ConversationRecord, JSONValue
from twilio_compat.settings import Settings
from twilio_compat.webhooks import news as writing
from twilio_compat.webhooks import parameters
from twilio_compat.webhooks.answers import wishes
from twilio_compat.webhooks.caller import Caller, NoAnswerError
from twilio_compat.webhooks.events import MESSAGE_ADDED, Happening
from twilio_compat.webhooks.news import News
from twilio_compat.webhooks.outbox import Letter, Outbox
from twilio_compat.webhooks.parameters import Parameters, Source
from twilio_compat.webhooks.requests import Signer, WebhookCall, request
from twilio_compat.webhooks.switchboard import Switchboard
from twilio_compat.webhooks.targets import Target

REMEMBERED: Final = 10_000
"""Conversations of which it is remembered which messaging service they have."""

Wishes: TypeAlias = Mapping[str, JSONValue]

_log = logging.getLogger(__name__)


class Desk:
    """Asks and tells webhooks of what happens in one service, *backend* being its own, where nobody is told."""

    def __init__(
        self,
        backend: AccountBackend,
        switchboard: Switchboard,
        outbox: Outbox,
        caller: Caller,
        settings: Settings,
        *,
        now: Callable[[], datetime],
    ) -> None:
        """Combine these parts; *now* tells the time of day."""
        self.switchboard = switchboard
        """Who is to be called."""
        self.now = now
        """Tells the time of day."""
        self._backend = backend
        self._outbox = outbox
        self._caller = caller
        self._settings = settings
        self._messaging_services: OrderedDict[str, str | None] = OrderedDict()

    # Before

    async def asks(self, actor: Actor, happening: Happening) -> bool:
        """Say whether a webhook is asked before *actor* does something."""
        return is_bearer(actor) and (await self.switchboard.hooks()).asked(happening) is not None

    async def ask(self, actor: Actor, happening: Happening, told: Parameters) -> Wishes:
        """Ask the webhook, and return what it wants changed. `ForbiddenError` 50056, `ConfigurationError`."""
        target = (await self.switchboard.hooks()).asked(happening)
        if target is None or happening.before is None:
            return {}
        call = WebhookCall(
            url=target.url,
            method=target.method,
            key=f"{happening.before}:{uuid.uuid4().hex}",
            parameters=self._origin(happening.before, actor) | told,
        )
        try:
            return wishes(await self._caller.call(request(call, signer(self._settings), retries=0)))
        except (NoAnswerError, ValueError) as error:
            _log.warning("%s went on without its webhook. %s", happening.before, error)
            return {}

    # After

    async def tells(self, actor: Actor, happening: Happening) -> bool:
        """Say whether a webhook may be told of what *actor* does."""
        return is_told(actor) and (await self.switchboard.hooks()).may_tell(happening)

    async def tell(self, actor: Actor, happening: Happening, news: Callable[[], News]) -> None:
        """Have *news* told of what *actor* has done, or kept silent; it is not asked for where nobody would be told.

        What was done is acknowledged; so this raises nothing because of a store that cannot be reached.
        """
        try:
            if not (await self.switchboard.hooks()).may_tell(happening):
                return
        except BackendError as error:
            _log.warning("Whether webhooks are to be told is not known for now: %s", error)
        written = news()
        if is_told(actor):
            await self._outbox.add(self._letter(written, _source(actor), _client_identity(actor)))
        else:
            await self._outbox.add(self._silence(written))

    async def announce(
        self, news: Sequence[News], *, source: Source | None, client_identity: str | None = None
    ) -> None:
        """Have *news* told, in this order."""
        await self._outbox.add(*(self._letter(each, source, client_identity) for each in news))

    def _letter(self, news: News, source: Source | None, client_identity: str | None) -> Letter:
        now = self.now()

        async def write() -> Sequence[Errand]:
            targets = await self._targets(news)
            origin = await self._origin_of(news, source, client_identity) if targets else {}
            return writing.errands_of(
                news, targets, origin=origin, service_sid=self._backend.service_sid, now=now
            )

        return write

    def _silence(self, news: News) -> Letter:
        now = self.now()

        async def write() -> Sequence[Errand]:
            return writing.silence_of(news, await self._targets(news), now=now)

        return write

    def note_messaging_service(self, conversation: ConversationRecord) -> None:
        """Remember which messaging service a conversation has."""
        self._remember(conversation.sid, parameters.messaging_service_sid(conversation.extras))

    async def _targets(self, news: News) -> Sequence[Target]:
        return await self.switchboard.told(news.happening, news.conversation_sid, news.body)

    async def _origin_of(self, news: News, source: Source | None, client_identity: str | None) -> Parameters:
        event, service_sid = news.happening.after, self._backend.service_sid
        told = parameters.origin(
            event, service_sid=service_sid, source=source, client_identity=client_identity
        )
        if news.happening is not MESSAGE_ADDED or news.conversation_sid is None:
            return told
        sid = await self._messaging_service(news.conversation_sid)
        return told | ({"MessagingServiceSid": sid} if sid else {})

    def _origin(self, event: str, actor: Actor) -> Parameters:
        return parameters.origin(
            event,
            service_sid=self._backend.service_sid,
            source=_source(actor),
            client_identity=_client_identity(actor),
        )

    async def _messaging_service(self, conversation_sid: str) -> str | None:
        if conversation_sid not in self._messaging_services:
            try:
                record = await self._backend.conversations.get(
                    account_actor(self._backend.service_sid), conversation_sid
                )
            except TwilioCompatError:
                return None
            self.note_messaging_service(record)
        return self._messaging_services.get(conversation_sid)

    def _remember(self, conversation_sid: str, messaging_service_sid: str | None) -> None:
        self._messaging_services[conversation_sid] = messaging_service_sid
        if len(self._messaging_services) > REMEMBERED:
            self._messaging_services.popitem(last=False)


def is_bearer(actor: Actor) -> bool:
    """Say whether *actor* is a user who signed in."""
    return actor.kind is ActorKind.BEARER


def is_told(actor: Actor) -> bool:
    """Say whether webhooks are told of what *actor* does."""
    return is_bearer(actor) or actor.tells_webhooks


def signer(settings: Settings) -> Signer:
    """Return who signs. `ConfigurationError` without an auth token."""
    token = settings.need("twilio_auth_token", "to sign webhooks")
    return Signer(auth_token=token, account_sid=settings.twilio_account_sid)


def _source(actor: Actor) -> Source:
    return "SDK" if is_bearer(actor) else "API"


def _client_identity(actor: Actor) -> str | None:
    return actor.identity if is_bearer(actor) else None
