"""The emulator as a process of its own, started by its command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LAST_LINE = "Press Ctrl+C to stop."
_SECONDS_TO_END = 20


@dataclass(frozen=True)
class EmulatorProcess:
    """A running process, and what its ready file says."""

    process: subprocess.Popen[str]
    connection_string: str
    http_endpoint: str
    https_endpoint: str
    storage_connection_string: str
    ca_file: str
    output: str

    def end(self, signal_number: int) -> tuple[int, str]:
        """Send a signal, and return the exit code and what was written to standard error."""
        self.process.send_signal(signal_number)
        _, errors = self.process.communicate(timeout=_SECONDS_TO_END)
        return self.process.returncode, errors


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of ``acs-emulator serve`` with free ports and *arguments*."""
    ports = ["--http-port", "0", "--https-port", "0"]
    return [sys.executable, "-m", "acs_emulator", "serve", *ports, *map(str, arguments)]


def run_to_its_end(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command with arguments that make it end by itself."""
    return subprocess.run(
        command(*arguments), check=False, capture_output=True, text=True, timeout=_SECONDS_TO_END
    )


@contextmanager
def running_emulator(ready_file: Path, *arguments: str | Path) -> Iterator[EmulatorProcess]:
    """Start the command, yield once it says that it is ready, and kill it if it is still there at the end."""
    process = subprocess.Popen(
        command("--ready-file", ready_file, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            output = _read_summary(process)
            content = json.loads(ready_file.read_text())
            del content["pid"]
            yield EmulatorProcess(process=process, output=output, **content)
        finally:
            process.kill()


def _read_summary(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.strip() == LAST_LINE:
            return "".join(lines)
    raise AssertionError(f"the emulator ended: {process.communicate()[1]}")
