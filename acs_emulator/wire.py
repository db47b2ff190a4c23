"""Between ASGI and calls: a request as it was sent, and an answer as it leaves.

Browsers are served from any origin. No answer depends on anything a browser sends by itself, such as cookies, so
that gives no page a right it does not have already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, quote

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from acs_emulator.journal import Json

MAX_BODY = 1024 * 1024
"""Largest body in bytes; the largest sensible request, 200 participants with full metadata, has a third of it."""

METHODS = "GET, POST, PATCH, DELETE"

CONNECTION = "acs_emulator.connection"
"""Where the server leaves a `Connection` in the state of a request."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Connection(Protocol):
    """What ASGI has no word for: that a connection ends here."""

    def abort(self) -> None:
        """Break it; what was not sent yet never is."""

    def close(self) -> None:
        """End it when everything is sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came over the wire; header names are lower case."""

    method: str
    target: str
    """Path and query exactly as they were sent."""
    base_url: str
    """Scheme and host as the caller used them."""
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes
    is_too_large: bool = False
    """Whether the body is over `MAX_BODY`, and was not kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, but for the headers every response has."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read a whole request; raises `ClientDisconnect` when the caller hangs up before its end."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    body = await _read_body(receive)
    return Request(
        method=scope["method"],
        target=f"{path}?{query}" if query else path,
        base_url=f"{scope['scheme']}://{headers.get('host') or _server(scope)}",
        headers=headers,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        body=body or b"",
        is_too_large=body is None,
    )


async def send_answer(send: Send, answer: Answer, common: Iterable[tuple[str, str]]) -> None:
    """Send an answer, with `common` headers after its own."""
    await _send_start(send, answer, common)
    await send({"type": "http.response.body", "body": answer.body})


async def send_half(send: Send, answer: Answer, common: Iterable[tuple[str, str]]) -> None:
    """Send an answer whose body ends before the length that its headers promise."""
    await _send_start(send, answer, common)
    half = answer.body[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})


def write_json(value: Json) -> bytes:
    """Encode a body."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def preflight(scope: Scope) -> Answer | None:
    """Answer a browser's question whether it may send a request, or None when this is not one."""
    headers = dict(scope["headers"])
    if scope["method"] != "OPTIONS" or b"access-control-request-method" not in headers:
        return None
    wanted = headers.get(b"access-control-request-headers", b"").decode("latin-1")
    allowed = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": wanted or "*",
        "Access-Control-Max-Age": "3600",
    }
    return Answer(204, allowed)


async def _send_start(send: Send, answer: Answer, common: Iterable[tuple[str, str]]) -> None:
    headers = [*answer.headers.items(), *common]
    if answer.body:
        headers.append(("Content-Type", answer.content_type))
    if answer.status != 204:
        headers.append(("Content-Length", str(len(answer.body))))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})


async def _read_body(receive: Receive) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _server(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    return host if port in (None, _DEFAULT_PORTS.get(scope["scheme"])) else f"{host}:{port}"
