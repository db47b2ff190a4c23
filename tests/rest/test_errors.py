"""The port's errors become Twilio's answers, with the codes and in the words that applications compare."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import twilio_compat
from twilio_compat.errors import (
    ArgumentError,
    ClosedError,
    ConflictError,
    DirectModeError,
    ForbiddenError,
    InvalidResponseError,
    LimitError,
    NotFoundError,
    RateLimitedError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    TokenError,
    TranslationGapError,
    TwilsockUpstreamError,
)
from twilio_compat.rest.error_codes import CODES, text_of
from twilio_compat.rest.errors import is_foreseen, not_allowed, not_found, problem_of, unauthorized
from twilio_compat.rest.operation_table import MEDIA_OPERATIONS, OPERATIONS
from twilio_compat.rest.operations import Operation

SOURCES = Path(twilio_compat.__file__).parent.parent
DICTIONARY = {
    int(code): title
    for code, title in json.loads(Path(__file__).with_name("error_codes.json").read_text(encoding="utf-8"))[
        "codes"
    ].items()
}
WORDED_OTHERWISE = {50107: "User unauthorized for command"}
"""What the service was seen to say in place of the dictionary's words."""
NOT_IN_IT = {50426: "Request contains too many participants."}
"""What has a page of its own in Twilio's documentation, and is not in the copy of the dictionary."""
OF_TOKENS = range(20100, 20200)
"""What only a client with a token is told."""

MESSAGES = "/Conversations/{ConversationSid}/Messages"
PATH = "/Conversations/CH1/Messages"


def test_every_code_is_in_twilios_dictionary_with_these_words() -> None:
    assert {
        code: title.removeprefix("Programmable Chat: ") for code, title in DICTIONARY.items() if code in CODES
    } | (WORDED_OTHERWISE | NOT_IN_IT) == {code: each.text for code, each in CODES.items()}


def codes_in(path: Path) -> Iterator[int]:
    """Yield the numbers in a file that can be codes of Twilio's."""
    for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(each, ast.keyword) and each.arg in ("code", "missing", "too_long", "too_short"):
            yield from (every.value for every in ast.walk(each.value) if _is_code(every))
        if isinstance(each, ast.Tuple) and len(each.elts) == 3 and _is_code(each.elts[1]):
            yield each.elts[1].value  # type: ignore[attr-defined]


def _is_code(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and 20_000 < node.value < 51_000


def test_every_code_that_can_come_from_below_has_its_words_and_its_status() -> None:
    rooms = ("acs_backend", "twilio_compat/rest", "twilio_compat/webhooks")
    found = {code for room in rooms for path in (SOURCES / room).rglob("*.py") for code in codes_in(path)}
    assert {50353, 50433, 50350, 50500, 50204} <= found
    assert set() == {code for code in found if code not in CODES and code not in OF_TOKENS}


def test_what_is_more_of_a_case_follows_the_words() -> None:
    assert "Friendly name too long: 300" == text_of(50003, "300")


# What the path names


def problem(error: Exception, template: str = MESSAGES, path: str = PATH) -> tuple[int, int, str]:
    found = problem_of(error, template=template, path=path)
    return found.status, found.code, found.message


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("Conversation not found", code=50350),
        ForbiddenError("Participant is not a member of conversation", code=50430),
        NotFoundError("Not Found", code=20404),
        NotFoundError("Not Found"),
    ],
)
def test_what_the_path_names_and_is_not_there_is_named_by_the_path(error: Exception) -> None:
    assert (404, 20404, f"The requested resource {PATH} was not found") == problem(error)


GONE = {
    50050: "services",
    50100: "roles",
    50200: "users",
    50350: "conversations",
    50360: "webhooks",
    50432: "participants",
    50500: "messages",
    50507: "media",
}


@pytest.mark.parametrize(("code", "resource"), GONE.items())
def test_each_thing_is_not_found_at_its_own_path(code: int, resource: str) -> None:
    operation: Operation = (OPERATIONS | MEDIA_OPERATIONS)[f"{resource}.fetch"]
    (template, *_) = operation.templates()
    assert 20404 == problem(NotFoundError("gone", code=code), template)[1]


def test_somebody_who_is_not_in_a_conversation_is_not_found_among_their_conversations() -> None:
    template = "/Users/{UserSid}/Conversations/{ConversationSid}"
    assert 20404 == problem(NotFoundError("Participant not found", code=50432), template)[1]


# What a parameter names


def test_what_a_parameter_names_keeps_its_code_and_makes_the_request_a_bad_one() -> None:
    participants = "/Conversations/{ConversationSid}/Participants"
    assert (400, 50100, "Role not found") == problem(
        NotFoundError("Role not found", code=50100), participants
    )
    assert (400, 50507, "Media not found") == problem(NotFoundError("Media not found", code=50507))


@pytest.mark.parametrize(
    ("error", "status", "code", "text"),
    [
        (ConflictError("Participant already exists", code=50433), 409, 50433, "Participant already exists"),
        (
            ConflictError("Conversation with provided unique name already exists", code=50353),
            409,
            50353,
            "Conversation with provided unique name already exists",
        ),
        (LimitError("Identity not provided", code=50204), 400, 50204, "Identity not provided"),
        (
            LimitError("Message media size is too large", code=50512),
            413,
            50512,
            "Message media size is too large",
        ),
        (
            ForbiddenError("User unauthorized for command", code=50107),
            403,
            50107,
            "User unauthorized for command",
        ),
        (ConflictError("Can't update", code=50377, status=409), 400, 50377, "Can't update"),
        (TwilsockUpstreamError("ACS refused it"), 400, 20422, "ACS refused it"),
        (ConflictError("Two at once"), 409, 20409, "Two at once"),
        (TokenError("Invalid Access Token"), 401, 20101, "Invalid Access Token"),
        (RateLimitedError("Too Many Requests"), 429, 20429, "Too Many Requests"),
        (ServiceUnavailableError("gone", status=500), 500, 20503, "gone"),
        (ServiceUnavailableError("gone"), 503, 20503, "gone"),
        (ServiceTimeoutError("No answer"), 504, 20503, "No answer"),
        (InvalidResponseError("What?"), 502, 20500, "What?"),
        (ClosedError("closed"), 503, 20503, "Service unavailable: closed"),
        (ArgumentError("A name is text"), 400, 20422, "Invalid Parameter: A name is text"),
        (
            TranslationGapError("ACS has no such thing"),
            400,
            20422,
            "Invalid Parameter: ACS has no such thing",
        ),
        (DirectModeError("needs it"), 400, 20422, "Invalid Parameter: needs it"),
    ],
)
def test_every_kind_of_error_has_its_answer(error: Exception, status: int, code: int, text: str) -> None:
    assert is_foreseen(error)
    assert (status, code, text) == problem(error)


def test_a_bug_is_answered_without_its_details() -> None:
    assert not is_foreseen(KeyError("secret"))
    assert (500, 20500, "Internal Server Error") == problem(KeyError("secret"))


@pytest.mark.parametrize(
    "found",
    [not_found("/Roles/RL1"), not_allowed(), unauthorized(), problem_of(KeyError(), template="", path="")],
)
def test_an_answer_has_four_keys_so_that_twilio_python_makes_its_own_exception_of_it(found: object) -> None:
    body = found.body()  # type: ignore[attr-defined]
    assert ["code", "message", "more_info", "status"] == list(body)
    assert re.fullmatch(r"https://www\.twilio\.com/docs/errors/\d{5}", str(body["more_info"]))
