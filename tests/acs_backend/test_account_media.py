"""What an account does with files, and that each is named by one message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment, draft, page, room, sign_in
from tests.acs_backend.middleman import Fault, Middleman
from twilio_compat.account import SYSTEM, StoredMedia, account_actor
from twilio_compat.errors import BackendError, NotFoundError, TwilsockUpstreamError
from twilio_compat.records import Actor, ConversationRecord, MediaRecord, MediaUpload, MessageDraft

ACCOUNT = account_actor()


@pytest.fixture
async def deployment(emulator: Emulator, shared_store: str) -> AsyncIterator[Deployment]:
    """Open backends on one emulator and one store of each kind."""
    async with Deployment(emulator, shared_store) as running:
        yield running


@pytest.fixture
def elsewhere(deployment: Deployment) -> AcsBackend:
    """Return the backend of another process."""
    return deployment.backend()


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    return await room(backend, alice, "alice")


async def upload(backend: AcsBackend, actor: Actor = ACCOUNT, content: bytes = b"hello") -> MediaRecord:
    return await backend.media.upload(
        actor, MediaUpload(content=content, content_type="text/plain", filename="f.txt", category="body")
    )


def naming(*media: MediaRecord, **more: Any) -> MessageDraft:
    return draft(None, media=media, **more)


async def test_a_file_is_told_before_and_after_a_message_names_it(
    backend: AcsBackend, elsewhere: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    record = await upload(backend)
    found = await elsewhere.media.get(record.sid)
    assert before <= found.date_created <= datetime.now(UTC)
    assert StoredMedia(media=record, author=SYSTEM, date_created=found.date_created) == found
    sent = await backend.messages.create(alice, chat.sid, naming(record))
    await backend.media._errands.close()  # which note where it is
    named = await elsewhere.media.get(record.sid)
    assert (chat.sid, sent.sid, record) == (named.conversation_sid, named.message_sid, named.media)
    assert "alice" == (await backend.media.get((await upload(backend, alice)).sid)).author


@pytest.mark.parametrize("sid", ["ME" + "0" * 32, "x", "", "ME\0"])
async def test_an_unknown_file_is_not_found(backend: AcsBackend, sid: str) -> None:
    for call in (backend.media.get(sid), backend.media.delete(sid)):
        with pytest.raises(NotFoundError) as caught:
            await call
        assert 50507 == caught.value.code


async def status_of(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def test_a_deleted_file_is_gone_and_messages_keep_naming_it(
    backend: AcsBackend, elsewhere: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    record = await upload(backend)
    await backend.messages.create(alice, chat.sid, naming(record))
    url = (await backend.media.temporary_urls(alice, [record.sid]))[record.sid]
    assert 200 == await status_of(url)
    await elsewhere.media.delete(record.sid)
    assert 404 == await status_of(url)
    with pytest.raises(NotFoundError):
        await backend.media.get(record.sid)
    with pytest.raises(NotFoundError):
        await elsewhere.media.temporary_urls(alice, [record.sid])
    (message,) = (await page(backend, alice, chat)).items
    assert (record,) == message.media


async def test_a_file_that_was_deleted_in_storage_is_deleted_here_too(backend: AcsBackend) -> None:
    record = await upload(backend)
    name = (await backend.media._find(record.sid)).row.blob_name
    await backend.media._blobs.delete(name)
    await backend.media.delete(record.sid)
    with pytest.raises(NotFoundError):
        await backend.media.get(record.sid)


async def test_all_files_can_be_deleted(backend: AcsBackend) -> None:
    records = [await upload(backend) for _ in range(20)]
    await backend.media.delete_all()
    for each in records:
        with pytest.raises(NotFoundError):
            await backend.media.get(each.sid)


async def refused(backend: AcsBackend, actor: Actor, chat: ConversationRecord, message: MessageDraft) -> Any:
    with pytest.raises(TwilsockUpstreamError) as caught:
        await backend.messages.create(actor, chat.sid, message)
    return caught.value.status, caught.value.code


async def test_a_file_is_named_by_one_message_in_whichever_process(
    backend: AcsBackend, elsewhere: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    record, other = await upload(backend), await upload(backend)
    await backend.messages.create(alice, chat.sid, naming(record))
    assert (400, 50508) == await refused(backend, alice, chat, naming(record))
    assert (400, 50508) == await refused(elsewhere, alice, chat, naming(other, record))
    await elsewhere.messages.create(alice, chat.sid, naming(other))
    assert [(record,), (other,)] == [each.media for each in (await page(backend, alice, chat)).items]


async def test_of_messages_that_name_a_file_at_once_one_is_sent(
    backend: AcsBackend, elsewhere: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    record = await upload(backend)
    outcomes = await asyncio.gather(
        *(each.messages.create(alice, chat.sid, naming(record)) for each in (backend, elsewhere) * 3),
        return_exceptions=True,
    )
    assert [50508] * 5 == [each.code for each in outcomes if isinstance(each, TwilsockUpstreamError)]
    assert 1 == len((await page(backend, alice, chat)).items)


async def test_a_draft_that_is_sent_again_is_one_message(
    backend: AcsBackend, elsewhere: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    message = naming(await upload(backend), is_first=False)
    sent = [await each.messages.create(alice, chat.sid, message) for each in (backend, elsewhere, backend)]
    assert 1 == len({each.sid for each in sent})
    assert 1 == len((await page(backend, alice, chat)).items)


async def test_a_file_of_a_message_that_was_refused_can_be_sent_with_another(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    (eve,) = await sign_in(backend, "eve")
    record = await upload(backend)
    assert (403, 50430) == await refused(backend, eve, chat, naming(record))
    await backend.messages.create(alice, chat.sid, naming(record))


async def test_a_file_that_may_have_been_sent_is_not_sent_again(
    deployment: Deployment, middleman: Middleman, alice: Actor, chat: ConversationRecord
) -> None:
    through = middleman.connection_string(str(deployment.settings.connection_string))
    backend = deployment.backend(connection_string=through, deadline=1.0)
    record = await upload(backend)
    message = naming(record)
    middleman.fault = lambda seen: Fault.LOSE_ANSWER if seen.path.endswith("/messages") else None
    with pytest.raises(BackendError, match="unknown"):
        await backend.messages.create(alice, chat.sid, message)
    other = deployment.backend()
    assert (400, 50508) == await refused(other, alice, chat, naming(record))
    await other.messages.create(
        alice, chat.sid, naming(record, mutation_id=message.mutation_id, is_first=False)
    )
    assert 1 == len((await page(other, alice, chat)).items)


async def test_what_was_deleted_elsewhere_cannot_be_named(
    backend: AcsBackend, elsewhere: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    record = await upload(backend)
    await elsewhere.media.delete(record.sid)
    assert (404, 50507) == await refused(backend, alice, chat, naming(record))
