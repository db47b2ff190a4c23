"""A backend whose webhooks are asked and told of what is done with it, whichever face does it.

It stands between the faces and the adapter, as the adapter's backend in every respect but that. Each part that changes
something webhooks hear of is wrapped; all others are the adapter's own. While no webhook is configured, a change costs
one look at what is remembered of the configuration, and once a second one small query.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress

from twilio_compat.account import (
    AccountBackend,
    AccountConversations,
    AccountMedia,
    AccountPushRegistrations,
    AccountUsers,
    Documents,
    Errands,
    Leases,
    Reachability,
    Roles,
    Services,
)
from twilio_compat.backend import ContentTemplates, Messages, Participants, UserConversations
from twilio_compat.errors import NotFoundError
from twilio_compat.events import Event
from twilio_compat.records import Actor, ConversationLimits, IssuedIdentity
from twilio_compat.settings import Settings
from twilio_compat.webhooks.conversations import TellingConversations
from twilio_compat.webhooks.documents import TellingDocuments
from twilio_compat.webhooks.messages import TellingMessages
from twilio_compat.webhooks.office import Office, Tools
from twilio_compat.webhooks.participants import TellingParticipants
from twilio_compat.webhooks.user_conversations import TellingUserConversations
from twilio_compat.webhooks.users import TellingUsers


class TellingBackend:
    """`AccountBackend` of one service, of which webhooks are told."""

    def __init__(
        self, backend: AccountBackend, office: Office, services: dict[str, TellingBackend] | None = None
    ) -> None:
        """Wrap *backend*; *office* is that of the account, and *services* has the backends of its services so far."""
        desk = office.desk(backend)
        self._siblings = {} if services is None else services
        self._siblings[backend.service_sid] = self
        self._backend = backend
        self._office = office
        self._desk = desk
        self.conversations: AccountConversations = TellingConversations(backend.conversations, desk)
        """Conversations."""
        self.user_conversations: UserConversations = TellingUserConversations(backend, desk)
        """What conversations are to the acting user."""
        self.participants: Participants = TellingParticipants(backend, desk)
        """Participants."""
        self.messages: Messages = TellingMessages(backend, desk)
        """Messages."""
        self.users: AccountUsers = TellingUsers(backend.users, desk)
        """Users."""
        self.documents: Documents = TellingDocuments(backend, office.root.documents, desk, office.configured)
        """Documents."""

    # The adapter's own

    @property
    def service_sid(self) -> str:
        """The service whose conversations these are."""
        return self._backend.service_sid

    @property
    def media(self) -> AccountMedia:
        """Media."""
        return self._backend.media

    @property
    def content_templates(self) -> ContentTemplates:
        """Content templates."""
        return self._backend.content_templates

    @property
    def push_registrations(self) -> AccountPushRegistrations:
        """Push registrations."""
        return self._backend.push_registrations

    @property
    def roles(self) -> Roles:
        """Roles."""
        return self._backend.roles

    @property
    def reachability(self) -> Reachability:
        """Reachability."""
        return self._backend.reachability

    @property
    def services(self) -> Services:
        """Services."""
        return self._backend.services

    @property
    def errands(self) -> Errands:
        """Errands."""
        return self._backend.errands

    @property
    def leases(self) -> Leases:
        """Leases."""
        return self._backend.leases

    @property
    def limits(self) -> ConversationLimits:
        """What a message may carry."""
        return self._backend.limits

    @property
    def reachability_enabled(self) -> bool:
        """Whether the deployment keeps track of who is there."""
        return self._backend.reachability_enabled

    async def issue_identity(self, identity: str, *, with_token: bool = False) -> IssuedIdentity:
        """As `Backend.issue_identity`."""
        return await self._backend.issue_identity(identity, with_token=with_token)

    # With more to it

    async def of(self, service_sid: str | None) -> TellingBackend:
        """Return the backend of a service (None: of the default one). `NotFoundError` 50050."""
        backend = await self._backend.of(service_sid)
        known = self._siblings.get(backend.service_sid)
        if known is not None and known._backend is backend:
            return known
        return TellingBackend(backend, self._office, self._siblings)

    async def sign_in(self, token: str) -> Actor:
        """Verify *token* and return whom it stands for; tell of them if they are new. `TokenError`."""
        began = self._desk.now()
        actor = await self._backend.sign_in(token)
        with suppress(NotFoundError):  # a service that there is not; whoever asks for it next is told so
            service = await self.of(actor.service_sid)
            await service._desk.tell_if_new(actor, actor.identity, began)
        return actor

    def subscribe(self, actor: Actor) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Open the actor's event stream."""
        self.look_after()
        return self._backend.subscribe(actor)

    def look_after(self) -> None:
        """Tell webhooks what is left to be told, and move conversations on, in the background, until it is closed."""
        self._office.worker.start()

    async def finish(self) -> None:
        """Tell what is to be told, within a few seconds, and stop telling. Safe to call twice."""
        await self._office.close()

    async def close(self) -> None:
        """Finish, and release everything; a service that is not the default one is closed with that one."""
        if self._backend is not self._office.root:
            return
        try:
            await self.finish()
        finally:
            await self._backend.close()


def telling(backend: AccountBackend, settings: Settings, tools: Tools | None = None) -> TellingBackend:
    """Return *backend*, that of the default service, with webhooks; *tools* are a test's own."""
    return TellingBackend(backend, Office(backend, settings, tools or Tools()))
