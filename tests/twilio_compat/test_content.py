"""Content templates: what they show, listed at most every five seconds, and sent with other values."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_backend import EPOCH, MemoryService
from twilio_compat import Client, ContentData, ContentTemplateVariable, Conversation
from twilio_compat.content import CACHED_FOR, ContentTemplates
from twilio_compat.content_reading import content_data, shown
from twilio_compat.errors import ArgumentError, TwilsockUpstreamError
from twilio_compat.records import ContentTemplateRecord, JSONValue

CARD: dict[str, JSONValue] = {
    "title": "Order {{1}}",
    "subtitle": "Thank you",
    "media": ["https://e/{{1}}.png"],
    "actions": [
        {"type": "URL", "title": "Open", "url": "https://e/{{1}}"},
        {"type": "PHONE_NUMBER", "title": "Call", "phone": "+1555"},
        {"type": "QUICK_REPLY", "title": "Thanks", "id": "t", "index": 2},
        {"type": "COPY_CODE", "title": "Copy", "code": "x"},
    ],
}
TEMPLATE = ContentTemplateRecord(
    sid="HX" + "1" * 32,
    friendly_name="order",
    variables={"1": "7", "who": "Ann"},
    types={"twilio/text": {"body": "{{who}}: order {{1}}"}, "twilio/card": CARD},
    date_created=EPOCH,
    date_updated=EPOCH,
)


@pytest.fixture
async def room(service: MemoryService, alice: Client) -> Conversation:
    """A conversation, and a template to send there."""
    service.templates.append(TEMPLATE)
    return await (await alice.createConversation()).join()


def raw(value: JSONValue) -> str:
    return json.dumps(value, separators=(",", ":"))


# What content shows


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("twilio/text", {"body": "hi"}, {"type": "text", "body": "hi"}),
        ("twilio/media", {"media": ["u"]}, {"type": "media", "media": ["u"]}),
        ("twilio/media", {"body": "b", "media": ["u"]}, {"type": "media", "body": "b", "media": ["u"]}),
        (
            "twilio/location",
            {"longitude": 1.5, "latitude": 2, "label": "Home"},
            {"type": "location", "longitude": 1.5, "latitude": 2, "label": "Home"},
        ),
        (
            "twilio/quick-reply",
            {"body": "b", "actions": [{"title": "Yes", "id": "y"}, {"title": "No"}]},
            {"type": "quickReply", "body": "b", "replies": [{"title": "Yes", "id": "y"}, {"title": "No"}]},
        ),
        (
            "twilio/list-picker",
            {
                "body": "b",
                "button": "Choose",
                "items": [{"id": "1", "item": "One", "description": "first"}, {"id": "2", "item": "Two"}],
            },
            {
                "type": "listPicker",
                "body": "b",
                "button": "Choose",
                "items": [{"id": "1", "item": "One", "description": "first"}, {"id": "2", "item": "Two"}],
            },
        ),
        ("whatsapp/card", {"body": "b"}, {"type": "other"}),
        ("twilio/text", {"body": 5}, {"type": "other"}),
        ("twilio/text", "hi", {"type": "other"}),
    ],
)
def test_content_is_shown_as_twilios_client_shows_it(
    kind: str, data: JSONValue, expected: dict[str, JSONValue]
) -> None:
    assert expected | {"rawData": raw(data)} == content_data(kind, data)


def test_the_buttons_of_a_card_and_of_a_call_to_action_are_told_apart() -> None:
    actions = CARD["actions"]
    assert isinstance(actions, list)
    expected = [
        {"type": "url", "title": "Open", "url": "https://e/{{1}}", "rawData": raw(actions[0])},
        {"type": "phone", "title": "Call", "phone": "+1555", "rawData": raw(actions[1])},
        {"type": "reply", "title": "Thanks", "id": "t", "index": 2, "rawData": raw(actions[2])},
        {"type": "other", "rawData": raw(actions[3])},
    ]
    card = content_data("twilio/card", CARD)
    assert {
        "type": "card",
        "title": "Order {{1}}",
        "subtitle": "Thank you",
        "media": ["https://e/{{1}}.png"],
        "actions": expected,
        "rawData": raw(CARD),
    } == card
    call = content_data("twilio/call-to-action", {"body": "b", "actions": actions})
    assert ("callToAction", expected) == (call["type"], call.get("actions"))


@given(
    st.sampled_from(["text", "media", "location", "quick-reply", "call-to-action", "list-picker", "card"]),
    st.dictionaries(
        st.sampled_from(["body", "media", "actions", "items", "title", "button", "longitude", "latitude"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["type", "title", "id"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    ),
)
def test_any_content_can_be_shown(kind: str, data: dict[str, JSONValue]) -> None:
    assert data == json.loads(content_data(f"twilio/{kind}", data)["rawData"])


@pytest.mark.parametrize(
    ("types", "kind"),
    [
        (["twilio/text"], "text"),
        (["twilio/text", "twilio/card"], "card"),
        (["twilio/card", "twilio/text"], "card"),
        ([], None),
    ],
)
def test_what_is_more_than_text_is_shown_before_text(types: list[str], kind: str | None) -> None:
    content: ContentData | None = shown({each: {"body": "b", "title": "t"} for each in types})
    assert kind == (content and content["type"])


# Templates


async def test_a_template_has_its_variables_and_variants(room: Conversation, alice: Client) -> None:
    [only] = await alice.getContentTemplates()
    assert (TEMPLATE.sid, "order", EPOCH, EPOCH) == (
        only.sid,
        only.friendlyName,
        only.dateCreated,
        only.dateUpdated,
    )
    assert [("1", "7"), ("who", "Ann")] == [(each.name, each.value) for each in only.variables]
    assert {"twilio/text": "text", "twilio/card": "card"} == {
        kind: content["type"] for kind, content in only.variants.items()
    }


async def test_the_list_is_asked_for_again_after_five_seconds(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    now = 100.0
    templates = ContentTemplates(alice._session, clock=lambda: now)
    first = await templates.list()
    now += CACHED_FOR - 0.1
    assert first is await templates.list()
    now += 0.1
    assert first is not await templates.list()
    assert 2 == service.calls.count("content_templates.list")


def test_a_variable_is_copied_with_another_value() -> None:
    variable = ContentTemplateVariable("1", "toy")
    assert ContentTemplateVariable("1", "ball") == variable.copyWithValue("ball")
    assert ("1", "toy") == (variable.name, variable.value)


def test_a_variable_is_text() -> None:
    with pytest.raises(ArgumentError, match="Argument 2 is expected to be of type string, but got 5"):
        ContentTemplateVariable("1", 5)  # type: ignore[arg-type]  # that is the point


# Messages made of them


async def test_a_message_of_a_template_is_filled_in(room: Conversation, alice: Client) -> None:
    [template] = await alice.getContentTemplates()
    order = template.variables[0].copyWithValue("8")
    await room.prepareMessage().setContentTemplate(template.sid, [order]).buildAndSend()
    [message] = (await room.getMessages()).items
    assert (template.sid, "Ann: order 8") == (message.contentSid, message.body)
    content = await message.getContentData()
    assert content is not None
    assert content["type"] == "card"
    assert ("Order 8", ["https://e/8.png"]) == (content["title"], content["media"])


async def test_a_message_of_no_template_has_no_content_and_asks_for_none(
    service: MemoryService, room: Conversation
) -> None:
    await room.sendMessage("hello")
    [message] = (await room.getMessages()).items
    assert (None, None) == (message.contentSid, await message.getContentData())
    assert "messages.content" not in service.calls


async def test_a_template_that_does_not_exist_is_refused(room: Conversation) -> None:
    with pytest.raises(TwilsockUpstreamError) as caught:
        await room.prepareMessage().setContentTemplate("HX" + "0" * 32).buildAndSend()
    assert (400, 50526) == (caught.value.status, caught.value.code)
    await asyncio.sleep(0)
    assert [] == (await room.getMessages()).items
