"""From settings to a backend over both sides."""

from __future__ import annotations

from twilio_compat.account import AccountBackend
from twilio_compat.backend import Backend
from twilio_compat.errors import ConfigurationError
from twilio_compat.rollout.assembly import Tools, shared
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.staging.flag import open_flag
from twilio_compat.settings import Settings


def with_rollout(
    twilio: Backend, acs: Backend, settings: Settings, tools: Tools | None = None
) -> RolloutBackend:
    """Return both sides as one. `ConfigurationError` where one of them does not serve accounts, or the flag is wrong.

    A test brings *tools* of its own.
    """
    settings.need("connection_string", "for the side of ACS, while a rollout runs")
    settings.need(
        "service_sid", "while a rollout runs: your service at Twilio, which both sides are to mean by it"
    )
    if not (isinstance(twilio, AccountBackend) and isinstance(acs, AccountBackend)):
        raise ConfigurationError("A rollout needs adapters that serve accounts on both sides")
    sides = Sides(twilio=twilio, acs=acs)
    return RolloutBackend(sides, shared(sides, settings, open_flag(settings.rollout or ""), tools or Tools()))
