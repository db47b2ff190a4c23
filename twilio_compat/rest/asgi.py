"""The REST API over HTTP, for what cannot ask it in process: an ASGI application, without a framework.

``uvicorn "twilio_compat.rest.asgi:create_app" --factory`` serves it. Who asks says who they are as at Twilio: with the
account's sid and auth token, or with an API key and its secret, all of them those of the settings.

While a rollout runs, what is Twilio's to answer is passed on to it (`twilio_compat.rest.forwarding`).

A form is read at once and may not be large; a file is passed on as it comes in, and memory holds little of it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import httpx

from twilio_compat.backend import open_backend
from twilio_compat.errors import ConfigurationError, LimitError
from twilio_compat.records import MEGABYTE
from twilio_compat.rest.app import Application
from twilio_compat.rest.call import Body
from twilio_compat.rest.deployment import BackendFactory, Deployment, Opened
from twilio_compat.rest.error_codes import text_of
from twilio_compat.rest.errors import Problem, problem_of, unauthorized
from twilio_compat.rest.forwarding import Forwarder
from twilio_compat.rest.http import Pairs, Request, Response, pairs_of
from twilio_compat.rest.passing import Passed, tell
from twilio_compat.settings import Settings

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

FORM_LIMIT: Final = MEGABYTE
"""Bytes of a form: several times what all parameters of a call may have."""
FILE_LIMIT: Final = 151 * MEGABYTE
"""Bytes of a body that is a file, or a form around one, of 150 MB at most."""

_FORM: Final = "application/x-www-form-urlencoded"
_log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, backend: BackendFactory = open_backend) -> Server:
    """Return the application; *settings* are read from the environment unless they are given. `ConfigurationError`."""
    return Server(Deployment(settings or Settings.from_environment(), backend))


class Server:
    """An ASGI application. It opens what it needs at the start, or with the first request where nobody tells of a start."""

    def __init__(self, deployment: Deployment) -> None:
        """Serve *deployment*. `ConfigurationError` where nobody could be let in."""
        self._deployment = deployment
        self._accepted = _accepted(deployment.settings)
        self._opened: Opened | None = None
        settings = deployment.settings
        self._forwarder = Forwarder(settings.twilio_url, timeout=settings.request_timeout)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        match scope["type"]:
            case "lifespan":
                await self._live(receive, send)
            case "http":
                await self._serve(scope, receive, send)
            case kind:
                raise NotImplementedError(f"There is nothing here for a connection of the type {kind}")

    async def _application(self) -> Application:
        if self._opened is None or (self._opened.task.done() and self._opened.ready.exception()):
            self._opened = Opened(self._deployment)
        return await asyncio.shield(self._opened.ready)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            match (await receive())["type"]:
                case "lifespan.startup":
                    await send(await self._start())
                case "lifespan.shutdown":
                    await self._forwarder.close()
                    if self._opened is not None:
                        await self._opened.close()
                    await send({"type": "lifespan.shutdown.complete"})
                    return

    async def _start(self) -> Message:
        try:
            await self._application()
        except ConfigurationError as error:
            return {"type": "lifespan.startup.failed", "message": str(error)}
        return {"type": "lifespan.startup.complete"}

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method != "OPTIONS" and not self._knows(headers.get("authorization", "")):
            response = _refusal(unauthorized(), {"WWW-Authenticate": 'Basic realm="Twilio API"'})
        else:
            response = await self._answer(method, scope, headers, receive)
        await _send(response, send, with_body=scope["method"] != "HEAD")

    async def _answer(
        self, method: str, scope: Scope, headers: Mapping[str, str], receive: Receive
    ) -> Response:
        root, path = scope.get("root_path", ""), _path(scope)
        try:
            application = await self._application()
            if method == "OPTIONS":
                return _options(application.methods(path.removeprefix(root)))
            takes_file = application.takes_file(method, path.removeprefix(root))
            sent = b"" if takes_file else await _whole(headers, receive)
            query = scope.get("query_string", b"").decode("latin-1")
            request = Request(
                method=method,
                url=f"{_origin(scope, headers)}{path}?{query}",
                root=root,
                parameters=_form(headers, sent),
                headers=headers,
                body=_file(headers, receive) if takes_file else b"",
            )
            answer = await application.answer(request)
            if isinstance(answer, Response):
                return answer
            there = f"{path.removeprefix(root)}{f'?{query}' if query else ''}"
            body = request.body if takes_file else sent
            return await self._passed(answer, method, there, headers, body)
        except LimitError as error:
            return _refusal(problem_of(error, template="", path=path))
        except ConfigurationError:
            _log.exception("A request could not be answered")
            return _refusal(Problem(20500, text_of(20500), 500))

    async def _passed(
        self, passed: Passed, method: str, path: str, headers: Mapping[str, str], body: Body
    ) -> Response:
        try:
            answer = await self._forwarder.send(
                method, path, headers, body, is_media="/Media" in path.partition("?")[0]
            )
        except httpx.HTTPError as error:
            _log.warning("Twilio did not answer: %r", error)
            return _refusal(Problem(20503, text_of(20503), 503))
        if passed.then is not None:
            await tell(passed.then, answer.status, answer.text)
        return answer

    def _knows(self, authorization: str) -> bool:
        """Whether it is somebody who may ask; how long that takes says nothing of how near they came."""
        scheme, _, given = authorization.partition(" ")
        try:
            pair = base64.b64decode(given.strip(), validate=True) if scheme.lower() == "basic" else b""
        except binascii.Error:
            return False
        matches = [hmac.compare_digest(pair, each) for each in self._accepted]
        return True in matches


def _accepted(settings: Settings) -> tuple[bytes, ...]:
    pairs = (
        (settings.twilio_account_sid, settings.twilio_auth_token),
        (settings.twilio_api_key, settings.twilio_api_secret),
    )
    accepted = tuple(f"{name}:{secret}".encode() for name, secret in pairs if name and secret)
    if not accepted:
        settings.need("twilio_account_sid", "to know who may ask the server")
        settings.need("twilio_auth_token", "to know who may ask the server")
    return accepted


# Requests


def _path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if raw else quote(scope["path"])


def _origin(scope: Scope, headers: Mapping[str, str]) -> str:
    host, port = scope.get("server") or ("localhost", None)
    return f"{scope.get('scheme', 'http')}://{headers.get('host') or (f'{host}:{port}' if port else host)}"


async def _whole(headers: Mapping[str, str], receive: Receive) -> bytes:
    """Read a body that is no file. `LimitError`: it is too large."""
    return b"".join([piece async for piece in _body(headers, receive, FORM_LIMIT, code=20422)])


def _form(headers: Mapping[str, str], body: bytes) -> Pairs:
    """Take a form apart, if it is one. `LimitError`: it has too many fields."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return ()
    try:
        return pairs_of(body.decode(errors="surrogateescape"))
    except ValueError as error:
        raise LimitError(text_of(20422, str(error)), code=20422) from error


def _file(headers: Mapping[str, str], receive: Receive) -> AsyncIterator[bytes]:
    return _body(headers, receive, FILE_LIMIT, code=50512)


async def _body(
    headers: Mapping[str, str], receive: Receive, limit: int, *, code: int
) -> AsyncIterator[bytes]:
    """Yield the body as it comes in. `LimitError` for one that is too large, or was cut off."""
    announced, size = headers.get("content-length", ""), 0
    if announced.isdecimal() and int(announced) > limit:
        raise LimitError(text_of(code), code=code)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise LimitError(text_of(20422, "the request was cut off"), code=20422)
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise LimitError(text_of(code), code=code)
        if piece:
            yield piece
        if not message.get("more_body"):
            return


# Answers


def _options(methods: Iterable[str]) -> Response:
    """Say how something can be asked, which is no secret."""
    allowed = ", ".join(sorted({*methods, "HEAD" if "GET" in methods else "OPTIONS", "OPTIONS"}))
    return Response(204, "", {"Allow": allowed})


def _refusal(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    more = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Response(problem.status, json.dumps(problem.body()), more)


async def _send(response: Response, send: Send, *, with_body: bool) -> None:
    body = response.text.encode()
    headers = {**response.headers} | ({} if response.status == 204 else {"Content-Length": str(len(body))})
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body if with_body else b""})
