"""A client, and what tests ask of it again and again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

HOST = "https://conversations.twilio.com"


@dataclass(frozen=True)
class Refusal:
    """What an application reads from an error."""

    status: int
    code: int
    text: str


class Twilio:
    """A client of an empty deployment. ``v1`` is ``client.conversations.v1``."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.v1: Any = client.conversations.v1

    def room(self, *identities: str, **parameters: Any) -> Any:
        """Make a conversation with these participants, and return it."""
        room = self.v1.conversations.create(**parameters)
        for each in identities:
            room.participants.create(identity=each)
        return room

    def body(self, method: str, path: str, **parameters: Any) -> Any:
        """Return the JSON of an answer. Parameters go by Twilio's names, with ``_`` for a dot."""
        data = {name.replace("_", "."): value for name, value in parameters.items()}
        answer = self.client.request(method, f"{HOST}/v1{path}", **{_carrier(method): data})
        assert answer.status_code < 400, answer.text
        return json.loads(answer.text)

    def roles(self) -> dict[str, str]:
        """Return the sids of roles by their names."""
        return {each.friendly_name: each.sid for each in self.v1.roles.list()}


def _carrier(method: str) -> str:
    return "params" if method == "GET" else "data"


def refusal(call: Callable[..., object], *args: object, **kwargs: object) -> Refusal:
    """Return the error that a call must raise. That of a list is no `TwilioRestException`, but has the answer."""
    with pytest.raises(TwilioException) as caught:
        call(*args, **kwargs)
    error = caught.value
    if isinstance(error, TwilioRestException):
        return Refusal(error.status, error.code, error.msg)
    answer = json.loads(error.args[1].text)
    return Refusal(answer["status"], answer["code"], answer["message"])


def assert_not_found(path: str, call: Callable[..., object], *args: object, **kwargs: object) -> None:
    """Let a call be refused as Twilio refuses what is not there."""
    found = refusal(call, *args, **kwargs)
    assert (404, 20404) == (found.status, found.code)
    assert found.text.endswith(f"The requested resource {path} was not found")


def at_once(*calls: Callable[[], object]) -> Sequence[object]:
    """Run calls at the same time, each in a thread of its own; return what they returned or raised."""
    results: list[object] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(position: int) -> None:
        barrier.wait()
        try:
            results[position] = calls[position]()
        except TwilioException as error:
            results[position] = error

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(calls))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return results
