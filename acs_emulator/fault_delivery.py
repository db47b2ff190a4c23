"""Lets a fault happen to one request (see `faults` for which there are)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from starlette.types import Receive, Scope

from acs_emulator.errors import AcsError, service_failure, too_many_requests
from acs_emulator.faults import Fault, Kind
from acs_emulator.wire import CONNECTION, Answer, Connection

PAGE = b"<html><body><h1>502 Bad Gateway</h1>This page is not from the service.</body></html>"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request, and the steps that a fault may take, leave out or spoil."""

    scope: Scope
    receive: Receive
    serve: Callable[[], Answer]
    """Carries the request out."""
    refuse: Callable[[AcsError], Answer]
    """Makes a refusal of it."""
    reply: Callable[[Answer], Awaitable[None]]
    """Sends an answer."""
    reply_half: Callable[[Answer], Awaitable[None]]
    """Sends an answer, but for the second half of its body."""

    async def suffer(self, fault: Fault) -> None:
        """Let the fault happen."""
        if fault.kind is Kind.ARRIVE_LATE:
            await self._break_off()
        await asyncio.sleep(fault.latency)
        match fault.kind:
            case Kind.DELAY:
                await self.reply(self.serve())
            case Kind.THROTTLE:
                await self.reply(self.refuse(too_many_requests(fault.retry_after)))
            case Kind.FAIL_REQUEST:
                await self.reply(self.refuse(service_failure(fault.status, fault.retry_after)))
            case Kind.FAIL_ANSWER:
                self.serve()
                await self.reply(self.refuse(service_failure(fault.status, fault.retry_after)))
            case Kind.GARBAGE:
                await self.reply(_garbled(self.serve()))
            case Kind.TRUNCATE:
                await self._cut_off(self.serve())
            case Kind.DROP_REQUEST:
                await self._break_off()
            case Kind.DROP_ANSWER:
                self.serve()
                await self._break_off()
            case Kind.ARRIVE_LATE:
                self.serve()

    async def _break_off(self) -> None:
        self._connection.abort()
        await self._disconnected()

    async def _cut_off(self, answer: Answer) -> None:
        """Send a part of the body; an answer without one is not sent at all."""
        if answer.body:
            await self.reply_half(answer)
            self._connection.close()
        else:
            self._connection.abort()
        await self._disconnected()

    async def _disconnected(self) -> None:
        """Wait until the server has noticed."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    @property
    def _connection(self) -> Connection:
        connection: Connection = self.scope["state"][CONNECTION]
        return connection


def _garbled(answer: Answer) -> Answer:
    status = 200 if answer.status == 204 else answer.status
    return replace(answer, status=status, body=PAGE, content_type="text/html")
