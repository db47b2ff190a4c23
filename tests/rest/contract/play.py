"""Playing scenarios on targets, and keeping what they saw.

A play has an empty world each time: a store and an emulator's resource of its own, or, on Twilio itself, a service that
is made for it and deleted after it.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client as TwilioClient

from acs_emulator import Emulator
from tests.rest.contract import scenarios
from tests.rest.contract.awaited import Awaited, Wait
from tests.rest.contract.server import serving
from tests.rest.contract.stage import SCENARIOS, Scenario, Stage, World
from tests.rest.contract.transcript import Transcript
from tests.rest.outside import ACCOUNT, AUTH_TOKEN, settings
from tests.rest.surface import operation_at
from twilio_compat.rest import Client

Target: TypeAlias = Literal["in process", "in process, awaited", "over HTTP", "Twilio"]

TWILIO: Final = "https://conversations.twilio.com"
MEDIA: Final = "https://mcs.us1.twilio.com"

for _, name, _ in pkgutil.iter_modules(scenarios.__path__):
    importlib.import_module(f"{scenarios.__name__}.{name}")

ALL: Final = {each.name: each for each in SCENARIOS}


@dataclass(frozen=True)
class Seen:
    """What a play saw: its transcript, the operations it called, and what it failed with, if it did."""

    lines: list[tuple[str, Any]]
    operations: set[str]
    failure: BaseException | None


class Theatre:
    """Plays each scenario once for each target and world."""

    def __init__(self, emulator: Emulator, directory: Path, wait: Wait) -> None:
        self._emulator = emulator
        self._directory = directory
        self._wait = wait
        self._seen: dict[tuple[str, Target, World], Seen] = {}

    def seen(self, name: str, target: Target, world: World) -> Seen:
        """Return what the play saw, played now unless it was before."""
        key = name, target, world
        if key not in self._seen:
            self._seen[key] = self._play(ALL[name], target, world)
        return self._seen[key]

    def _play(self, scenario: Scenario, target: Target, world: World) -> Seen:
        called: set[str] = set()
        with self._client(target) as (client, base_url), ExitStack() as stack:
            v1 = client.conversations.v1
            if target == "in process, awaited":
                v1 = Awaited(v1, self._wait)
            service_sid = stack.enter_context(self._service(v1, target, world))
            transcript = Transcript(base_url)
            _note_operations(client, base_url, called)
            stage = Stage(
                v1=v1,
                api=v1.services(service_sid) if world == "service" else v1,
                service_sid=service_sid,
                path=f"/Services/{service_sid}" if world == "service" else "",
                account_sid=client.account_sid,
                raw=self._raw(client, target, base_url),
                transcript=transcript,
            )
            try:
                scenario.play(stage)
            except Exception as error:  # noqa: BLE001  # raised by the tests that look at the play
                return Seen(transcript.lines, called, error)
        return Seen(transcript.lines, called, None)

    @contextmanager
    def _client(self, target: Target) -> Iterator[tuple[TwilioClient, str]]:
        """Yield a client of an empty world, and where its urls begin."""
        options = settings(self._emulator, self._directory / f"{len(self._seen)}.db")
        match target:
            case "in process":
                with Client(ACCOUNT, AUTH_TOKEN, settings=options) as client:
                    yield client, f"{TWILIO}/v1"
            case "in process, awaited":
                with Client(
                    ACCOUNT,
                    AUTH_TOKEN,
                    settings=options,
                    http_client=AsyncTwilioHttpClient(pool_connections=False),
                ) as client:
                    yield client, f"{TWILIO}/v1"
            case "over HTTP":
                with serving(options) as address:
                    plain = TwilioClient(ACCOUNT, AUTH_TOKEN)
                    plain.conversations.base_url = address
                    yield plain, f"{address}/v1"
            case "Twilio":
                sid, token = (os.environ[f"TWILIO_CONTRACT_{each}"] for each in ("ACCOUNT_SID", "AUTH_TOKEN"))
                yield TwilioClient(sid, token), f"{TWILIO}/v1"

    @contextmanager
    def _service(self, v1: Any, target: Target, world: World) -> Iterator[str]:
        services = v1.services
        if world == "default":
            yield services.list()[0].sid
            return
        made = services.create(friendly_name="contract")
        try:
            yield made.sid
        finally:
            if target == "Twilio":
                services(made.sid).delete()

    def _raw(self, client: TwilioClient, target: Target, base_url: str) -> Callable[..., Any]:
        match target:
            case "in process, awaited":
                return lambda *args, **kwargs: self._wait(client.request_async(*args, **kwargs))
            case "over HTTP":
                return partial(_elsewhere, client, base_url.removesuffix("/v1"))
            case _:
                return client.request


def _elsewhere(client: TwilioClient, address: str, method: str, url: str, **kwargs: Any) -> Any:
    return client.request(method, url.replace(MEDIA, address), **kwargs)


def _note_operations(client: TwilioClient, base_url: str, called: set[str]) -> None:
    request = client.http_client.request

    def noting(method: str, uri: str, *args: Any, **kwargs: Any) -> Any:
        path = re.split(r"[?#]", uri.removeprefix(base_url))[0]
        if (found := operation_at(method, path)) is not None:
            called.add(found)
        return request(method, uri, *args, **kwargs)

    client.http_client.request = noting
