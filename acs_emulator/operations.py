"""The table of operations, 16 of Chat and 5 of Identity; routing, authorization and rate limits derive from it.

Names are those of the service's specification. The operations used most come first, as routes are tried in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acs_emulator import identities, messages, participants, read_receipts, threads, typing_notifications
from acs_emulator.authorization import Right
from acs_emulator.calls import Call, Reply
from acs_emulator.service import Service

Handler = Callable[[Service, Call], Reply]

CHAT_VERSIONS = ("2021-03-07", "2021-09-07", "2023-11-07", "2024-03-07", "2025-03-15")
IDENTITY_VERSIONS = ("2021-03-07", "2022-06-01", "2022-10-01", "2023-10-01", "2025-06-30")

_THREADS = "/chat/threads"
_THREAD = "/chat/threads/{thread_id}"
_MESSAGES = "/chat/threads/{thread_id}/messages"
_MESSAGE = "/chat/threads/{thread_id}/messages/{message_id}"
_PARTICIPANTS = "/chat/threads/{thread_id}/participants"
_RECEIPTS = "/chat/threads/{thread_id}/readReceipts"
_IDENTITY = "/identities/{user_id}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: what is asked for, what it needs, and who answers."""

    name: str
    method: str
    path: str
    handler: Handler
    right: Right | None
    """What the user token must allow; None for Identity operations, which need the access key."""

    @property
    def is_identity(self) -> bool:
        """Whether this is an operation of Identity, not of Chat."""
        return self.right is None

    @property
    def api_versions(self) -> tuple[str, ...]:
        """The stable versions of the operation's API, oldest first; all are served alike, and previews between them."""
        return IDENTITY_VERSIONS if self.is_identity else CHAT_VERSIONS


OPERATIONS: tuple[Operation, ...] = (
    Operation("SendChatMessage", "POST", _MESSAGES, messages.send, Right.TALK),
    Operation("ListChatMessages", "GET", _MESSAGES, messages.list_messages, Right.TALK),
    Operation("ListChatThreads", "GET", _THREADS, threads.list_threads, Right.TALK),
    Operation("CreateChatThread", "POST", _THREADS, threads.create, Right.CHANGE_THREADS),
    Operation("GetChatMessage", "GET", _MESSAGE, messages.get, Right.TALK),
    Operation("UpdateChatMessage", "PATCH", _MESSAGE, messages.update, Right.TALK),
    Operation("DeleteChatMessage", "DELETE", _MESSAGE, messages.delete, Right.TALK),
    Operation("SendChatReadReceipt", "POST", _RECEIPTS, read_receipts.send, Right.TALK),
    Operation("ListChatReadReceipts", "GET", _RECEIPTS, read_receipts.list_receipts, Right.TALK),
    Operation("SendTypingNotification", "POST", f"{_THREAD}/typing", typing_notifications.send, Right.TALK),
    Operation("ListChatParticipants", "GET", _PARTICIPANTS, participants.list_participants, Right.TALK),
    Operation(
        "AddChatParticipants", "POST", f"{_PARTICIPANTS}/:add", participants.add, Right.CHANGE_PARTICIPANTS
    ),
    Operation(
        "RemoveChatParticipant",
        "POST",
        f"{_PARTICIPANTS}/:remove",
        participants.remove,
        Right.CHANGE_PARTICIPANTS,
    ),
    Operation("GetChatThreadProperties", "GET", _THREAD, threads.get, Right.TALK),
    Operation("UpdateChatThreadProperties", "PATCH", _THREAD, threads.update, Right.CHANGE_THREADS),
    Operation("DeleteChatThread", "DELETE", _THREAD, threads.delete, Right.CHANGE_THREADS),
    Operation("CreateIdentity", "POST", "/identities", identities.create, None),
    Operation("DeleteIdentity", "DELETE", _IDENTITY, identities.delete, None),
    Operation("IssueAccessToken", "POST", f"{_IDENTITY}/:issueAccessToken", identities.issue_token, None),
    Operation(
        "RevokeAccessTokens", "POST", f"{_IDENTITY}/:revokeAccessTokens", identities.revoke_tokens, None
    ),
    Operation(
        "ExchangeTeamsUserAccessToken",
        "POST",
        "/teamsUser/:exchangeAccessToken",
        identities.exchange_teams_token,
        None,
    ),
)
