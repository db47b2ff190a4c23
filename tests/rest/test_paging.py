"""Pages lead from one to the next, whatever comes and goes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.account import AccountBackend, account_actor
from twilio_compat.errors import LimitError, NotFoundError
from twilio_compat.records import JSONObject
from twilio_compat.rest.call import Call, Page
from twilio_compat.rest.paging import by_age, envelope, number, of_asking, of_list, of_source, page_token

START = datetime(2024, 1, 1, tzinfo=UTC)
URL = "https://conversations.twilio.com/v1/Roles"


@dataclass(frozen=True)
class Thing:
    sid: str
    date_created: datetime


def things(count: int) -> list[Thing]:
    return [Thing(f"RL{index:02}", START + timedelta(seconds=index)) for index in range(count)]


def call(size: int = 2, page: int = 0, token: str | None = None) -> Call:
    return Call(
        backend=cast(AccountBackend, None),
        actor=account_actor(),
        account_sid="AC" + "0" * 32,
        base_url="https://conversations.twilio.com/v1",
        service_path="",
        path={},
        values={},
        webhooks=False,
        page_size=size,
        page_number=page,
        page_token=token,
    )


def render(thing: Thing) -> JSONObject:
    return {"sid": thing.sid}


def sids(page: Page) -> list[object]:
    return [each["sid"] for each in page.items]


def listed(records: Sequence[Thing], size: int = 2, page: int = 0, token: str | None = None) -> Page:
    return of_list(call(size, page, token), records, render, by_age)


def sourced(records: Sequence[Thing], size: int = 2, page: int = 0, token: str | None = None) -> Page:
    async def fetch(after: str | None, limit: int) -> Sequence[Thing]:
        return [each for each in records if after is None or each.sid > after][:limit]

    return asyncio.run(of_source(call(size, page, token), fetch, render, lambda each: each.sid))


Pages: TypeAlias = Callable[..., Page]
BOTH = pytest.mark.parametrize("pages", [listed, sourced])


@BOTH
def test_pages_follow_each_other_to_the_end(pages: Pages) -> None:
    records, seen, token = things(5), [], None
    for position in range(3):
        page = pages(records, page=position, token=token)
        seen.append(sids(page))
        token = page.next_token
    assert [["RL00", "RL01"], ["RL02", "RL03"], ["RL04"]] == seen
    assert token is None


@BOTH
def test_a_last_page_that_is_full_leads_nowhere(pages: Pages) -> None:
    assert pages(things(2)).next_token is None


@BOTH
def test_a_page_is_found_by_its_number_alone(pages: Pages) -> None:
    assert ["RL02", "RL03"] == sids(pages(things(5), page=1))
    assert [] == sids(pages(things(5), page=3))
    assert [] == sids(pages(things(5), page=10**17))


def test_a_page_far_on_is_found_in_large_steps() -> None:
    assert ["RL1400"] == sids(sourced([Thing(f"RL{index:04}", START) for index in range(1401)], 700, 2))


@BOTH
def test_what_was_deleted_meanwhile_takes_nothing_from_the_next_page(pages: Pages) -> None:
    token = pages(things(5)).next_token
    assert ["RL02", "RL03"] == sids(pages(things(5)[2:], page=1, token=token))


@BOTH
@pytest.mark.parametrize(
    "token", ["", "x", "PA", "PAIg", "PA!!", "PA" + "A" * 10_000, page_token("RL00") + "=", "ключ"]
)
def test_a_token_that_was_never_given_is_refused(pages: Pages, token: str) -> None:
    with pytest.raises(LimitError) as caught:
        pages(things(5), token=token)
    assert (400, 20422) == (caught.value.status, caught.value.code)


def test_a_token_of_another_list_is_no_number() -> None:
    assert 12 == number("12")
    for each in ("", "RL00", "-1", "١", "9" * 30):
        with pytest.raises(LimitError):
            number(each)


@given(st.text())
def test_whatever_a_key_is_its_token_leads_back_to_it(key: str) -> None:
    records = [Thing(key, START), Thing("last", START + timedelta(seconds=1))]
    page = of_list(call(1), records, render, lambda each: each.sid)
    assert page.next_token is not None
    assert page.next_token.isascii()
    assert ["last"] == sids(of_list(call(1, 1, page.next_token), records, render, lambda each: each.sid))


# Envelopes


def meta(call: Call, page: Page, *filters: tuple[str, str]) -> dict[str, object]:
    wrapped = envelope(call, page, "roles", URL, filters)
    assert {"meta", "roles"} == set(wrapped)
    return cast("dict[str, object]", wrapped["meta"])


def test_the_first_page_has_none_before_it() -> None:
    assert {
        "page": 0,
        "page_size": 2,
        "first_page_url": f"{URL}?PageSize=2&Page=0",
        "previous_page_url": None,
        "url": f"{URL}?PageSize=2&Page=0",
        "next_page_url": f"{URL}?PageSize=2&Page=1&PageToken=PAx",
        "key": "roles",
    } == meta(call(), Page([], "PAx"))


def test_the_last_page_has_none_after_it() -> None:
    found = meta(call(page=3, token="PAy"), Page([], None))
    assert f"{URL}?PageSize=2&Page=2" == found["previous_page_url"]
    assert f"{URL}?PageSize=2&Page=3&PageToken=PAy" == found["url"]
    assert found["next_page_url"] is None


def test_what_narrows_a_list_narrows_its_other_pages() -> None:
    found = meta(call(), Page([], "PAx"), ("Identity", "a b&c"), ("Identity", "é"))
    query = parse_qs(urlsplit(str(found["next_page_url"])).query)
    assert {"Identity": ["a b&c", "é"], "PageSize": ["2"], "Page": ["1"], "PageToken": ["PAx"]} == query


def test_a_size_that_was_too_large_is_told_as_it_was_taken() -> None:
    assert 100 == meta(replace(call(), page_size=100), Page([], None))["page_size"]


# More to be asked of each record


async def test_what_is_gone_by_the_time_it_is_asked_leaves_its_page_shorter_and_hides_no_other() -> None:
    async def ask(name: str) -> JSONObject | None:
        return None if name == "b" else {"name": name}

    first = await of_asking(call(), ["a", "b", "c"], ask, str)
    assert [{"name": "a"}] == first.items
    rest = call(token=first.next_token)
    assert Page([{"name": "c"}], None) == await of_asking(rest, ["a", "b", "c"], ask, str)


async def test_what_goes_wrong_with_one_is_raised_once_the_others_have_ended() -> None:
    ended: list[str] = []

    async def ask(name: str) -> JSONObject:
        if name == "a":
            raise NotFoundError("gone")
        await asyncio.sleep(0)
        ended.append(name)
        return {}

    with pytest.raises(NotFoundError):
        await of_asking(call(size=3), ["a", "b", "c"], ask, str)
    assert ["b", "c"] == ended
