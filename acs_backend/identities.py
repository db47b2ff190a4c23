"""Who is who: Twilio identities, the ACS users that stand for them, and the tokens those users act with.

Theory of operation
-------------------
An identity gets an ACS user when it is first seen, and keeps it: the store has the pair. Two processes that see a
new identity at once both create an ACS user; the store's unique key decides which one counts, and the loser deletes
its own. Pairs never change, so they are kept in memory.

A user whom the account deleted keeps the pair, since what they wrote stays. They are made a user again when they are
seen again: when they sign in, are added to a conversation, or the account acts on their behalf. Another process may
have deleted them, so what is in memory does not say whether they are one; the store does.

The **steward** is one more such pair, under a reserved identity: a user of the deployment that every process on the
same store shares. It does what Twilio lets a server do, and no face ever sees it.

A user acts with an ACS token that is issued here (see `acs_backend.credentials`). Who signed in with an ACS token of
their own acts with that one, and when it ends or is revoked, their session ends.

A **native** user may write past this library: their ACS id was told to somebody (`Identities.issue`), or they never
went through it, in which case their identity *is* their ACS id.

The Twilio account itself (`twilio_compat.account`) has no token. It acts as the steward, or as one of its users with
tokens issued here; whoever can make such an actor is trusted. Messages that the account sends as one of its users carry
a seal, made with a **secret** that the store keeps with the steward (`acs_backend.imprints`).

In **direct mode** there is no access key: no users can be made and no tokens issued, so only bearers of an ACS token
act, and what needs the steward or a new user raises `DirectModeError`.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from azure.communication.identity import CommunicationTokenScope, CommunicationUserIdentifier
from azure.core.credentials import AccessToken
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.clients import AcsClients, AcsUser
from acs_backend.credentials import IssuedToken, PresentedToken
from acs_backend.errors import Subject, translated
from acs_backend.ledger.foresight import NOTICE
from acs_backend.retries import Retries
from acs_backend.sids import user_sid
from acs_backend.store import identities as table
from acs_backend.store.database import Database
from acs_backend.text import check_text
from acs_backend.times import later, to_milliseconds
from twilio_compat.errors import (
    ArgumentError,
    ConfigurationError,
    DirectModeError,
    ForbiddenError,
    LimitError,
    TokenError,
)
from twilio_compat.records import Actor, ActorKind, IssuedIdentity
from twilio_compat.settings import ENVIRONMENT, Settings
from twilio_compat.tokens import IDENTITY_LIMIT, UnverifiedToken, check_expiry, read_token, verify_token

STEWARD = "twilio-acs-compat:steward"
"""The reserved identity under which the store keeps the steward."""
_KEPT_AS = "secret"
"""Under which name the steward's attributes have the secret; nobody is ever told of the steward."""
SESSIONS = 10_000
"""Signed-in tokens kept in memory, least recently used first out."""
_RAW_ID = re.compile(r"8:(acs|gcch-acs|dod-acs|spool):.")


class Identities:
    """The users of one deployment."""

    def __init__(
        self,
        settings: Settings,
        clients: AcsClients,
        database: Database,
        retries: Retries,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Make users with *clients*, keep them in *database*; *clock* tells the time for tokens."""
        self._settings = settings
        self._clients = clients
        self._database = database
        self._retries = retries
        self._clock = clock
        self._sleep = sleep
        self._acs_ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._users: dict[str, AcsUser] = {}
        self._sessions: OrderedDict[str, AcsUser] = OrderedDict()
        self._creating: dict[str, asyncio.Lock] = {}
        self._secret: bytes | None = None

    @property
    def direct(self) -> bool:
        """Whether there is no connection string, so that only bearers of ACS tokens can act."""
        return not self._clients.has_access_key

    async def steward(self) -> AcsUser:
        """Return the deployment's own user. `DirectModeError` in direct mode."""
        if self.direct:
            raise DirectModeError(
                "Making a conversation, or joining one, is done by the deployment's own ACS user, for which the "
                "connection string is needed; set COMMUNICATION_SERVICES_CONNECTION_STRING"
            )
        return await self._user(STEWARD)

    async def secret(self) -> bytes:
        """Return what nobody knows but those who share the store, drawn when it is first asked for. `DirectModeError`."""
        if self._secret is None:
            await self.steward()
            async with self._database.read() as connection:
                found = await self._kept_secret(connection)
            self._secret = bytes.fromhex(found or await self._draw_secret())
        return self._secret

    async def acting(self, actor: Actor) -> AcsUser:
        """Return the ACS user that *actor* acts as. `TokenError` 20104 once the actor's token has ended.

        The account acts as the steward, or as the user on whose behalf it does (errors as `acs_id`, `DirectModeError`).
        """
        if actor.kind is ActorKind.ACCOUNT:
            return await self.steward()
        if actor.kind is ActorKind.ON_BEHALF:
            return await self.user(actor.identity)
        if actor.expires_at <= self._clock():
            raise TokenError("Access Token expired or expiration date invalid", code=20104)
        user = self._sessions.get(actor.token)
        if user is None:
            return await self._open_session(actor)
        self._sessions.move_to_end(actor.token)
        return user

    async def user(self, identity: str) -> AcsUser:
        """Return the ACS user of *identity*, made when it is new, acting with tokens issued here. Errors as `acs_id`."""
        return self.by_acs_id(await self.acs_id(identity))

    def by_acs_id(self, acs_id: str) -> AcsUser:
        """Return an ACS user of the resource, acting with tokens issued here. `DirectModeError` in direct mode."""
        if self.direct:
            raise DirectModeError(
                "Acting as another user takes a token for them, for which the connection string is needed; "
                "set COMMUNICATION_SERVICES_CONNECTION_STRING"
            )
        user = self._users.get(acs_id)
        if user is None:
            token = IssuedToken(lambda: self._issue_token(acs_id), lambda: self._clock().timestamp())
            user = self._users[acs_id] = AcsUser(acs_id, token)
        return user

    async def acs_id(self, identity: str) -> str:
        """Return the ACS id of *identity*, which gets a user when it has none. A raw ACS id is its own.

        `LimitError` 50204 (empty), 50207 (over 256 characters); `ForbiddenError` 50203 (reserved).
        """
        if is_raw_id(identity):
            return identity
        acs_id = await self._acs_id(checked_identity(identity))
        await self.revive(acs_id)
        return acs_id

    async def add(
        self, identity: str, complete: Callable[[table.IdentityRow], table.IdentityRow]
    ) -> table.IdentityRow | None:
        """Make a user of *identity*, whose row is what *complete* makes of a plain one; None where there is one, or where
        another one has the sid.
        """
        async with self._creating.setdefault(identity, asyncio.Lock()):
            row = await self._find(identity)
            if row is None:
                row, is_new = await self._create(identity, complete)
                return row if is_new else None
        return await self._add_again(identity, complete)

    async def _add_again(
        self, identity: str, complete: Callable[[table.IdentityRow], table.IdentityRow]
    ) -> table.IdentityRow | None:
        now = self._now()
        async with self._database.write() as connection:
            row = await table.find(connection, identity)
            if row is None or row.deleted_at is None:
                return None
            moved = later(row.updated_at or row.created_at, now)
            new = complete(replace(row, deleted_at=None, created_at=now, updated_at=moved))
            holder = await table.by_sid(connection, new.sid)
            if holder is not None and holder.identity != identity:
                return None
            await table.save(connection, new)
        return new

    async def revive(self, acs_id: str) -> None:
        """Make a user of who was one and was deleted; nothing changes for all others."""
        async with self._database.read() as connection:
            row = await table.by_acs_id(connection, acs_id)
        if row is not None and row.deleted_at is not None:
            async with self._database.write() as connection:
                await table.revive(connection, acs_id, self._now())

    async def revoke_tokens(self, acs_id: str) -> None:
        """Have ACS refuse all tokens that were issued for a user so far."""
        user = CommunicationUserIdentifier(acs_id)
        with translated(Subject.ACCESS_KEY):
            await self._retries.idempotent(lambda: self._clients.identity().revoke_tokens(user))

    async def known_acs_id(self, identity: str) -> str | None:
        """Return the ACS id of *identity* if it has been seen before; nothing is made. `ArgumentError`: no text."""
        check_text(identity, "An identity")
        if is_raw_id(identity):
            return identity
        if (known := self._acs_ids.get(identity)) is not None and identity != STEWARD:
            return known
        row = None if identity == STEWARD else await self._find(identity)
        return None if row is None else row.acs_id

    async def names(self, acs_ids: Collection[str]) -> Mapping[str, str]:
        """Return the identity of each of *acs_ids*, but for the steward's; a native user's is its ACS id."""
        unknown = [acs_id for acs_id in acs_ids if acs_id not in self._names]
        if unknown:
            async with self._database.read() as connection:
                self._names.update(await table.names(connection, unknown))
        named = {acs_id: self._names.get(acs_id, acs_id) for acs_id in acs_ids}
        return {acs_id: identity for acs_id, identity in named.items() if identity != STEWARD}

    async def native(self, acs_ids: Collection[str]) -> bool:
        """Say whether any of *acs_ids* may write past this library. Asks the store: another process may know."""
        async with self._database.read() as connection:
            return await table.count_closed(connection, acs_ids) < len(set(acs_ids))

    async def issue(self, identity: str, *, with_token: bool = True) -> IssuedIdentity:
        """Tell the ACS user of *identity*, and issue a token for it. From then on that user counts as native."""
        acs_id = await self.acs_id(_unprefixed(identity))
        await self._mark_native(identity)
        if not with_token:
            return IssuedIdentity(identity=identity, acs_user_id=acs_id)
        token = await self._issue_token(acs_id)
        expires_on = datetime.fromtimestamp(token.expires_on, UTC)
        return IssuedIdentity(identity=identity, acs_user_id=acs_id, token=token.token, expires_on=expires_on)

    async def _mark_native(self, identity: str) -> None:
        async with self._database.write() as connection:
            await table.mark_native(connection, identity)
        await self.notice()

    async def notice(self) -> None:
        """Wait until every process that sends has noticed that somebody may write past this library."""
        await self._sleep(NOTICE)

    async def sign_in(self, token: str) -> Actor:
        """Return whom *token* stands for: a Twilio access token, or an ACS user token.

        `TokenError` where it is refused; `ConfigurationError` where a Twilio token cannot be verified for want of
        a setting.
        """
        actor = self.verified(token)
        if actor is not None:
            return await self.admit(actor)
        return await self._sign_in_with_acs(token, read_token(token))

    def verified(self, token: str) -> Actor | None:
        """Return whom a Twilio access token stands for, None for a token of another kind. Errors as `sign_in`."""
        if not read_token(token).is_twilio:
            return None
        key, secret = self._twilio_key()
        verified = verify_token(token, key=key, secret=secret, now=self._clock())
        if is_raw_id(verified.identity) or verified.identity == STEWARD:
            raise TokenError(
                "Identity reserved: it has the form of an ACS user id, or is the steward's", code=50203
            )
        return Actor(
            identity=verified.identity,
            token=token,
            expires_at=verified.expires_at,
            service_sid=verified.service_sid,
        )

    async def admit(self, actor: Actor) -> Actor:
        """Make a user here of whoever is `verified`, unless they are one."""
        await self.revive((await self.acting(actor)).id)
        return actor

    async def _draw_secret(self) -> str:
        """Draw the secret, unless another process has meanwhile, and return it."""
        async with self._database.write() as connection:
            found = await self._kept_secret(connection)
            if found is None:
                found = secrets.token_hex(32)
                await table.set_attributes(connection, STEWARD, {_KEPT_AS: found})
        return found

    async def _kept_secret(self, connection: AsyncConnection) -> str | None:
        row = await table.find(connection, STEWARD)
        kept = row.attributes if row is not None and isinstance(row.attributes, dict) else {}
        found = kept.get(_KEPT_AS)
        return found if isinstance(found, str) else None

    # Signing in

    def _twilio_key(self) -> tuple[str, str]:
        """Return the API key and its secret; the error names all that is missing for signing in with them."""
        key, secret = self._settings.twilio_api_key, self._settings.twilio_api_secret
        if key and secret and not self.direct:
            return key, secret
        needed = {"connection_string": not self.direct, "twilio_api_key": key, "twilio_api_secret": secret}
        missing = ", ".join(ENVIRONMENT[name] for name, present in needed.items() if not present)
        raise ConfigurationError(f"Not set, but needed to sign in with Twilio access tokens: {missing}")

    async def _sign_in_with_acs(self, token: str, unverified: UnverifiedToken) -> Actor:
        acs_id = _bearer_of(unverified)
        check_expiry(unverified, self._clock())
        user = AcsUser(acs_id, PresentedToken(token, unverified.expires_at))
        with translated(Subject.TOKEN):
            await self._retries.idempotent(lambda: self._probe(user))
        name = (await self.names([acs_id])).get(acs_id)
        if name is None:
            raise TokenError("Identity reserved: this is the token of the deployment's own user", code=50203)
        if not await self.native([acs_id]):
            await self._mark_native(name)  # whoever made this token may make one for an ACS client
        await self.revive(acs_id)
        self._remember(token, user)
        return Actor(identity=name, token=token, expires_at=unverified.expires_at)

    async def _probe(self, user: AcsUser) -> None:
        """Make ACS look at the user's token."""
        async for _ in self._clients.chat(user).list_chat_threads(results_per_page=1):
            break

    async def _open_session(self, actor: Actor) -> AcsUser:
        unverified = read_token(actor.token)
        if unverified.is_twilio:
            user = await self._user(checked_identity(actor.identity))
        else:
            user = AcsUser(_bearer_of(unverified), PresentedToken(actor.token, unverified.expires_at))
        return self._remember(actor.token, user)

    def _remember(self, token: str, user: AcsUser) -> AcsUser:
        self._sessions[token] = user
        if len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return user

    # Making users and tokens

    async def _user(self, identity: str) -> AcsUser:
        return self.by_acs_id(await self._acs_id(identity))

    async def _acs_id(self, identity: str) -> str:
        known = self._acs_ids.get(identity)
        if known is not None:
            return known
        async with self._creating.setdefault(identity, asyncio.Lock()):
            row = await self._find(identity) or (await self._create(identity))[0]
        self._creating.pop(identity, None)
        self._names[row.acs_id] = identity
        return self._acs_ids.setdefault(identity, row.acs_id)

    async def _find(self, identity: str) -> table.IdentityRow | None:
        async with self._database.read() as connection:
            return await table.find(connection, identity)

    async def _create(
        self, identity: str, complete: Callable[[table.IdentityRow], table.IdentityRow] = lambda row: row
    ) -> tuple[table.IdentityRow, bool]:
        """Make an ACS user for *identity*; return the row that counts, and whether it is of this one."""
        if self.direct:
            raise DirectModeError(
                f"{identity!r} has no ACS user that is known here, and without a connection string none can be made; "
                "set COMMUNICATION_SERVICES_CONNECTION_STRING, or name an ACS user id (8:acs:...)"
            )
        with translated(Subject.ACCESS_KEY):
            created = await self._retries.idempotent(self._clients.identity().create_user)
        row = complete(self._new_row(identity, created.properties["id"]))
        async with self._database.write() as connection:
            if await table.insert_new(connection, row):
                return row, True
            winner = await table.find(connection, identity)
        with translated(Subject.ACCESS_KEY):
            await self._retries.idempotent(lambda: self._clients.identity().delete_user(created))
        return winner or row, False

    def _new_row(self, identity: str, acs_id: str) -> table.IdentityRow:
        return table.IdentityRow(
            identity=identity,
            acs_id=acs_id,
            sid=user_sid(acs_id),
            friendly_name=identity,
            attributes={},
            native=False,
            created_at=self._now(),
        )

    def _now(self) -> int:
        return to_milliseconds(self._clock())

    async def _issue_token(self, acs_id: str) -> AccessToken:
        """Return a token whose ``expires_on`` is in epoch seconds; the SDK hands out a date as text."""
        user = CommunicationUserIdentifier(acs_id)
        with translated(Subject.ACCESS_KEY):
            issued = await self._retries.idempotent(
                lambda: self._clients.identity().get_token(user, [CommunicationTokenScope.CHAT])
            )
        return AccessToken(issued.token, int(datetime.fromisoformat(str(issued.expires_on)).timestamp()))


def is_raw_id(identity: str) -> bool:
    """Say whether *identity* is the raw id of an ACS user."""
    return _RAW_ID.match(identity) is not None


def checked_identity(identity: str) -> str:
    """Return *identity* if an ordinary user may have it; errors as `Identities.acs_id`."""
    if not identity:
        raise LimitError("Identity not provided", code=50204)
    if len(identity) > IDENTITY_LIMIT:
        raise LimitError(
            f"Identity too long: {len(identity)} characters, at most {IDENTITY_LIMIT}", code=50207
        )
    if identity == STEWARD:
        raise ForbiddenError("Identity reserved", code=50203)
    check_text(identity, "An identity")
    return identity


def _unprefixed(identity: str) -> str:
    if is_raw_id(identity):
        raise ArgumentError(f"{identity!r} is an ACS user id already; name a Twilio identity")
    return identity


def _bearer_of(token: UnverifiedToken) -> str:
    """Return the raw id of the ACS user that *token* claims to be."""
    skype_id = token.payload.get("skypeid")
    if not isinstance(skype_id, str) or not skype_id:
        raise TokenError(
            "Invalid Access Token: neither a Twilio access token nor an ACS user token", code=20101
        )
    return f"8:{skype_id}"
