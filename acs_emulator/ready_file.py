"""The ready file: how a program that started the emulator learns where it is.

It appears, complete, once the listeners accept, and goes when the emulator ends; what an emulator that was killed
left behind goes when the next one starts. A reader that finds the file may connect; one that finds none waits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class ReadyFileError(Exception):
    """The ready file cannot be written; the text says why."""


def withdraw(path: Path) -> None:
    """Remove the file an earlier emulator left, if any; raises `ReadyFileError`."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ReadyFileError(f"cannot write the ready file {path}: {error.strerror}") from error


@contextmanager
def announced(path: Path, content: Mapping[str, str | int | None]) -> Iterator[None]:
    """Keep *content* as JSON at *path* while the block runs; raises `ReadyFileError`."""
    try:
        _write(path, json.dumps(dict(content), indent=2) + "\n")
    except OSError as error:
        raise ReadyFileError(f"cannot write the ready file {path}: {error.strerror}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.touch(mode=0o600)  # the connection strings in it are secrets
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
