"""What of a request may be repeated, and after which pause: pure.

Theory of operation
-------------------
A request that failed belongs to one of four kinds:

* **refused**: 4xx but 408 and 429. Final.
* **throttled**: 429, which Twilio says of what it never processed. Any request may be repeated.
* **never sent**: no connection came about. The same.
* **unclear**: 408, 5xx, a lost connection, a timeout. It may have had its effect.

What is unclear is repeated where a second time changes nothing: reads, deletions, and changes of a thing that has a
path of its own. To make a thing is none of these: whoever wants that finds out what became of the first attempt
(`twilio_backend.messages`). A deletion that is repeated finds nothing more to delete, and has succeeded.

The pause grows exponentially and is drawn at random from its upper half; ``Retry-After`` goes before it. When the next
one would end after the deadline, the last error is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import urlsplit

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 8.0
_FINAL: Final = frozenset({501, 505})
"""Server errors that say that the service will never do this."""
_COLLECTIONS: Final = frozenset(
    {
        "AddressConfigurations",
        "Bindings",
        "ConversationWithParticipants",
        "Conversations",
        "Credentials",
        "Media",
        "Messages",
        "Participants",
        "Roles",
        "Services",
        "Users",
        "Webhooks",
    }
)


class Kind(Enum):
    """What became of a request that failed."""

    REFUSED = auto()
    THROTTLED = auto()
    NEVER_SENT = auto()
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between attempts, in seconds."""

    first: float = FIRST_PAUSE
    longest: float = LONGEST_PAUSE

    def pause(self, attempt: int, chance: float, headers: Mapping[str, str] | None = None) -> float:
        """Return the pause after attempt number *attempt*, from 0 on; *chance* is from [0, 1)."""
        asked = (headers or {}).get("Retry-After", "").strip()
        if asked.isdecimal():
            return float(asked)
        return min(self.longest, self.first * 2.0 ** min(attempt, 10)) * (0.5 + 0.5 * chance)


def kind_of(status: int) -> Kind | None:
    """Say what an answer with a status is; None: all is well."""
    if status < 400:
        return None
    if status == 429:
        return Kind.THROTTLED
    return Kind.UNCLEAR if status == 408 or (status >= 500 and status not in _FINAL) else Kind.REFUSED


def makes_something(method: str, url: str) -> bool:
    """Say whether a request makes a thing, so that a second time would make a second one."""
    return (
        method.upper() == "POST"
        and urlsplit(url).path.rpartition("/")[2] in _COLLECTIONS
        and not _is_configuration(url)
    )


def may_repeat(kind: Kind, method: str, url: str) -> bool:
    """Say whether a request that failed so may be sent once more as it is."""
    if kind in (Kind.THROTTLED, Kind.NEVER_SENT):
        return True
    return kind is Kind.UNCLEAR and not makes_something(method, url)


def _is_configuration(url: str) -> bool:
    return urlsplit(url).path.endswith("/Configuration/Webhooks")
