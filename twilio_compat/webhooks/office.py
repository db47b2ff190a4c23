"""What all services of one account share of their webhooks: the queue, the calls, and what goes on in the background."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from twilio_compat.account import AccountBackend, Document
from twilio_compat.errors import NotFoundError
from twilio_compat.settings import Settings
from twilio_compat.webhooks.caller import TIMEOUT, Caller
from twilio_compat.webhooks.configuration import ACCOUNT, KIND, to_configuration
from twilio_compat.webhooks.courier import Courier
from twilio_compat.webhooks.desk import Desk
from twilio_compat.webhooks.news import QUEUE
from twilio_compat.webhooks.outbox import Outbox
from twilio_compat.webhooks.requests import Signer
from twilio_compat.webhooks.switchboard import Switchboard
from twilio_compat.webhooks.targets import Target, hooks_of
from twilio_compat.webhooks.worker import Served, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What depends on time and chance. *now* tells the time of day, *clock* is monotonic, *sleep* waits, in seconds."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    timeout: float = TIMEOUT
    """Seconds that a webhook has to answer."""


class Office:
    """Has a desk for each service; *root* is the backend of the default one, where nobody is told."""

    def __init__(self, root: AccountBackend, settings: Settings, tools: Tools) -> None:
        """Do nothing yet."""
        self.root = root
        """The backend of the default service, where nobody is told."""
        self._settings = settings
        self._tools = tools
        self._desks: dict[str, tuple[AccountBackend, Desk]] = {}
        self._caller = Caller(timeout=tools.timeout)
        self.courier = Courier(
            root.errands,
            self._caller,
            self._signer() if settings.twilio_auth_token else None,
            self._find,
            now=tools.now,
            sleep=tools.sleep,
            chance=tools.chance,
        )
        """Delivers."""
        self._outbox = Outbox(root.errands, self.courier.wake)
        self.worker = Worker(
            root,
            self,
            self._outbox,
            self.courier,
            now=tools.now,
            clock=tools.clock,
            sleep=tools.sleep,
        )
        """Looks after everything."""

    def desk(self, backend: AccountBackend) -> Desk:
        """Return the desk of a service."""
        known = self._desks.get(backend.service_sid)
        if known is None or known[0] is not backend:
            known = self._desks[backend.service_sid] = backend, self._new_desk(backend)
        return known[1]

    def configured(self) -> None:
        """Take note that a configuration was changed here."""
        for _, desk in self._desks.values():
            desk.switchboard.forget()
        self.worker.call()

    async def close(self) -> None:
        """Tell what this process has to tell, within a few seconds, and stop. Safe to call twice."""
        await self.worker.close()
        await self._outbox.close()
        await self.courier.close()
        await self._caller.close()

    def _new_desk(self, backend: AccountBackend) -> Desk:
        switchboard = Switchboard(self.root.documents, backend.documents, clock=self._tools.clock)
        return Desk(
            backend,
            switchboard,
            self._outbox,
            self._caller,
            self._signer,
            now=self._tools.now,
            begun=self.worker.start,
        )

    def _signer(self) -> Signer:
        """Return who signs. `ConfigurationError` without an auth token."""
        account_sid = self._settings.twilio_account_sid or f"AC{self.root.service_sid[2:]}"
        token = self._settings.need("twilio_auth_token", "to sign webhooks")
        return Signer(auth_token=token, account_sid=account_sid)

    async def _find(self, service_sid: str, name: str, conversation_sid: str | None) -> Target | None:
        """Return how a target is configured now; None where it, or its service, is gone."""
        try:
            backend = await self.root.of(service_sid)
            return await self.desk(backend).switchboard.find(name, conversation_sid)
        except NotFoundError:
            return None

    # For the worker

    async def is_wanted(self) -> bool:
        """Say whether there is anything that takes one process: webhooks that are told, or calls to be made."""
        kept = {each.name: each for each in await self.root.documents.list(KIND)}
        hooks = hooks_of(kept.get(ACCOUNT), list(kept.values()))
        if hooks.any_post or _is_told(kept.get(ACCOUNT)) or any(map(_is_service, kept)):
            return True
        return await self.root.errands.next_due(QUEUE) is not None

    async def services(self) -> Sequence[Served]:
        """Return all services that may have webhooks, each with its desk."""
        kept = {each.name: each for each in await self.root.documents.list(KIND)}
        if _is_told(kept.get(ACCOUNT)):
            sids = [each.sid for each in await self.root.services.list()]
        else:
            sids = [self.root.service_sid, *filter(_is_service, kept)]
        return await self._served(sids)

    async def opened(self) -> Sequence[Served]:
        """Return the services that this process uses."""
        return await self._served(list(self._desks))

    async def _served(self, sids: Sequence[str]) -> Sequence[Served]:
        found: list[Served] = []
        for sid in sids:
            try:
                backend = await self.root.of(sid)
            except NotFoundError:
                self._desks.pop(sid, None)
            else:
                found.append((backend, self.desk(backend)))
        return found


def _is_told(account: Document | None) -> bool:
    """Say whether the account has anything called after the fact, which counts for all of its services."""
    return account is not None and bool(to_configuration(account.content).post_webhook_url)


def _is_service(name: str) -> bool:
    return name.startswith("IS")
