"""Writes down the events of a client as ``name:detail``, the way Twilio's client was measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from twilio_compat import Client, Conversation, Message, Participant, User

EVENTS = sorted(
    value
    for name, value in vars(Client).items()
    if isinstance(value, str) and name == value and name[0].islower()
)
"""The events of a client, from its constants."""


class Journal:
    """What a client emitted since it was last read."""

    def __init__(self, client: Client, events: Iterable[str] = EVENTS) -> None:
        self._lines: list[str] = []
        for event in events:
            client.on(event, self._writer(event))

    def read(self) -> list[str]:
        """Return what was written, and begin anew."""
        lines, self._lines = self._lines, []
        return lines

    async def settled(self) -> list[str]:
        """Return what was written once everything that is under way has arrived."""
        await settle()
        return self.read()

    def _writer(self, event: str) -> Callable[..., None]:
        def write(*carried: object) -> None:
            self._lines.append(":".join([event, *map(_detail, carried)]))

        return write


def _detail(carried: object) -> str:
    match carried:
        case {"updateReasons": reasons}:
            return "+".join(reasons)
        case {"error": {"message": message}} | {"message": message}:
            return str(message)
        case Conversation():
            return str(carried.friendlyName)
        case Participant() | User():
            return carried.identity
        case Message():
            return str(carried.body)
        case _:
            return str(carried)


async def settle() -> None:
    """Let everything run that is ready to run."""
    for _ in range(50):
        await asyncio.sleep(0)
