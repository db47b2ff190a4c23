"""What the tests of the emulator's operations share: a clock that is set, and callers that sign their requests."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx

from acs_emulator.app import Exchange, build_app
from acs_emulator.journal import Journal
from acs_emulator.options import Options
from acs_emulator.service import Service
from acs_emulator.signatures import sign

CHAT_VERSION = "2024-03-07"
IDENTITY_VERSION = "2023-10-01"
HOST = "acs.test:8080"
BASE_URL = f"http://{HOST}"


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **duration: float) -> None:
        self.moment += timedelta(**duration)


@dataclass
class World:
    """A service with its application, clock, and the exchanges it had."""

    service: Service
    clock: ManualClock
    http: httpx.AsyncClient
    exchanges: list[Exchange] = field(default_factory=list)

    async def identity(
        self, method: str, path: str, body: object = None, *, key: bytes | None = None, **headers: str
    ) -> httpx.Response:
        """Send a request signed with the access key, as the official SDKs sign theirs."""
        content = b"" if body is None else json.dumps(body).encode()
        target = f"{path}?api-version={IDENTITY_VERSION}"
        signed = signed_headers(self.clock(), key or self.service.key, method, target, content)
        return await self.http.request(method, target, content=content, headers={**signed, **headers})

    async def user(self, *scopes: str, minutes: int = 1440) -> User:
        """Make a user with a token."""
        body = {"createTokenWithScopes": list(scopes or ("chat",)), "expiresInMinutes": minutes}
        made = (await self.identity("POST", "/identities", body)).json()
        return User(self, made["identity"]["id"], made["accessToken"]["token"])

    async def token(self, user: User, *scopes: str) -> User:
        """Give a user another token."""
        answer = await self.identity(
            "POST", f"/identities/{user.id}/:issueAccessToken", {"scopes": list(scopes)}
        )
        return User(self, user.id, answer.json()["token"])

    async def thread(self, creator: User, *others: User, topic: str = "Topic") -> str:
        """Make a thread with members."""
        body = {"topic": topic, "participants": [participant(each.id) for each in others]}
        answer = await creator.post("/chat/threads", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["chatThread"]["id"])


@dataclass
class User:
    """A caller with a user token."""

    world: World
    id: str
    token: str

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        **query: str | int,
    ) -> httpx.Response:
        """Send a request."""
        sent = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        content = b"" if body is None else json.dumps(body).encode()
        params = {"api-version": CHAT_VERSION, **{name: str(value) for name, value in query.items()}}
        return await self.world.http.request(method, path, params=params, content=content, headers=sent)

    async def get(self, path: str, **query: str | int) -> httpx.Response:
        return await self.call("GET", path, **query)

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        return await self.call("POST", path, body, headers=headers)

    async def patch(self, path: str, body: object) -> httpx.Response:
        return await self.call("PATCH", path, body, headers={"Content-Type": "application/merge-patch+json"})

    async def delete(self, path: str) -> httpx.Response:
        return await self.call("DELETE", path)

    async def send(self, thread: str, content: str = "Hello", **more: object) -> str:
        """Send a message and return its id."""
        answer = await self.post(f"/chat/threads/{thread}/messages", {"content": content, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def messages(self, thread: str, **query: str | int) -> list[dict[str, Any]]:
        """Read all messages, page by page."""
        return await self.all_pages(f"/chat/threads/{thread}/messages", **query)

    async def all_pages(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """Read a whole list, page by page."""
        answer = await self.get(path, **query)
        found: list[dict[str, Any]] = answer.json()["value"]
        while link := answer.json().get("nextLink"):
            answer = await self.follow(link)
            found += answer.json()["value"]
        return found

    async def follow(self, link: str) -> httpx.Response:
        """Follow a nextLink as it is."""
        return await self.world.http.get(link, headers={"Authorization": f"Bearer {self.token}"})


def make_world(options: Options | None = None, *, journal: Journal | None = None, seed: int = 1) -> World:
    """Build a service that is the same each time, and the means to call it."""
    clock = ManualClock()
    chance = random.Random(seed)
    service = Service(options, journal=journal, clock=clock, random=chance.randbytes)
    exchanges: list[Exchange] = []
    app = build_app(service, observe=exchanges.append)
    transport = httpx.ASGITransport(app)
    return World(service, clock, httpx.AsyncClient(transport=transport, base_url=BASE_URL), exchanges)


def signed_headers(now: datetime, key: bytes, method: str, target: str, content: bytes) -> dict[str, str]:
    """Sign a request to `HOST`."""
    date = format_datetime(now.astimezone(UTC), usegmt=True)
    content_hash = base64.b64encode(hashlib.sha256(content).digest()).decode()
    signature = sign(key, method, target, date=date, host=HOST, content_hash=content_hash)
    signed = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
    return {
        "x-ms-date": date,
        "x-ms-content-sha256": content_hash,
        "Authorization": f"{signed}&Signature={signature}",
        "Content-Type": "application/json",
    }


def identifier(user_id: str) -> dict[str, Any]:
    """Write an identifier as the Python SDK sends it."""
    return {"rawId": user_id, "communicationUser": {"id": user_id}}


def participant(user_id: str, **more: object) -> dict[str, Any]:
    """Write a participant."""
    return {"communicationIdentifier": identifier(user_id), **more}
