"""Which percentage a conversation belongs to: sticky buckets, the same in every process, version and language.

A key falls into one of `BUCKETS` buckets, each a hundredth of a percent wide. The bucket is the SHA-256 of the salt, a
colon and the key, in UTF-8: its first eight bytes as a big-endian number, modulo 10,000. A percentage takes the buckets
below it, so raising it takes more keys in and never one out, and lowering it lets go of those that came last.

Another salt deals the keys anew. With the same salt the takers of a smaller percentage are among those of a larger one.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

BUCKETS: Final = 10_000
"""How many there are: a bucket is a hundredth of a percent."""


def bucket_of(key: str, salt: str) -> int:
    """Return the bucket of *key*, from 0 on. A salt has no colon, so that no two pairs are hashed alike."""
    digest = sha256(f"{salt}:{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def is_taken(key: str, salt: str, hundredths: int) -> bool:
    """Say whether *key* is among a percentage, given in *hundredths* of a percent."""
    return bucket_of(key, salt) < hundredths
