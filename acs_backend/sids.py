"""Twilio ids derived from ACS ids: two letters and 32 hex digits of a hash.

Deriving instead of drawing at random means that every process computes the same SID for the same thread, message
or member, and that a lost store can be rebuilt. The prefix goes into the hash, so that two kinds of things made
of the same parts never share their digits.
"""

from __future__ import annotations

import hashlib
import re

CONVERSATION = "CH"
MESSAGE = "IM"
PARTICIPANT = "MB"
USER = "US"
MEDIA = "ME"
RECEIPT = "DY"
ROLE = "RL"
SERVICE = "IS"
BINDING = "BS"

_DIGITS = re.compile(r"[0-9a-f]{32}\Z")


def conversation_sid(thread_id: str) -> str:
    """Return the CH sid of an ACS thread."""
    return _derive(CONVERSATION, thread_id)


def message_sid(thread_id: str, message_id: int) -> str:
    """Return the IM sid of a message; *message_id* is ACS's, in epoch milliseconds."""
    return _derive(MESSAGE, thread_id, str(message_id))


def participant_sid(thread_id: str, acs_id: str) -> str:
    """Return the MB sid of a member of a thread."""
    return _derive(PARTICIPANT, thread_id, acs_id)


def receipt_sid(message: str, participant: str) -> str:
    """Return the DY sid of what became of a message (its sid) at a participant (theirs)."""
    return _derive(RECEIPT, message, participant)


def user_sid(acs_id: str) -> str:
    """Return the US sid of an ACS user."""
    return _derive(USER, acs_id)


def role_sid(friendly_name: str) -> str:
    """Return the RL sid of a role; the same in every deployment."""
    return _derive(ROLE, friendly_name)


def service_sid(endpoint: str) -> str:
    """Return the IS sid of the default service of an ACS resource."""
    return _derive(SERVICE, endpoint)


def media_sid(blob_name: str) -> str:
    """Return the ME sid of a blob, or of a file that a native ACS client links to by its URL."""
    return _derive(MEDIA, blob_name)


def binding_sid(identity: str, channel: str, registration_id: str) -> str:
    """Return the BS sid of a device of a user."""
    return _derive(BINDING, identity, channel, registration_id)


def is_sid(text: str, prefix: str) -> bool:
    """Say whether *text* has the form of a SID of the kind *prefix*."""
    return text.startswith(prefix) and _DIGITS.match(text, len(prefix)) is not None


def _derive(prefix: str, *parts: str) -> str:
    digest = hashlib.sha256("\0".join((prefix, *parts)).encode())
    return prefix + digest.hexdigest()[:32]
