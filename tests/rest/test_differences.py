"""What is not as at Twilio, told in docs/differences.md, each with a way that holds on both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from twilio.base.exceptions import TwilioRestException

from acs_emulator import Emulator
from tests.rest.outside import ACCOUNT, AUTH_TOKEN, settings
from twilio_compat.rest import Client


@pytest.fixture
def client(emulator: Emulator, tmp_path: Path) -> Iterator[Client]:
    with Client(ACCOUNT, AUTH_TOKEN, settings=settings(emulator, tmp_path / "store.db")) as running:
        yield running


def refused(client: Client, **participant: str) -> TwilioRestException:
    room = client.conversations.v1.conversations.create()
    with pytest.raises(TwilioRestException) as caught:
        room.participants.create(**participant)
    assert [] == room.participants.list()
    return caught.value


def test_attributes_are_the_same_json_and_not_the_same_text(client: Client) -> None:
    room = client.conversations.v1.conversations.create(attributes='{"a":1.50, "b": "\\u00e9"}')
    assert '{"a": 1.5, "b": "\\u00e9"}' == room.attributes
    assert {"a": 1.5, "b": "é"} == json.loads(room.attributes)


def test_a_participant_by_telephone_is_refused_and_the_text_says_what_to_do(client: Client) -> None:
    error = refused(
        client, messaging_binding_address="+15551230000", messaging_binding_proxy_address="+15559990000"
    )
    assert (400, 50420) == (error.status, error.code)
    assert "add participants by their Identity" in error.msg


def test_a_conversation_with_an_address_of_e_mail_is_refused(client: Client) -> None:
    with pytest.raises(TwilioRestException, match="cannot take in e-mail") as caught:
        client.conversations.v1.conversations.create(bindings_email_address="desk@example.com")
    assert (400, 20422) == (caught.value.status, caught.value.code)
    assert [] == client.conversations.v1.conversations.list()


def test_an_address_cannot_begin_conversations(client: Client) -> None:
    with pytest.raises(TwilioRestException, match="takes in no SMS, WhatsApp or e-mail"):
        client.conversations.v1.address_configurations.create(type="sms", address="+15551230000")


def test_a_flow_of_studio_is_refused(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    with pytest.raises(TwilioRestException, match="use the target webhook") as caught:
        client.conversations.v1.conversations(room.sid).webhooks.create(
            target="studio", configuration_flow_sid="FW" + "0" * 32
        )
    assert (400, 50364) == (caught.value.status, caught.value.code)


def test_a_message_of_somebody_who_left_is_changed_once_they_are_back(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    room.participants.create(identity="alice")
    sent = room.messages.create(author="alice", body="Helo")
    client.conversations.v1.conversations(room.sid).participants("alice").delete()
    with pytest.raises(TwilioRestException, match="add them to the conversation first"):
        room.messages(sent.sid).update(body="Hello")
    room.participants.create(identity="alice")
    assert "Hello" == room.messages(sent.sid).update(body="Hello").body


def test_a_message_of_who_was_never_a_member_can_always_be_changed(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    sent = room.messages.create(author="bot", body="Helo")
    assert "Hello" == room.messages(sent.sid).update(body="Hello").body


def test_lists_are_in_the_order_of_creation(client: Client) -> None:
    made = [client.conversations.v1.conversations.create().sid for _ in range(5)]
    assert made == [each.sid for each in client.conversations.v1.conversations.list()]
    since = client.conversations.v1.conversations.list(start_date="2020-01-01T00:00:00Z")
    assert made == [each.sid for each in since]


def test_a_messaging_service_is_named_only_where_one_was_given(client: Client) -> None:
    sid = "MG" + "0" * 32
    assert client.conversations.v1.conversations.create().messaging_service_sid is None
    given = client.conversations.v1.conversations.create(messaging_service_sid=sid)
    assert sid == given.messaging_service_sid


def test_credentials_are_not_looked_up_in_process(client: Client, emulator: Emulator, tmp_path: Path) -> None:
    with Client(
        "AC" + "0" * 32, "no token at all", settings=settings(emulator, tmp_path / "store.db")
    ) as other:
        assert [] == other.conversations.v1.conversations.list()


def test_which_service_is_the_default_one_is_a_setting(client: Client) -> None:
    with pytest.raises(TwilioRestException, match="set TWILIO_COMPAT_SERVICE_SID"):
        client.conversations.v1.configuration().update(default_chat_service_sid="IS" + "0" * 32)


def test_the_default_service_and_its_four_roles_cannot_be_deleted(client: Client) -> None:
    [service] = client.conversations.v1.services.list()
    with pytest.raises(TwilioRestException) as caught:
        client.conversations.v1.services(service.sid).delete()
    assert (409, 20409) == (caught.value.status, caught.value.code)
    for role in client.conversations.v1.roles.list():
        with pytest.raises(TwilioRestException) as caught:
            client.conversations.v1.roles(role.sid).delete()
        assert 409 == caught.value.status


def test_what_is_set_for_push_notifications_is_kept_and_nothing_is_pushed(client: Client) -> None:
    [service] = client.conversations.v1.services.list()
    notifications = client.conversations.v1.services(service.sid).configuration.notifications()
    notifications.update(new_message_enabled=True, new_message_template="${MESSAGE}")
    assert "${MESSAGE}" == notifications.fetch().new_message["template"]


def test_receipts_are_made_of_what_was_read(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    for identity in ("alice", "bob"):
        room.participants.create(identity=identity)
    sent = room.messages.create(author="alice", body="Hello")
    assert ["sent"] == [each.status for each in room.messages(sent.sid).delivery_receipts.list()]
    client.conversations.v1.conversations(room.sid).participants("bob").update(last_read_message_index=0)
    assert ["read"] == [each.status for each in room.messages(sent.sid).delivery_receipts.list()]


def test_a_body_has_28_kb_at_most(client: Client) -> None:
    room = client.conversations.v1.conversations.create()
    assert 28 * 1024 == len(room.messages.create(author="bot", body="a" * 28 * 1024).body)
    with pytest.raises(TwilioRestException, match="28 KB") as caught:
        room.messages.create(author="bot", body="a" * (28 * 1024 + 1))
    assert (400, 50504) == (caught.value.status, caught.value.code)
