"""One call of an operation, as a resource gets it, and what it gives back.

A resource is a module of `twilio_compat.rest.resources`, with one function for each thing that can be done: it takes a
`Call`, asks the backend, and returns the JSON of the answer: an object, a `Page` of them (`twilio_compat.rest.paging` makes those), or None (204). It raises the
port's errors; `twilio_compat.rest.errors` turns them into Twilio's.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, TypeVar

from twilio_compat.account import AccountBackend
from twilio_compat.records import UNCHANGED, Actor, JSONObject, JSONValue, Unchanged


@dataclass(frozen=True, slots=True)
class Json:
    """The value of a parameter that was given as JSON text."""

    value: JSONValue


Value: TypeAlias = "str | int | bool | datetime | tuple[str, ...] | Json"
"""A parameter that was given, as its kind says (`twilio_compat.rest.operations.Kind`)."""
T = TypeVar("T", bound=Value)
Body: TypeAlias = "bytes | AsyncIterable[bytes]"
"""What a request carried: all of it, or a stream that can be read once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was asked. Parameters go by Twilio's names, such as ``FriendlyName`` or ``Timers.Inactive``.

    ``path`` has the path's identifiers by their names in the operation list (``Sid``, ``ConversationSid``), decoded.
    ``service_path`` is ``/Services/IS...`` where the call named a service, else empty: urls in the answer begin with it,
    as at Twilio. ``webhooks``: the caller asked for webhooks to be told (``X-Twilio-Webhook-Enabled: true``).
    ``headers`` are the request's, their names in lower case. ``body`` is only there where the operation takes a file
    instead of parameters (media); a form's is in ``values``.
    """

    backend: AccountBackend
    actor: Actor
    account_sid: str
    base_url: str
    service_path: str
    path: Mapping[str, str]
    values: Mapping[str, Value]
    webhooks: bool
    page_size: int
    page_number: int
    page_token: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = b""

    def get(self, name: str, kind: type[T]) -> T | None:
        """Return a parameter, None where it was not given."""
        value = self.values.get(name)
        assert value is None or type(value) is kind, f"{name} is declared as another kind"
        return value

    def change(self, name: str, kind: type[T]) -> T | Unchanged:
        """Return a parameter, `UNCHANGED` where it was not given."""
        value = self.get(name, kind)
        return UNCHANGED if value is None else value

    def json(self, name: str) -> JSONValue | Unchanged:
        """Return the value of a parameter that is JSON text, `UNCHANGED` where it was not given."""
        given = self.get(name, Json)
        return UNCHANGED if given is None else given.value

    def name(self, name: str) -> str | Unchanged | None:
        """Return a text, None where it was given empty, which takes a name away, `UNCHANGED` where it was not given."""
        given = self.get(name, str)
        return UNCHANGED if given is None else given or None

    def url(self, *parts: str) -> str:
        """Return the absolute url of a resource, such as ``url("Conversations", sid)``."""
        return "/".join((self.base_url + self.service_path, *parts))


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list; ``next_token`` leads to the next one, None on the last."""

    items: Sequence[JSONObject]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Somewhere else is what was asked for, for a while (307)."""

    url: str


Answer: TypeAlias = JSONObject | Page | Redirect | None
Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]
