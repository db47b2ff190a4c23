"""What really went over the wire: the emulator reports each request, this module keeps and words them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from acs_emulator.app import Exchange

EVENT_SOURCE = ("GET", "/chat/threads")
"""The poll that finds what changed: the same request each time, so a step shows it once."""


@dataclass(frozen=True)
class Request:
    """One request of a step, in short; ``times`` counts equal ones in a row of a step."""

    method: str
    path: str
    status: int
    content: str
    times: int = 1

    @property
    def is_poll(self) -> bool:
        """Whether the event source made it, and not the line of code beside it."""
        return (self.method, self.path) == EVENT_SOURCE


class Wire:
    """Collects requests; `take` returns those since the last call."""

    def __init__(self) -> None:
        self._seen: list[Exchange] = []

    def observe(self, exchange: Exchange) -> None:
        """Keep one request; the emulator calls this."""
        self._seen.append(exchange)

    def take(self) -> list[Request]:
        """Return the requests since the last call, equal ones counted, and forget them."""
        taken, self._seen = self._seen, []
        return _counted(_shortened(each) for each in taken)


def _shortened(exchange: Exchange) -> Request:
    path = unquote(urlsplit(exchange.target).path)
    return Request(exchange.method, path, exchange.status, _content(exchange.request_body))


def _content(body: bytes) -> str:
    if not body:
        return ""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return f"{len(body)} bytes"


def _counted(requests: Iterable[Request]) -> list[Request]:
    counts: dict[Request, int] = {}
    for each in requests:
        counts[each] = counts.get(each, 0) + 1
    return [
        Request(each.method, each.path, each.status, each.content, times) for each, times in counts.items()
    ]
