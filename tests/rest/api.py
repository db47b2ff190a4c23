"""The application of the REST face on an emulator, asked directly: what a client would send, without a client."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.rest.outside import ACCOUNT, settings
from twilio_compat.account import ConversationQuery, account_actor
from twilio_compat.rest.app import Application
from twilio_compat.rest.http import Request, Response
from twilio_compat.templates import read_templates

HOST = "https://conversations.twilio.com"
URL = "https://app.example.com/hook"
_numbers = itertools.count()

ENVELOPE = {"code", "message", "more_info", "status"}
"""The keys that Twilio's errors have, and no others."""


@dataclass(frozen=True)
class Answer:
    """What was answered."""

    status: int
    body: Any

    @property
    def code(self) -> int | None:
        """Twilio's code, where it is a refusal."""
        return self.body["code"] if self.status >= 400 else None


class Api:
    """Asks, from outside of any event loop."""

    def __init__(self, runner: asyncio.Runner, backend: AcsBackend) -> None:
        self.backend = backend
        self._runner = runner
        self._application = Application(backend, account_sid=ACCOUNT)

    def ask(
        self,
        method: str,
        path: str,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Ask for what is at *path*, which begins after the version and is encoded already."""
        request = Request(
            method=method, url=f"{HOST}/v1{path}", parameters=parameters, headers=headers or {}, body=body
        )
        response: Response = self._runner.run(self._application.handle(request))
        response.text.encode()  # what no server could send
        return Answer(response.status, json.loads(response.text) if response.text else None)

    def made(self, path: str, **parameters: str) -> dict[str, Any]:
        """Make something, and return it."""
        pairs = [(name.replace("_", "."), value) for name, value in parameters.items()]
        answer = self.ask("POST", path, pairs)
        assert 201 == answer.status, answer.body
        found: dict[str, Any] = answer.body
        return found

    def uploaded(self) -> str:
        """Upload a file, and return its sid."""
        path = f"/Services/{self.backend.service_sid}/Media"
        answer = self.ask("POST", path, headers={"content-type": "text/plain"}, body=b"a file")
        assert 201 == answer.status, answer.body
        return str(answer.body["sid"])

    def template(self) -> str:
        """Keep a content template, and return its sid."""
        sid = f"HX{next(_numbers):032}"
        text = json.dumps({"sid": sid, "types": {"twilio/text": {"body": "Hello, {{1}}"}}})
        self._runner.run(self.backend.content_templates.put(read_templates(text, now=datetime.now(UTC))))
        return sid

    def conversations(self) -> int:
        """Count the conversations of the default service."""
        everything = self.backend.conversations.page(
            account_actor(), ConversationQuery(), after=None, limit=1_000_000
        )
        return len(self._runner.run(everything))


@contextmanager
def serving(emulator: Emulator, directory: Path) -> Iterator[Api]:
    """Serve an empty deployment."""
    with asyncio.Runner() as runner:
        backend = AcsBackend(settings(emulator, directory / "store.db"))
        try:
            yield Api(runner, backend)
        finally:
            runner.run(backend.close())


def furnished(api: Api) -> dict[str, str]:
    """Make one of each thing; return what names it in a path, by the segment that stands before it there.

    There is no address, since none can be made, and no binding, since clients alone make those.
    """
    number = next(_numbers)
    room = api.made("/Conversations", FriendlyName="Room", UniqueName=f"room {number}")["sid"]
    inside = f"/Conversations/{room}"
    user = api.made(f"{inside}/Participants", Identity=f"bob {number}")["identity"]
    message = api.made(f"{inside}/Messages", Body="Hello", Author="alice")["sid"]
    api.ask("POST", f"{inside}/Participants/{quote(user)}", [("LastReadMessageIndex", "0")])
    [receipt] = api.ask("GET", f"{inside}/Messages/{message}/Receipts").body["delivery_receipts"]
    hook = {"Target": "webhook", "Configuration_Url": URL, "Configuration_Filters": "onMessageAdded"}
    return {
        "Conversations": room,
        "Messages": message,
        "Participants": user,
        "Users": user,
        "Receipts": receipt["sid"],
        "Webhooks": api.made(f"{inside}/Webhooks", **hook)["sid"],
        "Roles": api.made("/Roles", FriendlyName="a", Type="conversation", Permission="sendMessage")["sid"],
        "service roles": api.made("/Roles", FriendlyName="b", Type="service", Permission="joinConversation")[
            "sid"
        ],
        "Credentials": api.made("/Credentials", Type="fcm", Secret="key")["sid"],
        "Addresses": f"IG{number:032}",
        "Bindings": f"BS{number:032}",
        "Services": api.backend.service_sid,
    }


def path_of(template: str, things: Mapping[str, str]) -> str:
    """Fill the variable segments of a path in."""
    segments = template.split("/")
    for position, each in enumerate(segments):
        if each.startswith("{"):
            segments[position] = quote(things[segments[position - 1]], safe="")
    return "/".join(segments)
