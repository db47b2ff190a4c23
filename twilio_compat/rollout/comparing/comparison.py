"""Whether two answers of the port say the same, and in what they do not: pure.

Records are compared field by field, in public names. A field that one side cannot tell, or that each side makes for itself,
says nothing of a mirror; so these are passed over (`PASSED_OVER`): sids of roles, which each side gives its own; who changed
a message last and since when a conversation is in its state, which Twilio's REST API does not say; the notification level,
which mirrors are not told; when a conversation or a member was changed last, which for each side is when it was told. Some
count only where both say something (`OPTIONAL`). Times are the same up to `PRECISION`; when timers will move a conversation
on, up to `TIMERS`, since they run from when each side heard of the last message.

What has a sid is found in a list by it, so that one message which is missing is one difference, and those after it are none.
Errors are compared by their kind, status and code, never by their words.

A `Difference` has a path, such as ``items[IM...].body``, and a kind, which is what telemetry counts: the name of the field, or
one of `MISSING`, `EXTRA`, `ORDER` and `ERROR`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from typing import Final

from twilio_compat.errors import AnswerError
from twilio_compat.records import ParticipantRecord
from twilio_compat.rollout.times import PRECISION
from twilio_compat.sameness import same

MISSING: Final = "missing"
"""The mirror has not what the authority has."""
EXTRA: Final = "extra"
"""The mirror has what the authority has not."""
ORDER: Final = "order"
"""The mirror has the same in another order."""
ERROR: Final = "error"
"""One of them refused, or both did in another way."""

TIMERS: Final = timedelta(minutes=1)
"""By how much the moments may differ at which timers run out."""

PASSED_OVER: Final = frozenset(
    {
        "role_sid",
        "changed_at",
        "is_native",
        "is_quiet",
        "last_updated_by",
        "notification_level",
        "delivery",
        "content_sid",
        "created_by",
        "timers",
        "extras",
        "state.date_updated",
        "is_online",
        "is_notifiable",
        "ConversationRecord.date_updated",
        "ParticipantRecord.date_updated",
    }
)
"""Fields that say nothing of a mirror, of all records or of one kind."""
OPTIONAL: Final = frozenset(
    {
        "subject",
        "last_message",
        "participant_sid",
        "unread_messages_count",
        "date_inactive",
        "date_closed",
        "filename",
    }
)
"""Fields that not each side tells of everything."""
_TIMED: Final = frozenset({"date_inactive", "date_closed"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not alike: where it is, of what kind, and what the authority and the mirror say."""

    path: str
    kind: str
    authority: object = None
    mirror: object = None


def compare(authority: object, mirror: object, *, ignore: Collection[str] = ()) -> Sequence[Difference]:
    """Return in what the answer of the mirror is not that of the authority; *ignore* names more fields to pass over."""
    return [*_Comparison(PASSED_OVER | {*ignore}).between("", "answer", authority, mirror)]


class _Comparison:
    """One comparison. Paths begin with a dot, which `_named` takes away."""

    def __init__(self, ignored: Collection[str]) -> None:
        self._ignored = ignored

    def between(self, path: str, name: str, one: object, other: object) -> Iterator[Difference]:
        """Yield the differences between two values of a field called *name*."""
        if isinstance(one, Exception) or isinstance(other, Exception):
            return self._errors(path, one, other)
        if is_dataclass(one) and type(one) is type(other):
            return self._records(path, one, other)
        if _is_listed(one, other):
            return self._lists(path, name, _items(one), _items(other))
        return self._values(path, name, one, other)

    def _errors(self, path: str, one: object, other: object) -> Iterator[Difference]:
        shown = _shown_error(one), _shown_error(other)
        if shown[0] != shown[1]:
            yield Difference(_named(path, ERROR), ERROR, *shown)

    def _records(self, path: str, one: object, other: object) -> Iterator[Difference]:
        for each in fields(one):  # type: ignore[arg-type]  # `between` has seen that it is one
            here, there = getattr(one, each.name), getattr(other, each.name)
            if not self._is_passed_over(type(one).__name__, path, each.name, here, there):
                yield from self.between(f"{path}.{each.name}", each.name, here, there)

    def _is_passed_over(self, kind: str, path: str, name: str, one: object, other: object) -> bool:
        whole = f"{path}.{name}"
        if f"{kind}.{name}" in self._ignored or any(whole.endswith(f".{each}") for each in self._ignored):
            return True
        return name in OPTIONAL and (one is None or other is None)

    def _lists(
        self, path: str, name: str, one: Sequence[object], other: Sequence[object]
    ) -> Iterator[Difference]:
        here, there = _by_sid(one), _by_sid(other)
        for lost in sorted(here.keys() - there.keys()):
            yield Difference(f"{_named(path)}[{lost}]", MISSING, here[lost], None)
        for found in sorted(there.keys() - here.keys()):
            yield Difference(f"{_named(path)}[{found}]", EXTRA, None, there[found])
        both = [sid for sid in map(_sid, _in_order(one)) if sid in there]
        ordered = [sid for sid in map(_sid, _in_order(other)) if sid in here]
        if both != ordered:
            yield Difference(_named(path, ORDER), ORDER, both, ordered)
        for each in dict.fromkeys(sid for sid in both if sid):
            yield from self.between(f"{path}[{each}]", name, here[each], there[each])

    def _values(self, path: str, name: str, one: object, other: object) -> Iterator[Difference]:
        if isinstance(one, datetime) and isinstance(other, datetime):
            if abs(one - other) > (TIMERS if name in _TIMED else PRECISION):
                yield Difference(_named(path), name, one, other)
        elif not same(one, other):
            yield Difference(_named(path, name), name, one, other)


def _named(path: str, otherwise: str = "") -> str:
    return path.removeprefix(".") or otherwise


def _is_listed(one: object, other: object) -> bool:
    """Say whether both are lists of what has sids. JSON's lists are values."""
    if not all(isinstance(each, list | tuple) for each in (one, other)):
        return False
    return all(map(_sid, [*_items(one), *_items(other)]))


def _items(listed: object) -> Sequence[object]:
    return listed if isinstance(listed, list | tuple) else ()


def _in_order(items: Sequence[object]) -> Sequence[object]:
    """Return items in the order that counts. Of members whole seconds tell it, since Twilio tells no more."""
    if not all(isinstance(each, ParticipantRecord) for each in items):
        return items
    members = [each for each in items if isinstance(each, ParticipantRecord)]
    return sorted(members, key=lambda each: (each.date_created.replace(microsecond=0), each.sid))


def _sid(item: object) -> str | None:
    sid = getattr(item, "sid", None) if is_dataclass(item) else None
    return sid if isinstance(sid, str) else None


def _by_sid(items: Sequence[object]) -> Mapping[str, object]:
    return {sid: each for each in items if (sid := _sid(each)) is not None}


def _shown_error(outcome: object) -> object:
    """Return what is compared of an outcome where one of the two is an error; None: it is no error."""
    if isinstance(outcome, AnswerError):
        return {"error": type(outcome).__name__, "status": outcome.status, "code": outcome.code}
    return {"error": type(outcome).__name__} if isinstance(outcome, Exception) else None
