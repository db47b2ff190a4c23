"""Plays scripts on this library: each step's calls are made, and what came of it is written down beside the step.

Nothing sleeps for a time: after a call, a step is over as soon as all that it expects has been seen. What comes beyond
that is found at the next step, as one event too many. What does not come is given up after `PATIENCE`.
"""

from __future__ import annotations

import asyncio
import inspect
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Self, cast

import twilio_compat
from tests.conformance.patterns import read, seen_as
from tests.conformance.script import Script, Step
from twilio_compat import Client, ClientOptions, Conversation, Message, Participant, User
from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.errors import TwilioCompatError, UnsentMessageWarning
from twilio_compat.push import PushNotification

PATIENCE: Final = 30.0
"""Seconds after which something is not expected any more."""


class Ear:
    """What a client, or another object with events, emitted and no step has taken yet."""

    def __init__(self, emitter: ReplayEventEmitter) -> None:
        self._heard: list[tuple[str, str]] = []
        for event in _events_of(type(emitter)):
            emitter.on(event, lambda *carried, event=event: self._heard.append((event, _detail(*carried))))

    def __len__(self) -> int:
        return len(self._heard)

    def take(self, names: Mapping[str, str]) -> list[str]:
        """Return what was heard, ids by the names they were kept under, and begin anew."""
        heard, self._heard = self._heard, []
        return [f"{event}:{names.get(detail, detail)}" if detail else event for event, detail in heard]


def _events_of(kind: type) -> list[str]:
    """Return the events of a class, from its constants."""
    return [name for name, value in vars(kind).items() if name == value]


def _detail(carried: object = None) -> str:
    match carried:
        case {"updateReasons": reasons}:
            return "+".join(reasons)
        case {"error": {"message": message}} | {"message": message}:
            return str(message)
        case Conversation():
            return carried.sid
        case Participant() | User():
            return str(carried.identity)
        case Message():
            return str(carried.body)
        case PushNotification():
            return carried.type
        case _:
            return str(carried or "")


class Player:
    """Plays one script. *token* makes an access token for an identity, *options* what a client is made with."""

    def __init__(self, token: Callable[[str], str], options: Callable[[], ClientOptions]) -> None:
        self._token = token
        self._options = options
        self._names: dict[str, Any] = {name: getattr(twilio_compat, name) for name in twilio_compat.__all__}
        self._ears: dict[str, Ear] = {}
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._resources.aclose()

    async def play(self, script: Script) -> dict[str, dict[str, object]]:
        """Return what came of each step, in the parts its expectation has."""
        with warnings.catch_warnings():  # a chain that ends early is one of the steps
            warnings.simplefilter("ignore", UnsentMessageWarning)
            return {step.name: await self._step(step) for step in script.steps}

    async def _step(self, step: Step) -> dict[str, object]:
        outcome: dict[str, object] = {}
        value = self._names["value"] = None
        try:
            value = self._names["value"] = await self._do(step)
            if step.save:
                self._names[step.save] = value
            self._listen(step.listen)
        except Exception as error:  # noqa: BLE001  # what is raised is compared
            outcome["raises"] = _told(error, step.expected.get("raises"))
        if "value" in step.expected and "raises" not in outcome:
            outcome["value"] = seen_as(step.expected["value"], value, self._names)
        patience = PATIENCE if ("raises" in outcome) == ("raises" in step.expected) else 0.0
        outcome["events"] = await self._events(step.expected["events"], patience)
        if "shows" in step.expected:
            outcome["shows"] = await self._shows(step.expected["shows"], patience)
        return outcome

    # Doing

    async def _do(self, step: Step) -> object:
        if step.sign_in is not None:
            return self._sign_in(step.sign_in)
        if step.each is None:
            return await self._call(step.chain)
        *before, last = step.chain
        return [await self._call([*before, [*last, *more]]) for more in step.each]

    def _sign_in(self, identity: str) -> Client:
        client = Client(self._token(identity), self._options())
        self._resources.push_async_callback(client.shutdown)
        self._names[identity] = client
        self._ears[identity] = Ear(client)
        return client

    def _listen(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._ears[path] = Ear(cast("ReplayEventEmitter", read(path, self._names)))

    async def _call(self, chain: Any) -> object:
        if not chain:
            return None
        (path, *arguments), *links = chain
        owner, _, method = path.rpartition(".")
        value = self._method(read(owner, self._names), method)(*self._arguments(arguments))
        for name, *more in links:
            value = self._method(value, name)(*self._arguments(more))
        return await value if inspect.isawaitable(value) else value

    @staticmethod
    def _method(owner: Any, name: str) -> Any:
        return owner if isinstance(owner, type) and name == "new" else getattr(owner, name)

    def _arguments(self, written: list[Any]) -> list[Any]:
        return [self._argument(each) for each in written]

    def _argument(self, written: Any) -> Any:
        match written:
            case {"$get": str(path)}:
                return read(path, self._names)
            case {"$token": str(identity)}:
                return self._token(identity)
            case {"$options": _}:
                return self._options()
            case dict():
                return {key: self._argument(each) for key, each in written.items()}
            case list():
                return self._arguments(written)
            case _:
                return written

    # Seeing

    async def _events(self, expected: Mapping[str, list[str]], patience: float) -> dict[str, object]:
        wanted = [(ear, len(expected.get(name, []))) for name, ear in self._ears.items()]
        await _until(lambda: all(len(ear) >= count for ear, count in wanted), patience)
        heard = {name: ear.take(self._by_sid()) for name, ear in self._ears.items()}
        return {name: lines for name, lines in heard.items() if lines or name in expected}

    async def _shows(self, expected: Mapping[str, Any], patience: float) -> dict[str, object]:
        def seen() -> dict[str, object]:
            return {path: self._seen(path, pattern) for path, pattern in expected.items()}

        await _until(lambda: seen() == expected, patience)
        return seen()

    def _seen(self, path: str, expected: Any) -> object:
        try:
            return seen_as(expected, read(path, self._names), self._names)
        except (AttributeError, LookupError, TypeError, TwilioCompatError) as error:
            return f"{type(error).__name__}: {error}"

    def _by_sid(self) -> dict[str, str]:
        kept = {name: each for name, each in self._names.items() if isinstance(each, Conversation)}
        return {each.sid: name for name, each in reversed(kept.items()) if name != "value"}


def _told(error: Exception, expected: Mapping[str, Any] | None) -> object:
    """Return of an error what is expected of it, or all there is to say."""
    if expected is None or not isinstance(error, TwilioCompatError):
        return f"{type(error).__name__}: {error}"
    return {key: seen_as(each, getattr(error, key, None), {}) for key, each in expected.items()}


async def _until(condition: Callable[[], bool], patience: float) -> None:
    """Let the loop run until *condition* holds, or for *patience* seconds."""
    deadline = time.monotonic() + patience
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110  # what is waited for tells nobody
        await asyncio.sleep(0.005)
