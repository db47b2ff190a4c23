"""A party in a process of its own, which carries out commands, a line of JSON each, and can be killed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tests.acs_backend.worker import Worker
from tests.chaos.party import Line, Party
from tests.support.requirements import ROOT
from twilio_compat.settings import Settings


class Neighbours:
    """What `Party` is, in a process that serves one such party after another."""

    def __init__(self, settings: Settings, worker: Worker) -> None:
        self._settings = settings
        self._worker = worker

    async def enter(self, sid: str, names: Sequence[str]) -> None:
        await self._ask(do="enter", settings=asdict(self._settings), sid=sid, names=names)

    async def talk(self, turns: int) -> dict[str, int]:
        return dict(await self._ask(do="talk", turns=turns))

    async def talk_and_read(self, turns: int) -> tuple[dict[str, int], list[list[Line]]]:
        said, read = await self._ask(do="talk_and_read", turns=turns)
        return said, _lines(read)

    async def hear_out(self, last: str) -> list[list[Line]]:
        return _lines(await self._ask(do="hear_out", last=last))

    def kill(self) -> None:
        """Kill the process; what is being asked ends in an `AssertionError`."""
        self._worker.process.kill()

    async def close(self) -> None:
        await self._ask(do="close")

    async def _ask(self, **command: object) -> Any:
        return await asyncio.to_thread(lambda: self._worker.ask(**command))


def start() -> Worker:
    """Start a process that serves."""
    return Worker(
        subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.neighbours"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
    )


def _lines(read: Sequence[Sequence[Sequence[Any]]]) -> list[list[Line]]:
    return [[(index, body) for index, body in each] for each in read]


async def serve() -> None:
    """Serve one party after another until standard input ends."""
    party: Party | None = None
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        do = command.pop("do")
        if do == "enter":
            party = Party(Settings(**command.pop("settings")))
        print(json.dumps(await getattr(party, do)(**command)), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
