"""Which webhooks there are, in the shape in which they are kept.

There are three places, as at Twilio. The account has one configuration (`WebhookConfiguration`), each service has one,
and a conversation has up to `MOST_PER_CONVERSATION` webhooks of its own (`ScopedWebhook`). What the service has counts
in place of what the account has, as soon as it has a url (`in_force`); those of the conversation come in addition.

All are documents (`twilio_compat.account.Documents`), and this module alone knows which and what is in them:

===================================  ===========  ==============================================
kind                                 name         kept with
===================================  ===========  ==============================================
``webhooks``                         ``account``  the default service
``webhooks``                         ``service``  the service
``webhooks``                         ``scoped``   the service: that there is, or was, one of the last line; empty
``webhooks``                         ``IS...``    the default service: that this one has, or had, any of its own; empty
``scoped-webhooks CH...``            ``WH...``    the service of the conversation that the kind names
===================================  ===========  ==============================================

The REST resources write them; whoever calls webhooks reads them. The empty ones spare a look at each conversation of a
service, and at each service of the account; `twilio_compat.webhooks.documents` sees to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias, cast

from twilio_compat.account import Document, Documents
from twilio_compat.records import JSONObject, JSONValue
from twilio_compat.webhooks.events import EVENTS as EVENTS
from twilio_compat.webhooks.events import POST_EVENTS as POST_EVENTS
from twilio_compat.webhooks.events import PRE_EVENTS as PRE_EVENTS

Target: TypeAlias = Literal["webhook", "flex"]
ScopedTarget: TypeAlias = Literal["webhook", "trigger", "studio"]

KIND: Final = "webhooks"
ACCOUNT: Final = "account"
SERVICE: Final = "service"
SCOPED: Final = "scoped"
MOST_PER_CONVERSATION: Final = 5
URLS: Final = ("pre_webhook_url", "post_webhook_url", "url")
"""What in a document of either kind is a url that is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfiguration:
    """What an account or a service has called. Only events that ``filters`` names are; with none, nothing is.

    ``method`` is ``GET`` or ``POST``. ``target`` is the account's alone, and is kept without being acted on.
    """

    pre_webhook_url: str | None = None
    post_webhook_url: str | None = None
    method: str = "POST"
    filters: tuple[str, ...] = ()
    target: Target = "webhook"

    def url_for(self, event: str) -> str | None:
        """Return where *event* is to be told; None: nowhere."""
        if event not in self.filters:
            return None
        return self.pre_webhook_url if event in PRE_EVENTS else self.post_webhook_url


NOTHING: Final = WebhookConfiguration()
"""What there is before anything was configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopedWebhook:
    """A webhook of one conversation; it is told only after the fact.

    A ``webhook`` is called at the events in ``filters``; a ``trigger`` at messages that have one of the words in
    ``triggers``. ``method`` is ``get`` or ``post``, in the case in which it was given. ``replay_after`` is the index of
    the message after which older ones were to be told as well.
    """

    sid: str
    conversation_sid: str
    target: ScopedTarget
    date_created: datetime
    date_updated: datetime
    url: str | None = None
    method: str = "POST"
    filters: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    flow_sid: str | None = None
    replay_after: int | None = None


# Reading


def in_force(account: WebhookConfiguration, service: WebhookConfiguration) -> WebhookConfiguration:
    """Return which of the two counts for a service: its own, once that has a url."""
    return service if service.pre_webhook_url or service.post_webhook_url else account


async def read_configuration(documents: Documents, name: str) -> WebhookConfiguration:
    """Return the configuration `ACCOUNT` (of the default service's documents) or `SERVICE`."""
    document = await documents.get(KIND, name)
    return NOTHING if document is None else to_configuration(document.content)


async def read_scoped(documents: Documents, conversation_sid: str) -> Sequence[ScopedWebhook]:
    """Return the webhooks of a conversation, in the order in which they were made."""
    found = await documents.list(scoped_kind(conversation_sid))
    return [to_scoped(each, conversation_sid) for each in found]


async def forget_scoped(documents: Documents, conversation_sid: str) -> None:
    """Forget the webhooks of a conversation that is gone, after the last of them was told of it."""
    for each in await documents.list(scoped_kind(conversation_sid)):
        await documents.delete(each.kind, each.name)


# The documents


def scoped_kind(conversation_sid: str) -> str:
    """Return under which kind the webhooks of a conversation are kept."""
    return _SCOPED_KIND + conversation_sid


def conversation_of(kind: str) -> str | None:
    """Return the conversation whose webhooks are kept under a kind; None for any other kind."""
    return kind.removeprefix(_SCOPED_KIND) if kind.startswith(_SCOPED_KIND) else None


_SCOPED_KIND: Final = "scoped-webhooks "


def from_configuration(configuration: WebhookConfiguration) -> JSONObject:
    """Return the content of its document."""
    return {
        "pre_webhook_url": configuration.pre_webhook_url,
        "post_webhook_url": configuration.post_webhook_url,
        "method": configuration.method,
        "filters": list(configuration.filters),
        "target": configuration.target,
    }


def to_configuration(content: JSONObject) -> WebhookConfiguration:
    """Read the content of its document."""
    return WebhookConfiguration(
        pre_webhook_url=_text(content["pre_webhook_url"]),
        post_webhook_url=_text(content["post_webhook_url"]),
        method=str(content["method"]),
        filters=_texts(content["filters"]),
        target=cast(Target, content["target"]),
    )


def from_scoped(webhook: ScopedWebhook) -> JSONObject:
    """Return the content of its document, whose kind, name and dates say the rest."""
    return {
        "target": webhook.target,
        "url": webhook.url,
        "method": webhook.method,
        "filters": list(webhook.filters),
        "triggers": list(webhook.triggers),
        "flow_sid": webhook.flow_sid,
        "replay_after": webhook.replay_after,
    }


def to_scoped(document: Document, conversation_sid: str) -> ScopedWebhook:
    """Read its document."""
    content = document.content
    replay_after = content["replay_after"]
    return ScopedWebhook(
        sid=document.name,
        conversation_sid=conversation_sid,
        target=cast(ScopedTarget, content["target"]),
        date_created=document.date_created.astimezone(UTC),
        date_updated=document.date_updated.astimezone(UTC),
        url=_text(content["url"]),
        method=str(content["method"]),
        filters=_texts(content["filters"]),
        triggers=_texts(content["triggers"]),
        flow_sid=_text(content["flow_sid"]),
        replay_after=replay_after if isinstance(replay_after, int) else None,
    )


def _text(value: JSONValue) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: JSONValue) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
