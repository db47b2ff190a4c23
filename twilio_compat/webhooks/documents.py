"""The documents of a service, among them the configurations of webhooks: a change of those counts at once.

A webhook is refused where its calls could not be signed: better then than when it is to be called. It also sees to what
comes with a webhook of a conversation: that there is one is noted for the whole service, and it is told of earlier
messages where it asks for them (``ReplayAfter``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from twilio_compat.account import AccountBackend, Document, Documents, account_actor
from twilio_compat.backend import Messages
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import Direction, JSONObject, MessageRecord
from twilio_compat.webhooks.configuration import (
    KIND,
    SCOPED,
    URLS,
    ScopedWebhook,
    conversation_of,
    to_scoped,
)
from twilio_compat.webhooks.desk import Desk

PAGE: Final = 100
MOST_REPLAYED: Final = 1000
"""Messages that a new webhook is told of at most."""

_log = logging.getLogger(__name__)


class TellingDocuments:
    """`Documents` that call *configured* when a configuration of webhooks was changed."""

    def __init__(
        self, backend: AccountBackend, root: Documents, desk: Desk, configured: Callable[[], None]
    ) -> None:
        """Wrap those of *backend*; *root* are those of the default service."""
        self._documents: Documents = backend.documents
        self._root = root
        self._messages: Messages = backend.messages
        self._service_sid = backend.service_sid
        self._desk = desk
        self._configured = configured
        self._actor = account_actor(backend.service_sid)

    async def list(self, kind: str, *, after: datetime | None = None) -> Sequence[Document]:
        """As `Documents.list`."""
        return await self._documents.list(kind, after=after)

    async def get(self, kind: str, name: str) -> Document | None:
        """As `Documents.get`."""
        return await self._documents.get(kind, name)

    async def put(self, kind: str, name: str, content: JSONObject) -> Document:
        """As `Documents.put`. `ConfigurationError` for a webhook whose calls nobody can sign."""
        self._check(kind, content)
        conversation_sid = conversation_of(kind)
        is_new = await self._begin(kind, name)
        document = await self._documents.put(kind, name, content)
        self._end(kind)
        if is_new and conversation_sid is not None:
            await self._replay(to_scoped(document, conversation_sid))
        return document

    async def change(
        self, kind: str, name: str, change: Callable[[JSONObject | None], JSONObject]
    ) -> Document:
        """As `Documents.change`; errors as `put`."""
        conversation_sid = conversation_of(kind)
        is_new = await self._begin(kind, name)
        document = await self._documents.change(kind, name, lambda old: self._check(kind, change(old)))
        self._end(kind)
        if is_new and conversation_sid is not None:
            await self._replay(to_scoped(document, conversation_sid))
        return document

    async def delete(self, kind: str, name: str) -> bool:
        """As `Documents.delete`."""
        existed = await self._documents.delete(kind, name)
        self._end(kind)
        return existed

    def _check(self, kind: str, content: JSONObject) -> JSONObject:
        is_webhook = kind == KIND or conversation_of(kind) is not None
        if is_webhook and any(content.get(each) for each in URLS):
            self._desk.check_signer()
        return content

    async def _begin(self, kind: str, name: str) -> bool:
        """Note that the service has webhooks, and that its conversations have; say whether it is a new one of those."""
        is_scoped = conversation_of(kind) is not None
        if not is_scoped and kind != KIND:
            return False
        if self._root is not self._documents:
            await _mark(self._root, self._service_sid)
        if not is_scoped:
            return False
        await _mark(self._documents, SCOPED)
        return await self._documents.get(kind, name) is None

    def _end(self, kind: str) -> None:
        if kind == KIND or conversation_of(kind) is not None:
            self._configured()

    async def _replay(self, webhook: ScopedWebhook) -> None:
        """Tell a new webhook what it asks for; it was made, so what goes wrong now raises nothing."""
        if webhook.replay_after is None:
            return
        try:
            messages = await self._since(webhook.conversation_sid, webhook.replay_after)
        except TwilioCompatError as error:
            _log.warning("The webhook %s is not told of earlier messages: %s", webhook.sid, error)
            return
        await self._desk.replay(webhook, messages)

    async def _since(self, conversation_sid: str, index: int) -> Sequence[MessageRecord]:
        found: list[MessageRecord] = []
        anchor = max(index, 0)
        while len(found) < MOST_REPLAYED:
            page = await self._messages.page(
                self._actor, conversation_sid, size=PAGE, anchor=anchor, direction=Direction.FORWARD
            )
            found += page.items
            if not page.has_newer or not page.items:
                break
            anchor = page.items[-1].index + 1
        return found[:MOST_REPLAYED]


async def _mark(documents: Documents, name: str) -> None:
    if await documents.get(KIND, name) is None:
        await documents.put(KIND, name, {})
