"""A tiny HTTP server that misbehaves on demand: what ACS answers on its bad days."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StubService:
    """Serves one answer after the other, the last one again and again, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[web.Request] = []
        self.endpoint = ""

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.endpoint = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return await answer(request)


def says(status: int, document: object = None, **headers: str) -> Answer:
    """Answer with JSON, or with nothing."""

    async def answer(request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if document is None:
            return web.Response(status=status, headers=named)
        return web.json_response(document, status=status, headers=named)

    return answer


def says_text(status: int, text: str, content_type: str = "text/html") -> Answer:
    """Answer with a page that is no JSON."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type=content_type)

    return answer


async def hangs_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def says_nothing(request: web.Request) -> web.StreamResponse:
    """Keep the client waiting until it leaves."""
    await asyncio.Event().wait()
    return web.Response()
