"""ACS's request rates: who may send a request now, who has to wait, and until when. Pure; time is an argument.

Theory of operation
-------------------
ACS documents how many requests it takes in ten seconds and in a minute, per user, per thread, or per user and thread
(`acs_backend.quotas`). What goes beyond is answered 429. So requests that share a quota stand in a `Line` before
they are sent: all message writes of one thread in one, all readings of one thread in another. Lines know nothing of
each other: a flood in one thread delays no other thread.

**Windows.** Each limit is a `Window`: the times of the requests that count against it. A moment is free when fewer
than the limit's number of times lie within the limit's length on either side of it. A request enters the windows
when it is planned. It is moved to the moment of its answer when that comes: only then is it certain that ACS has
counted it, and the window ends a full length after that moment. So requests that were held up on the way, however long,
do not meet those of the next window at the service.

**Places.** Whoever joins a line gets a `Place` with the earliest moment that is free in all its windows: its turn.
Places are planned in the order of joining, so that turns are given first come, first served; where windows are a
user's own, one user's full window does not delay the others in the line. The plan is made anew when somebody
leaves, is answered or is refused. So a turn is always known exactly, and whoever would get it too late is told at
once, and is not in the way of those who come after.

**Background.** What nobody waits for, such as polling, is planned after everything else and may fill a window only to
`BACKGROUND_SHARE`. The rest is free at any time for those who do wait.

**Refusals.** Other processes use the same quotas, and nothing tells how much of them. A 429 does: the service's
window is full. So the window here is filled up, as if the requests of others had come at equal distances; they leave
it one by one, and this process sends at the pace at which they do. Which window it is, ``Retry-After`` tells; without
one it is the shortest, and the next one if that was refused as well. The refused request had no effect, keeps its
place at the head of the line, and is sent again when its turn comes.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile

from acs_backend.quotas import Limit, Quota

BACKGROUND_SHARE = 0.5
"""Part of each window that requests nobody waits for may fill."""


class Window:
    """The times, in seconds, of the requests that count against one limit."""

    def __init__(self, limit: Limit) -> None:
        """Start with none."""
        self.limit = limit
        self._times: list[float] = []
        self._others: list[float] = []
        """Those among them that stand for requests of other processes."""

    def free_at(self, moment: float, *, share: float = 1.0) -> float:
        """Return the first moment, not before *moment*, at which one more request fits into *share* of the limit."""
        count, length = max(1, int(self.limit.count * share)), self.limit.seconds
        while True:
            oldest = self._first_after(moment)
            inside = bisect_left(self._times, moment + length) - oldest
            if inside < count:
                return moment
            moment = self._times[oldest + inside - count] + length

    def add(self, time: float) -> None:
        """Count a request."""
        insort(self._times, time)

    def remove(self, time: float) -> None:
        """Count a request no more; nothing happens if it has left the window already."""
        place = bisect_left(self._times, time)
        if place < len(self._times) and self._times[place] == time:
            del self._times[place]

    def forget(self, now: float) -> bool:
        """Drop what counts no more; return whether nothing is left."""
        del self._times[: self._first_after(now)]
        return not self._times

    def fill(self, now: float, until: float) -> None:
        """Count requests of others at equal distances, up to now, so that the window is full until *until*."""
        for each in self._others:
            self.remove(each)
        missing = self.limit.count - (bisect_right(self._times, now) - self._first_after(now))
        first = min(now, until - self.limit.seconds)
        distance = (now - first) / max(1, missing - 1)
        self._others = [first + number * distance for number in range(missing)]
        for each in self._others:
            self.add(each)

    def _first_after(self, moment: float) -> int:
        return bisect_right(self._times, moment, key=lambda each: each + self.limit.seconds)


@dataclass(slots=True, eq=False)
class Place:
    """Somebody's place in a line; times are in seconds."""

    user: str
    until: float
    """A turn after this is of no use."""
    is_background: bool
    moved: Callable[[], None]
    """Called when the turn moved, while waiting."""
    number: int = 0
    """In the order of joining."""
    turn: float = 0.0
    """When the request may be sent; then, since when it counts: at the latest from its answer."""
    limit: Limit | None = None
    """What it waits for; None where it need not."""
    windows: tuple[Window, ...] = ()
    """In which it counts."""


class Line:
    """Those who share a quota: of the resource, of one user, or of one thread."""

    def __init__(self, quota: Quota) -> None:
        """Start with nobody in line and nothing counted."""
        self.quota = quota
        self._shortest = min(each.seconds for each in quota.limits)
        self._windows: dict[tuple[Limit, str], Window] = {}
        self._waiting: list[Place] = []
        self._under_way: dict[Place, None] = {}
        """Whose request was sent and is not answered, in the order of their turns."""
        self._joined = 0
        self._opens: dict[str, float] = {}
        """Until when the service said that no request will be taken, by user where users have windows of their own."""
        self._refusals: dict[str, tuple[int, float]] = {}
        """How many requests in a row were refused, and when the last was; by user likewise."""

    def join(self, place: Place, now: float) -> None:
        """Stand at the end of the line."""
        self._joined += 1
        place.number = self._joined
        place.windows = self._windows_of(place)
        for window in place.windows:
            window.forget(now)
        if any(each.is_background for each in self._waiting) and not place.is_background:
            with self._planning(now):
                self._enter(place)
        else:
            self._enter(place)
            self._place(place, now)

    def leave(self, place: Place, now: float) -> None:
        """Give the place up before the request was sent."""
        with self._planning(now):
            self._waiting.remove(place)

    def start(self, place: Place, now: float) -> bool:
        """Take the turn: the request is about to be sent. False, and nothing else, where the turn has moved."""
        self._keep_overdue(now)
        if place.turn > now:
            return False
        self._waiting.remove(place)
        self._under_way[place] = None
        return True

    def finish(self, place: Place, now: float) -> None:
        """Note that the request was answered, or lost on its way."""
        with self._planning(now):
            del self._under_way[place]
            self._discount(place)
            place.turn = now
            self._count(place)
            self._refusals.pop(self._owner(place), None)

    def refuse(self, place: Place, now: float, retry_after: float | None) -> None:
        """Note a 429, and stand in line again, at the old place."""
        with self._planning(now):
            del self._under_way[place]
            self._discount(place)
            self._learn(place, now, retry_after)
            self._enter(place)

    def is_idle(self, now: float) -> bool:
        """Say whether nobody waits and nothing counts any more."""
        if self._waiting or self._under_way:
            return False
        gone = [key for key, window in self._windows.items() if window.forget(now)]
        for key in gone:
            del self._windows[key]
        return not self._windows and all(each <= now for each in self._opens.values())

    def _keep_overdue(self, now: float) -> None:
        """Count those under way as of now before they leave a window: ACS may not have counted them yet."""
        overdue = list(takewhile(lambda each: each.turn + self._shortest <= now, self._under_way))
        if not overdue:
            return
        with self._planning(now):
            for each in overdue:
                self._discount(each)
                each.turn = now
                self._count(each)
                self._under_way[each] = self._under_way.pop(each)

    def _enter(self, place: Place) -> None:
        self._waiting.append(place)
        self._waiting.sort(key=lambda each: (each.is_background, each.number))

    @contextmanager
    def _planning(self, now: float) -> Iterator[None]:
        """Plan anew after what is enclosed: give all who wait a turn, in order, and tell those whose turn moved."""
        before = {each: each.turn for each in self._waiting}
        for each in before:
            self._discount(each)
        yield
        for each in self._waiting:
            self._place(each, now)
        for each, turn in before.items():
            if each.turn != turn:
                each.moved()

    def _place(self, place: Place, now: float) -> None:
        """Give a turn: the first moment that is free in every window."""
        share = BACKGROUND_SHARE if place.is_background else 1.0
        place.turn, place.limit = max(now, self._opens.get(self._owner(place), now)), None
        found = False
        while not found:
            found = True
            for window in place.windows:
                free = window.free_at(place.turn, share=share)
                if free > place.turn:
                    place.turn, place.limit, found = free, window.limit, False
        self._count(place)

    def _learn(self, place: Place, now: float, retry_after: float | None) -> None:
        """Fill the window that must be full. Requests sent before the last refusal are part of the same one."""
        owner = self._owner(place)
        count, last = self._refusals.get(owner, (0, -math.inf))
        if place.turn > last:
            count += 1
            self._refusals[owner] = (count, now)
        window = self._full_window(place, count, retry_after)
        pause = window.limit.seconds / window.limit.count
        if retry_after is not None:
            pause = retry_after
            self._opens[owner] = now + retry_after
        window.fill(now, now + pause)

    def _full_window(self, place: Place, refusals: int, retry_after: float | None) -> Window:
        windows = sorted(place.windows, key=lambda each: each.limit.seconds)
        if retry_after is None:
            return windows[min(refusals, len(windows)) - 1]
        return next((each for each in windows if each.limit.seconds >= retry_after), windows[-1])

    def _count(self, place: Place) -> None:
        for window in place.windows:
            window.add(place.turn)

    def _discount(self, place: Place) -> None:
        for window in place.windows:
            window.remove(place.turn)

    def _windows_of(self, place: Place) -> tuple[Window, ...]:
        keys = [
            (limit, place.user if limit.scope == "user and thread" else "") for limit in self.quota.limits
        ]
        for key in keys:
            if key not in self._windows:
                self._windows[key] = Window(key[0])
        return tuple(self._windows[key] for key in keys)

    def _owner(self, place: Place) -> str:
        return place.user if self.quota.has_user_windows else ""
