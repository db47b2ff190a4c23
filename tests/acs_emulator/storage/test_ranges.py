"""Byte ranges, as pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator.storage.errors import StorageError
from acs_emulator.storage.ranges import ByteRange, resolve

TEN = bytes(range(10))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", TEN[0:1]),
        ("bytes=2-5", TEN[2:6]),
        ("bytes=7-", TEN[7:]),
        ("bytes=-3", TEN[7:]),
        ("bytes=-99", TEN),
        ("bytes=8-99", TEN[8:]),
    ],
)
def test_a_range_names_these_bytes(header: str, expected: bytes) -> None:
    part = resolve(header, 10)
    assert part is not None
    assert expected == TEN[part.first : part.last + 1]
    assert len(expected) == part.length


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=-",
        "bytes=a-b",
        "items=0-1",
        "bytes=0-1,3-4",
        "bytes=5-2",
        "bytes=٣-",
        "bytes=" + "9" * 5000 + "-",
        "bytes=-" + "9" * 5000,
    ],
)
def test_what_is_no_single_range_asks_for_everything(header: str | None) -> None:
    assert resolve(header, 10) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_a_range_outside_is_refused(header: str, size: int) -> None:
    with pytest.raises(StorageError) as refused:
        resolve(header, size)
    assert (416, f"bytes */{size}") == (refused.value.status, refused.value.headers["Content-Range"])


def test_a_range_says_what_it_is_a_part_of() -> None:
    assert "bytes 2-5/10" == ByteRange(2, 5).content_range(10)


@given(first=st.integers(0, 40), last=st.integers(0, 40), size=st.integers(1, 30))
def test_every_range_that_is_not_refused_lies_inside(first: int, last: int, size: int) -> None:
    try:
        part = resolve(f"bytes={first}-{last}", size)
    except StorageError:
        assert first >= size
        return
    if part is None:
        assert last < first
    else:
        assert 0 <= part.first <= part.last < size
