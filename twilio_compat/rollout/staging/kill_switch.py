"""The kill switch: one document that sends everything back to Twilio, whatever flags say.

It is kept with the default service's documents (kind `KIND`, name `NAME`), and holds for all services. Every process
looks at it at least once in `twilio_compat.rollout.staging.fresh.LASTS` seconds of being used, so that long after `kill` has
returned nobody goes by what was before. What killing means for a conversation says `stages.killing`. No flag is asked
meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from twilio_compat.account import Documents
from twilio_compat.records import JSONObject
from twilio_compat.rollout.staging.fresh import Fresh

KIND: Final = "rollout"
NAME: Final = "kill"


@dataclass(frozen=True, slots=True)
class Kill:
    """That the rollout is killed: why, and since when."""

    reason: str
    since: datetime


class KillSwitch:
    """The switch, as one process sees it."""

    def __init__(
        self,
        documents: Documents,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep it among *documents*, the default service's. *clock* is monotonic, in seconds."""
        self._documents = documents
        self._now = now
        self._state = Fresh(self._read, clock=clock, what="The kill switch")

    async def state(self) -> Kill | None:
        """Return whether the rollout is killed, as it was at most a second ago."""
        return await self._state.get()

    async def kill(self, reason: str) -> Kill:
        """Kill it; killing it again changes the reason alone."""
        since = self._now().isoformat()

        def killed(old: JSONObject | None) -> JSONObject:
            return {"reason": reason, "since": since if old is None else old["since"]}

        state = _kill((await self._documents.change(KIND, NAME, killed)).content)
        self._state.put(state)
        return state

    async def resume(self) -> bool:
        """Let flags count again; say whether it was killed."""
        was_killed = await self._documents.delete(KIND, NAME)
        self._state.put(None)
        return was_killed

    async def close(self) -> None:
        """Look no more."""
        await self._state.close()

    async def _read(self) -> Kill | None:
        document = await self._documents.get(KIND, NAME)
        return None if document is None else _kill(document.content)


def _kill(content: JSONObject) -> Kill:
    return Kill(reason=str(content["reason"]), since=datetime.fromisoformat(str(content["since"])))
