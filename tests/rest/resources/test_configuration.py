"""What holds for the whole account, its timers above all."""

from datetime import timedelta

import pytest
from twilio.base.deserialize import iso8601_datetime
from twilio.base.exceptions import TwilioRestException

from twilio_compat.rest import Client


def test_a_conversation_that_says_nothing_of_timers_gets_those_of_the_account(client: Client) -> None:
    v1 = client.conversations.v1
    v1.configuration().update(default_inactive_timer="PT5M", default_closed_timer="P1D")

    made = v1.conversations.create()

    written = {"date_inactive": timedelta(minutes=5), "date_closed": timedelta(days=1)}
    assert written == {name: iso8601_datetime(text) - made.date_created for name, text in made.timers.items()}


def test_a_timer_of_its_own_counts_in_place_of_the_accounts(client: Client) -> None:
    v1 = client.conversations.v1
    v1.configuration().update(default_inactive_timer="PT5M", default_closed_timer="P1D")

    made = v1.conversations.create(timers_inactive="PT1H", timers_closed="")

    assert ["date_inactive"] == list(made.timers)
    assert timedelta(hours=1) == iso8601_datetime(made.timers["date_inactive"]) - made.date_created


def test_conversations_that_were_there_before_keep_having_none(client: Client) -> None:
    made = client.conversations.v1.conversations.create()

    client.conversations.v1.configuration().update(default_closed_timer="P1D")

    assert {} == client.conversations.v1.conversations(made.sid).fetch().timers


def test_the_timers_hold_in_other_services_and_for_conversations_made_with_their_participants(
    client: Client,
) -> None:
    v1 = client.conversations.v1
    v1.configuration().update(default_closed_timer="P1D")
    service = v1.services(v1.services.create(friendly_name="Second").sid)

    with_participants = v1.conversation_with_participants.create(participant=['{"identity": "bob"}'])

    assert ["date_closed"] == list(with_participants.timers)
    assert ["date_closed"] == list(service.conversations.create().timers)


def test_a_timer_is_taken_away_with_an_empty_text(client: Client) -> None:
    configuration = client.conversations.v1.configuration()
    configuration.update(default_inactive_timer="PT5M", default_closed_timer="P1D")

    configuration.update(default_closed_timer="")

    kept = configuration.fetch()
    assert ("PT5M", None) == (kept.default_inactive_timer, kept.default_closed_timer)
    assert ["date_inactive"] == list(client.conversations.v1.conversations.create().timers)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"default_inactive_timer": "PT59S"}, 50375),
        ({"default_closed_timer": "PT9M"}, 50376),
        ({"default_inactive_timer": "5 minutes"}, 50379),
        ({"default_closed_timer": "tomorrow"}, 50380),
        ({"default_messaging_service_sid": "XX"}, 50341),
        ({"default_chat_service_sid": "IS" + "0" * 32}, 20422),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_changed(
    client: Client, given: dict[str, str], code: int
) -> None:
    configuration = client.conversations.v1.configuration()
    configuration.update(default_inactive_timer="PT5M")

    with pytest.raises(TwilioRestException) as refused:
        configuration.update(**{"default_closed_timer": "P7D"} | given)

    assert (400, code) == (refused.value.status, refused.value.code)
    assert ("PT5M", None) == (
        configuration.fetch().default_inactive_timer,
        configuration.fetch().default_closed_timer,
    )


def test_to_name_the_default_service_that_there_is_changes_nothing(client: Client) -> None:
    configuration = client.conversations.v1.configuration()
    sid = configuration.fetch().default_chat_service_sid

    assert sid == configuration.update(default_chat_service_sid=sid).default_chat_service_sid


def test_a_messaging_service_is_kept(client: Client) -> None:
    sid = "MG" + "1" * 32

    client.conversations.v1.configuration().update(default_messaging_service_sid=sid)

    assert sid == client.conversations.v1.configuration().fetch().default_messaging_service_sid
