"""What a webhook answered that was asked beforehand, and what comes of it. Pure.

=======================================  ============================================================================
no answer within five seconds, or none   go on, as if it had not been asked
2xx, with a JSON object                  go on, with what the object changes
2xx, with anything else, or nothing      go on
any other status                         refuse: `ForbiddenError` 50056
=======================================  ============================================================================

What it changes is checked as if the caller had written it, and the caller hears of what does not fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from twilio_compat.errors import ForbiddenError, LimitError
from twilio_compat.records import (
    ConversationChanges,
    ConversationDraft,
    JSONValue,
    MessageChanges,
    MessageDraft,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a webhook answered."""

    status: int
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        """Whether the webhook took it."""
        return 200 <= self.status < 300


def wishes(answer: Answer | None) -> Mapping[str, JSONValue]:
    """Return what a webhook wants changed; without an answer, nothing. `ForbiddenError` 50056 where it refuses."""
    if answer is None:
        return {}
    if not answer.is_success:
        raise ForbiddenError("Webhook disabled processing of command", code=50056)
    try:
        said = _parsed(answer.body)
    except ValueError:
        return {}
    return (
        {name: value for name, value in said.items() if value is not None} if isinstance(said, dict) else {}
    )


def author(wanted: Mapping[str, JSONValue]) -> str | None:
    """Return as whom a message is to be written instead; None: as before. `LimitError` 20422."""
    return _text(wanted, "author", None) or None


def changed_draft(draft: MessageDraft, wanted: Mapping[str, JSONValue]) -> MessageDraft:
    """Return a message as the webhook wants it sent, under the same mutation id. `LimitError` 20422, 50304."""
    return replace(
        draft,
        body=_text(wanted, "body", draft.body),
        attributes=_attributes(wanted, draft.attributes),
    )


def changed_changes(changes: MessageChanges, wanted: Mapping[str, JSONValue]) -> MessageChanges:
    """Return a change of a message as the webhook wants it; errors as `changed_draft`."""
    body, attributes = changes.body, changes.attributes
    if "body" in wanted:
        body = _text(wanted, "body", None) or ""
    if "attributes" in wanted:
        attributes = _attributes(wanted, None)
    return replace(changes, body=body, attributes=attributes)


def changed_conversation(draft: ConversationDraft, wanted: Mapping[str, JSONValue]) -> ConversationDraft:
    """Return a conversation as the webhook wants it made; errors as `changed_draft`."""
    return replace(
        draft,
        friendly_name=_text(wanted, "friendly_name", draft.friendly_name),
        attributes=_attributes(wanted, draft.attributes),
    )


def changed_conversation_changes(
    changes: ConversationChanges, wanted: Mapping[str, JSONValue]
) -> ConversationChanges:
    """Return a change of a conversation as the webhook wants it; errors as `changed_draft`."""
    name, attributes = changes.friendly_name, changes.attributes
    if "friendly_name" in wanted:
        name = _text(wanted, "friendly_name", None)
    if "attributes" in wanted:
        attributes = _attributes(wanted, None)
    return replace(changes, friendly_name=name, attributes=attributes)


def _text(wanted: Mapping[str, JSONValue], name: str, default: str | None) -> str | None:
    value = wanted.get(name, default)
    if value is None or isinstance(value, str):
        return value
    raise LimitError(f"Invalid parameter: a webhook answered with a {name} that is no text", code=20422)


def _attributes(wanted: Mapping[str, JSONValue], default: JSONValue) -> JSONValue:
    """Return the attributes that are wanted: the text of a JSON value, as Twilio has it, or the value itself."""
    if "attributes" not in wanted:
        return default
    value = wanted["attributes"]
    if not isinstance(value, str):
        return value
    try:
        return _parsed(value)
    except ValueError as error:
        raise LimitError("Attributes not valid JSON", code=50304) from error


def _parsed(text: str | bytes) -> JSONValue:
    """Return the JSON value that is written there; `ValueError` for none, and for numbers that JSON does not have."""
    try:
        value: JSONValue = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _refuse(constant: str) -> JSONValue:
    raise ValueError(f"{constant} is no JSON")
