"""What an account, or a service, has called: ``/Configuration/Webhooks`` and ``/Services/IS.../Configuration/Webhooks``.

Twilio's defaults are that nothing is called. An update changes what it names; an empty url, or an empty filter, takes
away what there was. Pre-event and post-event webhooks have a url each, and share the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal

from twilio_compat.records import JSONObject
from twilio_compat.rest import webhook_checks
from twilio_compat.rest.call import Call, Handler
from twilio_compat.webhooks.configuration import (
    ACCOUNT,
    EVENTS,
    KIND,
    NOTHING,
    SERVICE,
    WebhookConfiguration,
    from_configuration,
    read_configuration,
    to_configuration,
)

_TARGETS: Final[Mapping[str, Literal["webhook", "flex"]]] = MappingProxyType(
    {"webhook": "webhook", "flex": "flex"}
)


async def fetch(call: Call) -> JSONObject:
    """Return it; before it was ever set, that nothing is called."""
    return _render(call, await read_configuration(call.backend.documents, _name(call)))


async def update(call: Call) -> JSONObject:
    """Change what was given of it. `LimitError` 50054 (url), 20422 (filters); `ConfigurationError`: nothing to sign with."""

    def change(content: JSONObject | None) -> JSONObject:
        return from_configuration(changed(NOTHING if content is None else to_configuration(content), call))

    kept = await call.backend.documents.change(KIND, _name(call), change)
    return _render(call, to_configuration(kept.content))


def changed(configuration: WebhookConfiguration, call: Call) -> WebhookConfiguration:
    """Return it as the call wants it; errors as `update`."""
    pre = webhook_checks.url(call, "PreWebhookUrl")
    post = webhook_checks.url(call, "PostWebhookUrl")
    method = call.get("Method", str)
    filters = webhook_checks.events(call, "Filters", EVENTS, code=20422)
    return replace(
        configuration,
        pre_webhook_url=configuration.pre_webhook_url if pre is None else pre or None,
        post_webhook_url=configuration.post_webhook_url if post is None else post or None,
        method=method.upper() if method else configuration.method,
        filters=configuration.filters if filters is None else filters,
        target=_TARGETS.get(call.get("Target", str) or "", configuration.target),
    )


def _name(call: Call) -> str:
    return SERVICE if call.service_path else ACCOUNT


def _render(call: Call, configuration: WebhookConfiguration) -> JSONObject:
    body: JSONObject = {
        "account_sid": call.account_sid,
        "pre_webhook_url": configuration.pre_webhook_url,
        "post_webhook_url": configuration.post_webhook_url,
        "method": configuration.method,
        "filters": list(configuration.filters),
        "url": call.url("Configuration", "Webhooks"),
    }
    if call.service_path:
        return body | {"chat_service_sid": call.backend.service_sid}
    return body | {"target": configuration.target}


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "configuration.webhooks.fetch": fetch,
        "configuration.webhooks.update": update,
        "services.configuration.webhooks.fetch": fetch,
        "services.configuration.webhooks.update": update,
    }
)
