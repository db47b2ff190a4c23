"""From settings to an application that serves: the backend is opened with it, and closed after it."""

from __future__ import annotations

import asyncio
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


class Opened:
    """An application for as long as it is wanted: one task opens it and closes it.

    ``ready`` has it once it is open, or says why it cannot be opened.
    """

    def __init__(self, deployment: Deployment) -> None:
        """Begin to open it, on the running loop."""
        self.ready: asyncio.Future[Application] = asyncio.get_running_loop().create_future()
        self._unwanted = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(self._keep(deployment))

    async def close(self) -> None:
        """Have it closed, and wait for that."""
        self._unwanted.set()
        await self.task

    async def _keep(self, deployment: Deployment) -> None:
        try:
            async with deployment.application() as application:
                self.ready.set_result(application)
                await self._unwanted.wait()
        except BaseException as error:
            if self.ready.done():
                raise
            self.ready.set_exception(error)
