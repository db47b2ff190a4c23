"""A request and its answer, whatever brought the one and takes the other: a helper library in process, or a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import SplitResult, parse_qsl, urlsplit

from twilio_compat.rest.call import Body

Pairs: TypeAlias = Sequence[tuple[str, str]]
"""Names and values of a query or a form, in their order; a name may be there several times."""

_MOST_FIELDS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked. ``url`` is absolute; ``parameters`` are those of a form, and of a query that is not in the url.

    ``headers`` go by lower-case names. ``body`` is what was sent, unless it was a form. ``root`` is how a path begins
    that the application is mounted at.
    """

    method: str
    url: str
    root: str = ""
    parameters: Pairs = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered. ``text`` is JSON, or empty."""

    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """What a url names: ``origin`` is what comes before the ``path``, which is still encoded; and all parameters."""

    origin: str
    path: str
    parameters: Pairs


def target_of(request: Request) -> Target:
    """Take a request's url apart, its query into parameters. `ValueError` for a url that is none."""
    parts: SplitResult = urlsplit(request.url)
    parameters = request.parameters
    if parts.query:
        parameters = [*pairs_of(parts.query), *parameters]
    path = parts.path.removeprefix(request.root)
    return Target(f"{parts.scheme}://{parts.netloc}{request.root}", path, parameters)


def pairs_of(text: str) -> Pairs:
    """Take a query or a form apart; what is not UTF-8 in it stays recognizable as that. `ValueError`: too many fields."""
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=_MOST_FIELDS)
