"""The conversations that somebody is a participant of: ``/ParticipantConversations``.

They are looked up by an identity or by a messaging address. Nobody here has an address, since participants with one are
refused (`twilio_compat.rest.resources.participants`), so by address there are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.errors import LimitError, NotFoundError
from twilio_compat.records import ConversationRecord, JSONObject
from twilio_compat.rest import paging
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.error_codes import text_of
from twilio_compat.rest.rendering import attributes_text, iso
from twilio_compat.rest.resources.conversations import timers
from twilio_compat.rest.resources.user_conversations import Place, conversations_of, place_of


async def list_(call: Call) -> Page:
    """Return all of somebody's, in ascending order of sid; of nobody, none. `LimitError` 50451."""
    identity, address = call.get("Identity", str), call.get("Address", str)
    if bool(identity) == bool(address):
        raise LimitError(text_of(50451), code=50451)
    return await _by_identity(call, identity) if identity else Page([], None)


def render(call: Call, place: Place) -> JSONObject:
    """Return it as Twilio shows it."""
    conversation, standing = place.conversation, place.standing
    url = call.url("Conversations", conversation.sid)
    return {
        "account_sid": call.account_sid,
        "chat_service_sid": call.backend.service_sid,
        "participant_sid": standing.participant_sid,
        "participant_user_sid": place.user.sid,
        "participant_identity": place.user.identity,
        "participant_messaging_binding": None,
        "conversation_sid": conversation.sid,
        "conversation_unique_name": conversation.unique_name,
        "conversation_friendly_name": conversation.friendly_name,
        "conversation_attributes": attributes_text(conversation.attributes),
        "conversation_date_created": iso(conversation.date_created),
        "conversation_date_updated": iso(conversation.date_updated),
        "conversation_created_by": conversation.created_by,
        "conversation_state": conversation.state.current,
        "conversation_timers": timers(conversation),
        "links": {"participant": f"{url}/Participants/{standing.participant_sid}", "conversation": url},
    }


async def _by_identity(call: Call, identity: str) -> Page:
    try:
        user = await call.backend.users.get(call.actor, identity)
    except NotFoundError:
        return Page([], None)

    async def show(conversation: ConversationRecord) -> JSONObject | None:
        place = await place_of(call, user, conversation)
        return None if place is None else render(call, place)

    return await paging.of_asking(call, await conversations_of(call, user), show, lambda each: each.sid)


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType({"participant_conversations.list": list_})
