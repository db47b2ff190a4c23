"""The official SDK's clients, for many users, on one shared transport.

Theory of operation
-------------------
ACS has no call for a server: each call is some user's, with that user's token. The SDK wants a client object per
user and per thread, and gives each its own connection pool and a pipeline of a dozen policies. Here all clients
share one `SharedTransport`, and a few small policies take the place of the SDK's own:

* `UserPolicy` adds the headers and the user's token. A token that is refused is renewed once, and the request
  repeated: a 401 had no effect. The token never leaves the endpoint's host: a paging link that names another host
  is followed at the endpoint.
* `AnswerPolicy` reads the JSON of an answer and checks that what every later step relies on is there, so that
  garbage becomes a `DecodeError` here and not an `AttributeError` in the SDK. A refusal is raised here too: the SDK
  insists on reading the body of some, and loses the status where that is a proxy's page. It also keeps the service's
  time.
* `TurnPolicy`, between the two, lets a request wait until ACS's rates allow it (see `acs_backend.turns`).

The SDK's retry policy is left out on purpose: it repeats sends, and knows no deadline (see `acs_backend.retries`).
The proxy settings of the environment are read once per host, not on each request, which would be half the cost of
a call.

http is only spoken to this machine: `acs_backend.connection_string.check_endpoint` has seen to that before.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from azure.communication.chat.aio import ChatClient, ChatThreadClient
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ResourceNotFoundError,
    map_error,
)
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, ContentDecodePolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport

from acs_backend.credentials import UserCredential
from acs_backend.turns import Turns
from twilio_compat.errors import ClosedError, ConfigurationError

USER_AGENT = f"twilio-acs-compat/{version('twilio-acs-compat')}"
CACHED_CLIENTS = 4096
"""Clients kept for the next call, least recently used first out."""
CONNECTIONS = 256
"""Most connections open at once, over all hosts."""

_CLOSED = "The backend was closed; open another one"
_RAW_ANSWER = "raw_answer"
_ERRORS: Mapping[int, type[HttpResponseError]] = {401: ClientAuthenticationError, 404: ResourceNotFoundError}
"""Refusals that have a class of their own in the SDK."""

_Request = PipelineRequest[Any]  # the SDK's own requests are of two unrelated classes
_Response = PipelineResponse[Any, Any]
_Client = TypeVar("_Client")


@dataclass(frozen=True, slots=True, eq=False)
class AcsUser:
    """A user of the ACS resource, as whom calls are made. ``id`` is the raw id, ``8:acs:...``."""

    id: str
    credential: UserCredential


class SharedTransport(AioHttpTransport):  # type: ignore[misc]  # azure-core exports it lazily, without its type
    """One aiohttp session for every client: made in the running loop, closed by its owner and not by a client."""

    def __init__(self, *, timeout: float) -> None:
        """*timeout*, in seconds, bounds connecting and each wait for bytes."""
        super().__init__(connection_timeout=timeout, read_timeout=timeout)
        self.session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}
        self._shut = False
        self._under_way: set[asyncio.Timeout] = set()

    async def open(self) -> None:
        """Make the session when it is first used. `ClosedError` once it was closed."""
        if self._shut:
            raise ClosedError(_CLOSED)
        if self.session is None:
            self.session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )

    async def send(self, request: Any, **options: Any) -> Any:
        """Send *request*, through the proxy that the environment names for its host, if any. `ClosedError`."""
        options.setdefault("proxy", self._proxy(request.url))
        try:
            async with asyncio.timeout(None) as limit:
                self._under_way.add(limit)
                try:
                    return await super().send(request, **options)
                finally:
                    self._under_way.discard(limit)
        except (
            RuntimeError,
            TimeoutError,
        ) as error:  # the first is aiohttp's, for an answer that was being read
            if self._shut:
                raise ClosedError(_CLOSED) from error
            raise

    async def close(self) -> None:
        """Do nothing: clients close their transport, but this one is not theirs."""

    async def shut_down(self) -> None:
        """Close the connections for good; who waits for an answer waits no longer."""
        self._shut = True
        for limit in self._under_way:
            limit.reschedule(0)
        if self.session is not None:
            session, self.session = self.session, None
            await session.close()

    def _proxy(self, url: str) -> str | None:
        parts = urlsplit(url)
        if parts.netloc not in self._proxies:
            bypassed = proxy_bypass(parts.netloc)
            self._proxies[parts.netloc] = None if bypassed else getproxies().get(parts.scheme)
        return self._proxies[parts.netloc]


class RawAnswer:
    """Takes the JSON of an answer past the SDK: handed to one of its calls as ``raw_answer``.

    To deserialise a list of messages costs the SDK more than everything else about reading it. So a list's items come
    here and the SDK only follows the links from page to page.
    """

    def __init__(self) -> None:
        """Have nothing yet."""
        self.items: list[Mapping[str, Any]] = []
        """The items of the latest page, or the one object that was asked for."""

    def take(self, document: Any) -> Any:
        """Keep what *document* has, and return what the SDK is to see."""
        if isinstance(document.get("value"), list):
            self.items = document["value"]
            return {**document, "value": []}
        self.items = [document]
        return document


class AnswerPolicy(SansIOHTTPPolicy[Any, Any]):
    """Reads answers: their JSON for the SDK, their date for whoever asks for the service's time."""

    def __init__(self) -> None:
        """Start without knowing the time."""
        self._date: str | None = None

    @property
    def server_time(self) -> datetime | None:
        """The service's time in its last answer, to the second; None before the first."""
        if self._date is None:
            return None
        try:
            return parsedate_to_datetime(self._date).astimezone(UTC)
        except ValueError:
            return None

    def on_request(self, request: _Request) -> None:
        """Note who takes the answer past the SDK."""
        request.context[_RAW_ANSWER] = request.context.options.pop(_RAW_ANSWER, None)

    def on_response(self, request: _Request, response: _Response) -> None:
        """Decode the body; a success without what it must have is a `DecodeError`, all else a `HttpResponseError`."""
        answer = response.http_response
        self._date = answer.headers.get("Date") or self._date
        if answer.status_code >= 300:
            map_error(answer.status_code, answer, _ERRORS)
            raise HttpResponseError(response=answer)
        document = _parse(answer)
        _check(document, needed_key(request.http_request.method, request.http_request.url), answer)
        raw: RawAnswer | None = request.context[_RAW_ANSWER]
        response.context[ContentDecodePolicy.CONTEXT_NAME] = document if raw is None else raw.take(document)


class UserPolicy(AsyncHTTPPolicy[Any, Any]):
    """Makes each request the user's."""

    def __init__(self, endpoint: str, credential: UserCredential) -> None:
        """Sign requests to *endpoint* with the tokens of *credential*."""
        super().__init__()
        self._endpoint = endpoint
        self._credential = credential

    async def send(self, request: _Request) -> _Response:
        """Send with a token; once more with another one, if there is one, when it is refused."""
        http_request = request.http_request
        http_request.url = rebased(http_request.url, self._endpoint)
        http_request.headers["User-Agent"] = USER_AGENT
        http_request.headers["x-ms-client-request-id"] = str(uuid.uuid4())
        token = await self._credential.get_token()
        http_request.headers["Authorization"] = f"Bearer {token.token}"
        response = await self.next.send(request)
        if response.http_response.status_code != 401:
            return response
        renewed = await self._credential.renew(token.token)
        if renewed is None:
            return response
        http_request.headers["Authorization"] = f"Bearer {renewed.token}"
        return await self.next.send(request)


class AcsClients:
    """The clients of one ACS resource. Cheap to ask: what was asked for before is kept."""

    def __init__(
        self, endpoint: str, access_key: str | None, *, timeout: float, turns: Turns | None = None
    ) -> None:
        """Speak to *endpoint* (no trailing slash); without *access_key* there is no `identity` client.

        Without *turns* requests are sent at once, whatever ACS's rates are.
        """
        self._endpoint = endpoint
        self._access_key = access_key
        self._turns = turns
        self.transport = SharedTransport(timeout=timeout)
        """Shared with the storage client."""
        self._answers = AnswerPolicy()
        self._chats: OrderedDict[AcsUser, ChatClient] = OrderedDict()
        self._threads: OrderedDict[tuple[AcsUser, str], ChatThreadClient] = OrderedDict()
        self._identity: CommunicationIdentityClient | None = None

    @property
    def has_access_key(self) -> bool:
        """Whether users can be created and tokens issued."""
        return self._access_key is not None

    def chat(self, user: AcsUser) -> ChatClient:
        """Return the client for the threads of *user*."""
        client = _recent(self._chats, user)
        if client is None:
            client = _keep(self._chats, user, ChatClient(self._endpoint, **self._options(user)))
        return client

    def thread(self, user: AcsUser, thread_id: str) -> ChatThreadClient:
        """Return the client for one thread, as *user*."""
        key = (user, thread_id)
        client = _recent(self._threads, key)
        if client is None:
            made = ChatThreadClient(self._endpoint, thread_id=thread_id, **self._options(user))
            client = _keep(self._threads, key, made)
        return client

    def identity(self) -> CommunicationIdentityClient:
        """Return the client that creates users and issues tokens. `ConfigurationError` without an access key."""
        if self._access_key is None:
            raise ConfigurationError(
                "COMMUNICATION_SERVICES_CONNECTION_STRING is not set; it is needed to create users and issue tokens"
            )
        if self._identity is None:
            self._identity = CommunicationIdentityClient(
                self._endpoint,
                AzureKeyCredential(self._access_key),
                transport=self.transport,
                retry_total=0,
                permit_redirects=False,
                per_call_policies=self._front(),
                user_agent=USER_AGENT,
            )
        return self._identity

    def server_time(self) -> datetime | None:
        """Return the service's time in its last answer, to the second; None before the first."""
        return self._answers.server_time

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        self._chats.clear()
        self._threads.clear()
        await self.transport.shut_down()

    def _options(self, user: AcsUser) -> dict[str, Any]:
        policies = [*self._front(user.id), UserPolicy(self._endpoint, user.credential)]
        return {"credential": user.credential, "transport": self.transport, "policies": policies}

    def _front(self, user_id: str = "") -> list[SansIOHTTPPolicy[Any, Any] | AsyncHTTPPolicy[Any, Any]]:
        """Return the policies that every pipeline begins with."""
        return [self._answers] if self._turns is None else [self._answers, self._turns.policy(user_id)]


def rebased(url: str, endpoint: str) -> str:
    """Return *url* at *endpoint*: as it is, unless a paging link names another scheme or host."""
    if url.startswith(endpoint + "/"):
        return url
    parts = urlsplit(url)
    return f"{endpoint}{parts.path}{'?' if parts.query else ''}{parts.query}"


def needed_key(method: str, url: str) -> str | None:
    """Return the key that a successful answer must have; None where it may be empty."""
    path = urlsplit(url).path.rstrip("/")
    last = path.rpartition("/")[2]
    if method == "POST":
        return {
            "threads": "chatThread",
            "messages": "id",
            "identities": "identity",
            ":issueAccessToken": "token",
        }.get(last)
    if method == "GET":
        return "value" if last in ("threads", "messages", "participants", "readReceipts") else "id"
    return None


def _parse(answer: Any) -> Any:
    body = answer.body()
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DecodeError(message=f"not JSON: {body[:60]!r}", response=answer, error=error) from error


def _check(document: Any, key: str | None, answer: Any) -> None:
    if key is None:
        return
    value = document.get(key) if isinstance(document, Mapping) else None
    if not value and value != []:
        raise DecodeError(message=f"an answer without {key!r}", response=answer)
    if key == "value" and not (isinstance(value, list) and all(isinstance(item, Mapping) for item in value)):
        raise DecodeError(message="a list of something other than objects", response=answer)


def _recent(cache: OrderedDict[Any, _Client], key: object) -> _Client | None:
    client = cache.get(key)
    if client is not None:
        cache.move_to_end(key)
    return client


def _keep(cache: OrderedDict[Any, _Client], key: object, client: _Client) -> _Client:
    cache[key] = client
    if len(cache) > CACHED_CLIENTS:
        cache.popitem(last=False)
    return client
