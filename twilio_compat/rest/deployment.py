"""From settings to an application that serves: the backend is opened with it, and closed after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from twilio_compat.account import AccountBackend
from twilio_compat.backend import Backend, open_backend
from twilio_compat.errors import ConfigurationError
from twilio_compat.rest.app import Application
from twilio_compat.settings import Settings

BackendFactory: TypeAlias = Callable[[Settings], Backend]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What an application runs with; equal ones can share an application."""

    settings: Settings
    open_backend: BackendFactory = open_backend

    @asynccontextmanager
    async def application(self) -> AsyncIterator[Application]:
        """Open the application. `ConfigurationError` where a setting is missing, or the backend serves no accounts."""
        backend = self.open_backend(self.settings)
        try:
            if not isinstance(backend, AccountBackend):
                raise ConfigurationError(
                    f"The backend {self.settings.backend!r} does not serve accounts, so it cannot take REST calls"
                )
            yield Application(backend, account_sid=self.settings.twilio_account_sid)
        finally:
            await backend.close()
