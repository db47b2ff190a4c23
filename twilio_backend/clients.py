"""The connection to Twilio: the official client on an HTTP client that goes elsewhere, repeats, and raises the port's errors.

twilio-python has one seam for all of this, its ``http_client``. Here it stands on aiohttp, as the official asynchronous
one does, and is opened with the first request, on the loop that runs then. It puts the url of the settings in the place
of Twilio's hosts, signs in, and repeats what may be repeated (`twilio_backend.retries`) until the deadline.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import yarl
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from twilio_backend import errors
from twilio_backend.retries import Backoff, Kind, kind_of, makes_something, may_repeat
from twilio_compat.errors import AnswerError, ClosedError, TwilioCompatError
from twilio_compat.settings import Settings

CONVERSATIONS: Final = "https://conversations.twilio.com"
MEDIA: Final = "https://mcs.us1.twilio.com"
_PURPOSE: Final = "to reach Twilio"

_quiet = logging.getLogger(__name__)

Place: TypeAlias = Any
"""A node of the official client, which has no types that say more."""
Sleep: TypeAlias = Callable[[float], Awaitable[None]]
Body: TypeAlias = "bytes | AsyncIterable[bytes] | Mapping[str, object] | None"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks: the account with its auth token, or an API key of it."""

    account_sid: str
    username: str
    password: str

    @classmethod
    def of(cls, settings: Settings) -> Credentials:
        """Take them from settings; the auth token goes before the API key. `ConfigurationError` where they are missing."""
        account = settings.need("twilio_account_sid", _PURPOSE)
        if settings.twilio_auth_token is None and settings.twilio_api_key and settings.twilio_api_secret:
            return cls(account, settings.twilio_api_key, settings.twilio_api_secret)
        return cls(account, account, settings.need("twilio_auth_token", _PURPOSE))

    @property
    def header(self) -> str:
        """What says so in a request."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(slots=True)
class _Uses:
    """How long an attempt may take, and how many connections it took.

    aiohttp itself repeats what may be repeated, when a connection that was kept is lost.
    """

    timeout: aiohttp.ClientTimeout
    count: int = 0


def _counting() -> aiohttp.TraceConfig:
    async def count(session: object, context: Any, parameters: object) -> None:
        context.trace_request_ctx.count += 1

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(count)
    trace.on_connection_create_end.append(count)
    return trace


_comes_back: ContextVar[bool] = ContextVar("comes_back", default=False)


def come_back_yourself() -> None:
    """Have the running task, and those that it starts, make one attempt at each request: it looks again anyway."""
    _comes_back.set(True)


class TwilioHttp(AsyncHttpClient):  # type: ignore[misc]  # the official client has no types
    """The ``http_client``. `close` ends it for good."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; nothing is opened yet."""
        super().__init__(logger=_quiet, is_async=True, timeout=None)
        self.credentials = Credentials.of(settings)
        self._base = (settings.twilio_url or "").rstrip("/")
        self._timeout = settings.request_timeout
        self.deadline = settings.deadline
        self.clock, self.sleep, self.chance = clock, sleep, chance
        self.backoff = Backoff()
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False
        self._date: tuple[datetime, float] | None = None

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Body = None,
        headers: Mapping[str, str] | None = None,
        auth: object = None,
        timeout: float | None = None,  # noqa: ASYNC109  # the official client's signature
        allow_redirects: bool = False,
    ) -> Response:
        """Ask, as the official client does. The port's errors; `errors.UnclearError` for what makes something."""
        return await self.ask(method, url, params, data, headers)

    async def ask(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Body = None,
        headers: Mapping[str, str] | None = None,
        *,
        is_repeatable: bool | None = None,
        is_long: bool = False,
    ) -> Response:
        """Ask until there is an answer that counts. *is_repeatable* says whether it may be repeated; None: see the path.

        What *is_long* may take its time as long as something moves.
        """
        until, attempt, was_unclear = self.clock() + self.deadline, 0, False
        while True:
            uses = _Uses(self._timeout_of(until, is_long=is_long))
            response, kind, error = await self._attempt(method, url, params, data, headers, uses)
            if error is None:
                return response
            was_unclear = was_unclear or uses.count > 1
            if was_unclear and method == "DELETE" and response is not None and response.status_code == 404:
                return Response(204, "")
            was_unclear = was_unclear or kind is Kind.UNCLEAR
            repeatable = (
                may_repeat(kind, method, url)
                if is_repeatable is None
                else is_repeatable and kind is not Kind.REFUSED
            )
            pause = self.backoff.pause(attempt, self.chance(), None if response is None else response.headers)
            if _comes_back.get() or not repeatable or self.clock() + pause >= until:
                raise _raised(kind, error, response, method, url)
            await self.sleep(pause)
            attempt += 1

    def now(self) -> datetime:
        """Return the time of day at Twilio, as its last answer tells; this machine's before there is one."""
        if self._date is None:
            return datetime.now(UTC)
        date, at = self._date
        return date + timedelta(seconds=self.clock() - at)

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _attempt(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None,
        data: Body,
        headers: Mapping[str, str] | None,
        uses: _Uses,
    ) -> tuple[Any, Kind, TwilioCompatError | None]:
        try:
            response = await self._send(method, url, params, data, headers, uses)
        except aiohttp.ClientConnectorError as error:
            return None, Kind.NEVER_SENT, errors.no_answer(error)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if self._is_closed:
                raise ClosedError("The backend was closed before the call had ended") from error
            return None, Kind.UNCLEAR, errors.no_answer(error)
        kind = kind_of(response.status_code)
        if kind is None:
            return response, Kind.REFUSED, None
        return response, kind, errors.refusal(response.status_code, response.text, url)

    async def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None,
        data: Body,
        headers: Mapping[str, str] | None,
        uses: _Uses,
    ) -> Response:
        signed = {**(headers or {}), "Authorization": self.credentials.header}
        async with self._opened().request(
            method.upper(),
            self._url(url, params),
            data=_form(data),
            headers=signed,
            allow_redirects=False,
            timeout=uses.timeout,
            trace_request_ctx=uses,
        ) as answer:
            text = await answer.text()
            self._note(answer.headers.get("Date"))
            return Response(answer.status, text, answer.headers)

    def _timeout_of(self, until: float, *, is_long: bool) -> aiohttp.ClientTimeout:
        if is_long:
            return aiohttp.ClientTimeout(sock_connect=self._timeout, sock_read=self._timeout)
        return aiohttp.ClientTimeout(total=max(0.001, min(self._timeout, until - self.clock())))

    def _opened(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise ClosedError("The backend was closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(trace_configs=[_counting()])
        return self._session

    def _url(self, url: str, params: Mapping[str, object] | None) -> yarl.URL:
        """Return where to ask; what is encoded in *url* stays so, since an identity may have a slash in it."""
        if self._base:
            parts = urlsplit(url)
            if f"{parts.scheme}://{parts.netloc}" in (CONVERSATIONS, MEDIA):
                url = self._base + url[len(f"{parts.scheme}://{parts.netloc}") :]
        query = urlencode({name: str(value) for name, value in (params or {}).items()})
        return yarl.URL(f"{url}{'&' if '?' in url else '?'}{query}" if query else url, encoded=True)

    def _note(self, date: str | None) -> None:
        """Remember what time it is there."""
        if date:
            self._date = parsedate_to_datetime(date).astimezone(UTC), self.clock()


class TwilioClients:
    """The official client, and where in it a service is."""

    def __init__(self, http: TwilioHttp) -> None:
        """Stand on *http*."""
        self.http = http
        given = http.credentials
        self.client = Client(
            given.username, given.password, given.account_sid, http_client=http, environment={"": ""}
        )

    @property
    def account(self) -> Place:
        """What is the account's, and the default service."""
        return self.client.conversations.v1

    def of(self, service_sid: str | None) -> Place:
        """Return where a service's conversations, users and roles are (None: the default one)."""
        return self.account.services(service_sid) if service_sid else self.account


def segment(text: str) -> str:
    """Encode what is to be one segment of a path, which the official client does not."""
    return quote(text, safe="")


def _raised(
    kind: Kind, error: TwilioCompatError, response: Response | None, method: str, url: str
) -> Exception:
    if kind is Kind.UNCLEAR and makes_something(method, url) and isinstance(error, AnswerError):
        answered = response is not None and response.status_code in (500, 503)
        return errors.UnclearError(error, answered=answered)
    return error


def _form(data: Body) -> Any:
    """Return what aiohttp sends: a form as one text, with lists as fields of the same name."""
    if isinstance(data, Mapping):
        pairs = {name: value for name, value in data.items() if value is not None}
        return urlencode(pairs, doseq=True).encode() if pairs else None
    return data
