"""Identifiers and the ids the emulator makes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator.identifiers import Identifier, is_thread_id, new_thread_id, parse_identifier
from acs_emulator.validation import Fields


@pytest.mark.parametrize(
    ("raw_id", "is_user"),
    [
        ("8:acs:r_u", True),
        ("8:dod-acs:r_u", True),
        ("8:gcch-acs:r_u", True),
        ("8:spool:r_u", True),
        ("8:orgid:u", False),
        ("8:teamsvisitor:u", False),
        ("4:+15551234", False),
        ("28:orgid:a", False),
        ("48:someone", False),
    ],
)
def test_a_raw_id_alone_says_whether_it_is_a_users(raw_id: str, is_user: bool) -> None:
    assert parse_identifier(Fields({"rawId": raw_id})) == Identifier(raw_id, is_user=is_user)


@pytest.mark.parametrize(
    ("written", "raw_id"),
    [
        ({"phoneNumber": {"value": "+15551234"}}, "4:+15551234"),
        ({"microsoftTeamsUser": {"userId": "u", "isAnonymous": False, "cloud": "PUBLIC"}}, "8:orgid:u"),
        ({"microsoftTeamsUser": {"userId": "u", "isAnonymous": True, "cloud": "PUBLIC"}}, "8:teamsvisitor:u"),
        ({"microsoftTeamsUser": {"userId": "u", "cloud": "GCCH"}, "rawId": "8:gcch:u"}, "8:gcch:u"),
        ({"microsoftTeamsApp": {"appId": "a", "cloud": "DOD"}}, "28:dod:a"),
    ],
)
def test_others_get_the_raw_id_the_service_gives_them(written: dict[str, Any], raw_id: str) -> None:
    assert parse_identifier(Fields(written)) == Identifier(raw_id, is_user=False)


@pytest.mark.parametrize(
    "written",
    [
        {"communicationUser": {"id": "8:acs:r_u"}},
        {"communicationUser": {"id": "8:acs:r_u"}, "rawId": "8:acs:other", "kind": "communicationUser"},
        {"rawId": "8:acs:r_u"},
        {"rawId": "8:acs:r_u", "communicationUser": None},
    ],
)
def test_the_sub_object_counts_and_then_the_raw_id(written: dict[str, Any]) -> None:
    assert parse_identifier(Fields(written)) == Identifier("8:acs:r_u", is_user=True)


@given(st.binary(min_size=32, max_size=32))
def test_a_thread_id_has_the_form_of_the_services(drawn: bytes) -> None:
    made = new_thread_id(lambda size: drawn[:size])
    assert re.fullmatch(r"19:acsV2_[A-Za-z0-9_-]{43}1@thread\.v2", made)
    assert is_thread_id(made)


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("19:0123456789abcdef0123456789abcdef@thread.v2", True),
        ("19:meeting_abc-def@thread.v2", True),
        ("19:gcch:acsV2_abc1@thread.v2", True),
        ("19:00000000000000000000000000000000@thread.v2", False),
        ("19:acsV2_00000000@thread.v2", False),
        ("19:00000000-0000-0000-0000-000000000000@thread.v2", False),
        ("", False),
        ("abc", False),
        ("19:x@thread.skype", False),
        ("19:\u00e4@thread.v2", False),
    ],
)
def test_only_some_texts_could_be_thread_ids(text: str, possible: bool) -> None:
    assert is_thread_id(text) == possible
