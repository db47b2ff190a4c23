"""An application that is called: an HTTP server on this machine, which checks every signature with Twilio's own code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import web
from twilio.request_validator import RequestValidator

AUTH_TOKEN = "an auth token"


@dataclass(frozen=True)
class Heard:
    """A call that came in. ``is_genuine``: twilio-python accepts its signature."""

    method: str
    path: str
    url: str
    headers: dict[str, str]
    told: dict[str, str]
    is_genuine: bool

    @property
    def event(self) -> str:
        return self.told["EventType"]


Respond = Callable[[Heard], Awaitable[web.Response]]


@dataclass
class Receiver:
    """What it has heard, in order, and how it answers."""

    url: str
    heard: list[Heard] = field(default_factory=list)
    respond: Respond | None = None
    _news: asyncio.Queue[Heard] = field(default_factory=asyncio.Queue)

    def answer(self, status: int = 200, text: str = "") -> None:
        """Answer so from now on."""

        async def respond(heard: Heard) -> web.Response:
            return web.Response(status=status, text=text)

        self.respond = respond

    async def next(self, event: str | None = None) -> Heard:
        """Wait for the next call, or for the next one of an event."""
        async with asyncio.timeout(30):
            while True:
                heard = await self._news.get()
                if event in (None, heard.event):
                    return heard

    async def take(self, count: int) -> list[Heard]:
        """Wait for that many calls."""
        return [await self.next() for _ in range(count)]

    def bodies(self, event: str = "onMessageAdded") -> list[str | None]:
        """Return what the messages said that it heard of."""
        return [each.told.get("Body") for each in self.heard if each.event == event]

    async def take_in(self, request: web.Request) -> web.Response:
        """Hear of a request, and answer it."""
        body = (await request.read()).decode()
        url = f"http://{request.host}{request.raw_path}"
        query = dict(parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True))
        form = dict(parse_qsl(body, keep_blank_values=True))
        signature = request.headers.get("X-Twilio-Signature", "")
        heard = Heard(
            method=request.method,
            path=request.path,
            url=url,
            headers={name.lower(): value for name, value in request.headers.items()},
            told=query if request.method == "GET" else form,
            is_genuine=RequestValidator(AUTH_TOKEN).validate(url, form, signature),
        )
        self.heard.append(heard)
        self._news.put_nowait(heard)
        return web.Response() if self.respond is None else await self.respond(heard)


@asynccontextmanager
async def running_receiver() -> AsyncIterator[Receiver]:
    """Run a receiver, on any path."""
    receiver = Receiver("")
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.take_in)
    runner = web.AppRunner(application, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
