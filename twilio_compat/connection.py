"""A client's connection: signing in, listening, staying signed in, ending.

One task does it all and owns what it opens, so that cancelling the task (`close` does, and so does the end of
``asyncio.run``) closes everything::

    connecting ── sign in ── own user ── subscribe ── connected ── initialized ── news ...
        │                                                             │
        └── refused: denied, initFailed                 token refused: denied, until updateToken

That it is connected is told once the service has answered, and the user with it: a token can be verified, and a user
looked up, without the service.

The order of the events is the one Twilio's client shows, the doubled ``initFailed`` included. Where Twilio's
client is left half alive by a failed start, with methods that fail in odd ways, here every later call raises the
error that made it fail.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias, TypedDict

from twilio_compat import events
from twilio_compat.backend import Backend
from twilio_compat.conversations import Conversations
from twilio_compat.errors import (
    AnswerError,
    ConfigurationError,
    InvalidResponseError,
    TokenError,
    TwilioCompatError,
)
from twilio_compat.expiry import TokenWatch
from twilio_compat.records import ConversationRecord, UserRecord
from twilio_compat.session import Session

__all__ = ["Connection", "ConnectionErrorData", "ConnectionState"]

ConnectionState: TypeAlias = Literal[
    "unknown", "connecting", "connected", "disconnecting", "disconnected", "denied"
]

TOKEN_EXPIRED: Final = 20104
"""Twilio's error code for a token that has ended."""


class ConnectionErrorData(TypedDict):
    """What ``connectionError`` carries. ``terminal``: trying again is of no use."""

    terminal: bool
    message: str
    httpStatusCode: int | None
    errorCode: int | None


class Connection:
    """Signs one client in, feeds it with news, and tells how it goes."""

    def __init__(
        self,
        token: str,
        backend: AbstractAsyncContextManager[Backend],
        session: Session,
        conversations: Conversations,
    ) -> None:
        """Begin on the running loop. *backend* is entered for as long as the connection lasts."""
        loop = asyncio.get_running_loop()
        self.state: ConnectionState = "unknown"
        self.token = token
        """The token acted with."""
        self._session = session
        self._myself: UserRecord | None = None
        self._conversations = conversations
        self._watch = TokenWatch(session.emit, loop.call_later, lambda: datetime.now(UTC))
        self._renewed = asyncio.Event()
        self._initialized = False
        self._failed = False
        self._closing = False
        self._task = loop.create_task(self._run(token, backend), name="twilio_compat.Client")

    @property
    def has_ended(self) -> bool:
        """Whether it failed for good or was closed."""
        return self._failed or self._closing

    async def update_token(self, token: str) -> None:
        """Act with *token* from now on. `TokenError` where it is refused or is another user's."""
        await self._session.ready()
        backend, actor = self._session.backend, self._session.actor
        if token == actor.token:
            return
        renewed = await backend.sign_in(token)
        if renewed.identity != actor.identity:
            raise TokenError(f"The token is for {renewed.identity!r}, the client is {actor.identity!r}")
        if renewed.service_sid != actor.service_sid:
            raise TokenError(f"The token is for service {renewed.service_sid}, not {actor.service_sid}")
        self._session.renew(renewed)
        self.token = token
        self._watch.watch(renewed.expires_at)
        self._renewed.set()

    async def close(self) -> None:
        """End it, whatever state it is in. Calls still under way may fail. Safe to call twice."""
        if self.has_ended:
            await self._stopped()
            return
        self._closing = True
        self._change("disconnecting")
        self._session.end(TwilioCompatError("The client was shut down; make a new one"))
        self._task.cancel()
        await self._stopped()
        self._change("disconnected")

    async def _stopped(self) -> None:
        if not self._task.done():  # where it is, its event loop may be gone
            await asyncio.wait([self._task])

    # The task

    async def _run(self, token: str, backend: AbstractAsyncContextManager[Backend]) -> None:
        try:
            self._change("connecting")
            async with backend as opened:
                await self._start(opened, token)
        except asyncio.CancelledError:
            self._session.end(TwilioCompatError("The client was stopped with its event loop; make a new one"))
            raise
        except Exception as error:  # noqa: BLE001  # told as initFailed, and raised by every later call
            self._fail(error)
        finally:
            self._watch.stop()

    async def _start(self, backend: Backend, token: str) -> None:
        actor = await backend.sign_in(token)
        backend = await backend.of(actor.service_sid)
        self._myself = await backend.users.get(actor, actor.identity)
        self._session.act(backend, actor)
        self._watch.watch(actor.expires_at)
        await self._listen()

    async def _listen(self) -> None:
        """Follow the news for ever; with a new token, anew."""
        while True:
            self._renewed.clear()
            follower = asyncio.create_task(self._follow())
            renewal = asyncio.create_task(self._renewed.wait())
            try:
                await asyncio.wait({follower, renewal}, return_when=asyncio.FIRST_COMPLETED)
                if follower.done():
                    follower.result()
                await renewal
            finally:
                follower.cancel()
                renewal.cancel()
                await asyncio.gather(follower, renewal, return_exceptions=True)

    async def _follow(self) -> None:
        """Follow the news until the service refuses the token."""
        async with self._session.backend.subscribe(self._session.actor) as news:
            async for event in news:
                match event:
                    case events.Synchronized(conversations=records):
                        await self._synchronize(records)
                    case events.SourceInterrupted(error=error):
                        self._change("connecting")
                        if not self._initialized:
                            self._session.hinder(error)
                        self._session.emit("connectionError", _told(error, terminal=False))
                    case events.SourceRestored():
                        self._change("connected")
                    case events.SourceRefused(error=error):
                        self._refuse(error)
                        return
                    case events.UserUpdated(user=user):
                        self._session.users.updated(user)
                    case _:
                        self._conversations.apply(event)
        raise InvalidResponseError("The backend's event stream ended by itself")

    async def _synchronize(self, records: tuple[ConversationRecord, ...]) -> None:
        self._change("connected")
        again = self._initialized
        if not again:
            self._initialize()
        try:
            await self._conversations.synchronize(records)
            if again:
                await self._session.users.catch_up()
        except AnswerError as error:  # a refused token too: the source says so when it meets it
            self._session.emit("connectionError", _told(error, terminal=False))

    def _initialize(self) -> None:
        self._initialized = True
        if self._myself is not None:
            self._session.users.begin(self._myself)
        self._session.open()
        self._session.emit("stateChanged", "initialized")
        self._session.emit("initialized")

    # Trouble

    def _refuse(self, error: TwilioCompatError) -> None:
        if not self._initialized:
            raise error
        self._change("denied")
        if getattr(error, "code", None) == TOKEN_EXPIRED:
            self._watch.expired()
        self._session.emit("connectionError", _told(error, terminal=True))

    def _fail(self, error: Exception) -> None:
        """Tell that the client is of no use, in the order in which Twilio's client tells it."""
        terminal = isinstance(error, TokenError | ConfigurationError)
        self._failed = True
        self._session.end(error)
        self._change("denied" if terminal else "disconnected")
        if not self._initialized:
            self._init_failed({"terminal": True, "message": "Twilsock has disconnected."})
        if getattr(error, "code", None) == TOKEN_EXPIRED:
            self._watch.expired()
        told = _told(error, terminal=terminal)
        self._session.emit("connectionError", told)
        if not self._initialized:
            self._init_failed(told)

    def _init_failed(self, told: object) -> None:
        self._session.emit("stateChanged", "failed")
        self._session.emit("initFailed", {"error": told})

    def _change(self, state: ConnectionState) -> None:
        if self.state != state:
            self.state = state
            self._session.emit("connectionStateChanged", state)


def _told(error: Exception, *, terminal: bool) -> ConnectionErrorData:
    """Tell *error* as Twilio's client does."""
    if isinstance(error, AnswerError):
        message, status, code = error.detail, error.status, error.code
    else:
        message, status, code = str(error), None, None
    return {
        "terminal": terminal,
        "message": f"Connection error: {message}",
        "httpStatusCode": status,
        "errorCode": code,
    }
