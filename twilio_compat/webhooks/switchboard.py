"""Who is to be called about a service, as of a second ago at most.

Every change asks, and nearly always the answer is known: configurations change once in a month. So they are read again
only by who asks more than a second after the last reading, as another process may have changed them. What this process
changes counts at once (`forget`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from twilio_compat.account import Documents
from twilio_compat.errors import BackendError
from twilio_compat.webhooks.configuration import ACCOUNT, KIND, ScopedWebhook, read_scoped
from twilio_compat.webhooks.events import Happening
from twilio_compat.webhooks.targets import Hooks, Target, hooks_of, scoped_targets, target_of

FRESH: Final = 1.0
"""Seconds for which what was read counts."""
REMEMBERED: Final = 1000
"""Conversations whose webhooks are remembered."""


class Switchboard:
    """The webhooks of one service, *own* being its documents and *root* those of the default one."""

    def __init__(self, root: Documents, own: Documents, *, clock: Callable[[], float]) -> None:
        """Know nothing yet; *clock* is monotonic, in seconds."""
        self._root = root
        self._own = own
        self._clock = clock
        self._hooks: Hooks | None = None
        self._read_at = 0.0
        self._forgotten = 0
        self._scoped: OrderedDict[str, tuple[float, Sequence[ScopedWebhook]]] = OrderedDict()

    def forget(self) -> None:
        """Read everything anew when it is asked for next."""
        self._hooks = None
        self._forgotten += 1
        self._scoped.clear()

    async def hooks(self) -> Hooks:
        """Return what is called of the service; what was called before where it cannot be read now. `BackendError`."""
        known, now = self._hooks, self._clock()
        if known is not None and now - self._read_at < FRESH:
            return known
        self._read_at = now  # others go on with what is known meanwhile
        try:
            return await self._read()
        except BackendError:
            if known is None:
                raise
            return known

    async def told(
        self, happening: Happening, conversation_sid: str | None, body: str | None = None
    ) -> Sequence[Target]:
        """Return who is told that something happened in a conversation; *body* is what a message says."""
        hooks = await self.hooks()
        first = hooks.told(happening)
        scoped = await self._scoped_targets(hooks, happening, conversation_sid, body)
        return [*([first] if first else []), *scoped]

    async def find(self, name: str, conversation_sid: str | None) -> Target | None:
        """Return a target that is told, as it is configured now; None where there is none by that name."""
        if conversation_sid is not None and name.startswith("WH"):
            webhooks = await self._webhooks(conversation_sid)
            return next((target_of(each) for each in webhooks if each.sid == name and each.url), None)
        hooks = await self.hooks()
        return hooks.post if hooks.name == name else None

    async def _scoped_targets(
        self, hooks: Hooks, happening: Happening, conversation_sid: str | None, body: str | None
    ) -> Sequence[Target]:
        if conversation_sid is None or not hooks.any_scoped:
            return []
        return scoped_targets(await self._webhooks(conversation_sid), happening, body)

    async def _webhooks(self, conversation_sid: str) -> Sequence[ScopedWebhook]:
        now = self._clock()
        known = self._scoped.get(conversation_sid)
        if known is not None and now - known[0] < FRESH:
            return known[1]
        forgotten = self._forgotten
        found = await read_scoped(self._own, conversation_sid)
        if forgotten == self._forgotten:
            self._scoped[conversation_sid] = (now, found)
            self._scoped.move_to_end(conversation_sid)
        if len(self._scoped) > REMEMBERED:
            self._scoped.popitem(last=False)
        return found

    async def _read(self) -> Hooks:
        forgotten = self._forgotten
        own = await self._own.list(KIND)
        if self._own is self._root:
            account = next((each for each in own if each.name == ACCOUNT), None)
        else:
            account = await self._root.get(KIND, ACCOUNT)
        hooks = hooks_of(account, own)
        if forgotten == self._forgotten:
            self._hooks = hooks
        return hooks
