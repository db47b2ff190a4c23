"""Faults between a client and an ASGI application: answers that are refused, lost or late.

`Faults` is middleware. What is to go wrong is lined up with `fail`, `lose`, `cut` and `hold`, each for the next *times*
requests that have a method and whose path a pattern is found in; others pass. The first that fits is used. ``seen`` keeps
every request that came, in order, those included that went wrong.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

FOREVER = 10**9
"""How many times what always fails does."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came in."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class _Fault:
    act: Callable[[Application, Scope, Receive, Send], Awaitable[None]]
    method: str | None
    path: re.Pattern[str]
    times: int

    def fits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in (None, method) and bool(self.path.search(path))


class Faults:
    """The middleware."""

    def __init__(self, application: Application) -> None:
        """Stand before *application*; until something is lined up nothing goes wrong."""
        self._application = application
        self._faults: list[_Fault] = []
        self.seen: list[Seen] = []
        """The requests that came in, in order."""

    def fail(
        self,
        times: int = 1,
        status: int = 503,
        *,
        code: int | None = None,
        method: str | None = None,
        path: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer with *status* in place of doing anything; the body is Twilio's, with *code* or what fits the status."""
        answer = _Refusal(status, code or {429: 20429, 503: 20503}.get(status, 20500), headers or {})
        self._add(answer.act, method, path, times)

    def lose(self, times: int = 1, *, method: str | None = None, path: str = "") -> None:
        """Do what is asked for, and reset the connection instead of answering."""
        self._add(_lose, method, path, times)

    def cut(self, times: int = 1, *, method: str | None = None, path: str = "") -> None:
        """Reset the connection before anything is done."""
        self._add(_cut, method, path, times)

    def hold(
        self,
        gate: asyncio.Event,
        times: int = 1,
        *,
        method: str | None = None,
        path: str = "",
        after: bool = False,
    ) -> None:
        """Wait for *gate*: before anything is done, or, with *after*, when all is done but the answer."""
        self._add(_Hold(gate, after).act, method, path, times)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    def count(self, method: str, path: str = "") -> int:
        """Return how many requests with a method came to paths in which a pattern is found."""
        return sum(each.method == method and bool(re.search(path, each.path)) for each in self.seen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection, or have it go wrong."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        seen = Seen(scope["method"], scope["path"], headers)
        self.seen.append(seen)
        fault = next((each for each in self._faults if each.fits(seen.method, seen.path)), None)
        if fault is None:
            await self._application(scope, receive, send)
            return
        fault.times -= 1
        await fault.act(self._application, scope, receive, send)

    def _add(
        self,
        act: Callable[[Application, Scope, Receive, Send], Awaitable[None]],
        method: str | None,
        path: str,
        times: int,
    ) -> None:
        self._faults.append(_Fault(act, method, re.compile(path), times))


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    code: int
    headers: dict[str, str]

    async def act(self, application: Application, scope: Scope, receive: Receive, send: Send) -> None:
        await _read(receive)
        more_info = f"https://www.twilio.com/docs/errors/{self.code}"
        text = {"code": self.code, "message": "A fault", "more_info": more_info, "status": self.status}
        body = json.dumps(text).encode()
        given = {"content-type": "application/json", "content-length": str(len(body))} | self.headers
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True, slots=True)
class _Hold:
    gate: asyncio.Event
    after: bool

    async def act(self, application: Application, scope: Scope, receive: Receive, send: Send) -> None:
        asked, answer = await _read(receive), list[Message]()
        if not self.after:
            await self.gate.wait()

        async def replay() -> Message:
            return asked.pop(0) if asked else await receive()

        async def keep(message: Message) -> None:
            answer.append(message)

        await application(scope, replay, keep)
        if self.after:
            await self.gate.wait()
        for each in answer:
            await send(each)


async def _lose(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    async def keep_silent(message: Message) -> None:
        """Say nothing of it."""

    await application(scope, receive, keep_silent)
    await _reset(receive)


async def _cut(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    await _read(receive)
    await _reset(receive)


async def _read(receive: Receive) -> list[Message]:
    """Take the whole request in, so that it is there even when whoever asks has gone."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


async def _reset(receive: Receive) -> None:
    """Reset the connection. ASGI has no word for it, so it is asked of uvicorn's request, whose method *receive* is."""
    receive.__self__.transport.abort()  # type: ignore[attr-defined]
    while (await receive())["type"] != "http.disconnect":
        pass
