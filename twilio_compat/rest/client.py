"""``Client`` in place of ``twilio.rest.Client``."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from twilio.http import HttpClient
from twilio.rest import Client as TwilioClient

from twilio_compat.backend import open_backend
from twilio_compat.rest.deployment import BackendFactory, Deployment
from twilio_compat.rest.http_client import in_process
from twilio_compat.rest.portal import PROCESS, Portal
from twilio_compat.settings import Settings

if TYPE_CHECKING:
    from twilio.credential.credential_provider import CredentialProvider


class Client(TwilioClient):  # type: ignore[misc]  # twilio-python has no types
    """Twilio's REST client, whose Conversations are on Azure Communication Services; its other products are Twilio's.

    It takes what Twilio's takes. Nothing is looked up or connected before the first call to Conversations. Clients with
    the same settings share what they have open. `close`, or leaving a ``with`` block, closes it once the last of them
    does; the end of the process does too.
    """

    def __init__(
        self,
        username: str | None = None,
        password: str | None = None,
        account_sid: str | None = None,
        region: str | None = None,
        http_client: HttpClient | None = None,
        environment: MutableMapping[str, str] | None = None,
        edge: str | None = None,
        user_agent_extensions: list[str] | None = None,
        credential_provider: CredentialProvider | None = None,
        *,
        settings: Settings | None = None,
        backend: BackendFactory = open_backend,
        portal: Portal = PROCESS,
    ) -> None:
        """Make a client as `twilio.rest.Client` does.

        *settings* are read from the environment unless they are given; the account is the client's own either way.
        *backend* opens what carries the conversations, and *portal* is where it runs: tests have reason to say.
        """
        self.portal = portal
        self._settings = settings
        self._open_backend = backend
        self._environment = environment
        self._deployment: Deployment | None = None
        newer = {} if credential_provider is None else {"credential_provider": credential_provider}
        super().__init__(
            username,
            password,
            account_sid,
            region,
            http_client,
            environment,
            edge,
            user_agent_extensions,
            **newer,
        )

    def __enter__(self) -> Self:
        """Have the client closed at the end of a block."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close it."""
        self.close()

    @property
    def http_client(self) -> HttpClient:
        """What sends the requests. One that is put here is left those that are not for Conversations."""
        return self._http_client

    @http_client.setter
    def http_client(self, wrapped: HttpClient) -> None:
        self._http_client = in_process(wrapped, self)

    def deployment(self) -> Deployment:
        """Say where the client's conversations are. `ConfigurationError` for a setting that cannot be."""
        if self._deployment is None:
            deployment = Deployment(self._with_account(self._read_settings()), self._open_backend)
            self.portal.join(deployment, self)
            self._deployment = deployment
        return self._deployment

    def close(self) -> None:
        """Close what the client has open, unless other clients use it. A later call opens it again."""
        deployment, self._deployment = self._deployment, None
        if deployment is not None:
            self.portal.leave(deployment, self)

    def _read_settings(self) -> Settings:
        if self._settings is not None:
            return self._settings
        return Settings.from_environment({**os.environ, **(self._environment or {})})

    def _with_account(self, settings: Settings) -> Settings:
        """Have the client's own account told to webhooks, and its auth token sign them; an API key's secret cannot."""
        is_account = bool(self.username and self.password and self.username.startswith("AC"))
        return replace(
            settings,
            twilio_account_sid=self.account_sid or settings.twilio_account_sid,
            twilio_auth_token=self.password if is_account else settings.twilio_auth_token,
        )
