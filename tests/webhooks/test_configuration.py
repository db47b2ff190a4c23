"""What is kept of webhooks is read back as it was written."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.account import Document
from twilio_compat.webhooks.configuration import (
    NOTHING,
    ScopedWebhook,
    WebhookConfiguration,
    from_configuration,
    from_scoped,
    in_force,
    scoped_kind,
    to_configuration,
    to_scoped,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEXTS = st.none() | st.text(max_size=20)
LISTS = st.lists(st.text(max_size=20), max_size=3).map(tuple)


@given(
    st.builds(
        WebhookConfiguration,
        pre_webhook_url=TEXTS,
        post_webhook_url=TEXTS,
        method=st.sampled_from(["GET", "POST"]),
        filters=LISTS,
        target=st.sampled_from(["webhook", "flex"]),
    )
)
def test_a_configuration_is_read_as_it_was_written(configuration: WebhookConfiguration) -> None:
    assert configuration == to_configuration(json.loads(json.dumps(from_configuration(configuration))))


@given(
    st.builds(
        ScopedWebhook,
        sid=st.just("WH1"),
        conversation_sid=st.just("CH1"),
        target=st.sampled_from(["webhook", "trigger", "studio"]),
        date_created=st.just(WHEN),
        date_updated=st.just(WHEN),
        url=TEXTS,
        method=st.sampled_from(["get", "POST"]),
        filters=LISTS,
        triggers=LISTS,
        flow_sid=TEXTS,
        replay_after=st.none() | st.integers(0, 10**6),
    )
)
def test_a_webhook_of_a_conversation_is_read_as_it_was_written(webhook: ScopedWebhook) -> None:
    document = Document(
        kind=scoped_kind(webhook.conversation_sid),
        name=webhook.sid,
        content=json.loads(json.dumps(from_scoped(webhook))),
        date_created=webhook.date_created,
        date_updated=webhook.date_updated,
    )

    assert webhook == to_scoped(document, webhook.conversation_sid)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("onMessageAdd", "https://before"),
        ("onMessageAdded", "https://after"),
        ("onUserUpdate", None),
        ("onConversationAdded", None),
    ],
)
def test_only_events_of_the_filters_have_a_url_and_those_that_may_refuse_have_the_other_one(
    event: str, expected: str | None
) -> None:
    configuration = WebhookConfiguration(
        pre_webhook_url="https://before",
        post_webhook_url="https://after",
        filters=("onMessageAdd", "onMessageAdded"),
    )

    assert expected == configuration.url_for(event)


def test_what_a_service_has_counts_in_place_of_what_the_account_has_once_it_has_a_url() -> None:
    account = WebhookConfiguration(post_webhook_url="https://account")
    without_url = WebhookConfiguration(filters=("onMessageAdded",))
    service = WebhookConfiguration(pre_webhook_url="https://service")

    assert [account, account, service] == [
        in_force(account, each) for each in (NOTHING, without_url, service)
    ]
