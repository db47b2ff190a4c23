"""Conversations, as Twilio's REST API has them.

A user's view of a conversation is what REST shows of that user's conversations, and its newest message, which takes a
look of its own; the account's view has no standing and no newest message. A sid or a creator cannot be given at Twilio.
The first is refused; the second is remembered by this backend alone (`twilio_backend.authority`), as that of each
conversation that a user makes: at Twilio the account has made all of them.

Twilio moves conversations on by itself, and tells webhooks of it, so there is nothing to be moved here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from twilio.base import values

from twilio_backend import authority, records
from twilio_backend.authority import Authority, is_account
from twilio_backend.clients import Place, segment
from twilio_backend.errors import UnclearError, not_a_member, translated
from twilio_backend.listing import PAGE_SIZE, every
from twilio_backend.tenancy import Tenancy
from twilio_compat.account import SYSTEM, ConversationQuery, StateMove
from twilio_compat.errors import ArgumentError, NotFoundError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    JSONValue,
    MessageRecord,
    Timers,
    Unchanged,
)
from twilio_compat.sameness import same

AT_ONCE: Final = 8
"""Newest messages that are looked for at a time."""
_SLACK: Final = timedelta(seconds=2)
"""How much older than an attempt what it made may seem: times have whole seconds."""
_BOOKMARKS: Final = 256


class Conversations:
    """The port's conversations."""

    def __init__(self, tenancy: Tenancy, guard: Authority) -> None:
        """Of the service of *tenancy*, where *guard* says who may do what."""
        self._tenancy = tenancy
        self._root: Place = tenancy.root
        self._guard = guard
        self._bookmarks: OrderedDict[tuple[str | None, str], str] = OrderedDict()

    async def create(self, actor: Actor, draft: ConversationDraft) -> ConversationRecord:
        """Make one. `ConflictError` 50353; `ForbiddenError` 50107; `ArgumentError` for one with a sid.

        Where the answer is lost, one with a unique name is looked for; of another the error says that there may be one.
        """
        if draft.sid is not None:
            raise ArgumentError(
                "Twilio gives conversations their sids; one that is made there cannot keep another"
            )
        authority.check_conversation_draft(actor, draft)
        await self._guard.check_user(actor, "createConversation")
        since = self._tenancy.clients.http.now() - _SLACK
        try:
            with translated(is_unclear_kept=True):
                made = await self._root.conversations.create_async(
                    x_twilio_webhook_enabled=authority.webhooks(actor), **_drafted(draft)
                )
                record = records.conversation(made)
        except UnclearError as error:
            found = await self._found(draft.unique_name)
            if (
                found is None
                or (draft.date_created is None and found.date_created < since)
                or not _is(found, draft)
            ):
                raise error.error from error
            record = found
        creator = draft.created_by or (SYSTEM if is_account(actor) else actor.identity)
        self._guard.note_creator(record.sid, creator)
        return replace(record, created_by=creator)

    async def get(self, actor: Actor, sid: str) -> ConversationRecord:
        """Fetch one. `NotFoundError` 50350; `ForbiddenError` 50430."""
        self._guard.check_token(actor)
        if is_account(actor):
            return await self._fetch(sid)
        own, last = await asyncio.gather(self._own(actor, sid), self._newest(sid), return_exceptions=True)
        if isinstance(own, NotFoundError):
            return await self._made(actor, sid)
        if isinstance(own, BaseException):
            raise own
        if isinstance(last, BaseException):
            raise last
        return replace(own, last_message=records.last_message(last))

    async def get_by_unique_name(self, actor: Actor, unique_name: str) -> ConversationRecord:
        """Fetch one by its unique name; errors as `get`."""
        self._guard.check_token(actor)
        found = await self._fetch(unique_name)
        return found if is_account(actor) else await self.get(actor, found.sid)

    async def sid_of(self, actor: Actor, unique_name: str) -> str:
        """Return the sid of the one with a unique name, which takes a look at it. `NotFoundError` 50350."""
        return (await self._fetch(unique_name)).sid

    async def list(self, actor: Actor) -> Sequence[ConversationRecord]:
        """Return those the actor is a participant of, in ascending order of sid; of the account, none."""
        self._guard.check_token(actor)
        if is_account(actor):
            return ()
        own = await self.standings(actor)
        turns = asyncio.Semaphore(AT_ONCE)

        async def completed(each: ConversationRecord) -> ConversationRecord | None:
            async with turns:
                try:
                    last = await self._newest(each.sid)
                except NotFoundError:
                    return None
            return replace(each, last_message=records.last_message(last))

        return [each for each in await asyncio.gather(*map(completed, own)) if each is not None]

    async def update(self, actor: Actor, sid: str, changes: ConversationChanges) -> ConversationRecord:
        """Change one; errors as `create` and `get`."""
        authority.check_conversation_changes(actor, changes)
        own = await self._guard.enter(actor, sid)
        for permission in _needed(changes):
            await self._guard.check(actor, own, permission)
        given = _changed(changes)
        if given:
            with translated():
                await self._root.conversations(segment(sid)).update_async(
                    x_twilio_webhook_enabled=authority.webhooks(actor), **given
                )
        return await self.get(actor, sid)

    async def delete(self, actor: Actor, sid: str) -> None:
        """Delete one for everybody; errors as `get`."""
        await self._guard.enter(actor, sid, "deleteConversation")
        with translated():
            await self._root.conversations(segment(sid)).delete_async(
                x_twilio_webhook_enabled=authority.webhooks(actor)
            )

    async def page(
        self, actor: Actor, query: ConversationQuery, *, after: str | None, limit: int
    ) -> Sequence[ConversationRecord]:
        """Return up to *limit* that follow the one with the sid *after*, in Twilio's order, which it does not explain.

        Twilio filters by state; dates are compared here, since it orders the list otherwise where it compares them.
        Whoever goes on where the page before ended is led there by a note of where that was; else all is walked through.
        """
        state = query.state or values.unset
        url = self._bookmarks.get((query.state, after)) if after is not None else None
        found: list[ConversationRecord] = []
        is_past = after is None
        place = self._root.conversations
        with translated():
            page = await (
                place.get_page_async(url) if url else place.page_async(state=state, page_size=PAGE_SIZE)
            )
        while page is not None and len(found) < limit:
            at = _url_of(page)
            with translated():
                items = [records.conversation(each) for each in page]
            sids = [each.sid for each in items]
            if not is_past and url and after not in sids:
                is_past = True  # what the note was of is gone; the page itself follows, or has it
            for each in items:
                if is_past and len(found) < limit and _fits(each, query):
                    found.append(self._named(each))
                    self._mark((query.state, each.sid), at or "")
                is_past = is_past or each.sid == after
            with translated():
                page = await page.next_page_async() if len(found) < limit else None
        return found

    async def move_due(self) -> Sequence[StateMove]:
        """Return nothing: Twilio moves its conversations itself, and tells webhooks of it itself."""
        return ()

    # For the event source

    async def standings(self, actor: Actor) -> Sequence[ConversationRecord]:
        """Return a user's conversations without their newest messages, in ascending order of sid."""
        place = self._root.users(segment(actor.identity)).user_conversations
        try:
            found = await every(place, records.own_conversation)
        except NotFoundError:  # no user yet
            return []
        return sorted((self._named(each) for each in found), key=lambda each: each.sid)

    async def exists(self, sid: str) -> bool:
        """Say whether there is such a conversation."""
        try:
            await self._fetch(sid)
        except NotFoundError:
            return False
        return True

    # Parts

    async def _fetch(self, sid_or_name: str) -> ConversationRecord:
        with translated():
            return self._named(
                records.conversation(await self._root.conversations(segment(sid_or_name)).fetch_async())
            )

    async def _own(self, actor: Actor, sid: str) -> ConversationRecord:
        place = self._root.users(segment(actor.identity)).user_conversations(segment(sid))
        with translated():
            return self._named(records.own_conversation(await place.fetch_async()))

    async def _newest(self, sid: str) -> MessageRecord | None:
        place = self._root.conversations(segment(sid)).messages
        with translated():
            found = [records.message(each) for each in await place.page_async(order="desc", page_size=1)]
        return found[0] if found else None

    async def _made(self, actor: Actor, sid: str) -> ConversationRecord:
        """Return one of which somebody is no participant, if they made it."""
        record = await self._fetch(sid)
        if self._guard.creator(sid) != actor.identity:
            raise not_a_member()
        return replace(record, last_message=records.last_message(await self._newest(sid)))

    async def _found(self, unique_name: str | None) -> ConversationRecord | None:
        if unique_name is None:
            return None
        try:
            return await self._fetch(unique_name)
        except NotFoundError:
            return None

    def _named(self, record: ConversationRecord) -> ConversationRecord:
        """Return *record* with who made it, where that is remembered."""
        creator = self._guard.creator(record.sid)
        return record if creator is None else replace(record, created_by=creator)

    def _mark(self, key: tuple[str | None, str], url: str) -> None:
        if url:
            self._bookmarks[key] = url
            self._bookmarks.move_to_end(key)
        while len(self._bookmarks) > _BOOKMARKS:
            self._bookmarks.popitem(last=False)


def _url_of(page: object) -> str | None:
    """Return where a page was found, which Twilio says in it."""
    meta = getattr(page, "_payload", {}).get("meta", {})
    url = meta.get("url")
    return url if isinstance(url, str) else None


def _fits(record: ConversationRecord, query: ConversationQuery) -> bool:
    return (query.created_from is None or record.date_created >= query.created_from) and (
        query.created_until is None or record.date_created <= query.created_until
    )


def _is(record: ConversationRecord, draft: ConversationDraft) -> bool:
    """Say whether a conversation is what a draft became."""
    return record.friendly_name == draft.friendly_name and same(record.attributes, draft.attributes)


def _drafted(draft: ConversationDraft) -> dict[str, object]:
    given: dict[str, object | None] = {
        "friendly_name": draft.friendly_name,
        "unique_name": draft.unique_name,
        "attributes": records.attributes_text(draft.attributes),
        "state": draft.state if draft.state != "active" or draft.timers != Timers() else None,
        "timers_inactive": draft.timers.inactive,
        "timers_closed": draft.timers.closed,
        "messaging_service_sid": _messaging_service(draft.extras.get("messaging_service_sid")),
    }
    return {name: value for name, value in given.items() if value is not None} | records.dates(draft)


def _changed(changes: ConversationChanges) -> dict[str, object]:
    given: dict[str, object] = {
        "friendly_name": _name(changes.friendly_name),
        "unique_name": _name(changes.unique_name),
        "state": changes.state,
    }
    if changes.attributes is not UNCHANGED:
        given["attributes"] = records.attributes_text(changes.attributes)
    if changes.timers is not UNCHANGED:
        given["timers_inactive"] = changes.timers.inactive or ""
        given["timers_closed"] = changes.timers.closed or ""
    if changes.extras is not UNCHANGED and "messaging_service_sid" in changes.extras:
        given["messaging_service_sid"] = changes.extras["messaging_service_sid"] or ""
    return {name: value for name, value in given.items() if value is not UNCHANGED} | records.dates(changes)


def _name(value: str | Unchanged | None) -> str | Unchanged:
    return "" if value is None else value


def _messaging_service(value: JSONValue) -> str | None:
    return value if isinstance(value, str) else None


def _needed(changes: ConversationChanges) -> Iterator[str]:
    if changes.friendly_name is not UNCHANGED or changes.unique_name is not UNCHANGED:
        yield "editConversationName"
    if changes.attributes is not UNCHANGED:
        yield "editConversationAttributes"
