"""What Python back ends do with twilio-python, as they do it; only the import of `Client` differs."""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException

from acs_emulator import Emulator
from tests.rest.outside import ACCOUNT, AUTH_TOKEN, environment
from twilio_compat.rest import Client


@pytest.fixture
def client(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The client as an application makes it: from credentials alone, all else from the environment."""
    for name, value in environment(emulator, tmp_path).items():
        monkeypatch.setenv(name, value)
    client = Client(ACCOUNT, AUTH_TOKEN)
    yield client
    client.close()


# Get or create


def get_or_create(client: Client, unique_name: object) -> Any:
    try:
        return client.conversations.v1.conversations(unique_name).fetch()
    except TwilioRestException:
        return client.conversations.v1.conversations.create(unique_name=unique_name)


def test_a_room_is_looked_up_by_its_unique_name_and_else_made(client: Client) -> None:
    made = get_or_create(client, "general")
    assert made.sid == get_or_create(client, "general").sid


@pytest.mark.parametrize("name", [uuid.UUID(int=7), 1234567], ids=["a UUID", "a number"])
def test_a_unique_name_need_not_be_text(client: Client, name: object) -> None:
    made = get_or_create(client, name)
    assert (str(name), made.sid) == (made.unique_name, get_or_create(client, name).sid)


def test_what_may_be_there_already_is_made_and_the_refusal_suppressed(client: Client) -> None:
    room = client.conversations.v1.conversations.create(friendly_name="Room")
    for _ in range(2):
        with suppress(TwilioRestException):
            client.conversations.v1.users.create(identity="bob")
        with suppress(TwilioRestException):
            client.conversations.v1.conversations(room.sid).participants.create(identity="bob")
    assert ["bob"] == [each.identity for each in room.participants.list()]


def get_chatroom(client: Client, name: str) -> Any:
    for conversation in client.conversations.conversations.list():
        if conversation.friendly_name == name:
            return conversation
    return client.conversations.conversations.create(friendly_name=name)


@pytest.mark.filterwarnings("ignore:.* is deprecated. Use v1:DeprecationWarning")
def test_a_room_is_found_by_going_through_all_names(client: Client) -> None:
    made = [get_chatroom(client, name).sid for name in ("General", "Random", "General")]
    assert (2, made[0]) == (len(set(made)), made[2])


def test_a_conversation_is_used_by_name_without_being_fetched(client: Client) -> None:
    client.conversations.v1.conversations.create(unique_name="general")
    client.conversations.v1.conversations.get("general").messages.create(author="bot", body="Hello")
    assert ["Hello"] == [
        each.body for each in client.conversations.v1.conversations.get("general").messages.list()
    ]


# Ensure member


def ensure_by_status(room: Any, identity: str) -> None:
    try:
        room.participants.create(identity=identity)
    except TwilioRestException as exc:
        if exc.status != 409:
            raise


def ensure_by_code(room: Any, identity: str) -> None:
    try:
        room.participants.create(identity=identity)
    except TwilioRestException as exc:
        if exc.code != 50433:
            raise


def ensure_by_text(room: Any, identity: str) -> None:
    try:
        room.participants.create(identity=identity)
    except Exception as e:
        if "Participant already exists" not in str(e):
            raise


def ensure_by_looking(room: Any, identity: str) -> None:
    if identity not in [each.identity for each in room.participants.list(limit=50)]:
        room.participants.create(identity=identity)


@pytest.mark.parametrize("ensure", [ensure_by_status, ensure_by_code, ensure_by_text, ensure_by_looking])
def test_a_member_is_ensured(client: Client, ensure: Any) -> None:
    room = client.conversations.v1.conversations.create(friendly_name="Room")
    for _ in range(2):
        ensure(room, "bob@example.com")
    assert ["bob@example.com"] == [each.identity for each in room.participants.list()]


def test_a_member_by_telephone_is_refused_with_a_code_that_is_handled(client: Client) -> None:
    room = client.conversations.v1.conversations.create(friendly_name="Room")
    with pytest.raises(TwilioRestException) as caught:
        room.participants.create(
            messaging_binding_address="+15551230000", messaging_binding_proxy_address="+15559990000"
        )
    taken = re.search(r"CH[0-9a-f]{32}", caught.value.msg)
    assert (400, None) == (caught.value.status, taken), "no application may believe the address to be taken"
    assert [] == room.participants.list()


def test_an_address_has_no_conversation_to_be_freed_from(client: Client) -> None:
    for each in client.conversations.v1.participant_conversations.list(address="+15551230000"):
        client.conversations.v1.conversations(each.conversation_sid).update(state="closed")
    assert [] == client.conversations.v1.participant_conversations.list(address="+15551230000")


# Messages


def test_attributes_are_written_and_read_as_json(client: Client) -> None:
    extra = {"ticket": 42, "tags": ["a", "ü"], "nested": {"deep": None}}
    room = client.conversations.v1.conversations.create(attributes=json.dumps(extra))
    assert extra == json.loads(room.attributes)
    assert json.dumps(extra) == client.conversations.v1.conversations(room.sid).fetch().attributes
    sent = room.messages.create(author="bot", body="Hello", attributes=json.dumps(extra))
    assert extra == json.loads(room.messages(sent.sid).fetch().attributes)


def test_the_last_message_is_the_first_in_descending_order(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    for body in ("one", "two", "three"):
        room.messages.create(author="system", body=body)
    [last] = room.messages.list(limit=1, order="desc")
    assert (2, "three") == (last.index, last.body)
    assert ["one"] == [each.body for each in room.messages.list(limit=1)]


def test_a_limit_above_a_hundred_gives_all_there_are(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    for number in range(120):
        room.messages.create(author="bot", body=str(number))
    assert [str(each) for each in range(120)] == [each.body for each in room.messages.list(limit=1000)]
    assert [str(each) for each in range(110)] == [each.body for each in room.messages.list(limit=110)]


def test_lists_are_cleaned_up_while_they_are_gone_through(client: Client) -> None:
    for number in range(5):
        client.conversations.v1.conversations.create(friendly_name=f"Old {number}")
    for each in client.conversations.v1.conversations.stream(page_size=2):
        client.conversations.v1.conversations(each.sid).delete()
    assert [] == client.conversations.v1.conversations.list(limit=1000)


def test_users_are_cleaned_up_while_they_are_gone_through(client: Client) -> None:
    for number in range(5):
        client.conversations.v1.users.create(identity=f"user {number}")
    for each in client.conversations.v1.users.stream(page_size=2):
        client.conversations.v1.users(each.sid).delete()
    assert [] == client.conversations.v1.users.list()


def test_an_assistant_answers_what_others_wrote(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    room.participants.create(identity="bob")
    room.messages.create(author="bob", body="What is the time?")
    history = [
        {"role": "assistant" if each.author == "system" else "user", "content": each.body}
        for each in reversed(room.messages.list(order="desc", limit=20))
    ]
    room.messages.create(author="system", body=f"{len(history)} question(s)", x_twilio_webhook_enabled="true")
    assert [("bob", "What is the time?"), ("system", "1 question(s)")] == [
        (each.author, each.body) for each in room.messages.list()
    ]


# Users


def test_a_user_who_is_made_twice_raises(client: Client) -> None:
    client.conversations.v1.users.create(identity="bob", friendly_name="Bob")
    with pytest.raises(TwilioRestException, match="already exists") as caught:
        client.conversations.v1.users.create(identity="bob")
    assert (409, 50201) == (caught.value.status, caught.value.code)


def test_unknown_users_raise(client: Client) -> None:
    for call in (
        client.conversations.v1.users("nobody").fetch,
        client.conversations.v1.users("nobody").delete,
    ):
        with pytest.raises(TwilioRestException) as caught:
            call()
        assert (404, 20404) == (caught.value.status, caught.value.code)


def conversations_of(client: Client, identity: str) -> list[str]:
    try:
        found = client.conversations.v1.users(identity).user_conversations.list(limit=20)
    except TwilioException:  # no user yet
        return []
    return [each.conversation_sid for each in found]


def test_who_is_no_user_yet_has_no_conversations(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    with pytest.raises(TwilioException):
        client.conversations.v1.users("bob").user_conversations.list()
    assert [] == conversations_of(client, "bob")
    room.participants.create(identity="bob")
    assert [room.sid] == conversations_of(client, "bob")


def test_a_role_is_looked_for_by_its_name(client: Client) -> None:
    wanted = next(
        each for each in client.conversations.v1.roles.list() if each.friendly_name == "channel admin"
    )
    room = client.conversations.v1.conversations.create()
    member = room.participants.create(
        identity="bob", role_sid=wanted.sid, attributes=json.dumps({"name": "Bob"})
    )
    assert (wanted.sid, {"name": "Bob"}) == (member.role_sid, json.loads(member.attributes))


# Conversations


def test_a_conversation_is_closed_and_found_by_its_state(client: Client) -> None:
    room = client.conversations.v1.conversations.create(friendly_name="Case 1")
    client.conversations.v1.conversations.create(friendly_name="Case 2")
    client.conversations.v1.conversations(room.sid).update(state="closed")
    assert ["Case 1"] == [
        each.friendly_name for each in client.conversations.v1.conversations.list(state="closed")
    ]


def test_what_is_gone_is_told_by_its_path(client: Client) -> None:
    gone = client.conversations.v1.conversations.create()
    client.conversations.v1.conversations(gone.sid).delete()
    with pytest.raises(TwilioRestException) as caught:
        client.conversations.v1.conversations(gone.sid).messages.create(author="bot", body="Hello")
    assert f"The requested resource /Conversations/{gone.sid}/Messages was not found" in str(caught.value)


def test_dates_are_compared(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    assert datetime.now(UTC) - room.date_created < timedelta(minutes=1)


@pytest.mark.filterwarnings("ignore:.* is deprecated. Use v1:DeprecationWarning")
def test_the_shortcut_of_older_versions_is_there(client: Client) -> None:
    room = client.conversations.conversations.create(friendly_name="Room")
    client.conversations.conversations(room.sid).messages.create(author="bot", body="Hello")
    client.conversations.users.create(identity="bob")
    assert [room.sid] == [each.sid for each in client.conversations.conversations.list()]
    assert ["bob"] == [each.identity for each in client.conversations.users.list()]


# Services


def test_the_service_of_a_conversation_is_used_for_a_token_and_for_paths(client: Client) -> None:
    room = client.conversations.v1.conversations.create(friendly_name="Room")
    service = client.conversations.v1.services(room.chat_service_sid)
    assert ["Room"] == [each.friendly_name for each in service.conversations.list()]
    service.conversations(room.sid).messages.create(author="bot", body="Hello")
    assert ["Hello"] == [each.body for each in room.messages.list()]


def test_webhooks_of_a_service_are_set_by_its_configuration(client: Client) -> None:
    sid = client.conversations.v1.conversations.create().chat_service_sid
    client.conversations.v1.services(sid).configuration.webhooks().update(
        pre_webhook_url="https://app.example.com/pre",
        post_webhook_url="https://app.example.com/post",
        filters=["onMessageAdd", "onMessageAdded", "onConversationAdded"],
        method="POST",
    )
    found = client.conversations.v1.services(sid).configuration.webhooks().fetch()
    assert "https://app.example.com/post" == found.post_webhook_url


def test_the_filters_of_a_webhook_are_a_plain_string(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    hook = client.conversations.v1.conversations(room.sid).webhooks.create(
        target="webhook",
        configuration_method="POST",
        configuration_filters="onMessageAdded",
        configuration_url="https://app.example.com/hook",
    )
    assert ["onMessageAdded"] == hook.configuration["filters"]


MODULE = """
from twilio_compat.rest import Client

client = Client(account_sid, auth_token)
sid = client.conversations.v1.services.list()[0].sid
client.conversations.v1.services(sid).configuration().update(reachability_enabled=True)
"""


def test_a_service_is_configured_where_a_module_is_imported(client: Client) -> None:
    module = ModuleType("application")
    vars(module).update(account_sid=ACCOUNT, auth_token=AUTH_TOKEN)
    exec(compile(MODULE, "application.py", "exec"), vars(module))
    assert client.conversations.v1.services(vars(module)["sid"]).configuration().fetch().reachability_enabled
    vars(module)["client"].close()


def test_making_a_client_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMMUNICATION_SERVICES_CONNECTION_STRING", "TWILIO_COMPAT_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert "AC" == Client(ACCOUNT, AUTH_TOKEN).account_sid[:2]


# Tests of applications


def notify(room_sid: str, text: str) -> str:
    """A function of an application; it makes a client of its own."""
    import twilio_compat.rest

    client = twilio_compat.rest.Client(ACCOUNT, AUTH_TOKEN)
    message = client.conversations.v1.conversations(room_sid).messages.create(author="bot", body=text)
    return str(message.sid)


def test_an_application_is_tested_with_a_client_that_is_replaced() -> None:
    with patch("twilio_compat.rest.Client") as made:
        made.return_value.conversations.v1.conversations.return_value.messages.create.return_value.sid = "IM1"
        assert "IM1" == notify("CH1", "Hello")
    conversations = made.return_value.conversations.v1.conversations
    conversations.assert_called_once_with("CH1")
    conversations.return_value.messages.create.assert_called_once_with(author="bot", body="Hello")


def test_an_application_is_tested_with_a_client_in_its_own_module() -> None:
    with patch(f"{__name__}.Client", MagicMock(spec=Client)) as made:
        client = sys.modules[__name__].Client(ACCOUNT, AUTH_TOKEN)
        client.conversations.v1.conversations("CH1").participants.create(identity="bob")
    made.assert_called_once_with(ACCOUNT, AUTH_TOKEN)
    members = made.return_value.conversations.v1.conversations.return_value.participants
    members.create.assert_called_once_with(identity="bob")
