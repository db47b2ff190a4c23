"""The services of an account, each a world of its own: a tenant of the deployment.

The default service is the deployment's own backend. Every other one is a backend of its own, on a store of its own beside
that of the deployment (`acs_backend.store.database`), so nothing of one can be seen from another, whatever a query forgets
to ask. What all of them share is what belongs to the ACS resource: connections, tokens and rates.

A service exists while the default store has a document of it. A tenant's backend is opened when it is first asked for,
and stays open until the process closes or sees that the service is gone; for up to `KNOWN` seconds it takes one that
another process has just deleted for there, and then finds that its store is not.

A service is deleted in three steps: its document is marked, from when on nobody finds it; its conversations are deleted
at ACS, and its files, and its store is dropped; the document goes. Whoever dies half way leaves a mark, and deleting it
again goes on. Its ACS users stay: without a conversation they are of no use to anybody.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Generic, Protocol, TypeVar

from acs_backend.checks import check_friendly_name
from acs_backend.documents import Documents
from acs_backend.sids import SERVICE, is_sid
from twilio_compat.account import (
    AccountConversations,
    ConversationQuery,
    Document,
    ServiceRecord,
    account_actor,
)
from twilio_compat.errors import (
    ConflictError,
    DirectModeError,
    NotFoundError,
    TokenError,
    TranslationGapError,
)
from twilio_compat.records import JSONObject

KIND, DEFAULT_KIND = "service", "default-service"
DEFAULT_NAME: Final = "Default Conversations Service"
"""What the default service is called, which nobody made."""
KNOWN: Final = 1.0
"""Seconds for which a service that was there counts as there."""
_PAGE: Final = 50


class Files(Protocol):
    """The files of a service."""

    async def delete_all(self) -> None:
        """Remove them."""


class Tenant(Protocol):
    """A backend of one service, as its service needs it."""

    @property
    def conversations(self) -> AccountConversations:
        """Conversations."""

    @property
    def media(self) -> Files:
        """Files."""

    async def prepare(self) -> None:
        """Open the store, so that it is known to work."""

    async def drop(self) -> None:
        """Remove the store with all that is in it, and close."""

    async def close(self) -> None:
        """Release what is not shared."""


T = TypeVar("T", bound=Tenant)


class Services(Generic[T]):
    """The port's services, and their backends."""

    def __init__(
        self,
        documents: Documents,
        default: T,
        default_sid: str,
        open_tenant: Callable[[str], T],
        *,
        is_strict: bool,
        direct: bool,
        clock: Callable[[], float],
    ) -> None:
        """Keep them in *documents* of the *default* service. *clock* is monotonic, in seconds.

        *is_strict*: a token for a service that there is not is refused, and not for the default one. *direct*: there is no
        store that outlasts the process.
        """
        self._documents = documents
        self._default = default
        self._default_sid = default_sid
        self._open_tenant = open_tenant
        self._is_strict = is_strict
        self._direct = direct
        self._clock = clock
        self._open: dict[str, T] = {}
        self._known_until: dict[str, float] = {}

    # The port

    async def list(self) -> Sequence[ServiceRecord]:
        """Return all of them, the default one first."""
        made = [each for each in await self._documents.list(KIND) if not _is_going(each.content)]
        others = [_record(each) for each in made if each.name != self._default_sid]
        return [await self._own_record(), *others]

    async def get(self, sid: str) -> ServiceRecord:
        """Fetch one. `NotFoundError` 50050."""
        if sid == self._default_sid:
            return await self._own_record()
        found = await self._find(sid)
        if found is None or _is_going(found.content):
            raise _not_found()
        return _record(found)

    async def create(self, friendly_name: str, *, sid: str | None = None) -> ServiceRecord:
        """Make one, empty, with its store. `LimitError` 50003; `ConfigurationError` where the store cannot be made.

        With a *sid*, that one, unless it is there.
        """
        check_friendly_name(friendly_name)
        if self._direct:
            raise DirectModeError(
                "Services are kept in the store of a deployment, and without a connection string there is none that "
                "lasts; set COMMUNICATION_SERVICES_CONNECTION_STRING"
            )
        await self._own_record()  # which is the oldest
        if sid is not None and (found := await self._find(sid)) is not None:
            return _record(found)
        sid = sid or SERVICE + secrets.token_hex(16)
        tenant = self._open_tenant(sid)
        try:
            await tenant.prepare()
            made = await self._documents.put(KIND, sid, {"friendly_name": friendly_name})
        except BaseException:
            await tenant.close()
            raise
        self._open[sid] = tenant
        return _record(made)

    async def delete(self, sid: str) -> None:
        """Delete one with all that is in it. `NotFoundError` 50050; `ConflictError` for the default one."""
        if sid == self._default_sid:
            raise ConflictError("The default service of an account cannot be deleted", code=20409)
        if await self._find(sid) is None:
            raise _not_found()
        await self._documents.change(KIND, sid, _going)
        self._known_until.pop(sid, None)
        tenant = self._open.pop(sid, None) or self._open_tenant(sid)
        try:
            await _delete_conversations(tenant, sid)
            await tenant.media.delete_all()
            await tenant.drop()
        finally:
            await tenant.close()
        await self._documents.delete(KIND, sid)

    # Their backends

    async def of(self, sid: str | None) -> T:
        """Return the backend of a service (None: of the default one). `NotFoundError` 50050."""
        if sid is None or sid == self._default_sid:
            return self._default
        if self._known_until.get(sid, 0.0) <= self._clock():
            await self._check_there(sid)
        if sid not in self._open:
            self._open[sid] = self._open_tenant(sid)
        return self._open[sid]

    async def of_token(self, sid: str | None) -> str:
        """Return the service that a token for *sid* is for. `TokenError` 51101."""
        try:
            await self.of(sid)
        except NotFoundError as error:
            if self._is_strict:
                raise TokenError("Service instance not found", code=51101) from error
            return self._default_sid
        return sid or self._default_sid

    async def close(self) -> None:
        """Close those that are open. Safe to call twice."""
        self._known_until.clear()
        while self._open:
            _, tenant = self._open.popitem()
            await tenant.close()

    async def _check_there(self, sid: str) -> None:
        """Note that a service is there. `NotFoundError` 50050, with its backend closed, where it is not."""
        asked = self._clock()
        found = await self._find(sid)
        if found is not None and not _is_going(found.content):
            self._known_until[sid] = asked + KNOWN
            return
        self._known_until.pop(sid, None)
        if (tenant := self._open.pop(sid, None)) is not None:
            await tenant.close()
        raise _not_found()

    async def _find(self, sid: str) -> Document | None:
        return await self._documents.get(KIND, sid) if is_sid(sid, SERVICE) else None

    async def _own_record(self) -> ServiceRecord:
        """Return the default service, which is taken note of when it is first asked for."""
        found = await self._documents.get(DEFAULT_KIND, DEFAULT_KIND)
        if found is None:
            found = await self._documents.change(DEFAULT_KIND, DEFAULT_KIND, _noted)
        return _record(found, self._default_sid)


async def _delete_conversations(tenant: Tenant, sid: str) -> None:
    account, last = account_actor(sid), None
    query = ConversationQuery()
    while page := await tenant.conversations.page(account, query, after=last, limit=_PAGE):
        for each in page:
            with suppress(NotFoundError, TranslationGapError):  # gone already, or nobody's who is known here
                await tenant.conversations.delete(account, each.sid)
        last = page[-1].sid


def _record(document: Document, sid: str | None = None) -> ServiceRecord:
    return ServiceRecord(
        sid=sid or document.name,
        friendly_name=str(document.content.get("friendly_name", "")),
        date_created=document.date_created,
        date_updated=document.date_updated,
    )


def _noted(known: JSONObject | None) -> JSONObject:
    return {"friendly_name": DEFAULT_NAME} if known is None else known


def _going(content: JSONObject | None) -> JSONObject:
    """Mark a service as one that is being deleted."""
    if content is None:
        raise _not_found()
    return content | {"is_going": True}


def _is_going(content: Mapping[str, object]) -> bool:
    return bool(content.get("is_going"))


def _not_found() -> NotFoundError:
    return NotFoundError("Service Instance not found", code=50050)
