"""A Twilio in a process of its own, to migrate from: ``python -m benchmarks.twilio_server SECONDS``.

It is what stands in for Twilio in tests: our own translation of its REST API, on an emulator and a store of its own. It
prints two addresses of one and the same Twilio: one that answers as soon as it can, and one that takes *SECONDS* longer,
as Twilio's does for a server in the same region. It serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.http_faults import Application, Receive, Scope, Send
from tests.support.twilio_stand_in import serving, twilio_stand_in
from twilio_compat.settings import Settings


@dataclass(frozen=True)
class TwilioServer:
    """Where it is, and who may ask it."""

    url: str
    late_url: str
    account_sid: str
    auth_token: str
    service_sid: str


@contextmanager
def running_twilio(late: float = 0.05) -> Iterator[TwilioServer]:
    """Run it in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.twilio_server", str(late)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield TwilioServer(**json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(20)


@dataclass(frozen=True)
class _Late:
    """Answers after a while."""

    application: Application
    seconds: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] == "http":
            await asyncio.sleep(self.seconds)
        await self.application(scope, receive, send)


async def _serve(late: float) -> None:
    async with twilio_stand_in() as twilio, serving(_Late(twilio.faults, late)) as late_url:
        told = (twilio.url, late_url, twilio.account_sid, twilio.auth_token, twilio.service_sid)
        names = ("url", "late_url", "account_sid", "auth_token", "service_sid")
        print(json.dumps(dict(zip(names, told, strict=True))), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            pass


def settings_of(twilio: TwilioServer, acs: Settings, *, is_late: bool = False) -> Settings:
    """Return settings of a rollout between *twilio* and the ACS of other settings."""
    return Settings(
        connection_string=acs.connection_string,
        storage_connection_string=acs.storage_connection_string,
        database_url=acs.database_url,
        twilio_api_key=acs.twilio_api_key,
        twilio_api_secret=acs.twilio_api_secret,
        twilio_url=twilio.late_url if is_late else twilio.url,
        twilio_account_sid=twilio.account_sid,
        twilio_auth_token=twilio.auth_token,
        service_sid=twilio.service_sid,
        deadline=10.0,
    )


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
