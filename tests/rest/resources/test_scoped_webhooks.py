"""Webhooks of a conversation."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.rest.resources.asking import assert_not_found
from twilio_compat.rest import Client

URL = "https://app.example.com/hook"
WEBHOOK = {"target": "webhook", "configuration_url": URL, "configuration_filters": ["onMessageAdded"]}
TRIGGER = {"target": "trigger", "configuration_url": URL, "configuration_triggers": ["help", "stop"]}


@pytest.fixture
def room(client: Client) -> Any:
    """Return a conversation."""
    return client.conversations.v1.conversations(
        client.conversations.v1.conversations.create(unique_name="room").sid
    )


def test_a_webhook_is_found_until_it_is_deleted(room: Any) -> None:
    made = room.webhooks.create(**WEBHOOK, configuration_method="get")
    other = room.webhooks.create(**TRIGGER)

    assert ("webhook", {"url": URL, "method": "get", "filters": ["onMessageAdded"]}) == (
        made.target,
        made.configuration,
    )
    assert ("trigger", {"url": URL, "method": "POST", "triggers": ["help", "stop"]}) == (
        other.target,
        other.configuration,
    )
    assert (room.fetch().sid, True) == (made.conversation_sid, made.date_created is not None)
    assert (
        f"https://conversations.twilio.com/v1/Conversations/{made.conversation_sid}/Webhooks/{made.sid}"
        == made.url
    )
    assert made.configuration == room.webhooks(made.sid).fetch().configuration
    assert [made.sid, other.sid] == [each.sid for each in room.webhooks.list(page_size=1)]
    assert room.webhooks(made.sid).delete()
    assert [other.sid] == [each.sid for each in room.webhooks.list()]


def test_an_update_changes_what_it_names(room: Any) -> None:
    made = room.webhooks.create(**WEBHOOK)

    changed = room.webhooks(made.sid).update(configuration_url=f"{URL}/2", configuration_method="GET")

    assert {"url": f"{URL}/2", "method": "GET", "filters": ["onMessageAdded"]} == changed.configuration
    assert changed.configuration == room.webhooks(made.sid).fetch().configuration


def test_one_filter_may_be_given_as_a_plain_text(room: Any) -> None:
    made = room.webhooks.create(**WEBHOOK | {"configuration_filters": "onParticipantAdded"})

    assert ["onParticipantAdded"] == made.configuration["filters"]


def test_the_conversation_may_go_by_its_unique_name_and_under_its_service(client: Client, room: Any) -> None:
    made = room.webhooks.create(**WEBHOOK)
    sid = room.fetch().chat_service_sid

    by_name = client.conversations.v1.conversations("room").webhooks
    in_service = client.conversations.v1.services(sid).conversations("room").webhooks

    assert [made.sid] == [each.sid for each in by_name.list()]
    assert made.sid == by_name(made.sid).fetch().sid
    found = in_service(made.sid).fetch()
    assert (sid, room.fetch().sid) == (found.chat_service_sid, found.conversation_sid)


def test_there_are_five_at_most(room: Any) -> None:
    made = [room.webhooks.create(**WEBHOOK).sid for _ in range(5)]

    with pytest.raises(TwilioRestException) as refused:
        room.webhooks.create(**WEBHOOK)

    assert (400, 50361) == (refused.value.status, refused.value.code)
    assert made == [each.sid for each in room.webhooks.list()]
    room.webhooks(made[0]).delete()
    room.webhooks.create(**WEBHOOK)


def test_there_are_five_at_most_also_where_many_are_made_at_once(room: Any) -> None:
    def make(_: int) -> int:
        try:
            room.webhooks.create(**WEBHOOK)
        except TwilioRestException as error:
            return int(error.code or 0)
        return 0

    with ThreadPoolExecutor(9) as pool:
        outcomes = list(pool.map(make, range(9)))

    assert [0] * 5 + [50361] * 4 == sorted(outcomes)
    assert 5 == len(room.webhooks.list())


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (WEBHOOK | {"target": "moon"}, 50364),
        (WEBHOOK | {"target": ""}, 50364),
        (WEBHOOK | {"configuration_url": ""}, 50369),
        (TRIGGER | {"configuration_url": ""}, 50369),
        (WEBHOOK | {"configuration_url": "/hook"}, 50054),
        (WEBHOOK | {"configuration_url": f"{URL}/{'x' * 4000}"}, 50372),
        (WEBHOOK | {"configuration_method": "put"}, 50055),
        (WEBHOOK | {"configuration_filters": []}, 50370),
        (WEBHOOK | {"configuration_filters": ["onMessageAdded", "onSunrise"]}, 50365),
        (WEBHOOK | {"configuration_filters": ["onMessageAdd"]}, 50365),
        (TRIGGER | {"configuration_triggers": []}, 50371),
        (TRIGGER | {"configuration_triggers": ["help", " "]}, 50366),
        (WEBHOOK | {"configuration_flow_sid": "FW"}, 50367),
        (WEBHOOK | {"configuration_replay_after": -1}, 50516),
    ],
)
def test_what_cannot_be_is_refused(room: Any, given: dict[str, Any], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        room.webhooks.create(**given)

    assert (400, code) == (refused.value.status, refused.value.code)
    assert [] == room.webhooks.list()


def test_a_flow_of_studio_is_refused_with_the_reason(room: Any) -> None:
    with pytest.raises(TwilioRestException) as refused:
        room.webhooks.create(target="studio", configuration_flow_sid="FW" + "1" * 32)

    assert (400, 50364) == (refused.value.status, refused.value.code)
    assert "the flow would never run" in refused.value.msg


def test_an_update_cannot_take_away_what_the_target_needs(room: Any) -> None:
    made = room.webhooks.create(**WEBHOOK)

    for given in ({"configuration_url": ""}, {"configuration_filters": ""}, {"configuration_url": "nowhere"}):
        with pytest.raises(TwilioRestException):
            room.webhooks(made.sid).update(**given)

    assert made.configuration == room.webhooks(made.sid).fetch().configuration


@pytest.mark.parametrize("verb", ["fetch", "update", "delete"])
def test_a_webhook_that_is_not_there_is_not_found(room: Any, verb: str) -> None:
    sid = "WH" + "0" * 32

    with pytest.raises(TwilioRestException) as refused:
        getattr(room.webhooks(sid), verb)()

    assert (404, 20404) == (refused.value.status, refused.value.code)
    assert f"The requested resource /Conversations/{room._solution['sid']}/Webhooks/{sid} was not found" in (
        refused.value.msg
    )


def test_a_webhook_of_another_conversation_is_not_found(client: Client, room: Any) -> None:
    made = room.webhooks.create(**WEBHOOK)
    other = client.conversations.v1.conversations(client.conversations.v1.conversations.create().sid)

    with pytest.raises(TwilioRestException) as refused:
        other.webhooks(made.sid).delete()

    assert 404 == refused.value.status
    assert [made.sid] == [each.sid for each in room.webhooks.list()]


@pytest.mark.parametrize("conversation", ["CH" + "0" * 32, "nowhere"])
def test_a_conversation_that_is_not_there_has_none(client: Client, conversation: str) -> None:
    webhooks = client.conversations.v1.conversations(conversation).webhooks

    path = f"/Conversations/{conversation}/Webhooks"
    assert_not_found(path, webhooks.list)
    assert_not_found(path, webhooks.create, **WEBHOOK)


def test_a_deleted_conversation_has_none_any_more(room: Any) -> None:
    made = room.webhooks.create(**WEBHOOK)

    room.delete()

    with pytest.raises(TwilioRestException) as refused:
        room.webhooks(made.sid).fetch()
    assert 404 == refused.value.status
