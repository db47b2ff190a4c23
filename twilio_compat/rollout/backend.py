"""One backend over both sides: which of them serves a call is decided conversation by conversation.

The parts named after the port's are here over both sides. What belongs to no conversation is one side's: users, roles and
services are Twilio's until the rollout is over, since conversations of both sides need them; what the library itself keeps
is in the store of the ACS side, which is there from the first day.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

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
from twilio_compat.errors import NotFoundError, TokenError
from twilio_compat.events import Event
from twilio_compat.records import Actor, ConversationLimits, IssuedIdentity
from twilio_compat.rollout.assembly import Shared, assemble
from twilio_compat.rollout.conversations import RolloutConversations
from twilio_compat.rollout.events import subscribe
from twilio_compat.rollout.media import RolloutMedia
from twilio_compat.rollout.messages import RolloutMessages
from twilio_compat.rollout.participants import RolloutParticipants
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.user_conversations import RolloutUserConversations
from twilio_compat.rollout.users import RolloutUsers


class RolloutBackend:
    """`AccountBackend` of one service, over both sides."""

    def __init__(
        self, sides: Sides, shared: Shared, services: dict[str, RolloutBackend] | None = None
    ) -> None:
        """Serve the service of *sides*; *services* has the backends of the account's services so far."""
        self._siblings = {} if services is None else services
        self._siblings[sides.acs.service_sid] = self
        self._shared = shared
        self._sides = sides
        self.parts = assemble(sides, shared)
        """What the rollout of this service is made of; its commands use it."""
        self.office = self.parts.office
        """What the parts share."""
        self.conversations: AccountConversations = RolloutConversations(self.office)
        """Conversations."""
        self.user_conversations: UserConversations = RolloutUserConversations(self.office)
        """What conversations are to the acting user."""
        self.participants: Participants = RolloutParticipants(self.office)
        """Participants."""
        self.messages: Messages = RolloutMessages(self.office)
        """Messages."""
        self.users: AccountUsers = RolloutUsers(self.office)
        """Users."""
        self.media: AccountMedia = RolloutMedia(self.office)
        """Media."""

    # One side's

    @property
    def service_sid(self) -> str:
        """The service whose conversations these are."""
        return self._sides.acs.service_sid

    @property
    def roles(self) -> Roles:
        """Roles, as Twilio has them."""
        return self._sides.twilio.roles

    @property
    def services(self) -> Services:
        """Services, as Twilio has them."""
        return self._sides.twilio.services

    @property
    def reachability(self) -> Reachability:
        """Reachability, as Twilio has it."""
        return self._sides.twilio.reachability

    @property
    def reachability_enabled(self) -> bool:
        """Whether Twilio keeps track of who is there."""
        return self._sides.twilio.reachability_enabled

    @property
    def content_templates(self) -> ContentTemplates:
        """Content templates, which the library keeps."""
        return self._sides.acs.content_templates

    @property
    def push_registrations(self) -> AccountPushRegistrations:
        """Push registrations, which the library keeps."""
        return self._sides.acs.push_registrations

    @property
    def documents(self) -> Documents:
        """Documents."""
        return self._sides.acs.documents

    @property
    def errands(self) -> Errands:
        """Errands."""
        return self._sides.acs.errands

    @property
    def leases(self) -> Leases:
        """Leases."""
        return self._sides.acs.leases

    @property
    def limits(self) -> ConversationLimits:
        """What a message may carry on either side: Twilio's REST API takes one file."""
        return replace(self._sides.acs.limits, media_count=1)

    async def sign_in(self, token: str) -> Actor:
        """Verify *token*, Twilio's or an ACS user's. `TokenError` where it is refused."""
        try:
            return await self._sides.twilio.sign_in(token)
        except TokenError:
            return await self._sides.acs.sign_in(token)

    async def issue_identity(self, identity: str, *, with_token: bool = False) -> IssuedIdentity:
        """As `Backend.issue_identity`."""
        return await self._sides.acs.issue_identity(identity, with_token=with_token)

    # Both sides'

    @property
    def shared(self) -> Shared:
        """What the rollouts of all services share: flag, kill switch, telemetry."""
        return self._shared

    async def of(self, service_sid: str | None) -> RolloutBackend:
        """Return the backend of a service (None: of the default one), which ACS gets if only Twilio has it.

        `NotFoundError` 50050 where Twilio has none of that sid.
        """
        if service_sid is None:
            return self._siblings[(await self._sides.acs.of(None)).service_sid]
        twilio, acs = await self._sides.twilio.of(service_sid), await self._acs_of(service_sid)
        known = self._siblings.get(service_sid)
        if known is not None and known._sides.acs is acs:
            return known
        return RolloutBackend(Sides(twilio=twilio, acs=acs), self._shared, self._siblings)

    def subscribe(self, actor: Actor) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Open the actor's event stream, one of both sides; as `Backend.subscribe`."""
        self.look_after()
        return subscribe(self.office, actor)

    def look_after(self) -> None:
        """Mirror what others left, let conversations move, and tell webhooks, until it is closed."""
        self.parts.worker.look_after()

    async def finish(self) -> None:
        """Mirror what is to be mirrored, within a few seconds, and stop. Safe to call twice."""
        await self.office.outbox.close()
        await self.parts.worker.close()

    async def close(self) -> None:
        """Finish, and release everything; a service that is not the default one is closed with that one."""
        if self._shared.root is not self._sides:
            return
        try:
            await asyncio.gather(*(each.finish() for each in self._siblings.values()))
            await asyncio.gather(*(each.office.close() for each in self._siblings.values()))
            await self._shared.close()
        finally:
            await asyncio.gather(self._sides.twilio.close(), self._sides.acs.close())

    async def _acs_of(self, service_sid: str) -> AccountBackend:
        try:
            return await self._sides.acs.of(service_sid)
        except NotFoundError:
            service = await self._sides.twilio.services.get(service_sid)
            await self._sides.acs.services.create(service.friendly_name, sid=service_sid)
            return await self._sides.acs.of(service_sid)
