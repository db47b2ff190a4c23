"""Whatever is sent, Twilio's kind of answer comes back: never a 500, never a traceback, never half of anything made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from acs_emulator import Emulator
from tests.rest.api import ENVELOPE, Answer, Api, furnished, path_of, serving
from tests.rest.surface import TheirOperation, operations
from tests.rest.test_declared_parameters import HEADER, SAMPLES

NASTY = [
    *("", " ", "\0", "\ud800", "\ufffd", "\u202e", "null", "None", "true", "-1", "0", "1e309", "NaN", "9" * 400),
    *("2" * 18, "P1Y", "PT", "PT1E9S", "P999999999D", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00-23:59"),
    *("2020-02-30", "12:00", "CH" + "0" * 32, "MB" + "f" * 32, "a" * 40_000, "ü" * 20_000, "[" * 100_000),
    *('{"a": NaN}', '{"a": 1e999}', '"\\ud800"', '{"\\u0000": 1}', "[]", "'; drop table conversations; --", "%00", "../.."),
]  # fmt: skip
VALUES = st.one_of(st.sampled_from(NASTY), st.sampled_from(sorted(SAMPLES.values())), st.text(max_size=40))
SEGMENTS = st.one_of(
    st.sampled_from(["", ".", "..", "%2F", "%00", "%FF", "%ED%A0%80", "undefined", "CH" + "0" * 32]),
    st.text(max_size=12)
    .filter(_encodes := lambda text: not any("\ud800" <= each <= "\udfff" for each in text))
    .map(quote),
    st.binary(max_size=12).map(quote_from_bytes),
)
METHODS = st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "get", "BREW"])


def pairs(theirs: TheirOperation) -> SearchStrategy[list[tuple[str, str]]]:
    """Return parameters, most of them declared, of any value, some of them given several times."""
    declared = sorted(theirs.parameters - {HEADER}) or ["Nonsense"]
    strange = [*declared, "PageToken", "Page", "PageSize", "Nonsense", "friendlyname", ""]
    return st.one_of(
        *[st.lists(st.tuples(st.sampled_from(names), VALUES), max_size=5) for names in (declared, strange)],
        st.lists(st.tuples(st.sampled_from(declared), VALUES), min_size=1, max_size=1),
    )


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with Emulator() as emulator, serving(emulator, tmp_path_factory.mktemp("store")) as serves:
        yield serves


@pytest.fixture
def things(api: Api) -> dict[str, str]:
    return furnished(api)


@pytest.fixture(autouse=True)
def no_bug_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let no test pass in which the face logged that something was not foreseen."""
    with caplog.at_level(logging.ERROR):
        yield
    assert [] == [record.getMessage() for record in caplog.records]


def check(answer: Answer) -> None:
    assert 200 <= answer.status < 500
    if answer.status >= 400:
        assert set(answer.body) == ENVELOPE
        assert answer.status == answer.body["status"]
        assert answer.body["more_info"].endswith(f"/{answer.code}")
        assert "Traceback" not in answer.body["message"]


FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
THEIRS = [pytest.param(each, id=each.name) for each in operations().values() if each.name != "DeleteService"]


@pytest.mark.parametrize("theirs", THEIRS)
def test_any_parameters_are_answered(api: Api, things: dict[str, str], theirs: TheirOperation) -> None:
    path = path_of(theirs.path, things)
    makes = theirs.default in ("CreateConversation", "CreateConversationWithParticipants")

    @FEW
    @given(pairs(theirs))
    def send(parameters: list[tuple[str, str]]) -> None:
        before = api.conversations() if makes else 0
        answer = api.ask(theirs.method, path, parameters)
        check(answer)
        if makes and answer.status >= 400:
            assert before == api.conversations()

    send()


@pytest.mark.parametrize("theirs", THEIRS)
def test_any_path_is_answered(api: Api, things: dict[str, str], theirs: TheirOperation) -> None:
    variable = [position for position, each in enumerate(theirs.path.split("/")) if each.startswith("{")]

    @FEW
    @given(st.sampled_from(variable or [1]), SEGMENTS, METHODS)
    def send(position: int, segment: str, method: str) -> None:
        segments = path_of(theirs.path, things).split("/")
        segments[position] = segment
        for each in {method, theirs.method} - {"DELETE"}:
            check(api.ask(each, "/".join(segments)))

    send()


def test_a_method_that_a_path_has_not_is_not_allowed(api: Api, things: dict[str, str]) -> None:
    for each in operations().values():
        answer = api.ask("PUT", path_of(each.path, things))
        assert (405, 20004) == (answer.status, answer.code)


@pytest.mark.parametrize(
    "token", ["", "PA", "PA!", "PAbnVsbA", "PT0", "x" * 5000, "\0", "PAIiI", "PAW10", "ü", "PAeyJhIjogMX0"]
)
def test_a_forged_page_token_is_refused_or_begins_anew(api: Api, things: dict[str, str], token: str) -> None:
    for each in operations().values():
        if "PageToken" in each.parameters:
            path = path_of(each.path, things)
            given_too = [("Identity", "bob")] if "ParticipantConversations" in path else []
            answer = api.ask("GET", path, [*given_too, ("PageToken", token)])
            check(answer)
            assert answer.status in (200, 400, 404)
