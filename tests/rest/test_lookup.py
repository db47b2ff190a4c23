from __future__ import annotations

import pytest

from tests.rest.resources.calls import call_to
from twilio_compat.account import on_behalf_of
from twilio_compat.rest import lookup


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("CH" + "0" * 32, True),
        ("CH" + "aF" * 16, True),
        ("CH" + "0" * 31, False),
        ("CH" + "0" * 33, False),
        ("CH" + "g" * 32, False),
        ("ch" + "0" * 32, False),
        ("IM" + "0" * 32, False),
        ("CH" + "0" * 32 + "\n", False),
        ("CH" + "٠" * 32, False),
        ("", False),
    ],
)
def test_a_sid_is_two_letters_and_32_digits(text: str, is_one: bool) -> None:
    assert is_one == lookup.is_sid(text, "CH")


@pytest.mark.parametrize("webhooks", [False, True])
def test_the_account_acts_as_a_user_of_its_service_and_tells_webhooks_as_it_would_itself(
    webhooks: bool,
) -> None:
    call = call_to(object(), webhooks=webhooks)
    assert on_behalf_of("bob", call.actor.service_sid, tells_webhooks=webhooks) == lookup.as_user(call, "bob")
