"""A whole deployment: a back end of the recipes, its webhooks, and users on Twilio's client and on Microsoft's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

import twilio_compat
from acs_emulator import Emulator
from tests.acs_backend.deployment import NativeUser
from tests.rest.outside import ACCOUNT, API_KEY, API_SECRET, environment
from tests.rest.test_recipes import recipe
from twilio_compat import Settings
from twilio_compat.backend import open_backend
from twilio_compat.errors import ForbiddenError
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant
from twilio_compat.rest import Client

SERVICE = "IS" + "c" * 32


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve a Flask application on a free port, in threads; yield where."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def client(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    for name, value in environment(emulator, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TWILIO_SERVICE_SID", SERVICE)
    monkeypatch.setenv("TWILIO_COMPAT_SERVICE_SID", SERVICE)
    with Client() as running:
        yield running
        running.portal.close()


def access_token(identity: str) -> str:
    token = AccessToken(ACCOUNT, API_KEY, API_SECRET, identity=identity)
    token.add_grant(ChatGrant(service_sid=SERVICE))
    return str(token.to_jwt())


async def test_a_user_writes_the_webhook_is_called_and_the_back_end_answers(client: Client) -> None:
    with served(recipe("flask_app").app) as address:
        client.conversations.v1.services(SERVICE).configuration.webhooks().update(
            post_webhook_url=f"{address}/webhooks", filters=["onMessageAdded"], method="POST"
        )
        room = client.conversations.v1.conversations.create(friendly_name="Support")
        room.participants.create(identity="bob")
        answered: asyncio.Future[twilio_compat.Message] = asyncio.get_running_loop().create_future()
        async with twilio_compat.Client(access_token("bob")) as bob:
            conversation = await bob.getConversationBySid(room.sid)
            conversation.on("messageAdded", lambda each: each.author == "bot" and answered.set_result(each))
            await conversation.sendMessage("My printer is on fire.")
            answer = await asyncio.wait_for(answered, 30)
        assert (1, "bob, we will be with you soon.") == (answer.index, answer.body)


async def test_nobody_is_asked_before_a_native_client_writes(client: Client, emulator: Emulator) -> None:
    app, asked = Flask("gate"), list[str]()

    @app.post("/")
    def refuse() -> tuple[str, int]:
        asked.append("asked")
        return "", 403

    with served(app) as address:
        client.conversations.v1.services(SERVICE).configuration.webhooks().update(
            pre_webhook_url=address, filters=["onMessageAdd"], method="POST"
        )
        room = client.conversations.v1.conversations.create()
        room.participants.create(identity="bob")
        backend = open_backend(Settings.from_environment())
        issued = await backend.issue_identity("bob", with_token=True)
        await backend.close()
        async with twilio_compat.Client(access_token("bob")) as bob:
            with pytest.raises(ForbiddenError):
                await (await bob.getConversationBySid(room.sid)).sendMessage("As a client of Twilio's")
        native = NativeUser(emulator.http_endpoint, issued.acs_user_id, str(issued.token))
        await (await native.only_thread()).send_message("As a client of ACS's")
        await native.close()
    assert ["asked"] == asked
    assert ["As a client of ACS's"] == [each.body for each in room.messages.list()]
