"""Which bucket a key falls into; `vectors.json` says it for implementations in other languages, too."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.rollout.staging.buckets import BUCKETS, bucket_of, is_taken

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))["vectors"]

keys = st.text(st.characters(), max_size=40)
salts = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=20)
percentages = st.integers(0, BUCKETS)


def sids(count: int) -> list[str]:
    return [f"CH{number:032x}" for number in range(count)]


def test_buckets_are_those_of_the_published_vectors() -> None:
    assert [each["bucket"] for each in VECTORS] == [bucket_of(each["key"], each["salt"]) for each in VECTORS]


@given(keys, salts)
def test_every_key_has_one_bucket(key: str, salt: str) -> None:
    assert bucket_of(key, salt) == bucket_of(key, salt)
    assert 0 <= bucket_of(key, salt) < BUCKETS


@given(keys, salts, percentages, percentages)
def test_raising_a_percentage_takes_nobody_out(key: str, salt: str, one: int, other: int) -> None:
    smaller, larger = sorted((one, other))
    assert is_taken(key, salt, larger) or not is_taken(key, salt, smaller)


@given(keys, salts)
def test_all_takes_everybody_and_none_takes_nobody(key: str, salt: str) -> None:
    assert (True, False) == (is_taken(key, salt, BUCKETS), is_taken(key, salt, 0))


def test_a_percentage_takes_about_as_many_as_it_says() -> None:
    """Of 20,000 keys, within four standard deviations of what chance would take."""
    for hundredths in (5, 100, 500, 2_500, 5_000, 9_900):
        share = hundredths / BUCKETS
        taken = sum(is_taken(each, "rollout", hundredths) for each in sids(20_000))
        assert abs(taken - 20_000 * share) < 4 * (20_000 * share * (1 - share)) ** 0.5


def test_keys_are_spread_over_the_whole_range() -> None:
    """Chi squared over 100 ranges: above 149 by chance once in a thousand times."""
    filled = Counter(bucket_of(each, "rollout") // 100 for each in sids(20_000))
    assert sum((filled[part] - 200) ** 2 / 200 for part in range(100)) < 149


def test_another_salt_deals_the_keys_anew() -> None:
    """Of those whom a half takes, a half is taken with another salt."""
    first = [each for each in sids(10_000) if is_taken(each, "one", 5_000)]
    both = sum(is_taken(each, "two", 5_000) for each in first)
    assert abs(both / len(first) - 0.5) < 0.03
