"""Addresses at which messages come in: there are none, and that is said."""

import pytest
from twilio.base.exceptions import TwilioRestException

from twilio_compat.rest import Client

UNKNOWN = "IG" + "0" * 32


def test_an_address_is_refused_with_the_reason(client: Client) -> None:
    addresses = client.conversations.v1.address_configurations

    with pytest.raises(TwilioRestException) as refused:
        addresses.create(type="sms", address="+15551234567")

    assert (400, 20422) == (refused.value.status, refused.value.code)
    assert "+15551234567" in refused.value.msg
    assert "takes in no SMS" in refused.value.msg
    assert [] == addresses.list()


@pytest.mark.parametrize("verb", ["fetch", "update", "delete"])
def test_no_address_is_found(client: Client, verb: str) -> None:
    with pytest.raises(TwilioRestException) as refused:
        getattr(client.conversations.v1.address_configurations(UNKNOWN), verb)()

    assert (404, 20404) == (refused.value.status, refused.value.code)
    assert f"The requested resource /Configuration/Addresses/{UNKNOWN} was not found" in refused.value.msg
