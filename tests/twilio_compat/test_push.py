"""Payloads of push notifications, read with the rules of Twilio's client."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.journal import settle
from twilio_compat import Client, NotificationTypes, PushNotification
from twilio_compat.errors import ArgumentError
from twilio_compat.records import JSONValue

NEW_MESSAGE = NotificationTypes.NEW_MESSAGE

APPLE: dict[str, JSONValue] = {
    "aps": {
        "alert": {"title": "Room", "body": "bob: hello"},
        "sound": "ping",
        "badge": 3,
        "category": NEW_MESSAGE,
    },
    "twi_message_type": NEW_MESSAGE,
    "conversation_sid": "CH1",
    "conversation_title": "Room",
    "message_sid": "IM1",
    "message_index": 7,
    "media_count": 1,
    "media": '{"sid":"ME1"}',
    "author": "bob",
}
GOOGLE: dict[str, JSONValue] = {
    "data": {
        "twi_title": "Room",
        "twi_body": "bob: hello",
        "twi_sound": "ping",
        "twi_action": "open",
        "twi_message_type": NEW_MESSAGE,
        "conversation_sid": "CH1",
        "conversation_title": "Room",
        "message_sid": "IM1",
        "message_index": "7",
        "media_count": "1",
        "media": '{"sid":"ME1"}',
    }
}
ABOUT = {
    "conversationSid": "CH1",
    "conversationTitle": "Room",
    "messageSid": "IM1",
    "messageIndex": 7,
    "mediaCount": 1,
    "media": {"sid": "ME1"},
}


def fields(of: PushNotification) -> tuple[object, ...]:
    return (of.title, of.body, of.sound, of.badge, of.action, of.type, of.data)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (APPLE, ("Room", "bob: hello", "ping", 3, NEW_MESSAGE, NEW_MESSAGE, ABOUT)),
        (GOOGLE, ("Room", "bob: hello", "ping", None, "open", NEW_MESSAGE, ABOUT)),
        (APPLE | {"aps": {"alert": "just text"}}, (None, "just text", None, None, None, NEW_MESSAGE, ABOUT)),
        (APPLE | GOOGLE, ("Room", "bob: hello", "ping", 3, NEW_MESSAGE, NEW_MESSAGE, ABOUT)),
        (
            {"aps": {"alert": "", "badge": 0}, "twi_message_type": "twilio.new.kind"},
            (None, None, None, None, None, "twilio.new.kind", {}),
        ),
        ({"data": {"twi_message_type": NEW_MESSAGE}}, (None, None, None, None, None, NEW_MESSAGE, {})),
    ],
)
def test_the_payloads_of_apple_and_google_are_read(
    payload: dict[str, JSONValue], expected: tuple[object, ...]
) -> None:
    assert expected == fields(Client.parsePushNotification(payload))


@pytest.mark.parametrize(
    "about",
    [
        {"message_index": "seven", "media_count": None, "media": "{"},
        {"message_index": "1e400", "media": {"sid": "ME1"}},
        {"message_index": "0.5"},
    ],
)
def test_malformed_data_is_left_out(about: dict[str, JSONValue]) -> None:
    payload: dict[str, JSONValue] = {"data": {"twi_message_type": NEW_MESSAGE, **about}}
    assert {} == Client.parsePushNotification(payload).data


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({}, "Provided push notification payload is not Programmable Chat notification"),
        (
            {"aps": {"alert": "x"}},
            "Provided push notification payload does not contain Programmable Chat push notification type",
        ),
        (
            {"data": {"twi_title": "x"}},
            "Provided push notification payload does not contain Programmable Chat push notification type",
        ),
        (None, "Argument 1 is expected to be a pure object (non-null and non-array), but got null"),
        (
            "text",
            'Argument 1 is expected to be a pure object (non-null and non-array), but got "text"',
        ),
    ],
)
def test_what_twilio_did_not_send_is_refused_in_its_words(payload: object, says: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Client.parsePushNotification(payload)  # type: ignore[arg-type]  # that is the point
    assert says == str(caught.value)


@given(
    st.dictionaries(
        st.sampled_from(["aps", "data", "twi_message_type", "message_index", "media"]),
        st.none() | st.integers() | st.text() | st.dictionaries(st.text(), st.integers() | st.text()),
    )
)
def test_any_payload_is_read_or_refused(payload: dict[str, JSONValue]) -> None:
    with suppress(ArgumentError):
        assert Client.parsePushNotification(payload).type


async def test_a_client_tells_of_a_notification_it_is_handed(alice: Client) -> None:
    heard: list[PushNotification] = []
    alice.on(Client.pushNotification, heard.append)
    await alice.handlePushNotification(APPLE)
    await settle()
    assert [ABOUT] == [each.data for each in heard]


async def test_a_payload_of_somebody_else_is_refused_when_awaited(alice: Client) -> None:
    with pytest.raises(ArgumentError, match="is not Programmable Chat notification"):
        await alice.handlePushNotification({"other": 1})
