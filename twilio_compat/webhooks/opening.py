"""Whether a backend that was opened has webhooks: that of an account does."""

from __future__ import annotations

from twilio_compat.account import AccountBackend
from twilio_compat.backend import Backend
from twilio_compat.settings import Settings
from twilio_compat.webhooks.backend import telling


def with_webhooks(backend: Backend, settings: Settings) -> Backend:
    """Return *backend* with webhooks, where it serves an account, which direct mode does not."""
    if settings.connection_string is None or not isinstance(backend, AccountBackend):
        return backend
    return telling(backend, settings)
