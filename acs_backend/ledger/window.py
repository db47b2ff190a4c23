"""What one user has lately read of one thread, and where in the list the rest is: pure.

Theory of operation
-------------------
ACS lists a thread's messages with the newest change first and gives a link with each full page to the one below. A
page of old messages is found by walking down these links. So that the next page need not walk again, the walk is
kept: a list of **places**, each the link that leads to it and the version of its last entry. What a place held is
kept elsewhere (`acs_backend.ledger.reader`) and may be forgotten, since its link still leads there.

A message that never changed lies where its id says: an id is the time of creation, a version that of the last change,
and the list is in the order of versions. A message that changed before the walk lies higher up, and the walk came by
it: `_moved` says where. A message that changed after the walk is at the top. It is found by listing the top again,
down to where the walk began; those entries are `_recent`, and win over what a place held. If the top cannot be
joined to the walk any more, or has grown too long, the walk begins anew.

A user whose history was shared from a certain time on has a list that ends early. Once its end was reached, the
smallest id that was seen on the way is the first one that this user may see, the `floor`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from acs_backend.ledger.entries import Entry
from acs_backend.ledger.listings import Listing

LONGEST_RECENT = 400
"""Changes since the walk began above which it begins anew."""


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the list. ``link`` leads to it; None is the top of the list as it was when the walk began."""

    link: str | None
    oldest: int
    """Version of its last entry, in epoch milliseconds."""


class ThreadWindow:
    """One user's walk down one thread."""

    def __init__(self, top: Listing, at: float) -> None:
        """Begin with the top of the list, which was asked for at the time *at*, in seconds."""
        self.checked_at = at
        """When the top was last asked for."""
        self.top = top.top
        """Sequence id up to which everything is known that was walked over."""
        self._places: list[Place] = []
        self._moved: dict[int, int] = {}
        self._recent: dict[int, Entry] = {}
        self._smallest: int | None = None
        self._below = top.below
        self.extend(None, top)

    @property
    def below(self) -> str | None:
        """The link to what was not walked over yet; None once the end was reached."""
        return self._below

    @property
    def floor(self) -> int:
        """The first message that the user may see, as far as is known: 0 until the end was reached."""
        return 0 if self._below is not None or self._smallest is None else self._smallest

    def link(self, place: int) -> str | None:
        """Return what leads to a place."""
        return self._places[place].link

    def is_below_the_top(self, entry: Entry) -> bool:
        """Say whether all that the first place held lies above an entry, or is that."""
        return entry.version <= self._places[0].oldest

    def recent(self, message_id: int) -> Entry | None:
        """Return a message that changed since the walk began."""
        return self._recent.get(message_id)

    def place(self, message_id: int) -> int | None:
        """Return the number of the place that has the message if any has; None: it can only be below."""
        moved = self._moved.get(message_id)
        if moved is not None:
            return moved
        # Versions fall from place to place, so their negatives rise.
        number = bisect_left(self._places, -message_id, key=lambda each: -each.oldest)
        return number if number < len(self._places) else None

    def extend(self, link: str | None, page: Listing) -> int:
        """Take the page that *link* led to, which is the next one down; return its number."""
        number = len(self._places)
        self._below = page.below
        if page.entries:
            self._places.append(Place(link, page.entries[-1].version))
        for each in page.entries:
            if each.version != each.message_id:
                self._moved[each.message_id] = number
        self._see(page.entries)
        return number

    def take(self, top: Listing, at: float) -> bool:
        """Take the top of the list as it is now, asked for at *at*; False where it does not join the walk."""
        joins = top.below is None or any(each.sequence <= self.top for each in top.entries)
        if not joins:
            return False
        self._recent |= {each.message_id: each for each in top.entries if each.sequence > self.top}
        self._see(top.entries)
        self.top, self.checked_at = max(self.top, top.top), at
        return len(self._recent) <= LONGEST_RECENT

    def _see(self, entries: Iterable[Entry]) -> None:
        smallest = min((each.message_id for each in entries), default=None)
        if smallest is not None and (self._smallest is None or smallest < self._smallest):
            self._smallest = smallest


def within_reach(window: ThreadWindow) -> Callable[[Entry], bool]:
    """Return the test for entries at which a listing of the top joins the walk, or cannot be worth its while."""
    newest = 0

    def ends(entry: Entry) -> bool:
        nonlocal newest
        newest = max(newest, entry.sequence)
        return entry.sequence <= max(window.top, newest - LONGEST_RECENT)

    return ends
