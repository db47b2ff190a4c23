"""A process that forks with everything open: parent and children go on, and each closes what is its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from acs_emulator import Emulator
from tests.rest.outside import environment

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PROGRAM = """
    import os, sys
    from twilio_compat.rest import Client

    room = Client().conversations.v1.conversations.create()
    send = lambda who, number: room.messages.create(body=f"{who} {number}", author="bob")
    send("parent", 0)
    children = []
    for child in range(3):
        if not (pid := os.fork()):
            for number in range(4):
                send(f"child {child}", number)
            sys.exit()
        children.append(pid)
        send("parent", child + 1)
    print([os.waitpid(each, 0)[1] for each in children])
    send("parent", 4)
    messages = room.messages.list()
    print([each.index for each in messages] == list(range(17)), len({each.body for each in messages}))
"""


def test_parent_and_children_write_and_nothing_is_lost_or_doubled(emulator: Emulator, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM)],
        env=os.environ | environment(emulator, tmp_path),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (0, "[0, 0, 0]\nTrue 17\n", "") == (done.returncode, done.stdout, done.stderr)
