"""Twilio's error codes: with which HTTP status each is answered, and in which words.

The words are those that the service has been seen to send, which applications compare. Where it was not seen they are
the title in Twilio's error dictionary, without the ``Programmable Chat: `` that the older ones begin with: that is how
those that were seen relate to it. Where something can be said of the one case it follows after a colon.

What is not there is answered with 404 only where the path names it, and then with code 20404 (`twilio_compat.rest.errors`).
A role or a file that a parameter names, and that is not there, makes the request a bad one: 400.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """What an error code is answered with."""

    status: int
    text: str


CODES: Final[Mapping[int, Code]] = MappingProxyType(
    {
        20001: Code(400, "Unknown parameters"),
        20003: Code(401, "Permission Denied"),
        20004: Code(405, "Method not allowed"),
        20404: Code(404, "Not Found"),
        20409: Code(409, "Conflict"),
        20422: Code(400, "Invalid Parameter"),
        20429: Code(429, "Too Many Requests"),
        20500: Code(500, "Internal Server Error"),
        20503: Code(503, "Service unavailable"),
        50000: Code(400, "FriendlyName not provided"),
        50003: Code(400, "Friendly name too long"),
        50004: Code(400, "Unique Name too long"),
        50050: Code(404, "Service Instance not found"),
        50054: Code(400, "Invalid webhook format"),
        50055: Code(400, "Invalid webhook method"),
        50056: Code(403, "Webhook disabled processing of command"),
        50058: Code(400, "Notification template too long"),
        50059: Code(400, "Notification sound name too long"),
        50063: Code(429, "Actions per second limit exceeded"),
        50065: Code(400, "Invalid webhook retry count"),
        50074: Code(429, "Global actions per second limit exceeded"),
        50100: Code(400, "Role not found"),
        50102: Code(400, "Deployment role not found"),
        50103: Code(400, "Role SID not provided"),
        50104: Code(400, "Permission not found"),
        50105: Code(400, "Invalid role type"),
        50106: Code(400, "Channel creator role not found"),
        50107: Code(403, "User unauthorized for command"),
        50109: Code(400, "Conversation role not found"),
        50200: Code(404, "User not found"),
        50201: Code(409, "User already exists"),
        50203: Code(400, "Identity reserved"),
        50204: Code(400, "Identity not provided"),
        50206: Code(400, "Identity should not match user SID pattern"),
        50207: Code(400, "Identity too long"),
        50209: Code(400, "Invalid binding type"),
        50210: Code(400, "Invalid notification level"),
        50211: Code(400, "Identity parameter not acceptable for this Participant"),
        50214: Code(400, "User conversation limit exceeded"),
        50303: Code(400, "Attributes too long"),
        50304: Code(400, "Attributes not valid JSON"),
        50308: Code(400, "Invalid Date Created parameter"),
        50309: Code(400, "Invalid Date Updated parameter"),
        50310: Code(400, "Author parameter is too long"),
        50341: Code(400, "Invalid messaging service SID"),
        50350: Code(404, "Conversation not found"),
        50353: Code(409, "Conversation with provided unique name already exists"),
        50360: Code(404, "Conversation webhook not found"),
        50361: Code(400, "Too many conversation webhooks"),
        50362: Code(400, "Too many conversation webhook triggers"),
        50364: Code(400, "Invalid conversation webhook type"),
        50365: Code(400, "Invalid conversation webhook filter"),
        50366: Code(400, "Invalid conversation webhook trigger"),
        50367: Code(400, "Invalid conversation webhook flow SID"),
        50368: Code(400, "Conversation webhook type not provided"),
        50369: Code(400, "Conversation webhook URL not provided"),
        50370: Code(400, "Conversation webhook filter not provided"),
        50371: Code(400, "Conversation webhook trigger not provided"),
        50372: Code(400, "Conversation webhook URL is too long"),
        50375: Code(400, "TimeToInactive should be greater or equal to 1 minute"),
        50376: Code(400, "TimeToClosed should be greater or equal to 10 minutes"),
        50377: Code(400, "Can't update conversation as it's in final closed state"),
        50378: Code(400, "'State' parameter value is invalid"),
        50379: Code(400, "TimeToInactive format is invalid"),
        50380: Code(400, "TimeToClosed format is invalid"),
        50382: Code(400, "Timer can't be set without state"),
        50384: Code(400, "Initial state can't be 'closed"),
        50390: Code(400, "Unique name should not match conversation sid pattern"),
        50405: Code(400, "Invalid last consumption timestamp format"),
        50407: Code(400, "Invalid messaging binding address"),
        50408: Code(400, "Invalid participant proxy address"),
        50417: Code(400, "Participants limit exceeded"),
        50420: Code(
            400,
            "Participant Messaging Binding type does not support all of the provided Messaging Binding parameters",
        ),
        50421: Code(400, "Invalid last read message index format"),
        50426: Code(400, "Request contains too many participants."),
        50430: Code(403, "Participant is not a member of conversation"),
        50432: Code(404, "Participant not found"),
        50433: Code(409, "Participant already exists"),
        50451: Code(
            400,
            "One user identifier parameter for lookup at a time is allowed. "
            "Please, use either Identity or Address.",
        ),
        50500: Code(404, "Message not found"),
        50504: Code(400, "Message body parameter is too long"),
        50507: Code(400, "Media not found"),
        50508: Code(400, "Media already sent with another message"),
        50510: Code(400, "Invalid message media SID"),
        50511: Code(400, "Invalid message media content type"),
        50512: Code(413, "Message media size is too large"),
        50516: Code(400, "Message index is not a number"),
        50526: Code(400, "Invalid content SID"),
        50527: Code(400, "Invalid content variables format"),
        50529: Code(400, "Content variables are too long"),
    }
)
"""Those that the library can answer with."""


def text_of(code: int, detail: str = "") -> str:
    """Return the words for a code, and what there is to be said of this case."""
    text = CODES[code].text
    return f"{text}: {detail}" if detail else text
