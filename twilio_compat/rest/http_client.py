"""HTTP clients for twilio-python that answer what is asked of Conversations in process.

twilio-python gives every request to its ``http_client``, with the absolute url. Those to Conversations and to its media
service, at whatever edge and region, are taken to the portal; all others go to the client that is wrapped, which is the
one that the application would have had otherwise. So a ``base_url`` that leads elsewhere goes on leading there.

While a rollout runs, some of those are Twilio's to answer (`twilio_compat.rest.passing`), and go to the wrapped client as
they came, in the thread or on the loop of who asks. That a conversation's requests pass is known for `KNOWN` seconds,
by its sid alone: a unique name may be another conversation's at any moment, above all that of one which is just made.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast

from requests.exceptions import ReadTimeout
from twilio.http import AsyncHttpClient, HttpClient
from twilio.http.response import Response as TwilioResponse

from twilio_compat.rest import http
from twilio_compat.rest.app import Application
from twilio_compat.rest.call import Body
from twilio_compat.rest.deployment import Deployment
from twilio_compat.rest.http import Pairs, Request, Response
from twilio_compat.rest.passing import Passed, tell
from twilio_compat.rest.portal import Portal

T = TypeVar("T")

Fields: TypeAlias = "dict[str, object] | None"
Headers: TypeAlias = "dict[str, str] | None"
Auth: TypeAlias = "tuple[str, str] | None"

_OURS: Final = re.compile(
    r"https?://(?P<product>conversations|mcs)(?:\.[\w-]+){0,2}\.twilio\.com(?::\d+)?/v1/",
    re.ASCII | re.IGNORECASE,
)
_CONVERSATION: Final = re.compile(r"/v1((?:/Services/[^/?]+)?/Conversations/[^/?]++)(?!/Webhooks)")
"""All that is known of a conversation's requests does not hold for its webhooks, of which ACS has to know."""
KNOWN: Final = 0.5
"""Seconds for which a conversation that is Twilio's alone counts as that; with the second that a pin may be old this is
less than `twilio_compat.rollout.staging.pins.GRACE`."""
_FORM: Final = "application/x-www-form-urlencoded"
_PIECE: Final = 64 * 1024
MOST_KNOWN: Final = 10_000
_log = logging.getLogger("twilio.http_client")


class Server(Protocol):
    """Who answers: an application, which need not be known before the first request comes."""

    @property
    def portal(self) -> Portal:
        """Where the application is."""

    def deployment(self) -> Deployment:
        """Say which it is. `ConfigurationError`."""


class Passes:
    """Which conversations are known to be Twilio's alone. Use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know of none. *clock* is in seconds."""
        self._clock = clock
        self._until: dict[str, float] = {}

    def knows(self, uri: str) -> bool:
        """Say whether a request is about one of them."""
        found = _CONVERSATION.search(uri)
        return found is not None and self._until.get(found[1], 0.0) > self._clock()

    def note(self, uri: str) -> None:
        """Note that a request about a conversation passes, if it is about one."""
        if (found := _CONVERSATION.search(uri)) is None:
            return
        if len(self._until) >= MOST_KNOWN:
            self._until.clear()
        self._until[found[1]] = self._clock() + KNOWN


class InProcessHttpClient(HttpClient):  # type: ignore[misc]  # twilio-python has no types
    """For a `Client` whose methods block."""

    def __init__(self, wrapped: HttpClient, server: Server) -> None:
        """Leave to *wrapped* what *server* does not answer."""
        super().__init__(_logger_of(wrapped), False, _timeout_of(wrapped))
        self._wrapped = wrapped
        self._server = server
        self._passes = Passes()

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

        def passed() -> TwilioResponse:
            there = elsewhere(self._server, uri)
            return self._wrapped.request(method, there, params, data, headers, auth, timeout, allow_redirects)

        if not _OURS.match(uri) or self._passes.knows(uri):
            return passed()
        work, seconds = _begin(method, uri, params, data, headers), _seconds(self, timeout)
        response = self._run(work, seconds)
        if isinstance(response, Response):
            return _end(self, (method, uri, params, headers), response)
        if response.lasts:
            self._passes.note(uri)
        answer = passed()
        if (then := response.then) is not None:
            self._run(lambda _: tell(then, answer.status_code, answer.text), None)
        return answer

    def _run(self, work: Callable[[Application], Awaitable[T]], seconds: float | None) -> T:
        try:
            return self._server.portal.run(self._server.deployment(), work, seconds)
        except TimeoutError as error:
            raise ReadTimeout(str(error)) from error


class AsyncInProcessHttpClient(AsyncHttpClient):  # type: ignore[misc]  # twilio-python has no types
    """For a `Client` whose methods are awaited, on whatever loop."""

    def __init__(self, wrapped: HttpClient, server: Server) -> None:
        """Leave to *wrapped* what *server* does not answer."""
        super().__init__(_logger_of(wrapped), True, _timeout_of(wrapped))
        self._wrapped = wrapped
        self._server = server
        self._passes = Passes()

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

        async def passed() -> TwilioResponse:
            there = elsewhere(self._server, uri)
            sent = self._wrapped.request(method, there, params, data, headers, auth, timeout, allow_redirects)
            return await cast("Awaitable[TwilioResponse]", sent)

        if not _OURS.match(uri) or self._passes.knows(uri):
            return await passed()
        work, seconds = _begin(method, uri, params, data, headers), _seconds(self, timeout)
        response = await asyncio.wait_for(self._submit(work), seconds)
        if isinstance(response, Response):
            return _end(self, (method, uri, params, headers), response)
        if response.lasts:
            self._passes.note(uri)
        answer = await passed()
        if (then := response.then) is not None:
            await self._submit(lambda _: tell(then, answer.status_code, answer.text))
        return answer

    def _submit(self, work: Callable[[Application], Awaitable[T]]) -> asyncio.Future[T]:
        return asyncio.wrap_future(self._server.portal.submit(self._server.deployment(), work))


def in_process(wrapped: HttpClient, server: Server) -> HttpClient:
    """Return the client that answers what is for *server*, and leaves the rest to *wrapped*."""
    if isinstance(wrapped, InProcessHttpClient | AsyncInProcessHttpClient):
        return wrapped
    kind = AsyncInProcessHttpClient if wrapped.is_async is True else InProcessHttpClient
    return kind(wrapped, server)


# What both do


def _begin(
    method: str, uri: str, params: Fields, data: object, headers: Headers
) -> Callable[[Application], Awaitable[Response | Passed]]:
    request = to_request(method, uri, params, data, headers)
    return lambda application: application.answer(request)


def elsewhere(server: Server, uri: str) -> str:
    """Return where a request goes that is Twilio's to answer: to the setting ``twilio_url``, if that is set."""
    if not _OURS.match(uri) or (url := server.deployment().settings.twilio_url) is None:
        return uri
    return url.rstrip("/") + uri[uri.index("/v1/") :]


def _end(client: HttpClient, asked: tuple[str, str, Fields, Headers], response: Response) -> TwilioResponse:
    answer = TwilioResponse(response.status, response.text, dict(response.headers))
    if client.logger.isEnabledFor(logging.INFO):
        method, uri, params, headers = asked
        client.log_request({"method": method.upper(), "url": uri, "params": params, "headers": headers})
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
