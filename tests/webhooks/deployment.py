"""Backends with webhooks, on one emulator and one store, each as another process would have it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.acs_backend.deployment import KEY, SECRET, NativeUser, twilio_token
from tests.webhooks.clock import quick
from tests.webhooks.receiver import AUTH_TOKEN
from tests.webhooks.samples import ACCOUNT_SID
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant
from twilio_compat.records import Actor, IssuedIdentity
from twilio_compat.settings import Settings
from twilio_compat.webhooks.backend import TellingBackend, telling
from twilio_compat.webhooks.configuration import (
    ACCOUNT,
    KIND,
    SERVICE,
    ScopedTarget,
    ScopedWebhook,
    WebhookConfiguration,
    from_configuration,
    from_scoped,
    scoped_kind,
)
from twilio_compat.webhooks.events import POST_EVENTS

SPEED = 20
"""How many times as short as they should be the pauses are."""


def now() -> datetime:
    return datetime.now(UTC)


class WebhookDeployment:
    """One ACS resource with one store; any number of backends share them."""

    def __init__(self, emulator: Emulator, database_url: str) -> None:
        self.emulator = emulator
        self.settings = Settings(
            connection_string=emulator.connection_string,
            storage_connection_string=emulator.storage_connection_string,
            database_url=database_url,
            twilio_api_key=KEY,
            twilio_api_secret=SECRET,
            twilio_account_sid=ACCOUNT_SID,
            twilio_auth_token=AUTH_TOKEN,
            poll_interval=0.05,
            deadline=10.0,
        )
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._resources.aclose()

    def backend(self, *, ahead: float = 0.0, **changes: Any) -> TellingBackend:
        """Open a backend, as another process would, whose clock is some seconds *ahead*."""
        settings = replace(self.settings, **changes)

        def later() -> datetime:
            return now() + timedelta(seconds=ahead)

        backend = telling(AcsBackend(settings, now=later), settings, quick(SPEED, now=later, timeout=1.0))
        self._resources.push_async_callback(backend.close)
        return backend

    async def native(self, issued: IssuedIdentity) -> NativeUser:
        """Return an ACS client of a user whose id and token were told."""
        assert issued.token is not None
        user = NativeUser(self.emulator.http_endpoint, issued.acs_user_id, issued.token)
        self._resources.push_async_callback(user.close)
        return user


async def configure(
    backend: TellingBackend, url: str, *filters: str, pre: str | None = None, **changes: Any
) -> None:
    """Have the account call *url* after the fact, about everything unless *filters* name events."""
    await _configure(backend, ACCOUNT, url, pre, filters, changes)


async def configure_service(
    backend: TellingBackend, url: str, *filters: str, pre: str | None = None, **changes: Any
) -> None:
    """Have the service call *url*."""
    await _configure(backend, SERVICE, url, pre, filters, changes)


async def _configure(
    backend: TellingBackend,
    name: str,
    url: str,
    pre: str | None,
    filters: tuple[str, ...],
    changes: dict[str, Any],
) -> None:
    configuration = WebhookConfiguration(
        pre_webhook_url=pre,
        post_webhook_url=url,
        filters=filters or tuple(sorted(POST_EVENTS)),
        **changes,
    )
    await backend.documents.put(KIND, name, from_configuration(configuration))


async def add_webhook(
    backend: TellingBackend,
    conversation_sid: str,
    url: str,
    *filters: str,
    sid: str = "WH" + "9" * 32,
    target: ScopedTarget = "webhook",
    **more: Any,
) -> None:
    """Give a conversation a webhook."""
    webhook = ScopedWebhook(
        sid=sid,
        conversation_sid=conversation_sid,
        target=target,
        date_created=backend_time(backend),
        date_updated=backend_time(backend),
        url=url,
        filters=filters,
        **more,
    )
    await backend.documents.put(scoped_kind(conversation_sid), sid, from_scoped(webhook))


def backend_time(backend: TellingBackend) -> Any:
    return backend._desk.now()


async def sign_in(backend: TellingBackend, identity: str) -> Actor:
    return await backend.sign_in(twilio_token(identity))


def service_token(identity: str, service_sid: str) -> str:
    """Return a token for a service."""
    token = AccessToken(ACCOUNT_SID, KEY, SECRET, identity=identity)
    token.add_grant(ChatGrant(service_sid=service_sid))
    return str(token.to_jwt())
