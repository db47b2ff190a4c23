"""Who is called follows from the configuration."""

from dataclasses import replace

import pytest

from tests.webhooks.samples import CREATED, UPDATED, document
from twilio_compat.records import JSONObject
from twilio_compat.webhooks import events
from twilio_compat.webhooks.configuration import KIND, ScopedWebhook, WebhookConfiguration, from_configuration
from twilio_compat.webhooks.targets import Hooks, hooks_of, scoped_targets

ACCOUNTS = WebhookConfiguration(
    pre_webhook_url="http://account/pre",
    post_webhook_url="http://account/post",
    filters=("onMessageAdd", "onMessageAdded"),
)
SERVICES = WebhookConfiguration(post_webhook_url="http://service/post", filters=("onUserUpdated",))
SCOPED = ScopedWebhook(
    sid="WH1",
    conversation_sid="CH1",
    target="webhook",
    date_created=CREATED,
    date_updated=UPDATED,
    url="http://scoped",
    filters=("onMessageAdded",),
)


def content(configuration: WebhookConfiguration) -> JSONObject:
    return from_configuration(configuration)


def hooks(service: WebhookConfiguration | None = None) -> Hooks:
    own = [] if service is None else [document(KIND, "service", content(service))]
    return hooks_of(document(KIND, "account", content(ACCOUNTS)), own)


def test_nothing_is_called_where_nothing_was_configured() -> None:
    assert (False, None, None) == (Hooks().any_post, Hooks().asked(events.MESSAGE_ADDED), Hooks().post)
    assert Hooks() == hooks_of(None, [])


def test_the_account_s_webhooks_count_where_the_service_has_none() -> None:
    found = hooks(WebhookConfiguration(filters=("onMessageAdded",)))
    asked, told = found.asked(events.MESSAGE_ADDED), found.told(events.MESSAGE_ADDED)
    assert asked is not None
    assert told is not None
    assert ("http://account/pre", "http://account/post", "account") == (asked.url, told.url, told.name)


def test_the_service_s_webhooks_count_in_place_of_the_account_s() -> None:
    found = hooks(SERVICES)
    told = found.told(events.USER_UPDATED)
    assert told is not None
    assert ("http://service/post", "service") == (told.url, told.name)
    assert (None, None) == (found.told(events.MESSAGE_ADDED), found.asked(events.MESSAGE_ADDED))


def test_only_events_that_the_filters_name_are_told() -> None:
    assert (None, None) == (hooks().told(events.MESSAGE_UPDATED), hooks().asked(events.MESSAGE_UPDATED))


def test_webhooks_of_conversations_are_looked_for_where_there_are_any() -> None:
    found = hooks_of(None, [document(KIND, "scoped", {})])
    assert (True, True) == (found.any_post, found.may_tell(events.PARTICIPANT_ADDED))


def test_a_conversation_s_webhook_says_which_one_it_is() -> None:
    (target,) = scoped_targets([SCOPED], events.MESSAGE_ADDED, "hi")
    assert {"WebhookType": "webhook", "WebhookSid": "WH1"} == target.parameters
    assert [] == scoped_targets([SCOPED], events.MESSAGE_UPDATED, "hi")


@pytest.mark.parametrize("body", ["help", "HELP!", "please help me", "ich brauche Help."])
def test_a_trigger_is_called_at_a_message_that_has_the_word(body: str) -> None:
    trigger = replace(SCOPED, target="trigger", filters=(), triggers=("order", "help"))
    assert ["WH1"] == [each.name for each in scoped_targets([trigger], events.MESSAGE_ADDED, body)]


@pytest.mark.parametrize("body", ["helpless", "", None, "hel p"])
def test_a_trigger_is_not_called_at_any_other_message(body: str | None) -> None:
    trigger = replace(SCOPED, target="trigger", filters=("onMessageAdded",), triggers=("help",))
    assert [] == scoped_targets([trigger], events.MESSAGE_ADDED, body)


def test_a_trigger_may_be_more_than_a_word_and_have_signs_in_it() -> None:
    trigger = replace(SCOPED, target="trigger", triggers=("(c++)", "👍", "two words"))
    for body in ("I like (C++) a lot", "yes 👍", "these Two Words"):
        assert 1 == len(scoped_targets([trigger], events.MESSAGE_ADDED, body))


def test_a_studio_flow_is_never_called() -> None:
    studio = replace(SCOPED, target="studio", flow_sid="FW1")
    assert [] == scoped_targets([studio], events.MESSAGE_ADDED, "hi")
