"""More is sent at once than ACS takes: those whose turn has come do not wait for those whose turn has not."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

from acs_backend import AcsBackend
from acs_emulator import Emulator, Exchange, Options
from tests.acs_backend.deployment import Deployment, draft, room, sign_in

AT_ONCE = 10
"""Messages to one thread that ACS takes before a turn has to be waited for."""


async def test_what_was_sent_has_its_index_while_others_wait_for_their_turn(tmp_path: Path) -> None:
    exchanges: list[Exchange] = []

    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    with Emulator(Options(rate_limits="on"), observe=exchanges.append) as emulator:
        async with Deployment(emulator, f"sqlite:///{tmp_path / 'store.db'}") as deployment:
            backend = AcsBackend(
                replace(deployment.settings, rate_limits="on", deadline=60.0), clock=lambda: 1.0, sleep=never
            )
            (alice,) = await sign_in(backend, "alice")
            chat = await room(backend, alice, "alice")
            flood = [
                asyncio.ensure_future(backend.messages.create(alice, chat.sid, draft(str(number))))
                for number in range(2 * AT_ONCE)
            ]
            sent = [await each for each in flood[:AT_ONCE]]
            assert list(range(AT_ONCE)) == sorted(each.index for each in sent)
            assert not any(each.done() for each in flood[AT_ONCE:])
            for each in flood:
                each.cancel()
            await asyncio.gather(*flood, return_exceptions=True)
            await backend.close()
    asked = Counter(each.operation for each in exchanges)
    assert (AT_ONCE, 0) == (asked["SendChatMessage"], asked["ListChatMessages"])
