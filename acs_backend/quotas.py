"""The request rates that ACS documents, and which request falls under which of them: a table and a function on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

Scope = Literal["user", "thread", "user and thread", "resource"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most *count* requests in any *seconds*, for each value of *scope*."""

    scope: Scope
    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Quota:
    """What some operations share: the limits, and what ACS's documentation calls their requests."""

    requests: str
    limits: tuple[Limit, ...]

    @property
    def has_thread(self) -> bool:
        """Whether each thread has a line of its own."""
        return any("thread" in each.scope for each in self.limits)

    @property
    def has_user_windows(self) -> bool:
        """Whether the users of a thread have limits of their own."""
        return any(each.scope == "user and thread" for each in self.limits)

    def words(self, scope: Scope | None = None) -> str:
        """Return it in words, such as ``10 message writes in 10 seconds and 30 in a minute per thread``."""
        scopes = dict.fromkeys(each.scope for each in self.limits if scope in (None, each.scope))
        return ", ".join(self._rates(each) for each in scopes)

    def _rates(self, scope: Scope) -> str:
        first, *more = (each for each in self.limits if each.scope == scope)
        rates = [f"{first.count} {self.requests} in {_LENGTHS[first.seconds]}"]
        rates += [f"{each.count} in {_LENGTHS[each.seconds]}" for each in more]
        return f"{' and '.join(rates)} per {scope}"


_LENGTHS = {10: "10 seconds", 30: "30 seconds", 60: "a minute"}


def _quota(requests: str, *limits: tuple[Scope, int, int]) -> Quota:
    return Quota(requests, tuple(Limit(*each) for each in limits))


_WRITES = _quota("message writes", ("thread", 10, 10), ("thread", 30, 60))
_MEMBERS = _quota("changes of the members", ("thread", 10, 10), ("thread", 30, 60))
_THREADS = _quota("readings of threads", ("user", 50, 10))

QUOTAS: Mapping[str, Quota] = {
    "CreateChatThread": _quota("new threads", ("user", 10, 10)),
    "DeleteChatThread": _quota("deletions of threads", ("user", 10, 10)),
    "UpdateChatThreadProperties": _quota("updates", ("thread", 5, 10)),
    "GetChatThreadProperties": _THREADS,
    "ListChatThreads": _THREADS,
    "AddChatParticipants": _MEMBERS,
    "RemoveChatParticipant": _MEMBERS,
    "SendChatMessage": _WRITES,
    "UpdateChatMessage": _WRITES,
    "DeleteChatMessage": _WRITES,
    "GetChatMessage": _quota("readings of a message", ("user and thread", 50, 10), ("thread", 250, 10)),
    "ListChatMessages": _quota(
        "listings of messages",
        ("user and thread", 50, 10),
        ("user and thread", 200, 60),
        ("thread", 250, 10),
        ("thread", 400, 60),
    ),
    "ListChatReadReceipts": _quota(
        "listings of read receipts", ("user and thread", 5, 10), ("thread", 100, 10)
    ),
    "ListChatParticipants": _quota("listings of members", ("user and thread", 10, 10), ("thread", 250, 10)),
    "SendChatReadReceipt": _quota("read receipts", ("user and thread", 10, 10), ("user and thread", 30, 60)),
    "SendTypingNotification": _quota(
        "typing notifications",
        ("user and thread", 5, 10),
        ("user and thread", 15, 60),
        ("thread", 10, 10),
        ("thread", 30, 60),
    ),
    "CreateIdentity": _quota("new users", ("resource", 1000, 30)),
    "DeleteIdentity": _quota("deletions of users", ("resource", 500, 30)),
    "IssueAccessToken": _quota("tokens", ("resource", 1000, 30)),
    "RevokeAccessTokens": _quota("revocations", ("resource", 500, 30)),
    "ExchangeTeamsUserAccessToken": _quota("exchanged tokens", ("resource", 500, 30)),
}
"""The rates of each operation, by its name in ACS's specification, as Microsoft documents them."""

_ROUTES: Mapping[tuple[str, str], str] = {
    ("POST", "threads"): "CreateChatThread",
    ("GET", "threads"): "ListChatThreads",
    ("GET", "threads/*"): "GetChatThreadProperties",
    ("PATCH", "threads/*"): "UpdateChatThreadProperties",
    ("DELETE", "threads/*"): "DeleteChatThread",
    ("POST", "threads/*/messages"): "SendChatMessage",
    ("GET", "threads/*/messages"): "ListChatMessages",
    ("GET", "threads/*/messages/*"): "GetChatMessage",
    ("PATCH", "threads/*/messages/*"): "UpdateChatMessage",
    ("DELETE", "threads/*/messages/*"): "DeleteChatMessage",
    ("GET", "threads/*/participants"): "ListChatParticipants",
    ("POST", "threads/*/participants/:add"): "AddChatParticipants",
    ("POST", "threads/*/participants/:remove"): "RemoveChatParticipant",
    ("POST", "threads/*/readReceipts"): "SendChatReadReceipt",
    ("GET", "threads/*/readReceipts"): "ListChatReadReceipts",
    ("POST", "threads/*/typing"): "SendTypingNotification",
    ("POST", "identities"): "CreateIdentity",
    ("DELETE", "identities/*"): "DeleteIdentity",
    ("POST", "identities/*/:issueAccessToken"): "IssueAccessToken",
    ("POST", "identities/*/:revokeAccessTokens"): "RevokeAccessTokens",
    ("POST", "teamsUser/:exchangeAccessToken"): "ExchangeTeamsUserAccessToken",
}


def operation_of(method: str, path: str) -> tuple[str, str] | None:
    """Return the operation's name and the id of its thread, which may be empty; None for an unknown route."""
    kind, *rest = path.removeprefix("/").removeprefix("chat/").rstrip("/").split("/")
    ids = {place for place, each in enumerate(rest) if place % 2 == 0 and not each.startswith(":")}
    route = "/".join([kind, *("*" if place in ids else each for place, each in enumerate(rest))])
    name = _ROUTES.get((method, route))
    return None if name is None else (name, unquote(rest[0]) if kind == "threads" and rest else "")
