"""A server between the backend and the emulator that passes requests on, and loses or spoils what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from aiohttp import ClientSession, TCPConnector, web
from yarl import URL


class Fault(Enum):
    """What becomes of a request."""

    LOSE_ANSWER = auto()
    """It has its effect, and the connection breaks before the answer."""
    LOSE_REQUEST = auto()
    """It never arrives, and the connection breaks."""
    ARRIVE_LATE = auto()
    """The connection breaks at once; the request arrives a moment later."""
    SLOW = auto()
    """It arrives two seconds late."""
    ERROR_AFTER = auto()
    """It has its effect, and is answered 503."""
    ERROR = auto()
    """It never arrives, and is answered 503."""
    GARBAGE = auto()
    """It has its effect, and is answered with something that is no JSON."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came by."""

    method: str
    path: str


class Middleman:
    """Passes on, but for what `fault` picks: a function from a request to what becomes of it."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.fault: Callable[[Seen], Fault | None] = lambda seen: None
        self.seen: list[Seen] = []
        self._resources = AsyncExitStack()
        self._late: list[asyncio.Task[object]] = []
        self.endpoint = ""
        self.first_send = asyncio.Event()
        """Set with the first post of a message after `fail_sends`."""

    async def __aenter__(self) -> Self:
        self._session = await self._resources.enter_async_context(
            ClientSession(auto_decompress=False, connector=TCPConnector(limit=0))
        )
        runner = web.AppRunner(_application(self._handle))
        await runner.setup()
        self._resources.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.endpoint = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.gather(*self._late)
        await self._resources.aclose()

    def connection_string(self, original: str) -> str:
        """Return *original* with this server as its endpoint."""
        return f"endpoint={self.endpoint}/;" + original.partition(";")[2]

    def sends(self) -> int:
        """Return how many messages were posted."""
        return sum(_is_send(each) for each in self.seen)

    def fail_sends(self, *faults: Fault | None) -> None:
        """Let these faults happen to the next posts of messages, one after the other."""
        left = list(faults)
        self.first_send.clear()
        self.fault = lambda seen: left.pop(0) if left and _is_send(seen) else None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.method, request.path)
        self.seen.append(seen)
        if _is_send(seen):
            self.first_send.set()
        body = await request.read()
        fault = self.fault(seen)
        match fault:
            case Fault.LOSE_REQUEST:
                return _hang_up(request)
            case Fault.ARRIVE_LATE:
                self._late.append(asyncio.ensure_future(self._pass_on_later(request, body)))
                return _hang_up(request)
            case Fault.ERROR:
                return web.Response(status=503)
            case Fault.SLOW:
                await asyncio.sleep(2)
        answer = await self._pass_on(request, body)
        match fault:
            case Fault.LOSE_ANSWER:
                return _hang_up(request)
            case Fault.ERROR_AFTER:
                return web.Response(status=503)
            case Fault.GARBAGE:
                return web.Response(status=answer.status, text="<html>not what you wanted</html>")
        return answer

    async def _pass_on_later(self, request: web.Request, body: bytes) -> None:
        await asyncio.sleep(0.6)
        await self._pass_on(request, body)

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        url = URL(self._target + request.raw_path, encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
        async with self._session.request(
            request.method, url, data=body, headers=headers, skip_auto_headers=("Content-Type",)
        ) as answer:
            kept = {"Content-Type", "Date", "Location", "Retry-After"}
            passed = {name: value for name, value in answer.headers.items() if name in kept}
            return web.Response(status=answer.status, body=await answer.read(), headers=passed)


def _application(handler: Callable[[web.Request], object]) -> web.Application:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]  # aiohttp wants its own alias
    return application


def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _is_send(seen: Seen) -> bool:
    return seen.method == "POST" and seen.path.endswith("/messages")
