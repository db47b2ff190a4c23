"""How far a conversation should be: flags, and which one the settings name.

A `Flag` is asked about a `Target`. `Rules` are read from the setting itself; `OpenFeatureFlag` asks a flag service. What a
flag says is a wish: where a conversation is, and how it gets from there to where it should be, is for
`twilio_compat.rollout.staging.pins`.
"""

from __future__ import annotations

from typing import Final

from twilio_compat.rollout.staging.open_feature import OpenFeatureFlag
from twilio_compat.rollout.staging.rules import Rule, Rules, parse_rules
from twilio_compat.rollout.staging.target import Flag, Target

__all__ = ["OPENFEATURE", "Flag", "OpenFeatureFlag", "Rule", "Rules", "Target", "open_flag", "parse_rules"]

OPENFEATURE: Final = "openfeature"
"""The setting that means a flag service."""


def open_flag(setting: str) -> Flag:
    """Return the flag that the setting ``rollout`` names. `ConfigurationError` where it cannot be used."""
    return OpenFeatureFlag() if setting.strip() == OPENFEATURE else parse_rules(setting)
