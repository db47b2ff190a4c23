"""What an identifier in a path names: Twilio takes a sid, a unique name for a conversation, an identity for a user.

A unique name never has the form of a conversation's sid, nor an identity that of a user's: Twilio refuses both.
"""

from __future__ import annotations

import re
from typing import Final

from twilio_compat.account import on_behalf_of
from twilio_compat.records import Actor, ConversationRecord, UserRecord
from twilio_compat.rest.call import Call

_SID: Final = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")


def is_sid(text: str, prefix: str) -> bool:
    """Say whether *text* has the form of a sid that begins with *prefix*, such as ``CH``."""
    return text.startswith(prefix) and _SID.fullmatch(text) is not None


async def conversation_sid(call: Call, name: str = "ConversationSid") -> str:
    """Return the sid of the conversation that the path's *name* says; a sid is taken as it is. `NotFoundError` 50350."""
    given = call.path[name]
    if is_sid(given, "CH"):
        return given
    return await call.backend.conversations.sid_of(call.actor, given)


async def conversation(
    call: Call, name: str = "ConversationSid", *, actor: Actor | None = None
) -> ConversationRecord:
    """Return the conversation that the path's *name* says, as *actor* sees it (None: the account).

    `NotFoundError` 50350; `ForbiddenError` 50430 for an actor who has nothing to do with it.
    """
    given, conversations = call.path[name], call.backend.conversations
    if is_sid(given, "CH"):
        return await conversations.get(actor or call.actor, given)
    return await conversations.get_by_unique_name(actor or call.actor, given)


async def user(call: Call, name: str = "UserSid") -> UserRecord:
    """Return the user that the path's *name* says. `NotFoundError` 50200."""
    given, users = call.path[name], call.backend.users
    return await (users.by_sid if is_sid(given, "US") else users.get)(call.actor, given)


def as_user(call: Call, identity: str) -> Actor:
    """Return the account acting as one of its users in this call."""
    return on_behalf_of(identity, call.actor.service_sid, tells_webhooks=call.actor.tells_webhooks)
