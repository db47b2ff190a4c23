"""The bytes of blobs and blocks, as files in one directory.

A file is written once, under a fresh random name, and never changed; a journal row that names it makes it part of a
blob. So nothing needs to be renamed, and a process killed while it writes leaves a file no row names, which `Files.sweep`
removes at the next start. What has been acknowledged has been handed to the operating system: it survives the end of the
process, and, as with the journal, not always the end of the machine.

Files are counted: each blob, each waiting block and each reader holds those it uses, and a file whose last holder lets
go is removed. A download therefore ends with the bytes it began with, even when the blob is replaced meanwhile.

Reads and writes happen on the event loop, in pieces of at most `PIECE` bytes: through the page cache that takes less
time than handing them to a thread.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from acs_emulator.journal import DataError
from acs_emulator.storage.ranges import ByteRange

PIECE = 256 * 1024
"""Most bytes read at once."""
_RANDOM_BYTES = 16
_NAME = re.compile(rf"[0-9a-f]{{{2 * _RANDOM_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a blob: *size* bytes in the file *file*; *block* is its identifier if it came as a block."""

    file: str
    size: int
    block: str | None = None


def md5_of(data: bytes | bytearray) -> str:
    """Return the Base64 of the MD5 of *data*, as HTTP's Content-MD5 has it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")


class Incoming:
    """A file being written. Leaving the ``with`` block without `keep` removes it."""

    def __init__(self, path: Path) -> None:
        """Open a new file at *path*."""
        self._path = path
        self._file = path.open("xb", buffering=0)
        self._digest = hashlib.md5(usedforsecurity=False)
        self._kept = False
        self.size = 0
        """Bytes written so far."""

    @property
    def md5(self) -> str:
        """Base64 of the MD5 of the bytes written so far, as HTTP's Content-MD5 has it."""
        return base64.b64encode(self._digest.digest()).decode("ascii")

    def write(self, data: bytes) -> None:
        """Append *data*."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._digest.update(data)
        self.size += len(data)

    @property
    def segment(self) -> Segment:
        """What has been written, as a segment."""
        return Segment(self._path.name, self.size)

    def keep(self) -> None:
        """Leave the file to whoever holds its segment."""
        self._kept = True

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, and remove it unless it was kept."""
        self._file.close()
        if not self._kept:
            self._path.unlink(missing_ok=True)


class Files:
    """The files of one account, in *directory*, which is made when missing."""

    def __init__(self, directory: Path) -> None:
        """Make the directory; raises `DataError` where that is impossible."""
        self._directory = directory
        self._holders: Counter[str] = Counter()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot use {directory}: {error}") from error

    def receive(self) -> Incoming:
        """Begin a new file."""
        return Incoming(self._directory / secrets.token_hex(_RANDOM_BYTES))

    def hold(self, segments: Iterable[Segment]) -> None:
        """Keep the files of *segments* until they are released."""
        self._holders.update(segment.file for segment in segments)

    def release(self, segments: Iterable[Segment]) -> None:
        """Let go of the files of *segments*; those nobody holds any more are removed."""
        for segment in segments:
            self._holders[segment.file] -= 1
            if not self._holders[segment.file]:
                del self._holders[segment.file]
                (self._directory / segment.file).unlink()

    def read(self, segments: Iterable[Segment], wanted: ByteRange) -> Iterator[bytes]:
        """Yield the bytes *wanted* of the blob made of *segments*, in pieces."""
        start = 0
        for segment in segments:
            first, last = max(wanted.first - start, 0), min(wanted.last - start, segment.size - 1)
            if first <= last:
                yield from _pieces(self._directory / segment.file, first, last + 1 - first)
            start += segment.size

    def check(self, segments: Iterable[Segment]) -> None:
        """Raise `DataError` unless the files are there and as long as they should be."""
        for segment in segments:
            path = self._directory / segment.file
            if not path.is_file() or path.stat().st_size != segment.size:
                raise DataError(
                    f"{path} is missing or cut short; restore it from a copy or choose another data directory"
                )

    def sweep(self) -> None:
        """Remove the files nobody holds, what a killed process left half written; those not made here stay."""
        for path in self._directory.iterdir():
            if _NAME.fullmatch(path.name) and path.name not in self._holders:
                path.unlink()


def _pieces(path: Path, offset: int, length: int) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while length:
            piece = file.read(min(length, PIECE))
            if not piece:
                raise OSError(f"{path} is shorter than its record says")
            length -= len(piece)
            yield piece
