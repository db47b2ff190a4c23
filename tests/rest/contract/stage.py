"""What a scenario is given, and how it is declared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from twilio.base.exceptions import TwilioException

from tests.rest.contract.transcript import Transcript, refused

World: TypeAlias = Literal["default", "service"]
"""Where it is played: on the paths of the default service, or on those that name one."""

T = TypeVar("T")


@dataclass(kw_only=True)
class Stage:
    """A world to play in, empty at first.

    ``v1`` is ``client.conversations.v1``; ``api`` is that, or ``v1.services(sid)``: both have conversations, users and
    more by the same names. ``path`` is what the paths of ``api`` begin with. ``raw`` sends a request as
    ``Client.request`` does.
    """

    v1: Any
    api: Any
    service_sid: str
    path: str
    account_sid: str
    raw: Callable[..., Any]
    transcript: Transcript

    def note(self, title: str, value: T) -> T:
        """Put a result into the transcript."""
        self.transcript.add(title, value)
        return value

    def refused(self, title: str, call: Callable[..., object], *args: object, **kwargs: object) -> Refusal:
        """Put the error that a call must raise into the transcript."""
        error = refused(call, *args, **kwargs)
        self.transcript.add(title, error)
        return Refusal(error)

    def not_found(self, title: str, path: str, call: Callable[..., object], *args: object) -> None:
        """Let a call be refused as Twilio refuses what is not there: 20404, with the path in the text."""
        refusal = self.refused(title, call, *args)
        assert (404, 20404) == (refusal.status, refusal.code)
        assert refusal.text.endswith(f"The requested resource {self.path}{path} was not found")


class Refusal:
    """What an application reads from an error."""

    def __init__(self, error: TwilioException) -> None:
        if hasattr(error, "status"):
            self.status, self.code, self.text = error.status, error.code, str(error.msg)
        else:
            response = error.args[1]
            body = json.loads(response.text)
            self.status, self.code, self.text = response.status_code, body["code"], body["message"]


Play: TypeAlias = Callable[[Stage], None]


@dataclass(frozen=True)
class Scenario:
    """A scenario. ``whole_account``: it changes what belongs to no service, so it is not played on real accounts."""

    play: Play
    whole_account: bool = False
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.play.__name__)


SCENARIOS: list[Scenario] = []


def scenario(play: Play) -> Play:
    """Declare a scenario."""
    SCENARIOS.append(Scenario(play))
    return play


def of_the_account(play: Play) -> Play:
    """Declare a scenario about what the account has for all its services."""
    SCENARIOS.append(Scenario(play, whole_account=True))
    return play
