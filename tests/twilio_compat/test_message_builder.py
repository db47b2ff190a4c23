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
from tests.support.memory_backend import MemoryService
from twilio_compat import Client, Conversation
from twilio_compat.errors import ArgumentError, LimitError, UnsentMessageWarning
from twilio_compat.media_upload import MediaContent


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
