"""Calls made by hand, for what no client could bring about when it is wanted."""

from __future__ import annotations

from typing import Any

from tests.rest.outside import ACCOUNT
from twilio_compat.account import account_actor
from twilio_compat.rest.call import Call, Value

SERVICE = "IS" + "c" * 32


def call_to(
    backend: Any, values: dict[str, Value] | None = None, *, webhooks: bool = False, **path: str
) -> Call:
    """Return a call that asks *backend* for something."""
    return Call(
        backend=backend,
        actor=account_actor(SERVICE, tells_webhooks=webhooks),
        account_sid=ACCOUNT,
        base_url="https://conversations.twilio.com/v1",
        service_path="",
        path=path,
        values=values or {},
        webhooks=webhooks,
        page_size=50,
        page_number=0,
        page_token=None,
    )
