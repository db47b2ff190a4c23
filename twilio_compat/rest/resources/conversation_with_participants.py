"""A conversation made together with its participants: ``/ConversationWithParticipants``.

Each participant is JSON text with what ``/Participants`` takes, by the same names or as answers spell them:
``{"identity": "bob", "attributes": "{}", "role_sid": "RL..."}``.

All is made, or nothing. What can be said of the participants alone is checked before the conversation is made; should
one of them fail later, the conversation is deleted again, and the error says who it was. Twilio adds participants after
it has answered, and the conversation is ``initializing`` meanwhile; here they are there when the answer comes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from twilio_compat.errors import AnswerError, BackendError, ConflictError, LimitError, NotFoundError
from twilio_compat.records import JSONObject, JSONValue, ParticipantDraft
from twilio_compat.rest.call import Call, Handler
from twilio_compat.rest.error_codes import text_of
from twilio_compat.rest.operation_table import OPERATIONS
from twilio_compat.rest.parameters import json_value, read_values
from twilio_compat.rest.resources import conversations, participants
from twilio_compat.rest.resources.configuration import default_timers

MOST: Final = 10
"""Participants that one request may name, as at Twilio."""

_OPERATION: Final = OPERATIONS["participants.create"]


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


_NAMES: Final[Mapping[str, str]] = MappingProxyType({_plain(each): each for each in _OPERATION.parameters})


async def create(call: Call) -> JSONObject:
    """Make it. Errors of making the one and of adding the others; `LimitError` 50426; `ConflictError` 50433 (twice)."""
    wanted = conversations.draft(call, await default_timers(call))
    people = await _checked(call)
    made = await call.backend.conversations.create(call.actor, wanted)
    async with _deleted_on_failure(call, made.sid):
        for number, each in enumerate(people):
            with _naming(number, each.identity):
                await call.backend.participants.create(call.actor, made.sid, each)
    return conversations.render(call, made)


# Reading the participants


def drafts(call: Call) -> Sequence[ParticipantDraft]:
    """Return who is to be added; errors as `create`, none of which needs the backend."""
    given = call.get("Participant", tuple) or ()
    if len(given) > MOST:
        raise LimitError(text_of(50426), code=50426)
    found: dict[str, ParticipantDraft] = {}
    for number, text in enumerate(given):
        with _naming(number, text):
            draft = _draft(call, text)
            if draft.identity in found:
                raise ConflictError(text_of(50433), code=50433)
            found[draft.identity] = draft
    return list(found.values())


def _draft(call: Call, text: str) -> ParticipantDraft:
    try:
        value = json_value(text)
        if not isinstance(value, dict):
            raise ValueError("not an object")  # what was sent is wrong, no type of ours
        pairs = list(_pairs(value))
    except ValueError as error:
        detail = f"Participant must be a JSON object of texts: {error}"
        raise LimitError(text_of(20422, detail), code=20422) from error
    return participants.draft(replace(call, values=read_values(_OPERATION, pairs)))


def _pairs(value: JSONObject, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield what an object says as the parameters of a form."""
    for key, each in value.items():
        name = _NAMES.get(_plain(prefix + key), prefix + key)
        if isinstance(each, dict) and _plain(name) == "messagingbinding":
            yield from _pairs(each, f"{name}.")
        elif each is not None:
            yield name, _text(name, each)


def _text(name: str, value: JSONValue) -> str:
    if isinstance(value, str):
        return value
    if name == "Attributes":
        return json.dumps(value)
    raise ValueError(f"{name} is none")


async def _checked(call: Call) -> Sequence[ParticipantDraft]:
    """Return who is to be added, once their roles were looked up. `NotFoundError` 50109."""
    people = drafts(call)
    for number, each in enumerate(people):
        with _naming(number, each.identity):
            await _check_role(call, each.role_sid)
    return people


async def _check_role(call: Call, sid: str | None) -> None:
    if sid is None:
        return
    try:
        is_fit = (await call.backend.roles.get(sid)).type == "conversation"
    except NotFoundError:
        is_fit = False
    if not is_fit:
        raise NotFoundError(text_of(50109), code=50109)


# All or nothing


@asynccontextmanager
async def _deleted_on_failure(call: Call, sid: str) -> AsyncIterator[None]:
    """Delete a conversation, which was just made, where something goes wrong, whatever it is."""
    try:
        yield
    except BaseException as error:
        try:
            await call.backend.conversations.delete(call.actor, sid)
        except NotFoundError:
            pass  # somebody else did
        except AnswerError as failure:
            detail = f"{error}; and {sid}, which was made for it, could not be deleted again: {failure}"
            raise BackendError(detail, code=20500) from error
        raise


@contextmanager
def _naming(number: int, participant: str) -> Iterator[None]:
    """Let an error say with which of the participants it came about."""
    try:
        yield
    except AnswerError as error:
        detail = f"{error.detail} (Participant {number + 1}: {participant[:100]})"
        raise type(error)(detail, code=error.code, status=error.status) from error


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType({"conversation_with_participants.create": create})
