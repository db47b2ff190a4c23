"""A backend that has nothing but services, and handlers that say what they were given: for tests of what is before them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from twilio_compat.account import AccountBackend
from twilio_compat.errors import NotFoundError
from twilio_compat.records import JSONObject
from twilio_compat.rest.app import Application
from twilio_compat.rest.call import Answer, Call, Handler, Page, Redirect
from twilio_compat.rest.handlers import HANDLERS
from twilio_compat.settings import Settings

DEFAULT = "IS" + "d" * 32
OTHER = "IS" + "e" * 32
HOST = "https://conversations.twilio.com"


class Services:
    """A service, and another one. How often each was closed is noted."""

    service_sid: str

    def __init__(self, sid: str = DEFAULT) -> None:
        self.service_sid = sid
        self.closed = 0

    async def of(self, service_sid: str | None) -> Services:
        if service_sid not in (None, DEFAULT, OTHER):
            raise NotFoundError("Service Instance not found", code=50050)
        return self if service_sid in (None, DEFAULT) else Services(OTHER)

    async def close(self) -> None:
        self.closed += 1


for _name in dir(AccountBackend):
    if not _name.startswith("_") and not hasattr(Services, _name):
        setattr(Services, _name, object())  # so that it passes for one


async def echo(call: Call) -> JSONObject:
    """Answer with what the call has."""
    await asyncio.sleep(0)
    return {
        "service": call.backend.service_sid,
        "account": call.account_sid,
        "acts_in": call.actor.service_sid,
        "tells": call.actor.tells_webhooks,
        "webhooks": call.webhooks,
        "path": dict(call.path),
        "values": {name: str(value) for name, value in call.values.items()},
        "page": [call.page_size, call.page_number, call.page_token],
        "url": call.url("Conversations", "CH1"),
    }


async def nothing(call: Call) -> None:
    """Do nothing."""


async def one_page(call: Call) -> Page:
    """Answer with a page that leads on."""
    return Page([{"sid": "CH1"}], "PAnext")


async def elsewhere(call: Call) -> Redirect:
    """Lead to another place."""
    return Redirect("https://files.example.com/ME1?signed")


def answer_of(operation: str) -> Handler:
    """Return a handler that fits an operation."""
    if operation == "media.content":
        return elsewhere
    return {"list": one_page, "delete": nothing}.get(operation.rpartition(".")[2], echo)


def handlers(**instead: Handler) -> Mapping[str, Handler]:
    """Return handlers that say what they were given; *instead* are others, with ``_`` for the dot of their keys."""
    return {each: answer_of(each) for each in HANDLERS} | {
        name.replace("_", ".", 1): handler for name, handler in instead.items()
    }


def application(
    backend: Services | None = None, account_sid: str | None = None, **instead: Handler
) -> Application:
    """Return an application on nothing."""
    served = cast(AccountBackend, backend or Services())
    return Application(served, account_sid=account_sid, handlers=handlers(**instead))


async def raising(call: Call) -> Answer:
    """Have a bug."""
    raise KeyError("a bug")


def settings(**more: str) -> Settings:
    """Return settings that lead nowhere."""
    return Settings(twilio_account_sid="AC" + "1" * 32, twilio_auth_token="token", **more)  # type: ignore[arg-type]
