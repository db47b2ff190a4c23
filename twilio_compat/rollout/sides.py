"""The two backends that a rollout goes between."""

from __future__ import annotations

from dataclasses import dataclass

from twilio_compat.account import AccountBackend
from twilio_compat.rollout.staging.stages import Side


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of one service."""

    twilio: AccountBackend
    acs: AccountBackend

    def of(self, side: Side) -> AccountBackend:
        """Return one of them."""
        return self.twilio if side is Side.TWILIO else self.acs
