"""The files of a message: by category, and where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest

from tests.support.memory_backend import MemoryBackend, MemoryService
from twilio_compat import CancellablePromise, Client, Conversation, Media, Message
from twilio_compat.errors import ArgumentError, NotFoundError, PromiseCancelledError

Urls: TypeAlias = Callable[[Client, Message, Sequence[Media]], CancellablePromise[dict[str, str]]]

PLACES: dict[str, Urls] = {
    "message, media": lambda client, message, media: message.getTemporaryContentUrlsForMedia(media),
    "message, sids": lambda client, message, media: message.getTemporaryContentUrlsForMediaSids(
        [each.sid for each in media]
    ),
    "client, media": lambda client, message, media: client.getTemporaryContentUrlsForMedia(media),
    "client, sids": lambda client, message, media: client.getTemporaryContentUrlsForMediaSids(
        [each.sid for each in media]
    ),
}


@pytest.fixture
async def room(alice: Client) -> Conversation:
    return await (await alice.createConversation(friendlyName="Room")).join()


@pytest.fixture
async def email(room: Conversation) -> Message:
    """A message with two files, a body in two formats and a history in one."""
    text, html = "text/plain", "text/html"
    builder = room.prepareMessage().setSubject("Plans")
    builder.setEmailBody(html, {"contentType": html, "media": "<p>Hi</p>"})
    builder.setEmailBody(text, {"contentType": text, "media": "Hi"})
    builder.setEmailHistory(text, {"contentType": text, "media": "> Hello?"})
    for name in ("a.png", "b.png"):
        builder.addMedia({"contentType": "image/png", "media": b"x", "filename": name})
    await builder.buildAndSend()
    [message] = (await room.getMessages()).items
    return message


async def test_files_come_first_then_bodies_then_histories(email: Message) -> None:
    assert ["media", "media", "body", "body", "history"] == [
        each.category for each in email.getMediaByCategories(["media", "body", "history"])
    ]


async def test_the_parts_of_an_email_are_not_attachments(email: Message) -> None:
    assert ["a.png", "b.png"] == [each.filename for each in email.attachedMedia]
    assert email.media is not None
    assert "a.png" == email.media.filename


async def test_media_are_found_by_category(email: Message) -> None:
    assert ["text/html", "text/plain"] == [each.contentType for each in email.getMediaByCategories(["body"])]
    assert ["history"] == [each.category for each in email.getMediaByCategory(["history"])]
    assert [] == email.getMediaByCategories([])


async def test_parts_of_an_email_are_found_by_format(service: MemoryService, email: Message) -> None:
    found = [
        email.getEmailBody(),
        email.getEmailBody("text/html"),
        email.getEmailBody(None),
        email.getEmailHistory(),
    ]
    contents = [service.files[each.sid][1] for each in found if each is not None]
    assert [b"Hi", b"<p>Hi</p>", b"Hi", b"> Hello?"] == contents
    assert email.getEmailHistory("text/html") is None


async def test_the_format_of_a_part_has_a_name(email: Message) -> None:
    with pytest.raises(ArgumentError, match=r'or a non-empty string, but got ""$'):
        email.getEmailBody("")


async def test_a_file_has_a_temporary_url(email: Message) -> None:
    [first, _] = email.attachedMedia
    assert f"memory://{first.sid}" == await first.getContentTemporaryUrl()


@pytest.mark.parametrize("place", PLACES)
async def test_many_files_have_their_urls_in_one_request(
    service: MemoryService, alice: Client, email: Message, place: str
) -> None:
    service.calls.clear()
    media = email.attachedMedia
    assert {each.sid: f"memory://{each.sid}" for each in media} == await PLACES[place](alice, email, media)
    assert ["media.temporary_urls"] == service.calls


async def test_the_urls_of_a_message_are_those_of_its_attachments(email: Message) -> None:
    urls = await email.getTemporaryContentUrlsForAttachedMedia()
    assert [each.sid for each in email.attachedMedia] == [*urls]


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_has_no_urls(service: MemoryService, alice: Client, email: Message, place: str) -> None:
    service.calls.clear()
    with pytest.raises(ArgumentError, match=r"a non-empty array of \w+, but got instance of Array$"):
        await PLACES[place](alice, email, [])
    assert [] == service.calls


async def test_a_message_without_files_has_no_urls(room: Conversation) -> None:
    await room.sendMessage("text")
    [message] = (await room.getMessages()).items
    with pytest.raises(ArgumentError, match=r"a non-empty array of strings"):
        await message.getTemporaryContentUrlsForAttachedMedia()


async def test_what_is_no_file_is_named(alice: Client, email: Message) -> None:
    text = r"a valid non-empty array of media \(index 0 should be an instance of Media\), but got malformed array of"
    with pytest.raises(ArgumentError, match=text):
        await alice.getTemporaryContentUrlsForMedia(["ME1"])  # type: ignore[list-item]  # the point of the test


@pytest.mark.parametrize("place", PLACES)
async def test_a_file_that_is_gone_has_no_url(
    service: MemoryService, alice: Client, email: Message, place: str
) -> None:
    service.files.clear()
    with pytest.raises(NotFoundError) as caught:
        await PLACES[place](alice, email, email.attachedMedia)
    assert 50507 == caught.value.code


async def test_asking_for_a_url_can_be_called_off(email: Message) -> None:
    with pytest.raises(PromiseCancelledError):
        await email.attachedMedia[0].getContentTemporaryUrl().cancel()


async def test_the_older_way_returns_the_files_as_they_are(service: MemoryService, email: Message) -> None:
    media = email.attachedMedia
    assert media == await email.attachTemporaryUrlsFor(media)
    assert [] == await email.attachTemporaryUrlsFor([])
    service.files.clear()
    with pytest.raises(NotFoundError):
        await email.attachTemporaryUrlsFor(media)


async def test_a_client_waits_until_it_can_ask(service: MemoryService, email: Message) -> None:
    client = Client(service.token("bob"), {"backend": MemoryBackend(service)})
    sid = email.attachedMedia[0].sid
    assert {sid: f"memory://{sid}"} == await client.getTemporaryContentUrlsForMediaSids([sid])
    await client.shutdown()
