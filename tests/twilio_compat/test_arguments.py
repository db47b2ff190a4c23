"""Argument checks say what Twilio's client says, word by word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from twilio_compat import Client, Conversation
from twilio_compat.arguments import (
    OMITTED,
    Rule,
    any_of,
    array,
    check,
    checked,
    json_type,
    literal,
    non_empty_array,
    non_negative_integer,
    optional,
    show,
    string,
    undefined,
)
from twilio_compat.errors import ArgumentError

Call: TypeAlias = Callable[[Any, Any], Awaitable[object]]

EXPECTED = "Argument 1 is expected to be "
MESSAGE = f"{EXPECTED}of type string, an instance of FormData, null or valid media options "

REFUSALS: list[tuple[str, Call, str]] = [
    (
        "getMessages(-1)",
        lambda a, c: c.getMessages(-1),
        f"{EXPECTED}of type undefined or a non-negative integer, but got -1",
    ),
    (
        "getMessages(0)",
        lambda a, c: c.getMessages(0),
        f'{EXPECTED}of type undefined or valid query options (key "pageSize" should be a positive integer or of type '
        'undefined), but got malformed query options (key "pageSize" is 0)',
    ),
    (
        "getMessages(True)",
        lambda a, c: c.getMessages(True),
        f"{EXPECTED}of type undefined or a non-negative integer, but got true",
    ),
    ("add('')", lambda a, c: c.add(""), f'{EXPECTED}a non-empty string, but got ""'),
    ("add()", lambda a, c: c.add(), f"{EXPECTED}a non-empty string, but got undefined"),
    ("add(None)", lambda a, c: c.add(None), f"{EXPECTED}a non-empty string, but got null"),
    ("add(identity='')", lambda a, c: c.add(identity=""), f'{EXPECTED}a non-empty string, but got ""'),
    ("too many", lambda a, c: c.add("bob", {}, 1), "Expected at most 2 argument(s), but got 3"),
    (
        "an argument by a name that is none",
        lambda a, c: c.sendMessage(nope=1),
        "sendMessage() got an unexpected keyword argument 'nope'; it takes message, attributes, emailOptions",
    ),
    (
        "an argument given twice",
        lambda a, c: c.add("bob", identity="carol"),
        "add() got its argument 'identity' twice: by place and by keyword",
    ),
    (
        "sendMessage with an empty subject",
        lambda a, c: c.sendMessage("x", {}, {"subject": ""}),
        'Argument 3 is expected to be of type undefined, null or valid email attributes (key "subject" should be a '
        'non-empty string or of type undefined); but got malformed email attributes (key "subject" is "")',
    ),
    (
        "getConversationBySid('')",
        lambda a, c: a.getConversationBySid(""),
        f'{EXPECTED}a non-empty string, but got ""',
    ),
    ("sendMessage()", lambda a, c: c.sendMessage(), f"{MESSAGE}(should be a pure object); but got undefined"),
    ("sendMessage(5)", lambda a, c: c.sendMessage(5), f"{MESSAGE}(should be a pure object); but got 5"),
    (
        "sendMessage(media without type)",
        lambda a, c: c.sendMessage({"contentType": "", "media": "x"}),
        f'{MESSAGE}(key "contentType" should be a non-empty string); but got malformed media options '
        '(key "contentType" is "")',
    ),
    (
        "sendMessage(media of no type)",
        lambda a, c: c.sendMessage({"media": "x"}),
        f'{MESSAGE}(key "contentType" should be a non-empty string); but got malformed media options '
        '(key "contentType" is undefined)',
    ),
    (
        "sendMessage(media of type None)",
        lambda a, c: c.sendMessage({"contentType": None, "media": "x"}),
        f'{MESSAGE}(key "contentType" should be a non-empty string); but got malformed media options '
        '(key "contentType" is null)',
    ),
    (
        "createConversation({friendlyName: 5})",
        lambda a, c: a.createConversation({"friendlyName": 5}),
        f'{EXPECTED}of type undefined or valid conversation options (key "friendlyName" should be of type string or '
        'of type undefined), but got malformed conversation options (key "friendlyName" is 5)',
    ),
    (
        "createConversation(5)",
        lambda a, c: a.createConversation(5),
        f"{EXPECTED}of type undefined or valid conversation options (should be a pure object), but got 5",
    ),
    (
        "removeParticipant(3)",
        lambda a, c: c.removeParticipant(3),
        f"{EXPECTED}a non-empty string or an instance of Participant, but got 3",
    ),
    (
        "sendMessage with attributes that are not JSON",
        lambda a, c: c.sendMessage("x", {"key": {1, 2}}),
        "Argument 2 is expected to be an optional JSON type, but got object "
        "(Object of type set is not JSON serializable)",
    ),
    (
        "createConversation with attributes that are not JSON",
        lambda a, c: a.createConversation(attributes=object()),
        f'{EXPECTED}of type undefined or valid conversation options (key "attributes" should be a JSON type or of type '
        'undefined), but got malformed conversation options (key "attributes" is instance of object)',
    ),
    *[
        (
            f"{method}({shown})",
            lambda a, c, m=method, v=value: getattr(c, m)(v),
            f"{EXPECTED}{rule}, but got {got}",
        )
        for method, value, shown, rule, got in [
            ("updateFriendlyName", 1, "1", "of type string", "1"),
            ("updateUniqueName", 1, "1", "of type string or null", "1"),
            ("advanceLastReadMessageIndex", -1, "-1", "a non-negative integer", "-1"),
            ("advanceLastReadMessageIndex", None, "None", "a non-negative integer", "null"),
            ("updateLastReadMessageIndex", -1, "-1", "null or a non-negative integer", "-1"),
            ("updateLastReadMessageIndex", 1.5, "1.5", "null or a non-negative integer", "1.5"),
            ("setUserNotificationLevel", "loud", "'loud'", '"default" or "muted"', '"loud"'),
            ("addNonChatParticipant", "", "''", "a non-empty string", '""'),
            ("getParticipantBySid", "", "''", "a non-empty string", '""'),
            ("getParticipantByIdentity", 5, "5", "a non-empty string", "5"),
        ]
    ],
    (
        "addNonChatParticipant with one address",
        lambda a, c: c.addNonChatParticipant("+15550111"),
        "Argument 2 is expected to be a non-empty string, but got undefined",
    ),
    (
        "getMessageRecipients with a page of none",
        lambda a, c: c.getMessageRecipients({"pageSize": 0}),
        f'{EXPECTED}of type undefined or valid paginator options (key "pageSize" should be a positive integer or of '
        'type undefined), but got malformed paginator options (key "pageSize" is 0)',
    ),
    ("getUser('')", lambda a, c: a.getUser(""), f'{EXPECTED}a non-empty string, but got ""'),
    (
        "setPushRegistrationId for a channel that is none",
        lambda a, c: a.setPushRegistrationId("gcm", "phone"),
        f'{EXPECTED}"fcm" or "apn", but got "gcm"',
    ),
    (
        "setPushRegistrationId without a device",
        lambda a, c: a.setPushRegistrationId("fcm"),
        "Argument 2 is expected to be of type string, but got undefined",
    ),
    (
        "removePushRegistrations with an empty device",
        lambda a, c: a.removePushRegistrations("fcm", ""),
        'Argument 2 is expected to be a non-empty string, but got ""',
    ),
    (
        "user.updateFriendlyName(1)",
        lambda a, c: a.user.updateFriendlyName(1),
        f"{EXPECTED}of type string, but got 1",
    ),
    (
        "user.updateAttributes()",
        lambda a, c: a.user.updateAttributes(),
        f"{EXPECTED}a JSON type, but got undefined",
    ),
    ("updateToken('')", lambda a, c: a.updateToken(""), f'{EXPECTED}a non-empty string, but got ""'),
]


@pytest.mark.parametrize(
    ("call", "expected"), [each[1:] for each in REFUSALS], ids=[each[0] for each in REFUSALS]
)
async def test_a_refused_argument_reads_as_at_twilio(alice: Client, call: Call, expected: str) -> None:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    outcome = call(alice, room)
    with pytest.raises(ArgumentError) as caught:
        await outcome
    assert expected == str(caught.value)


@pytest.fixture
async def room(alice: Client) -> Conversation:
    return await alice.createConversation(friendlyName="Room")


async def test_setting_a_body_that_is_no_string_is_refused_at_once(room: Conversation) -> None:
    with pytest.raises(ArgumentError, match=r"^Argument 1 is expected to be of type string, but got 3$"):
        room.prepareMessage().setBody(3)  # type: ignore[arg-type]  # the point of the test


async def test_attributes_left_out_are_refused_by_name(room: Conversation) -> None:
    with pytest.raises(ArgumentError, match=r"^Argument 1 is expected to be a JSON type, but got undefined$"):
        room.prepareMessage().setAttributes()  # type: ignore[call-arg]  # the point of the test


@pytest.mark.parametrize(
    "media", [{"contentType": "", "media": "x"}, {"contentType": "a/b", "media": ""}, {}, None]
)
async def test_media_need_a_type_and_content(room: Conversation, media: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        room.prepareMessage().addMedia(media)
    expected = "Media content in SendMediaOptions must contain non-empty contentType and media"
    assert expected == str(caught.value)


async def test_attributes_may_be_nothing_at_all(alice: Client, room: Conversation) -> None:
    await room.join()
    await room.sendMessage("text")
    [me], [message] = await room.getParticipants(), (await room.getMessages()).items
    changed = [await each.updateAttributes(None) for each in (room, me, alice.user, message)]
    assert [None] * 4 == [each.attributes for each in changed]


async def test_an_empty_token_is_refused_at_once() -> None:
    with pytest.raises(ArgumentError, match=r'^Argument 1 is expected to be a non-empty string, but got ""$'):
        Client("")


async def test_nothing_is_sent_of_a_refused_call(room: Conversation) -> None:
    with pytest.raises(ArgumentError):
        await room.sendMessage("text", attributes=float("nan"))
    assert [] == (await room.getMessages()).items


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (OMITTED, "undefined"),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (1.5, "1.5"),
        ("text", '"text"'),
        ({}, "object"),
        ([], "instance of Array"),
        (object(), "instance of object"),
    ],
)
def test_values_are_shown_as_javascript_shows_them(value: object, shown: str) -> None:
    assert shown == show(value)


def test_a_literal_names_its_choices() -> None:
    @checked(level=literal("default", "muted"))
    def method(self: object, level: str) -> str:
        return level

    assert "muted" == method(None, "muted")
    with pytest.raises(
        ArgumentError, match=r'^Argument 1 is expected to be "default" or "muted", but got "loud"$'
    ):
        method(None, "loud")


@pytest.mark.parametrize(
    ("rule", "value", "text"),
    [
        (non_empty_array("strings", string), [], "a non-empty array of strings, but got instance of Array"),
        (non_empty_array("strings", string), None, "a non-empty array of strings, but got null"),
        (
            non_empty_array("strings", string),
            ["a", 5],
            "a valid non-empty array of strings (index 1 should be of type string), but got malformed array of "
            "strings (index 1 is 5)",
        ),
        (
            any_of(array("names", string), undefined),
            (None,),
            "a valid array of names (index 0 should be of type string) or of type undefined, but got malformed "
            "array of names (index 0 is null)",
        ),
    ],
)
def test_arrays_are_checked_item_by_item(rule: Rule, value: object, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        check(1, value, rule)
    assert EXPECTED + text == str(caught.value)


def test_an_array_may_be_empty_unless_it_may_not() -> None:
    assert [True, True, False] == [
        array("names", string).accepts([]),
        non_empty_array("names", string).accepts(("a", "b")),
        array("names", string).accepts("ab"),
    ]


def test_the_position_is_that_of_the_parameter() -> None:
    @checked(second=optional(non_negative_integer))
    def method(self: object, first: int, second: int | None = None) -> int | None:
        return second

    assert (None, 1, None) == (method(None, 0), method(None, 0, 1), method(None, 0, second=None))
    with pytest.raises(ArgumentError, match=r"^Argument 2 "):
        method(None, 0, second=-1)


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "x", [1], {"a": [None]}])
def test_what_json_can_say_is_accepted(value: object) -> None:
    assert json_type.accepts(value)


def test_what_contains_itself_is_no_json() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert not json_type.accepts(loop)
