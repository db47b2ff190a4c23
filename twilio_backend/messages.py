"""Messages, as Twilio's REST API has them.

How one is sent, once, see `twilio_backend.sends`; how a page is found, `twilio_backend.message_pages`. There is one file to
a message in REST. A draft with more is refused before anything is sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from twilio_backend import authority, records
from twilio_backend.authority import Authority, is_account
from twilio_backend.clients import segment
from twilio_backend.content_templates import ContentTemplates
from twilio_backend.errors import translated
from twilio_backend.listing import every, pages
from twilio_backend.message_pages import page_of
from twilio_backend.sends import Sends
from twilio_backend.tenancy import Tenancy
from twilio_compat.account import SYSTEM
from twilio_compat.errors import ArgumentError, LimitError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ActorKind,
    DeliveryReceiptRecord,
    Direction,
    JSONValue,
    MessageChanges,
    MessageDraft,
    MessagePage,
    MessageRecord,
)


class Messages:
    """The port's messages."""

    def __init__(
        self, tenancy: Tenancy, guard: Authority, templates: ContentTemplates, *, look_back: float
    ) -> None:
        """Of the service of *tenancy*, where *guard* says who may do what; *look_back* as in `Sends`."""
        self._tenancy = tenancy
        self._guard = guard
        self._templates = templates
        self._sends = Sends(tenancy, look_back=look_back)

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        """Send one. `NotFoundError` 50350; `ForbiddenError` 50430, 50107; `ArgumentError`, `LimitError` for what cannot be."""
        _check(draft)
        authority.check_message_draft(actor, draft)
        await self._guard.enter(actor, conversation_sid, "sendMediaMessage" if draft.media else "sendMessage")
        author = draft.author or (SYSTEM if is_account(actor) else actor.identity)
        return await self._sends.send(actor, conversation_sid, draft, author)

    async def page(
        self, actor: Actor, conversation_sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        """Return up to *size* messages, from *anchor* on (inclusive; None is the end, or the start going forward)."""
        await self._guard.enter(actor, conversation_sid)
        return await page_of(self._place(conversation_sid), size=size, anchor=anchor, direction=direction)

    async def walk(
        self, actor: Actor, conversation_sid: str
    ) -> AsyncGenerator[Sequence[MessageRecord], None]:
        """Yield all messages, oldest first, a page at a time; what `page` would have to walk to each time is gone on from."""
        await self._guard.enter(actor, conversation_sid)
        async with aclosing(pages(self._place(conversation_sid), records.message, order="asc")) as walk:
            async for page in walk:
                yield page

    async def get(self, actor: Actor, conversation_sid: str, message_sid: str) -> MessageRecord:
        """Fetch one. `NotFoundError` 50500."""
        await self._guard.enter(actor, conversation_sid)
        with translated():
            return records.message(await self._place(conversation_sid)(segment(message_sid)).fetch_async())

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """Return how many messages there are, which takes reading all of them: REST does not count."""
        await self._guard.enter(actor, conversation_sid)
        return len(await every(self._place(conversation_sid), records.message))

    async def receipts(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Sequence[DeliveryReceiptRecord]:
        """Return what became of a message; errors as `get`."""
        await self._guard.enter(actor, conversation_sid)
        return await every(
            self._place(conversation_sid)(segment(message_sid)).delivery_receipts, records.receipt
        )

    async def content(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Mapping[str, JSONValue] | None:
        """Return the types of the template that a message was made of. `TwilioGapError` where that had placeholders."""
        found = await self.get(actor, conversation_sid, message_sid)
        return (
            None
            if found.content_sid is None
            else await self._templates.without_placeholders(found.content_sid)
        )

    async def update(
        self, actor: Actor, conversation_sid: str, message_sid: str, changes: MessageChanges
    ) -> MessageRecord:
        """Edit one. `NotFoundError` 50500; `ForbiddenError` 50107."""
        authority.check_message_changes(actor, changes)
        await self._check_own(actor, conversation_sid, message_sid, _needed(changes))
        given, place = _changed(changes), self._place(conversation_sid)(segment(message_sid))
        with translated():
            if not given:
                return records.message(await place.fetch_async())
            return records.message(
                await place.update_async(x_twilio_webhook_enabled=authority.webhooks(actor), **given)
            )

    async def delete(self, actor: Actor, conversation_sid: str, message_sid: str) -> None:
        """Delete one; errors as `update`."""
        await self._check_own(actor, conversation_sid, message_sid, ["Message"], verb="delete")
        with translated():
            await self._place(conversation_sid)(segment(message_sid)).delete_async(
                x_twilio_webhook_enabled=authority.webhooks(actor)
            )

    # Parts

    def _place(self, conversation_sid: str) -> Any:
        return self._tenancy.root.conversations(segment(conversation_sid)).messages

    async def _check_own(
        self, actor: Actor, conversation_sid: str, message_sid: str, kinds: Iterable[str], verb: str = "edit"
    ) -> None:
        """Refuse (`ForbiddenError` 50107) who may change neither any message nor, if it is theirs, their own."""
        member = await self._guard.enter(actor, conversation_sid)
        if actor.kind is not ActorKind.BEARER:
            return
        with translated():
            old = records.message(await self._place(conversation_sid)(segment(message_sid)).fetch_async())
        own = ("Own", "Any") if old.author == actor.identity else ("Any",)
        for kind in kinds:
            await self._guard.check(actor, member, *(f"{verb}{each}{kind}" for each in own))


def _check(draft: MessageDraft) -> None:
    """Refuse what Twilio has no place for, before anything is sent."""
    if draft.sid is not None or draft.index is not None:
        raise ArgumentError(
            "Twilio gives messages their sids and indexes; one that is sent there cannot keep others"
        )
    if len(draft.media) > 1:
        raise LimitError(
            f"Twilio's REST API takes one file with a message, not {len(draft.media)}; send the others as messages of "
            "their own",
            code=20422,
        )


def _changed(changes: MessageChanges) -> dict[str, object]:
    given: dict[str, object] = {
        name: value
        for name in ("body", "subject", "author")
        if (value := getattr(changes, name)) is not UNCHANGED
    }
    given |= records.dates(changes)
    if changes.attributes is not UNCHANGED:
        given["attributes"] = records.attributes_text(changes.attributes)
    return given


def _needed(changes: MessageChanges) -> Sequence[str]:
    needed = {"Message": changes.body, "MessageAttributes": changes.attributes}
    return [kind for kind, value in needed.items() if value is not UNCHANGED]
