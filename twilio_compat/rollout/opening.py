"""From settings to a backend over both sides."""

from __future__ import annotations

from twilio_compat.account import AccountBackend
from twilio_compat.backend import Backend
from twilio_compat.errors import ConfigurationError
from twilio_compat.rollout.assembly import Tools, shared
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.flag import open_flag
from twilio_compat.rollout.sides import Sides
from twilio_compat.settings import Settings


def with_rollout(
    twilio: Backend, acs: Backend, settings: Settings, tools: Tools | None = None
) -> RolloutBackend:
    """Return both sides as one. `ConfigurationError` where one of them does not serve accounts, or the flag is wrong.

    A test brings *tools* of its own.
    """
    if not (isinstance(twilio, AccountBackend) and isinstance(acs, AccountBackend)):
        raise ConfigurationError(
            "A rollout needs both sides: set COMMUNICATION_SERVICES_CONNECTION_STRING as well as the credentials of Twilio"
        )
    if settings.service_sid is None:
        raise ConfigurationError(
            "TWILIO_COMPAT_SERVICE_SID is not set; a rollout needs the sid of your service at Twilio, so that both sides "
            "mean the same by it"
        )
    sides = Sides(twilio=twilio, acs=acs)
    return RolloutBackend(sides, shared(sides, settings, open_flag(settings.rollout or ""), tools or Tools()))
