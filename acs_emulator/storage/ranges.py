"""Byte ranges: ``bytes=first-last``, ``bytes=first-``, ``bytes=-count``; one range per request, as in Azure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from acs_emulator.storage.errors import StorageError

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes *first* to *last* of a blob, both included and both in it."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1

    def content_range(self, size: int) -> str:
        """Return the value of ``Content-Range`` for a blob of *size* bytes."""
        return f"bytes {self.first}-{self.last}/{size}"


def resolve(header: str | None, size: int) -> ByteRange | None:
    """Return what *header* asks of a blob of *size* bytes; None is all of it.

    A header that is not understood is ignored, as HTTP asks. Raises ``InvalidRange`` (416) where nothing is left.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = _bounds(match[1], match[2], size)
    if match[1] and match[2] and int(match[2]) < int(match[1]):
        return None
    if first >= size:
        raise StorageError("InvalidRange", headers={"Content-Range": f"bytes */{size}"})
    return ByteRange(first, last)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        count = int(last)
        return (size - min(count, size), size - 1) if count else (size, size)
    return int(first), min(int(last), size - 1) if last else size - 1
