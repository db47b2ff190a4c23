"""Who is to be called about what: from the configuration of webhooks to the calls of an event. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from twilio_compat.account import Document
from twilio_compat.webhooks import events
from twilio_compat.webhooks.configuration import (
    ACCOUNT,
    NOTHING,
    SCOPED,
    SERVICE,
    ScopedWebhook,
    WebhookConfiguration,
    in_force,
    to_configuration,
)
from twilio_compat.webhooks.events import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A webhook to be called. ``name`` is its sid, or says whose it is; ``since`` is when it was last configured."""

    name: str
    url: str
    method: str
    since: datetime
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What is called of one service; ``any_scoped``: some of its conversations may have webhooks of their own."""

    configuration: WebhookConfiguration = NOTHING
    name: str = ACCOUNT
    since: datetime | None = None
    any_scoped: bool = False

    @property
    def any_post(self) -> bool:
        """Whether anything may be told."""
        return self.any_scoped or any(self.told(each) for each in events.HAPPENINGS)

    @property
    def post(self) -> Target | None:
        """Whom the account or the service has told of what happened."""
        return self._target(self.configuration.post_webhook_url)

    def asked(self, happening: Happening) -> Target | None:
        """Return who is asked before something happens."""
        return self._target(happening.before and self.configuration.url_for(happening.before))

    def told(self, happening: Happening) -> Target | None:
        """Return who of the account or the service is told that it happened."""
        return self._target(self.configuration.url_for(happening.after))

    def may_tell(self, happening: Happening) -> bool:
        """Say whether anybody may be told; it depends on the conversation, perhaps."""
        return self.any_scoped or self.told(happening) is not None

    def _target(self, url: str | None) -> Target | None:
        if not url or self.since is None:
            return None
        return Target(
            name=self.name, url=url, method=self.configuration.method, since=self.since, parameters={}
        )


def hooks_of(account: Document | None, service: Sequence[Document]) -> Hooks:
    """Return what is called, from the account's configuration and the documents that the service has of that kind."""
    own = {each.name: each for each in service}
    whole, part = _configuration(account), _configuration(own.get(SERVICE))
    is_own = part is not whole and in_force(whole, part) is part
    document = own.get(SERVICE) if is_own else account
    return Hooks(
        configuration=part if is_own else whole,
        name=SERVICE if is_own else ACCOUNT,
        since=None if document is None else document.date_updated,
        any_scoped=SCOPED in own,
    )


def scoped_targets(
    webhooks: Sequence[ScopedWebhook], happening: Happening, body: str | None
) -> Sequence[Target]:
    """Return those of a conversation's webhooks that are told; *body* is what a message says."""
    return [target_of(each) for each in webhooks if each.url and _is_told(each, happening, body)]


def target_of(webhook: ScopedWebhook) -> Target:
    """Return a webhook of a conversation as a target."""
    return Target(
        name=webhook.sid,
        url=webhook.url or "",
        method=webhook.method,
        since=webhook.date_updated,
        parameters={"WebhookType": webhook.target, "WebhookSid": webhook.sid},
    )


def _is_told(webhook: ScopedWebhook, happening: Happening, body: str | None) -> bool:
    if webhook.target == "webhook":
        return happening.after in webhook.filters
    if webhook.target == "trigger" and happening is events.MESSAGE_ADDED:
        return any(_says(body or "", each) for each in webhook.triggers)
    return False


def _says(body: str, keyword: str) -> bool:
    """Say whether *keyword* stands in *body*, not as a part of a longer word; capitals do not matter."""
    return re.search(rf"(?<!\w){re.escape(keyword.strip())}(?!\w)", body, re.IGNORECASE) is not None


def _configuration(document: Document | None) -> WebhookConfiguration:
    return NOTHING if document is None else to_configuration(document.content)
