"""Services, each a world of its own."""

import pytest
from twilio.base.exceptions import TwilioRestException

from twilio_compat.rest import Client

UNKNOWN = "IS" + "0" * 32


def test_a_service_is_found_until_it_is_deleted(client: Client) -> None:
    services = client.conversations.v1.services

    made = services.create(friendly_name="Support")

    assert made.sid.startswith("IS")
    assert "Support" == services(made.sid).fetch().friendly_name
    assert f"https://conversations.twilio.com/v1/Services/{made.sid}" == made.url
    assert f"{made.url}/Configuration" == made.links["configuration"]
    assert [made.sid] == [each.sid for each in services.list()][1:]
    assert services(made.sid).delete()
    assert [] == services.list()[1:]


def test_the_default_service_is_the_first_and_that_of_conversations(client: Client) -> None:
    sid = client.conversations.v1.conversations.create().chat_service_sid

    assert [sid] == [each.sid for each in client.conversations.v1.services.list()]
    assert sid == client.conversations.v1.configuration().fetch().default_chat_service_sid


def test_services_come_in_pages(client: Client) -> None:
    services = client.conversations.v1.services
    made = [services.create(friendly_name=f"Service {number}").sid for number in range(3)]

    assert made == [each.sid for each in services.list(page_size=1)][1:]


def test_the_default_service_is_not_deleted(client: Client) -> None:
    [default] = client.conversations.v1.services.list()

    with pytest.raises(TwilioRestException) as refused:
        client.conversations.v1.services(default.sid).delete()

    assert 409 == refused.value.status
    assert [default.sid] == [each.sid for each in client.conversations.v1.services.list()]


@pytest.mark.parametrize("verb", ["fetch", "delete"])
def test_a_service_that_is_not_there_is_not_found(client: Client, verb: str) -> None:
    with pytest.raises(TwilioRestException) as refused:
        getattr(client.conversations.v1.services(UNKNOWN), verb)()

    assert (404, 20404) == (refused.value.status, refused.value.code)
    assert f"The requested resource /Services/{UNKNOWN} was not found" in refused.value.msg


def test_what_is_configured_in_one_service_is_not_in_another(client: Client) -> None:
    v1 = client.conversations.v1
    one, other = (v1.services.create(friendly_name=name).sid for name in ("one", "other"))
    hook = "https://app.example.com/one"

    v1.services(one).configuration.webhooks().update(post_webhook_url=hook, filters=["onMessageAdded"])
    v1.services(one).configuration.notifications().update(log_enabled=True)

    assert hook == v1.services(one).configuration.webhooks().fetch().post_webhook_url
    assert v1.services(other).configuration.webhooks().fetch().post_webhook_url is None
    assert v1.configuration.webhooks().fetch().post_webhook_url is None
    assert not v1.services(other).configuration.notifications().fetch().log_enabled
