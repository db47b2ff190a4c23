"""Passing a request on to Twilio that came over HTTP: as it came, but for what belongs to the connection it came by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

from twilio_compat.rest.call import Body
from twilio_compat.rest.http import Response

CONVERSATIONS: Final = "https://conversations.twilio.com"
MEDIA: Final = "https://mcs.us1.twilio.com"
_OF_THE_CONNECTION: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Forwarder:
    """Asks Twilio, or whatever *url* is in its place. Timeouts are in seconds."""

    def __init__(self, url: str | None, *, timeout: float) -> None:
        """Connect with the first request."""
        self._url = url
        self._timeout = timeout
        self._client: httpx.AsyncClient | None = None

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: Body, *, is_media: bool
    ) -> Response:
        """Return what is answered; *path* has the query. `httpx.HTTPError` where nothing is."""
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._timeout, follow_redirects=False)
        host = (self._url or (MEDIA if is_media else CONVERSATIONS)).rstrip("/")
        request = self._client.build_request(
            method, f"{host}{path}", headers=_kept(headers), content=body or None
        )
        answer = await self._client.send(request)
        return Response(answer.status_code, answer.text, _kept(answer.headers))

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_THE_CONNECTION}
