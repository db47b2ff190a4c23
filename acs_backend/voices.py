"""As whom a message is sent.

A user sends as themselves. The account sends as anybody, who need be no member, nor a user (`Voices.of`): as the ACS user
of the author, where the store has them as a member, so that native clients see who wrote; otherwise as the steward, whose
message shows the author's name to native clients, and says whose it is to this library (`acs_backend.imprints`).

The store may have somebody as a member who has just left. ACS refuses them then, which is certain to have had no effect,
and the steward sends instead. Who was added past this library a moment ago may not be in the store; then it is the
steward who sends, though the author could.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acs_backend.authority import is_account
from acs_backend.clients import AcsUser
from acs_backend.identities import STEWARD, Identities
from acs_backend.participants import Participants
from acs_backend.text import check_text
from twilio_compat.account import SYSTEM
from twilio_compat.errors import ForbiddenError, LimitError
from twilio_compat.records import Actor, MessageDraft

AUTHOR_LIMIT = 256
"""Characters that Twilio takes as an author."""


@dataclass(frozen=True, slots=True)
class Voice:
    """An ACS user who sends a message, and whose it is. ``is_stewards``: the steward sends it for somebody."""

    user: AcsUser
    author: str
    is_stewards: bool = False

    @property
    def shown(self) -> str | None:
        """The name that native clients show; None where there is none but the ACS id."""
        return None if self.author == self.user.id else self.author


@dataclass(frozen=True, slots=True)
class Voices:
    """Knows as whom somebody may send."""

    identities: Identities
    participants: Participants

    async def of(self, actor: Actor, thread_id: str, draft: MessageDraft) -> Sequence[Voice]:
        """Return as whom to send *draft*: if ACS refuses the first, as the next. Errors of `check_author`."""
        if not is_account(actor) and draft.author is None:
            return [Voice(await self.identities.acting(actor), actor.identity)]
        author = draft.author or SYSTEM
        check_author(author)
        steward = Voice(await self.identities.steward(), author, is_stewards=True)
        acs_id = await self._member(thread_id, author)
        return [steward] if acs_id is None else [Voice(self.identities.by_acs_id(acs_id), author), steward]

    async def _member(self, thread_id: str, author: str) -> str | None:
        """Return the ACS id of the member who has this name. Members and names are remembered; who is none is not."""
        members = await self.participants.recent_rows(thread_id)
        if author in members:
            return author
        names = await self.identities.names(members)
        return next((acs_id for acs_id, name in names.items() if name == author), None)


def check_author(author: str) -> None:
    """Refuse an author that is too long (`LimitError` 50310), the steward's name (`ForbiddenError` 50203), or no text."""
    check_text(author, "An author")
    if author == STEWARD:
        raise ForbiddenError("Identity reserved", code=50203)
    if len(author) > AUTHOR_LIMIT:
        raise LimitError("Author parameter is too long", code=50310)
