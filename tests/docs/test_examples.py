"""The examples run and print what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.docs.markdown import ROOT


def test_the_walk_through_the_guide_holds(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.walk", "--json"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    told = json.loads(done.stdout)
    assert told["ok"]
    assert [] == [each["failure"] for each in told["steps"] if not each["ok"]]
    assert {"Send a message", "Read back"} <= {each["section"].partition(":")[0] for each in told["steps"]}


def test_the_support_desk_answers(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "support_desk.py"), "--emulator"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    expected = (
        "agent got: My printer is on fire. What do I do? {'priority': 'high'}\n"
        "customer got: Please see the manual. (manual.txt, 23 bytes)\n"
    )
    assert (0, expected, "") == (done.returncode, done.stdout, done.stderr)
