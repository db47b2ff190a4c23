from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend import AcsBackend
from acs_backend.event_sources.change_teller import ChangeTeller
from acs_backend.event_sources.lookups import Lookups
from acs_backend.store import changes as feed
from acs_backend.store import conversations
from acs_backend.store.changes import Change, Kind
from acs_backend.store.database import Database
from tests.acs_backend.deployment import Deployment, next_of, quiet, room, send, sign_in
from tests.acs_backend.store.databases import opened
from twilio_compat.events import (
    ConversationUpdated,
    Event,
    ParticipantUpdated,
    Synchronized,
    TypingStarted,
)
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationRecord,
    ParticipantChanges,
    UserConversationChanges,
)


@pytest.fixture
def store_url(shared_store: str) -> str:
    """Run each of these tests on both kinds of store."""
    return shared_store


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    return await room(backend, alice, "alice", "bob")


@pytest.fixture
async def heard(
    deployment: Deployment, bob: Actor, chat: ConversationRecord
) -> AsyncIterator[AsyncIterator[Event]]:
    """What bob hears in another process."""
    async with deployment.backend().subscribe(bob) as events:
        await next_of(events, Synchronized)
        yield events


async def test_members_hear_of_a_change_of_the_conversation_once(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, heard: AsyncIterator[Event]
) -> None:
    changes = ConversationChanges(friendly_name="Den", attributes={"x": 1})
    updated = await backend.conversations.update(alice, chat.sid, changes)
    told = (await next_of(heard, ConversationUpdated)).conversation
    assert updated == told
    assert [] == await quiet(heard)


async def test_members_hear_of_a_topic_that_an_acs_client_set_once(
    deployment: Deployment, backend: AcsBackend, chat: ConversationRecord, heard: AsyncIterator[Event]
) -> None:
    native = await deployment.native(await backend.issue_identity("alice", with_token=True))
    await (await native.only_thread()).update_topic("Native")
    assert "Native" == (await next_of(heard, ConversationUpdated)).conversation.friendly_name
    assert [] == await quiet(heard)


async def test_two_changes_in_a_row_are_told_as_they_were(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, heard: AsyncIterator[Event]
) -> None:
    for name in ("one", "two"):
        await backend.conversations.update(alice, chat.sid, ConversationChanges(unique_name=name))
    told = [(await next_of(heard, ConversationUpdated)).conversation.unique_name for _ in range(2)]
    assert ["one", "two"] == told


async def test_everybody_hears_of_a_read_horizon_the_reader_too(
    deployment: Deployment, backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    await send(backend, alice, chat, "hello")
    async with deployment.backend().subscribe(alice) as others, deployment.backend().subscribe(bob) as own:
        for each in (others, own):
            await next_of(each, Synchronized)
        changes = UserConversationChanges(last_read_message_index=0)
        await backend.user_conversations.update(bob, chat.sid, changes)
        for each in (others, own):
            told = (await next_of(each, ParticipantUpdated)).participant
            assert ("bob", 0) == (told.identity, told.last_read_message_index)
            assert told.last_read_timestamp is not None


async def test_a_notification_level_is_told_to_its_user_alone(
    deployment: Deployment, backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    async with deployment.backend().subscribe(alice) as others, deployment.backend().subscribe(bob) as own:
        for each in (others, own):
            await next_of(each, Synchronized)
        changes = UserConversationChanges(notification_level="muted")
        await backend.user_conversations.update(bob, chat.sid, changes)
        assert "muted" == (await next_of(own, ConversationUpdated)).conversation.notification_level
        assert [] == await quiet(others)


async def test_members_hear_of_a_changed_member(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, heard: AsyncIterator[Event]
) -> None:
    changed = await backend.participants.update(alice, chat.sid, "alice", ParticipantChanges(attributes=[1]))
    assert changed == (await next_of(heard, ParticipantUpdated)).participant


async def test_the_others_hear_who_types_and_the_typist_does_not(
    deployment: Deployment,
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
    heard: AsyncIterator[Event],
) -> None:
    async with deployment.backend().subscribe(alice) as own:
        await next_of(own, Synchronized)
        for _ in range(2):
            await backend.participants.typing(alice, chat.sid)
            told = await next_of(heard, TypingStarted)
            assert ("alice", 5.0) == (told.participant.identity, told.timeout)
        assert [] == await quiet(own)


async def tell(backend: AcsBackend, deployment: Deployment, actor: Actor, at: datetime) -> Sequence[Event]:
    """Return what the whole feed is to an actor at a time."""
    user = await backend.identities.acting(actor)
    threads = list(await backend.conversations.glances(user))
    async with opened(deployment.settings.database_url) as database:
        async with database.read() as connection:
            changes = await feed.after(connection, 0, limit=1000)
        return await teller(backend, database, at).tell(user, changes, threads)


def teller(backend: AcsBackend, database: Database, at: datetime) -> ChangeTeller:
    lookups = Lookups(database, backend.identities, flush=nothing_to_write)
    return ChangeTeller(lookups, backend.participants, clock=lambda: at)


async def nothing_to_write() -> None:
    pass


@pytest.mark.parametrize(("seconds", "expected"), [(1, 1), (60, 0)])
async def test_typing_is_no_news_once_it_is_over(
    deployment: Deployment,
    backend: AcsBackend,
    alice: Actor,
    bob: Actor,
    chat: ConversationRecord,
    seconds: float,
    expected: int,
) -> None:
    await backend.participants.typing(alice, chat.sid)
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    told = await tell(backend, deployment, bob, at)
    assert expected == sum(isinstance(each, TypingStarted) for each in told)


async def test_a_stranger_is_told_nothing_of_a_conversation(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    (eve,) = await sign_in(backend, "eve")
    await backend.conversations.update(alice, chat.sid, ConversationChanges(attributes={"x": 1}))
    await backend.participants.typing(alice, chat.sid)
    assert [] == await tell(backend, deployment, eve, datetime.now(UTC))


async def test_a_change_of_a_thread_without_a_conversation_is_passed_over(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    user = await backend.identities.acting(alice)
    change = Change(
        change_id=1, changed_at=0, kind=Kind.CONVERSATION, thread_id="thread", acs_id=None, content={}
    )
    async with opened(deployment.settings.database_url) as database:
        assert [] == await teller(backend, database, datetime.now(UTC)).tell(user, [change], ["thread"])


async def test_a_change_is_looked_up_once_for_all_who_listen(
    deployment: Deployment, backend: AcsBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    actors = await sign_in(backend, *(f"member-{number}" for number in range(50)))
    chat = await room(backend, actors[0], *(each.identity for each in actors))
    listening = deployment.backend(poll_interval=600.0)
    async with AsyncExitStack() as streams:
        heard = [await streams.enter_async_context(listening.subscribe(each)) for each in actors]
        await asyncio.gather(*(next_of(each, Synchronized) for each in heard))
        looks = count_looks(monkeypatch)
        news = [asyncio.ensure_future(next_of(each, ConversationUpdated)) for each in heard]
        await backend.conversations.update(actors[0], chat.sid, ConversationChanges(friendly_name="Den"))
        assert {"Den"} == {each.conversation.friendly_name for each in await asyncio.gather(*news)}
        assert len(looks) <= 3
        news_of_typing = [asyncio.ensure_future(next_of(each, TypingStarted)) for each in heard[1:]]
        looks.clear()
        await backend.participants.typing(actors[0], chat.sid)
        told = await asyncio.gather(*news_of_typing)
        assert {"member-0"} == {each.participant.identity for each in told}
        assert len(looks) <= 3


def count_looks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note each transaction in which changes are looked up."""
    looks: list[object] = []
    by_threads = conversations.by_threads

    async def counted(connection: AsyncConnection, thread_ids: Collection[str]) -> object:
        looks.append(thread_ids)
        return await by_threads(connection, thread_ids)

    monkeypatch.setattr(conversations, "by_threads", counted)
    return looks
