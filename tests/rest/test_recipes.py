"""The recipes run in their frameworks, and the documentation shows them as they are."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import django
import httpx
import jwt
import pytest
from django.conf import settings as django_settings
from django.test import Client as DjangoClient
from twilio.request_validator import RequestValidator

from acs_emulator import Emulator
from tests.docs.markdown import ROOT, blocks
from tests.rest.outside import ACCOUNT, API_SECRET, AUTH_TOKEN, environment
from twilio_compat.rest import Client

SERVICE = "IS" + "c" * 32
HOOK = "http://testserver/webhooks"


@pytest.fixture
def variables(emulator: Emulator, tmp_path: Path) -> dict[str, str]:
    """Return what an application has set."""
    return environment(emulator, tmp_path) | {
        "TWILIO_SERVICE_SID": SERVICE,
        "TWILIO_COMPAT_SERVICE_SID": SERVICE,
    }


@pytest.fixture
def client(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Look at what the recipes do, from the side; afterwards nothing is open any more, theirs neither."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Client() as beside:
        yield beside
        beside.portal.close()


def recipe(name: str) -> ModuleType:
    """Import a recipe anew: it looks at the environment when it is imported."""
    full = f"examples.recipes.{name}"
    sys.modules.pop(full, None)
    return importlib.import_module(full)


# The same of each framework, asked by its own test client

Ask = Callable[..., tuple[int, Any]]
"""``ask(path, json=..., form=..., signature=...)`` returns the status and the JSON of the answer."""


def flask_app() -> Iterator[Ask]:
    browser = recipe("flask_app").app.test_client()

    def ask(path: str, json: Any = None, form: Mapping[str, str] | None = None, signature: str = "") -> Any:
        headers = {"X-Twilio-Signature": signature}
        answer = browser.post(path, json=json, data=form, headers=headers, base_url="http://testserver")
        return answer.status_code, answer.json if answer.is_json else None

    yield ask


def fastapi_app() -> Iterator[Ask]:
    app = recipe("fastapi_app").app
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        runner.run(stack.enter_async_context(app.router.lifespan_context(app)))
        transport = httpx.ASGITransport(app)
        browser = httpx.AsyncClient(transport=transport, base_url="http://testserver")

        def ask(
            path: str, json: Any = None, form: Mapping[str, str] | None = None, signature: str = ""
        ) -> Any:
            headers = {"X-Twilio-Signature": signature}
            answer = runner.run(browser.post(path, json=json, data=form, headers=headers))
            return answer.status_code, answer.json() if answer.content else None

        yield ask
        runner.run(browser.aclose())
        runner.run(stack.aclose())


def django_views() -> Iterator[Ask]:
    if not django_settings.configured:
        django_settings.configure(ALLOWED_HOSTS=["testserver"], SECRET_KEY="a secret of the tests")
        django.setup()
    django_settings.ROOT_URLCONF = recipe("django_views")
    browser = DjangoClient()

    def ask(path: str, json: Any = None, form: Mapping[str, str] | None = None, signature: str = "") -> Any:
        more = {"content_type": "application/json"} if json is not None else {}
        answer = browser.post(path, json or form, headers={"X-Twilio-Signature": signature}, **more)
        return answer.status_code, answer.json() if "json" in answer.headers.get("Content-Type", "") else None

    yield ask
    django.urls.clear_url_caches()


FRAMEWORKS = [flask_app, fastapi_app, django_views]


@pytest.fixture(params=FRAMEWORKS, ids=[each.__name__ for each in FRAMEWORKS])
def ask(request: pytest.FixtureRequest, client: Client) -> Iterator[Ask]:
    yield from request.param()


def test_a_token_is_given_that_the_library_takes(ask: Ask) -> None:
    status, given = ask("/token", json={"identity": "bob"})
    claims = jwt.decode(given["token"], API_SECRET, algorithms=["HS256"])
    assert (200, "bob") == (status, given["identity"])
    assert ("bob", {"service_sid": SERVICE}) == (claims["grants"]["identity"], claims["grants"]["chat"])


def test_a_member_is_added_to_a_room_that_is_made_when_it_is_missing(ask: Ask, client: Client) -> None:
    answers = [ask("/rooms/general/members", json={"identity": each}) for each in ("bob", "eve", "bob")]
    room = client.conversations.v1.conversations("general").fetch()
    assert [(200, {"sid": room.sid})] * 3 == answers
    assert ["bob", "eve"] == sorted(each.identity for each in room.participants.list())


def news(client: Client, **changes: str) -> dict[str, str]:
    """Return what a webhook is told of a message of bob's."""
    room = client.conversations.v1.conversations.create()
    told = {
        "AccountSid": ACCOUNT,
        "EventType": "onMessageAdded",
        "Source": "SDK",
        "Author": "bob",
        "Body": "Hello",
        "ConversationSid": room.sid,
    }
    return told | changes


def written(client: Client, told: Mapping[str, str]) -> list[tuple[str, str]]:
    room = client.conversations.v1.conversations(told["ConversationSid"])
    return [(each.author, each.body) for each in room.messages.list()]


def test_a_webhook_that_is_signed_is_acted_on(ask: Ask, client: Client) -> None:
    told = news(client)
    status, _ = ask(
        "/webhooks", form=told, signature=RequestValidator(AUTH_TOKEN).compute_signature(HOOK, told)
    )
    assert (204, [("bot", "bob, we will be with you soon.")]) == (status, written(client, told))


def test_a_webhook_about_the_application_itself_is_let_be(ask: Ask, client: Client) -> None:
    told = news(client, Source="API", Author="bot")
    status, _ = ask(
        "/webhooks", form=told, signature=RequestValidator(AUTH_TOKEN).compute_signature(HOOK, told)
    )
    assert (204, []) == (status, written(client, told))


def test_a_webhook_that_is_not_signed_is_refused(ask: Ask, client: Client) -> None:
    told = news(client)
    status, _ = ask(
        "/webhooks", form=told, signature=RequestValidator("another").compute_signature(HOOK, told)
    )
    assert (403, []) == (status, written(client, told))


# Celery


def test_a_task_writes_into_a_room(client: Client) -> None:
    room = client.conversations.v1.conversations.create(unique_name="orders")
    tasks = recipe("celery_tasks")
    tasks.app.conf.task_always_eager = True
    sid = tasks.announce.delay("orders", "On its way", order=42).get()
    [message] = room.messages.list()
    assert (sid, "shop", "On its way") == (message.sid, message.author, message.body)
    assert {"order": 42} == json.loads(message.attributes)


def test_a_worker_that_forks_writes_into_a_room(
    client: Client, variables: dict[str, str], tmp_path: Path
) -> None:
    room = client.conversations.v1.conversations.create(unique_name="orders")
    command = [sys.executable, "-m", "tests.rest.celery_worker", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    processes = {each.name.partition("-")[0] for each in (tmp_path / "ran").iterdir()}
    assert 2 == len(processes), "the tasks ran where the client was made"
    bodies = sorted(each.body for each in room.messages.list())
    assert ["before the fork", *(f"task {each}" for each in range(4))] == bodies


# The documentation


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("use-in-flask", "flask_app"),
        ("use-in-fastapi", "fastapi_app"),
        ("use-in-django", "django_views"),
        ("use-in-celery", "celery_tasks"),
    ],
)
def test_the_documentation_shows_the_recipe_as_it_is(page: str, name: str) -> None:
    shown = blocks((ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8"), "python")
    assert (ROOT / "examples" / "recipes" / f"{name}.py").read_text(encoding="utf-8") in [
        each.text for each in shown
    ]
