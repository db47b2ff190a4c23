"""What the account, or a service, has called."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from acs_emulator import Emulator
from tests.rest.outside import ACCOUNT, API_KEY, API_SECRET, settings
from twilio_compat.errors import ConfigurationError
from twilio_compat.rest import Client

PRE, POST = "https://app.example.com/pre", "https://app.example.com/post"


@pytest.fixture(params=["account", "service"])
def webhooks(client: Client, request: pytest.FixtureRequest) -> Any:
    """Return the webhooks of the account, or of the default service."""
    configuration = client.conversations.v1.configuration
    if request.param == "account":
        return configuration.webhooks()
    return client.conversations.v1.services(
        configuration().fetch().default_chat_service_sid
    ).configuration.webhooks()


def shown(configuration: Any) -> tuple[object, ...]:
    """Return what can be changed of it."""
    return (
        configuration.pre_webhook_url,
        configuration.post_webhook_url,
        configuration.method,
        configuration.filters,
    )


def test_nothing_is_called_at_first(webhooks: Any) -> None:
    assert (None, None, "POST", []) == shown(webhooks.fetch())


def test_an_update_changes_what_it_names(webhooks: Any) -> None:
    webhooks.update(pre_webhook_url=PRE, post_webhook_url=POST, filters=["onMessageAdd"], method="GET")

    changed = webhooks.update(filters=["onMessageAdded", "onUserUpdated"])

    assert (
        (PRE, POST, "GET", ["onMessageAdded", "onUserUpdated"]) == shown(changed) == shown(webhooks.fetch())
    )


def test_what_is_given_empty_is_taken_away(webhooks: Any) -> None:
    webhooks.update(pre_webhook_url=PRE, post_webhook_url=POST, filters=["onMessageAdd"])

    assert (None, POST, "POST", []) == shown(webhooks.update(pre_webhook_url="", filters=""))


def test_one_filter_may_be_given_as_a_plain_text_and_twice_is_once(webhooks: Any) -> None:
    assert ["onMessageAdd"] == webhooks.update(filters="onMessageAdd").filters
    assert ["onMessageAdd"] == webhooks.update(filters=["onMessageAdd", "onMessageAdd"]).filters


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"filters": ["onMessageAdded", "onSunrise"]}, 20422),
        ({"post_webhook_url": "app.example.com"}, 50054),
        ({"post_webhook_url": "ftp://app.example.com"}, 50054),
        ({"pre_webhook_url": "https://"}, 50054),
        ({"pre_webhook_url": "https://app.example.com:port/"}, 50054),
        ({"pre_webhook_url": "https://app.example.com/a b"}, 50054),
        ({"pre_webhook_url": "https://[::1/"}, 50054),
        ({"pre_webhook_url": "https:///a"}, 50054),
        ({"pre_webhook_url": f"{PRE}/{'x' * 4000}"}, 50372),
        ({"method": "PATCH"}, 50055),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_changed(
    webhooks: Any, given: dict[str, Any], code: int
) -> None:
    webhooks.update(post_webhook_url=POST, filters=["onMessageAdded"])

    with pytest.raises(TwilioRestException) as refused:
        webhooks.update(**{"pre_webhook_url": PRE} | given)

    assert (400, code) == (refused.value.status, refused.value.code)
    assert (None, POST, "POST", ["onMessageAdded"]) == shown(webhooks.fetch())


def test_the_account_says_what_kind_of_target_it_has_and_a_service_says_whose_it_is(client: Client) -> None:
    v1 = client.conversations.v1
    sid = v1.configuration().fetch().default_chat_service_sid

    assert "webhook" == v1.configuration.webhooks().fetch().target
    assert "flex" == v1.configuration.webhooks().update(target="flex").target
    service = v1.services(sid).configuration.webhooks().fetch()
    assert (sid, f"https://conversations.twilio.com/v1/Services/{sid}/Configuration/Webhooks") == (
        service.chat_service_sid,
        service.url,
    )


def test_who_changes_parts_of_it_at_once_keeps_both(client: Client) -> None:
    webhooks = client.conversations.v1.configuration.webhooks()
    changes = [{"pre_webhook_url": PRE}, {"post_webhook_url": POST}, {"filters": ["onMessageAdd"]}]

    with ThreadPoolExecutor(len(changes)) as pool:
        list(pool.map(lambda given: webhooks.update(**given), changes))

    assert (PRE, POST, "POST", ["onMessageAdd"]) == shown(webhooks.fetch())


def test_without_an_auth_token_to_sign_with_nothing_is_configured(emulator: Emulator, tmp_path: Path) -> None:
    unsigned = replace(settings(emulator, tmp_path / "store.db"), twilio_auth_token=None)
    with Client(API_KEY, API_SECRET, ACCOUNT, settings=unsigned) as client:
        room = client.conversations.v1.conversations(client.conversations.v1.conversations.create().sid)
        account = client.conversations.v1.configuration.webhooks()

        for change in (
            lambda: account.update(post_webhook_url=POST, filters=["onMessageAdded"]),
            lambda: room.webhooks.create(
                target="webhook", configuration_url=POST, configuration_filters=["onMessageAdded"]
            ),
        ):
            with pytest.raises(ConfigurationError, match="TWILIO_AUTH_TOKEN is not set"):
                change()

        assert account.fetch().post_webhook_url is None
        assert [] == room.webhooks.list()
        assert "GET" == account.update(method="GET").method
