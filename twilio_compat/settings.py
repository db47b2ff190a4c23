"""Where everything that can be set comes from: the environment, or one typed object.

Reading the environment happens in one place and once, so what a process runs with can be printed and compared.
Secrets are left out of ``repr``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Literal, get_args

from twilio_compat.errors import ConfigurationError

DEFAULT_DATABASE_URL = "sqlite:///twilio-compat.db"

RateLimits = Literal["auto", "on", "off"]
ParticipantRole = Literal["channel user", "channel admin"]
UserRole = Literal["service user", "service admin"]
OnOff = Literal["off", "on"]

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "rate_limits": get_args(RateLimits),
    "participant_role": get_args(ParticipantRole),
    "user_role": get_args(UserRole),
    "rollout_bodies": get_args(OnOff),
}
_SHARES: Final = frozenset({"rollout_sample"})
"""Numbers that are shares, and may be nothing."""
_NUMBERS: Final = ("rollout_sample",)
"""Numbers that an environment may give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the library runs with. Times are in seconds, sizes in bytes.

    `from_environment` reads each field that has an environment variable (`ENVIRONMENT`); the rest have defaults
    that suit production and are changed in code, by tests above all. `ConfigurationError` for a time or a size that
    is not a number above zero, and for a choice that there is not.
    """

    connection_string: str | None = field(default=None, repr=False)
    """``endpoint=https://...;accesskey=...`` of the ACS resource. Without it only direct mode works."""
    endpoint: str | None = None
    """Endpoint of the ACS resource, for direct mode: a client given a bare ACS user token."""
    storage_connection_string: str | None = field(default=None, repr=False)
    """Azure Storage account for media; needed from the first upload on."""
    database_url: str = field(default=DEFAULT_DATABASE_URL, repr=False)
    """SQLAlchemy URL of the store, for what ACS has no place for."""
    twilio_api_key: str | None = None
    """``SK...`` sid that Twilio access tokens must name as their issuer."""
    twilio_api_secret: str | None = field(default=None, repr=False)
    """Secret of that key: verifies the tokens."""
    twilio_account_sid: str | None = None
    """``AC...`` sid of the Twilio account, which webhooks are told. The REST client takes its own."""
    twilio_auth_token: str | None = field(default=None, repr=False)
    """Its auth token: signs webhooks. The REST client takes its own."""
    service_sid: str | None = None
    """``IS...`` sid of the default service: that of your service at Twilio, so that paths and tokens go on naming it.
    Unset, it is derived from the ACS resource, and tokens for a service that nobody made are for the default one.
    """
    twilio_url: str | None = None
    """Where Twilio's REST API for Conversations is, while a rollout has need of Twilio: the url that replaces
    ``https://conversations.twilio.com`` and that of media, for a proxy or a test. Unset, Twilio itself.
    """
    backend: str = "acs"
    """Name of the adapter, as installed."""
    media_container: str = "twilio-media"
    """Blob container for media; made when missing."""
    attachment_url_lifetime: float = 7 * 24 * 3600.0
    """How long the URL of an attachment, as native ACS clients see it in a message's metadata, stays good."""
    temporary_url_lifetime: float = 300.0
    """How long a URL from ``getContentTemporaryUrl()`` stays good."""
    metadata_budget: int = 1024
    """UTF-8 bytes of keys and values that a message's ACS metadata may hold; the rest goes to the store."""
    request_timeout: float = 30.0
    """Longest wait for one answer of the service."""
    deadline: float = 60.0
    """Longest time one call may take with all its retries."""
    reachability: bool = False
    """Whether to keep track of who is connected, for ``user.isOnline``; off at Twilio, too, unless switched on."""
    participant_role: ParticipantRole = "channel user"
    """Role of every member of a conversation who was given none, its creator aside, who is a ``channel admin``."""
    user_role: UserRole = "service user"
    """Role of every user who was given none; it holds in each conversation they are in."""
    poll_interval: float = 1.0
    """Pause between two looks for news, per signed-in user."""
    twilio_poll_interval: float = 2.0
    """Pause between two looks at Twilio for news, per user who follows conversations that are there."""
    sweep_interval: float = 30.0
    """Pause between two looks into a quiet conversation whose messages are in use."""
    rollout: str | None = None
    """How far conversations are to have come from Twilio to ACS: rules (`twilio_compat.rollout.staging.rules`), or ``openfeature``
    for a flag service. Unset, there is no rollout: ACS has everything, and nobody looks at Twilio.
    """
    rollout_sample: float = 0.1
    """Share of the reads, from 0 to 1, that are repeated on the mirror to be compared, where a stage says so."""
    rollout_ignore: str | None = None
    """Fields in which both sides may differ, such as ``date_updated,attributes``: names of the port's records."""
    rollout_bodies: OnOff = "off"
    """Whether mismatches that are kept show what people wrote: bodies, subjects, attributes, names. Otherwise its length."""
    rate_limits: RateLimits = "auto"
    """Whether requests wait until ACS's rates allow them: ``auto`` is ``on``, but for an emulator on this machine
    only from its first 429 on; ``off`` sends at once, and repeats what was refused.
    """

    def __post_init__(self) -> None:
        """Check the numbers: a pause of none would keep asking the service without end; and the choices."""
        for name, choices in _CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise ConfigurationError(
                    f"The setting {name} must be one of {', '.join(choices)}, not {value!r}"
                )
        for each in fields(self):
            if type(each.default) in (int, float):
                _check_number(each.name, getattr(self, each.name))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the variables of `ENVIRONMENT`; an empty one counts as unset."""
        source = os.environ if environ is None else environ
        given = {name: value for name, variable in ENVIRONMENT.items() if (value := source.get(variable))}
        numbers = {name: _number(name, given[name]) for name in _NUMBERS if name in given}
        return cls(**(given | numbers))  # type: ignore[arg-type]  # every other mapped field is a string

    def need(self, name: str, purpose: str) -> str:
        """Return the setting *name*, or say which variable to set and what for."""
        value: str | None = getattr(self, name)
        if value:
            return value
        raise ConfigurationError(f"{ENVIRONMENT[name]} is not set; it is needed {purpose}")


def _check_number(name: str, value: object) -> None:
    number = value if isinstance(value, int | float) else -1.0
    if name in _SHARES:
        if not 0 <= number <= 1:
            raise ConfigurationError(f"The setting {name} must be a number from 0 to 1, not {value!r}")
    elif not number > 0:
        raise ConfigurationError(f"The setting {name} must be a number above zero, not {value!r}")


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{ENVIRONMENT[name]} must be a number, not {text!r}") from None


ENVIRONMENT: Mapping[str, str] = {
    "connection_string": "COMMUNICATION_SERVICES_CONNECTION_STRING",
    "endpoint": "COMMUNICATION_SERVICES_ENDPOINT",
    "storage_connection_string": "AZURE_STORAGE_CONNECTION_STRING",
    "database_url": "TWILIO_COMPAT_DATABASE_URL",
    "twilio_api_key": "TWILIO_API_KEY",
    "twilio_api_secret": "TWILIO_API_SECRET",
    "twilio_account_sid": "TWILIO_ACCOUNT_SID",
    "twilio_auth_token": "TWILIO_AUTH_TOKEN",
    "service_sid": "TWILIO_COMPAT_SERVICE_SID",
    "twilio_url": "TWILIO_COMPAT_TWILIO_URL",
    "rollout": "TWILIO_COMPAT_ROLLOUT",
    "rollout_sample": "TWILIO_COMPAT_ROLLOUT_SAMPLE",
    "rollout_ignore": "TWILIO_COMPAT_ROLLOUT_IGNORE",
    "rollout_bodies": "TWILIO_COMPAT_ROLLOUT_BODIES",
    "rate_limits": "TWILIO_COMPAT_RATE_LIMITS",
    "participant_role": "TWILIO_COMPAT_PARTICIPANT_ROLE",
    "user_role": "TWILIO_COMPAT_USER_ROLE",
}
"""Which variable each field of `Settings` is read from."""
