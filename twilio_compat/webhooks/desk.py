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
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from twilio_compat.account import SYSTEM, AccountBackend, Errand, account_actor
from twilio_compat.errors import BackendError, TwilioCompatError
from twilio_compat.records import Actor, ActorKind, ConversationRecord, JSONValue, MessageRecord
from twilio_compat.webhooks import news as writing
from twilio_compat.webhooks import parameters
from twilio_compat.webhooks.answers import wishes
from twilio_compat.webhooks.caller import Caller, NoAnswerError
from twilio_compat.webhooks.configuration import ScopedWebhook, forget_scoped
from twilio_compat.webhooks.events import MESSAGE_ADDED, USER_ADDED, Happening
from twilio_compat.webhooks.news import News
from twilio_compat.webhooks.outbox import Letter, Outbox
from twilio_compat.webhooks.parameters import Parameters, Source
from twilio_compat.webhooks.requests import Signer, WebhookCall, request
from twilio_compat.webhooks.switchboard import Switchboard
from twilio_compat.webhooks.targets import Target, scoped_targets

JUST_NOW: Final = timedelta(seconds=2)
"""How much older than a call a user may be whom the call has made, by clocks that differ."""
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
        signer: Callable[[], Signer],
        *,
        now: Callable[[], datetime],
        begun: Callable[[], None],
    ) -> None:
        """Combine these parts; *signer* is who signs, or raises; *now* tells the time of day.

        *begun* is called whenever something was changed, so that whoever looks after that begins to.
        """
        self.switchboard = switchboard
        """Who is to be called."""
        self.now = now
        """Tells the time of day."""
        self._backend = backend
        self._outbox = outbox
        self._caller = caller
        self._signer = signer
        self._begun = begun
        self._messaging_services: OrderedDict[str, str | None] = OrderedDict()

    def check_signer(self) -> None:
        """Raise `ConfigurationError` where nobody could sign a call."""
        self._signer()

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
            return wishes(await self._caller.call(request(call, self._signer(), retries=0)))
        except (NoAnswerError, ValueError) as error:
            _log.warning("%s went on without its webhook. %s", happening.before, error)
            return {}

    # After

    async def tells(self, actor: Actor, happening: Happening) -> bool:
        """Say whether a webhook may be told of what *actor* does."""
        return is_told(actor) and await self.may_tell(happening)

    async def may_tell(self, happening: Happening) -> bool:
        """Say whether a webhook may be told that something happens, whoever does it."""
        return (await self.switchboard.hooks()).may_tell(happening)

    async def tell(self, actor: Actor, happening: Happening, news: Callable[[], News]) -> None:
        """Have *news* told of what *actor* has done, or kept silent; it is not asked for where nobody would be told.

        What was done is acknowledged; so this raises nothing because of a store that cannot be reached.
        """
        self._begun()
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

    async def tell_if_new(self, actor: Actor, identity: str, began: datetime) -> None:
        """Tell of a user whom a call has made that began at a time; raises as little as `tell`."""
        try:
            if not await self.tells(actor, USER_ADDED):
                return
            account = account_actor(self._backend.service_sid)
            record = await self._backend.users.get(account, identity)
        except TwilioCompatError as error:
            _log.warning("Whether a user is new is not known, and webhooks are not told: %s", error)
            return
        if record.date_created is not None and record.date_created >= began - JUST_NOW:
            await self.tell(actor, USER_ADDED, lambda: writing.user_added(record))

    async def announce_of(self, actor: Actor, news: Sequence[News]) -> None:
        """Have *news* told of what *actor* has done."""
        await self.announce(news, source=_source(actor), client_identity=_client_identity(actor))

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

    async def replay(self, webhook: ScopedWebhook, messages: Sequence[MessageRecord]) -> None:
        """Have a webhook of a conversation told of messages that were sent before it was there."""
        await self._outbox.add(*(self._repeat(webhook, each) for each in messages if not each.is_quiet))

    def _repeat(self, webhook: ScopedWebhook, message: MessageRecord) -> Letter:
        news, now = writing.message_added(message), self.now()
        author = None if message.is_native or message.author == SYSTEM else message.author

        async def write() -> Sequence[Errand]:
            targets = scoped_targets([webhook], news.happening, news.body)
            origin = await self._origin_of(news, "SDK", author)
            return writing.errands_of(
                news, targets, origin=origin, service_sid=self._backend.service_sid, now=now
            )

        return write

    async def forget_conversation(self, sid: str) -> None:
        """Forget the webhooks of a conversation that is gone, whose news is in the queue."""
        try:
            if (await self.switchboard.hooks()).any_scoped:
                await forget_scoped(self._backend.documents, sid)
        except BackendError as error:
            _log.warning("The webhooks of the conversation %s, which is gone, are still kept: %s", sid, error)

    def note_messaging_service(self, conversation: ConversationRecord) -> None:
        """Remember which messaging service a conversation has."""
        self._remember(conversation.sid, parameters.messaging_service_sid(conversation.extras))

    async def _targets(self, news: News) -> Sequence[Target]:
        targets = await self.switchboard.told(news.happening, news.conversation_sid, news.body)
        return [each for each in targets if news.happened is None or each.since <= news.happened]

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


def _source(actor: Actor) -> Source:
    return "SDK" if is_bearer(actor) else "API"


def _client_identity(actor: Actor) -> str | None:
    return actor.identity if is_bearer(actor) else None
