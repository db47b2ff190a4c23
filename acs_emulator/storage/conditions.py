"""Conditional headers: If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since, on reads and writes.

The order is HTTP's: an entity tag is looked at first and its date twin only where there is no tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from acs_emulator.storage.errors import NotModifiedError, StorageError


class Versioned(Protocol):
    """What a condition is checked against."""

    @property
    def etag(self) -> str:
        """The entity tag, without quotes."""

    @property
    def last_modified(self) -> datetime:
        """The time of the last change, in UTC."""


def check_read(headers: Mapping[str, str], current: Versioned) -> None:
    """Let a read pass, or raise ``ConditionNotMet`` (412) or `NotModifiedError` (304)."""
    if _demands_other(headers, current):
        raise StorageError("ConditionNotMet")
    if _has_newest(headers, current):
        raise NotModifiedError(current.etag)


def check_write(headers: Mapping[str, str], current: Versioned | None) -> None:
    """Let a write pass, or raise ``ConditionNotMet`` (412); ``BlobAlreadyExists`` (409) for ``If-None-Match: *``."""
    if current is None:
        if "if-match" in headers:
            raise StorageError("ConditionNotMet", "the blob does not exist")
        return
    if headers.get("if-none-match", "").strip() == "*":
        raise StorageError("BlobAlreadyExists")
    if _demands_other(headers, current) or _has_newest(headers, current):
        raise StorageError("ConditionNotMet")


def _demands_other(headers: Mapping[str, str], current: Versioned) -> bool:
    if "if-match" in headers:
        return not _names(headers["if-match"], current.etag)
    if "if-unmodified-since" in headers:
        return _whole_seconds(current) > _date(headers["if-unmodified-since"])
    return False


def _has_newest(headers: Mapping[str, str], current: Versioned) -> bool:
    if "if-none-match" in headers:
        return _names(headers["if-none-match"], current.etag)
    if "if-modified-since" in headers:
        return _whole_seconds(current) <= _date(headers["if-modified-since"])
    return False


def _names(header: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return "*" in tags or etag in tags


def _whole_seconds(current: Versioned) -> datetime:
    return current.last_modified.replace(microsecond=0)


def _date(value: str) -> datetime:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        raise StorageError("InvalidHeaderValue", f"{value!r} is not an HTTP date") from None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
