"""What Twilio's Conversations API can be asked: each operation declared once, as data.

`OPERATIONS` is the one table. From it come the routes (`twilio_compat.rest.routes`), what is checked of parameters before
a resource sees them (`twilio_compat.rest.parameters`), and the page that says what is supported. Most operations are
there twice at Twilio: for the default service, and under ``/Services/IS...`` for each one; here they are declared once,
with a `Scope`. An operation is named by its resource and a verb, such as ``conversations.create``; its handler goes by
the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

SERVICE_PATH: Final = "/Services/{ChatServiceSid}"
"""What stands before the path of an operation of a service that is named."""


class Kind(Enum):
    """What a parameter's text stands for, and as what a resource gets it."""

    TEXT = auto()
    """Itself, a `str`."""
    JSON = auto()
    """JSON, as `twilio_compat.rest.call.Json`."""
    DATE = auto()
    """An aware `datetime`."""
    DAY = auto()
    """A time, or a whole day; the text as it was given, once it is known to be one (`parameters.bounds`)."""
    INTEGER = auto()
    """An `int`, not below zero; or the empty text, a `str`."""
    BOOLEAN = auto()
    """A `bool`."""
    CHOICE = auto()
    """One of some words, a `str`."""
    DURATION = auto()
    """An ISO 8601 duration such as ``PT1H``, a `str` as it was given; empty: none."""
    LIST = auto()
    """Any number of texts, a `tuple`; one text alone is a list of one."""
    SID = auto()
    """A sid of one sort of thing, a `str`; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of an operation.

    ``code`` is Twilio's code for a value of the wrong form, ``missing`` that for a required one that is not there,
    ``too_long`` that for more than ``longest`` characters. ``prefix`` is that of a sid; ``shortest`` that of a duration,
    in seconds, with the code ``too_short``.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    prefix: str = ""
    code: int = 20422
    missing: int = 20001
    longest: int | None = None
    too_long: int = 20422
    shortest: int = 0
    too_short: int = 20422


class Scope(Enum):
    """Where an operation is found."""

    ACCOUNT = auto()
    """At its path alone."""
    SERVICE = auto()
    """Under a service alone."""
    BOTH = auto()
    """At its path, for the default service, and under each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. ``path`` begins after ``/v1``; ``noun`` is how Twilio's operation list calls the resource.

    ``envelope`` is the key of a list's records; ``default_size`` and ``largest_size`` are those of its pages.
    """

    resource: str
    verb: str
    method: str
    path: str
    noun: str
    status: int = 200
    scope: Scope = Scope.BOTH
    parameters: Mapping[str, Parameter] = field(default_factory=lambda: MappingProxyType({}))
    tells_webhooks: bool = False
    envelope: str | None = None
    default_size: int = 50
    largest_size: int = 100

    @property
    def key(self) -> str:
        """The name by which its handler goes."""
        return f"{self.resource}.{self.verb}"

    def templates(self) -> Iterator[str]:
        """Yield the paths at which it is found."""
        if self.scope is not Scope.SERVICE:
            yield self.path
        if self.scope is not Scope.ACCOUNT:
            yield SERVICE_PATH + self.path
