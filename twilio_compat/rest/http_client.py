"""HTTP clients for twilio-python that answer what is asked of Conversations in process.

twilio-python gives every request to its ``http_client``, with the absolute url. Those to Conversations and to its media
service, at whatever edge and region, are taken to the portal; all others go to the client that is wrapped, which is the
one that the application would have had otherwise. So a ``base_url`` that leads elsewhere goes on leading there.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final, Protocol, TypeAlias, cast

from requests.exceptions import ReadTimeout
from twilio.http import AsyncHttpClient, HttpClient
from twilio.http.response import Response as TwilioResponse

from twilio_compat.rest import http
from twilio_compat.rest.app import Application
from twilio_compat.rest.call import Body
from twilio_compat.rest.deployment import Deployment
from twilio_compat.rest.http import Pairs, Request, Response
from twilio_compat.rest.portal import Portal

Fields: TypeAlias = "dict[str, object] | None"
Headers: TypeAlias = "dict[str, str] | None"
Auth: TypeAlias = "tuple[str, str] | None"

_OURS: Final = re.compile(
    r"https?://(?P<product>conversations|mcs)(?:\.[\w-]+){0,2}\.twilio\.com(?::\d+)?/v1/",
    re.ASCII | re.IGNORECASE,
)
_FORM: Final = "application/x-www-form-urlencoded"
_PIECE: Final = 64 * 1024
_log = logging.getLogger("twilio.http_client")


class Server(Protocol):
    """Who answers: an application, which need not be known before the first request comes."""

    @property
    def portal(self) -> Portal:
        """Where the application is."""

    def deployment(self) -> Deployment:
        """Say which it is. `ConfigurationError`."""


class InProcessHttpClient(HttpClient):  # type: ignore[misc]  # twilio-python has no types
    """For a `Client` whose methods block."""

    def __init__(self, wrapped: HttpClient, server: Server) -> None:
        """Leave to *wrapped* what *server* does not answer."""
        super().__init__(_logger_of(wrapped), False, _timeout_of(wrapped))
        self._wrapped = wrapped
        self._server = server

    def __getattr__(self, name: str) -> Any:
        """Find here what an application knows of its own client, such as its session."""
        return _attribute_of_wrapped(self, name)

    def request(
        self,
        method: str,
        uri: str,
        params: Fields = None,
        data: Fields = None,
        headers: Headers = None,
        auth: Auth = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> TwilioResponse:
        """Answer a request, or pass it on. `requests.exceptions.ReadTimeout` after *timeout* seconds."""
        if not _OURS.match(uri):
            return self._wrapped.request(method, uri, params, data, headers, auth, timeout, allow_redirects)
        work, seconds = _begin(self, method, uri, params, data, headers), _seconds(self, timeout)
        try:
            response = self._server.portal.run(self._server.deployment(), work, seconds)
        except TimeoutError as error:
            raise ReadTimeout(str(error)) from error
        return _end(self, response)


class AsyncInProcessHttpClient(AsyncHttpClient):  # type: ignore[misc]  # twilio-python has no types
    """For a `Client` whose methods are awaited, on whatever loop."""

    def __init__(self, wrapped: HttpClient, server: Server) -> None:
        """Leave to *wrapped* what *server* does not answer."""
        super().__init__(_logger_of(wrapped), True, _timeout_of(wrapped))
        self._wrapped = wrapped
        self._server = server

    def __getattr__(self, name: str) -> Any:
        """Find here what an application knows of its own client, such as its session."""
        return _attribute_of_wrapped(self, name)

    async def request(
        self,
        method: str,
        uri: str,
        params: Fields = None,
        data: Fields = None,
        headers: Headers = None,
        auth: Auth = None,
        timeout: float | None = None,  # noqa: ASYNC109  # twilio-python's signature
        allow_redirects: bool = False,
    ) -> TwilioResponse:
        """Answer a request, or pass it on. `TimeoutError` after *timeout* seconds."""
        if not _OURS.match(uri):
            passed = self._wrapped.request(method, uri, params, data, headers, auth, timeout, allow_redirects)
            return await cast("Awaitable[TwilioResponse]", passed)
        work, seconds = _begin(self, method, uri, params, data, headers), _seconds(self, timeout)
        future = self._server.portal.submit(self._server.deployment(), work)
        return _end(self, await asyncio.wait_for(asyncio.wrap_future(future), seconds))


def in_process(wrapped: HttpClient, server: Server) -> HttpClient:
    """Return the client that answers what is for *server*, and leaves the rest to *wrapped*."""
    if isinstance(wrapped, InProcessHttpClient | AsyncInProcessHttpClient):
        return wrapped
    kind = AsyncInProcessHttpClient if wrapped.is_async is True else InProcessHttpClient
    return kind(wrapped, server)


# What both do


def _begin(
    client: HttpClient, method: str, uri: str, params: Fields, data: object, headers: Headers
) -> Callable[[Application], Awaitable[Response]]:
    request = to_request(method, uri, params, data, headers)
    if client.logger.isEnabledFor(logging.INFO):
        client.log_request({"method": request.method, "url": uri, "params": params, "headers": headers})
    return lambda application: application.handle(request)


def _end(client: HttpClient, response: Response) -> TwilioResponse:
    answer = TwilioResponse(response.status, response.text, dict(response.headers))
    if client.logger.isEnabledFor(logging.INFO):
        client.log_response(answer.status_code, answer)
    return answer


def _seconds(client: HttpClient, timeout: float | None) -> float | None:
    if timeout is not None and timeout <= 0:
        raise ValueError(timeout)
    return client.timeout if timeout is None else timeout


def _logger_of(wrapped: HttpClient) -> logging.Logger:
    logger = getattr(wrapped, "logger", None)
    return logger if isinstance(logger, logging.Logger) else _log


def _timeout_of(wrapped: HttpClient) -> float | None:
    timeout = getattr(wrapped, "timeout", None)
    return timeout if isinstance(timeout, int | float) else None


def _attribute_of_wrapped(client: HttpClient, name: str) -> Any:
    if name.startswith("__") or "_wrapped" not in vars(client):
        raise AttributeError(name)
    return getattr(vars(client)["_wrapped"], name)


# Requests


def to_request(method: str, uri: str, params: Fields, data: object, headers: Headers) -> Request:
    """Return what twilio-python asks. Fields may hold what `requests` takes: text, numbers, lists of these."""
    named = {name.lower(): str(value) for name, value in (headers or {}).items()}
    form, body = _content(data, is_form=named.get("content-type") == _FORM and "//mcs." not in uri)
    return Request(
        method=method.upper(),
        url=uri,
        parameters=[*pairs_of(params), *form],
        headers=named,
        body=body,
    )


def pairs_of(fields: Fields) -> Pairs:
    """Return the fields of a form or a query, as `requests` would send them."""
    pairs: list[tuple[str, str]] = []
    for name, value in (fields or {}).items():
        several = isinstance(value, Iterable) and not isinstance(value, str | bytes)
        values = value if several else (value,)
        pairs += [(name, _text(each)) for each in cast("Iterable[object]", values) if each is not None]
    return pairs


def _content(data: object, *, is_form: bool) -> tuple[Pairs, Body]:
    if data is None or isinstance(data, dict):
        return pairs_of(data), b""
    if isinstance(data, str | bytes | bytearray):
        content = data.encode() if isinstance(data, str) else bytes(data)
        return (http.pairs_of(content.decode(errors="surrogateescape")), b"") if is_form else ((), content)
    return (), _pieces(cast(Any, data))


def _text(value: object) -> str:
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)


async def _pieces(file: Any) -> AsyncIterator[bytes]:
    """Read a file, in whatever thread can wait for it."""
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece
