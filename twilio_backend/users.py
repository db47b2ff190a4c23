"""Users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twilio_backend import authority, records
from twilio_backend.authority import Authority, is_account
from twilio_backend.clients import segment
from twilio_backend.errors import UnclearError, translated
from twilio_backend.listing import pages
from twilio_backend.tenancy import Tenancy
from twilio_compat.account import UserDraft
from twilio_compat.errors import ArgumentError, ConflictError, NotFoundError
from twilio_compat.records import UNCHANGED, Actor, UserChanges, UserRecord


class Users:
    """The port's users."""

    def __init__(self, tenancy: Tenancy, guard: Authority) -> None:
        """Of the service of *tenancy*, where *guard* says who may do what."""
        self._root = tenancy.root
        self._guard = guard

    async def get(self, actor: Actor, identity: str) -> UserRecord:
        """Fetch one; the actor's own is made where there is none. `NotFoundError` 50200."""
        self._guard.check_token(actor)
        try:
            return await self._fetch(identity)
        except NotFoundError:
            if is_account(actor) or identity != actor.identity:
                raise
        return await self._made(UserDraft(identity=identity), "false")

    async def by_sid(self, actor: Actor, sid: str) -> UserRecord:
        """Fetch one by sid. `NotFoundError` 50200."""
        return await self._fetch(sid)

    async def create(self, actor: Actor, draft: UserDraft) -> UserRecord:
        """Make one. `ConflictError` 50201; `NotFoundError` 50100; `ArgumentError` for one with a sid."""
        if draft.sid is not None:
            raise ArgumentError("Twilio gives users their sids; one that is made there cannot keep another")
        authority.check_account(actor)
        with translated():
            return await self._create(draft, authority.webhooks(actor))

    async def update(self, actor: Actor, identity: str, changes: UserChanges) -> UserRecord:
        """Change one. `NotFoundError` 50200, 50100; `ForbiddenError` 50107."""
        if changes.role_sid is not UNCHANGED:
            authority.check_account(actor)
        own = ("editOwnUserInfo",) if identity == actor.identity else ()
        await self._guard.check_user(actor, *own, "editAnyUserInfo")
        await self.get(actor, identity)
        given = _changed(changes)
        with translated():
            place = self._root.users(segment(identity))
            if not given:
                return records.user(await place.fetch_async())
            return records.user(
                await place.update_async(x_twilio_webhook_enabled=authority.webhooks(actor), **given)
            )

    async def page(self, actor: Actor, *, after: str | None, limit: int) -> Sequence[UserRecord]:
        """Return up to *limit* that follow the one with the sid *after*, in Twilio's order; found by walking there."""
        found: list[UserRecord] = []
        is_past = after is None
        async for page in pages(self._root.users, records.user):
            for each in page:
                if is_past and len(found) < limit:
                    found.append(each)
                is_past = is_past or each.sid == after
            if len(found) >= limit:
                break
        return found

    async def delete(self, actor: Actor, identity: str) -> None:
        """Forget one, and take them out of all conversations. `NotFoundError` 50200."""
        authority.check_account(actor)
        with translated():
            await self._root.users(segment(identity)).delete_async(
                x_twilio_webhook_enabled=authority.webhooks(actor)
            )

    # Parts

    async def _fetch(self, sid_or_identity: str) -> UserRecord:
        with translated():
            return records.user(await self._root.users(segment(sid_or_identity)).fetch_async())

    async def _create(self, draft: UserDraft, tells: str) -> UserRecord:
        given: dict[str, Any] = {
            "identity": draft.identity,
            "attributes": records.attributes_text(draft.attributes),
        }
        more = {"friendly_name": draft.friendly_name, "role_sid": draft.role_sid}
        given |= {name: value for name, value in more.items() if value is not None}
        return records.user(await self._root.users.create_async(x_twilio_webhook_enabled=tells, **given))

    async def _made(self, draft: UserDraft, tells: str) -> UserRecord:
        """Make one, or return the one whom somebody else, or an attempt that was not answered, has made."""
        try:
            with translated(is_unclear_kept=True):
                return await self._create(draft, tells)
        except (ConflictError, UnclearError):
            return await self._fetch(draft.identity)


def _changed(changes: UserChanges) -> dict[str, object]:
    given: dict[str, object] = {"role_sid": changes.role_sid}
    name = changes.friendly_name
    given["friendly_name"] = "" if name is None else name
    if changes.attributes is not UNCHANGED:
        given["attributes"] = records.attributes_text(changes.attributes)
    return {name: value for name, value in given.items() if value is not UNCHANGED}
