"""Composing messages, sending files, and messages that are dropped."""

from __future__ import annotations

import gc
import inspect
import io
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.journal import settle
from tests.support.memory_backend import EPOCH, MemoryService
from twilio_compat import Client, Conversation
from twilio_compat.content import ContentTemplateVariable
from twilio_compat.errors import ArgumentError, LimitError, UnsentMessageWarning
from twilio_compat.media_upload import MediaContent, SendMediaOptions
from twilio_compat.records import ContentTemplateRecord


@pytest.fixture
async def room(alice: Client) -> Conversation:
    return await (await alice.createConversation(friendlyName="Room")).join()


async def chunks() -> AsyncIterator[bytes]:
    yield b"da"
    yield b"ta"


async def test_a_message_holds_what_was_put_in(room: Conversation) -> None:
    builder = room.prepareMessage().setBody("Hello!").setSubject("Greeting").setAttributes({"foo": "bar"})
    assert 0 == await builder.build().send()
    [sent] = (await room.getMessages()).items
    assert ("Hello!", "Greeting", {"foo": "bar"}, "alice", "text") == (
        sent.body,
        sent.subject,
        sent.attributes,
        sent.author,
        sent.type,
    )
    assert ([], None) == (sent.attachedMedia, sent.media)


async def test_build_and_send_is_short_for_both(room: Conversation) -> None:
    assert 0 == await room.prepareMessage().setBody("Hello!").buildAndSend()


async def test_what_is_built_can_be_looked_at(room: Conversation) -> None:
    unsent = room.prepareMessage().setBody("Hello!").setAttributes([1]).build()
    assert ("Hello!", [1], []) == (unsent.text, unsent.attributes, unsent.mediaContent)
    await unsent.send()


async def test_what_is_changed_after_it_was_sent_belongs_to_the_next_message(room: Conversation) -> None:
    unsent = room.prepareMessage().setBody("one").setAttributes({"number": 1}).build()
    first = unsent.send()
    unsent.text, unsent.attributes["number"] = "two", 2  # type: ignore[index, call-overload]  # it is a dict
    assert [0, 1] == [await first, await unsent.send()]
    sent = (await room.getMessages()).items
    assert [("one", {"number": 1}), ("two", {"number": 2})] == [(each.body, each.attributes) for each in sent]


async def test_sending_twice_sends_two_messages(room: Conversation) -> None:
    unsent = room.prepareMessage().setBody("Hello!").build()
    assert [0, 1] == [await unsent.send(), await unsent.send()]


@pytest.mark.parametrize(
    "media",
    [b"data", bytearray(b"data"), memoryview(b"data"), "data", io.BytesIO(b"data"), chunks()],
    ids=lambda media: type(media).__name__,
)
async def test_files_are_taken_in_every_form(
    service: MemoryService, room: Conversation, media: MediaContent
) -> None:
    await room.sendMessage({"contentType": "text/plain", "media": media})
    [(record, content)] = service.files.values()
    assert (b"data", "text/plain", None) == (content, record.content_type, record.filename)


async def test_a_path_is_read_when_the_message_is_sent_and_again_when_it_is_sent_again(
    service: MemoryService, room: Conversation, tmp_path: Path
) -> None:
    path = tmp_path / "f.bin"
    unsent = (
        room.prepareMessage().addMedia({"contentType": "a/b", "media": path, "filename": "f.bin"}).build()
    )
    path.write_bytes(b"x" * 300_000)
    await unsent.send()
    await unsent.send()
    assert [(300_000, "f.bin")] * 2 == [
        (record.size, record.filename) for record, _ in service.files.values()
    ]


async def test_a_text_file_is_refused(room: Conversation) -> None:
    with pytest.raises(ArgumentError, match=r'\(key "media" is instance of StringIO\)$'):
        room.prepareMessage().addMedia({"contentType": "text/plain", "media": io.StringIO("x")})  # type: ignore[typeddict-item]  # the point of the test


async def test_a_type_is_needed_and_a_name_is_text(room: Conversation) -> None:
    with pytest.raises(ArgumentError, match=r"^Media content in SendMediaOptions must contain non-empty"):
        room.prepareMessage().addMedia({"media": b"x"})
    with pytest.raises(ArgumentError, match=r'\(key "filename" is 5\)$'):
        room.prepareMessage().addMedia({"contentType": "a/b", "media": b"x", "filename": 5})  # type: ignore[typeddict-item]  # the point of the test


async def test_text_that_has_no_encoding_is_refused(room: Conversation) -> None:
    with pytest.raises(ArgumentError, match="no Unicode text"):
        await room.sendMessage({"contentType": "text/plain", "media": "half a pair \ud83d"})


async def texts() -> AsyncIterator[str]:
    yield "text"


class TextFile:
    def read(self, size: int) -> str:
        return "text"


@pytest.mark.parametrize("media", [texts(), TextFile()], ids=lambda media: type(media).__name__)
async def test_a_file_that_brings_text_is_refused(
    service: MemoryService, room: Conversation, media: MediaContent
) -> None:
    with pytest.raises(ArgumentError, match=r"^Media are made of bytes, but this file brought str$"):
        await room.sendMessage({"contentType": "text/plain", "media": media})
    assert ({}, []) == (service.files, (await room.getMessages()).items)


async def test_media_are_uploaded_in_order_before_the_message(
    service: MemoryService, room: Conversation
) -> None:
    builder = room.prepareMessage()
    for name in "abc":
        builder.addMedia({"contentType": "text/plain", "filename": name, "media": name})
    await builder.buildAndSend()
    [sent] = (await room.getMessages()).items
    assert ["a", "b", "c"] == [each.filename for each in sent.attachedMedia]
    assert sent.media is not None
    assert ("a", None) == (sent.media.filename, sent.body)
    assert [*["media.upload"] * 3, "messages.create", "messages.page"] == service.calls[-5:]


async def test_an_upload_that_fails_sends_nothing(service: MemoryService, room: Conversation) -> None:
    service.fail_next("media.upload", LimitError("Too large", code=50512))
    with pytest.raises(LimitError):
        await room.sendMessage({"contentType": "text/plain", "media": "x"})
    assert [] == (await room.getMessages()).items


async def test_ten_files_fit_and_eleven_do_not(room: Conversation) -> None:
    builder = room.prepareMessage()
    for _ in range(10):
        builder.addMedia({"contentType": "text/plain", "media": "x"})
    await builder.build().send()
    builder.addMedia({"contentType": "text/plain", "media": "x"})
    with pytest.raises(ArgumentError, match=r"^Too many media attachments in the message \(11 > 10\)$"):
        builder.build()


async def test_none_sends_an_empty_text(room: Conversation) -> None:
    assert 0 == await room.sendMessage(None)
    assert "" == (await room.getMessages()).items[0].body


async def test_text_takes_attributes_and_a_subject(room: Conversation) -> None:
    await room.sendMessage("text", {"a": 1}, {"subject": "Greeting"})
    [sent] = (await room.getMessages()).items
    assert ({"a": 1}, "Greeting") == (sent.attributes, sent.subject)


async def test_a_dropped_builder_warns_where_it_was_begun_and_sends_nothing(room: Conversation) -> None:
    async def guide() -> int:
        builder = room.prepareMessage()
        line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]  # CPython has frames
        await builder.setBody("Here is some media!").addMedia({"contentType": "a/b", "media": b"x"})
        return line

    with pytest.warns(UnsentMessageWarning, match=r"nothing was sent, since build\(\)\.send\(\)") as caught:
        line = await guide()
    assert [(__file__, line)] == [(each.filename, each.lineno) for each in caught]
    await settle()
    assert [] == (await room.getMessages()).items


async def test_a_message_built_and_dropped_warns_too(room: Conversation) -> None:
    with pytest.warns(UnsentMessageWarning, match=r"since send\(\) was never called"):
        room.prepareMessage().setBody("Hello!").build()


async def test_a_builder_with_nothing_in_it_may_be_dropped(room: Conversation) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        room.prepareMessage()
        gc.collect()


async def test_what_is_built_shows_the_files_and_what_they_are(room: Conversation) -> None:
    plain: SendMediaOptions = {"contentType": "text/plain", "media": "x"}
    builder = room.prepareMessage().setEmailHistory("text/plain", plain).setEmailBody("text/html", plain)
    unsent = builder.addMedia({"file": ("a.png", b"x")}).build()
    assert [("media", {"file": ("a.png", b"x")}), ("body", plain), ("history", plain)] == unsent.mediaContent
    again = builder.build()
    assert unsent.mediaContent == again.mediaContent
    assert [0, 1] == [await unsent.send(), await again.send()]


async def test_a_form_is_sent_as_a_file_is(service: MemoryService, room: Conversation) -> None:
    await room.sendMessage({"file": ("a.png", b"x")})
    [(record, content)] = service.files.values()
    assert ("a.png", "image/png", b"x") == (record.filename, record.content_type, content)


async def test_a_later_body_of_the_same_format_takes_the_place_of_the_first(
    service: MemoryService, room: Conversation
) -> None:
    builder = room.prepareMessage()
    for text in ("first", "second"):
        builder.setEmailBody("text/plain", {"contentType": "text/plain", "media": text})
    await builder.buildAndSend()
    assert [b"second"] == [content for _, content in service.files.values()]


@pytest.mark.parametrize("part", ["body", "history"])
async def test_an_email_has_the_formats_that_the_limits_name(room: Conversation, part: str) -> None:
    builder = room.prepareMessage().setBody("x")
    add = builder.setEmailBody if part == "body" else builder.setEmailHistory
    add("text/markdown", {"contentType": "text/markdown", "media": "*x*"})
    with pytest.raises(ArgumentError, match=rf"^Unsupported email {part} content type text/markdown$"):
        builder.build()


async def test_a_body_that_is_no_file_is_refused(room: Conversation) -> None:
    text = (
        r"^Argument 2 is expected to be an instance of FormData or valid send media options "
        r'\(key "contentType" should be a non-empty string\), but got malformed send media options '
        r'\(key "contentType" is undefined\)$'
    )
    with pytest.raises(ArgumentError, match=text):
        room.prepareMessage().setEmailBody("text/plain", {"media": "x"})
    with pytest.raises(ArgumentError, match=r"^Argument 1 is expected to be of type string, but got 5$"):
        room.prepareMessage().setEmailHistory(5, {"contentType": "a/b", "media": "x"})  # type: ignore[arg-type]  # the point of the test


async def test_a_template_is_sent_with_its_values(service: MemoryService, room: Conversation) -> None:
    sid = "HX" + "0" * 32
    values = [ContentTemplateVariable("1", "Tuesday")]
    unsent = room.prepareMessage().setContentTemplate(sid, values).build()
    assert (sid, values, None) == (unsent.contentSid, unsent.contentVariables, unsent.text)
    service.templates.append(
        ContentTemplateRecord(
            sid=sid,
            friendly_name="Delivery",
            variables={"1": "Monday"},
            types={"twilio/text": {"body": "It comes on {{1}}."}},
            date_created=EPOCH,
            date_updated=EPOCH,
        )
    )
    await unsent.send()
    [sent] = (await room.getMessages()).items
    assert (sid, "It comes on Tuesday.") == (sent.contentSid, sent.body)


async def test_the_values_of_a_template_are_variables(room: Conversation) -> None:
    text = (
        r"^Argument 2 is expected to be a valid array of content variables \(index 0 should be an instance of "
        r"ContentTemplateVariable\) or of type undefined, but got malformed array of content variables \(index 0 is 5\)$"
    )
    with pytest.raises(ArgumentError, match=text):
        room.prepareMessage().setContentTemplate("HX1", [5])  # type: ignore[list-item]  # the point of the test


async def test_the_files_of_a_message_have_a_limit_together(
    service: MemoryService, room: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twilio_compat.message_builder.MEGABYTE", 1)
    builder = room.prepareMessage()
    for _ in range(3):
        builder.addMedia({"contentType": "a/b", "media": b"x" * 100})
    with pytest.raises(LimitError, match="over 150 MB in all") as caught:
        await builder.buildAndSend()
    assert (50512, 2, []) == (caught.value.code, len(service.files), (await room.getMessages()).items)
