"""Calling webhooks: the only place that does, with one pool of connections. Five seconds and no redirects, as at Twilio."""

from __future__ import annotations

import asyncio
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from twilio_compat.webhooks.answers import Answer
from twilio_compat.webhooks.requests import Request

TIMEOUT: Final = 5.0
"""Seconds that a webhook has to answer."""
LONGEST_ANSWER: Final = 256 * 1024
"""Bytes of an answer that are read: more than any message can hold."""


class NoAnswerError(Exception):
    """A webhook did not answer; the text says why."""


class Caller:
    """Makes calls. Belongs to the event loop in which it is first used."""

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        """Connect to nothing yet; each call has *timeout* seconds."""
        self._timeout = timeout
        self._client: httpx.AsyncClient | None = None

    async def call(self, request: Request) -> Answer:
        """Make one request and return what was answered. `NoAnswerError`."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._call(request)
        except TimeoutError as error:
            raise NoAnswerError(f"No answer within {self._timeout:g} seconds") from error
        except httpx.HTTPError as error:
            raise NoAnswerError(f"No connection: {str(error) or type(error).__name__}") from error

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _call(self, request: Request) -> Answer:
        async with self._open().stream(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.body,
            auth=request.credentials,
        ) as response:
            return Answer(status=response.status_code, body=await _beginning(response))

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
            self._client = httpx.AsyncClient(
                cookies=no_cookies, follow_redirects=False, timeout=self._timeout
            )
        return self._client


async def _beginning(response: httpx.Response) -> bytes:
    read = bytearray()
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) > LONGEST_ANSWER:
            break
    return bytes(read)
