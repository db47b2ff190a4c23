from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from azure.communication.chat import CommunicationUserIdentifier
from hypothesis import given
from hypothesis import strategies as st

from acs_backend import AcsBackend
from acs_backend.conversation_edits import edited, renamed, topic_of
from acs_backend.store import changes as feed
from acs_backend.store.changes import Kind
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from tests.acs_backend.deployment import Deployment, NativeUser, bodies, room, send, sign_in
from tests.acs_backend.middleman import Fault, Middleman
from twilio_compat.errors import (
    BackendError,
    ConflictError,
    ForbiddenError,
    LimitError,
    NotFoundError,
    TwilioCompatError,
)
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    JSONValue,
)


@pytest.fixture
def store_url(shared_store: str) -> str:
    """Run each of these tests on both kinds of store."""
    return shared_store


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    return await room(backend, alice, "alice", "bob")


@pytest.fixture
async def bob(deployment: Deployment, backend: AcsBackend, chat: ConversationRecord) -> NativeUser:
    return await deployment.native(await backend.issue_identity("bob", with_token=True))


async def topic(bob: NativeUser) -> str:
    return str((await (await bob.only_thread()).get_properties()).topic)


async def told(deployment: Deployment) -> Sequence[dict[str, JSONValue]]:
    """Return what the feed has of conversations."""
    database = Database(deployment.settings.database_url)
    async with database.read() as connection:
        found = await feed.after(connection, 0, limit=1000)
    await database.close()
    return [
        each.content for each in found if each.kind is Kind.CONVERSATION and isinstance(each.content, dict)
    ]


async def test_a_new_friendly_name_is_the_topic_that_acs_clients_see(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, bob: NativeUser
) -> None:
    updated = await backend.conversations.update(alice, chat.sid, ConversationChanges(friendly_name="Den"))
    assert ("Den", True) == (updated.friendly_name, updated.joined)
    assert updated.date_updated > chat.date_updated
    assert updated == await backend.conversations.get(alice, chat.sid)
    assert [updated] == await backend.conversations.list(alice)
    assert "Den" == await topic(bob)


@pytest.mark.parametrize(("unique_name", "expected"), [(None, "Conversation"), ("den", "den")])
async def test_a_conversation_without_a_friendly_name_keeps_a_topic(
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
    bob: NativeUser,
    unique_name: str | None,
    expected: str,
) -> None:
    changes = ConversationChanges(friendly_name=None, unique_name=unique_name)
    assert (await backend.conversations.update(alice, chat.sid, changes)).friendly_name is None
    assert expected == await topic(bob)
    assert (await backend.conversations.get(alice, chat.sid)).friendly_name is None


async def test_a_topic_that_an_acs_client_sets_is_the_friendly_name(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord, bob: NativeUser
) -> None:
    await (await bob.only_thread()).update_topic("Native")
    (listed,) = await backend.conversations.list(alice)
    assert ("Native", listed) == (listed.friendly_name, await backend.conversations.get(alice, chat.sid))
    assert ["Native"] == [each["friendly_name"] for each in await told(deployment)]


async def test_each_change_is_told_once_whoever_looks_meanwhile(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    watchers = [deployment.backend() for _ in range(3)]
    done = asyncio.Event()

    async def watch(watcher: AcsBackend) -> None:
        (actor,) = await sign_in(watcher, "alice")
        while not done.is_set():
            await watcher.conversations.list(actor)

    watching = [asyncio.create_task(watch(each)) for each in watchers]
    names = [f"Room {number}" for number in range(5)]
    for name in names:
        await backend.conversations.update(alice, chat.sid, ConversationChanges(friendly_name=name))
    done.set()
    await asyncio.gather(*watching)
    assert names == [each["friendly_name"] for each in await told(deployment)]


async def test_changes_of_different_fields_at_once_all_survive(
    deployment: Deployment, alice: Actor, chat: ConversationRecord
) -> None:
    first, second = deployment.backend(), deployment.backend()
    await asyncio.gather(
        first.conversations.update(alice, chat.sid, ConversationChanges(attributes={"x": 2})),
        second.conversations.update(alice, chat.sid, ConversationChanges(unique_name="den")),
        first.conversations.update(alice, chat.sid, ConversationChanges(friendly_name="Den")),
        second.conversations.update(alice, chat.sid, ConversationChanges(state="inactive")),
    )
    found = await first.conversations.get(alice, chat.sid)
    assert ({"x": 2}, "den", "Den", "inactive") == (
        found.attributes,
        found.unique_name,
        found.friendly_name,
        found.state.current,
    )
    dates = [each["updated_at"] for each in await told(deployment)]
    assert sorted({*dates}) == dates
    assert 4 == len(dates)


async def test_names_given_at_once_leave_store_and_service_of_one_mind(
    deployment: Deployment, alice: Actor, chat: ConversationRecord, bob: NativeUser
) -> None:
    backends = [deployment.backend() for _ in range(3)]
    await asyncio.gather(
        *(
            each.conversations.update(alice, chat.sid, ConversationChanges(friendly_name=f"Name {number}"))
            for number, each in enumerate(backends)
        )
    )
    found = await backends[0].conversations.get(alice, chat.sid)
    assert await topic(bob) == found.friendly_name


async def test_of_several_writers_one_gets_a_unique_name(deployment: Deployment, alice: Actor) -> None:
    backends = [deployment.backend() for _ in range(2)]
    chats = [await backends[0].conversations.create(alice, ConversationDraft()) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(
            backends[number % 2].conversations.update(
                alice, each.sid, ConversationChanges(friendly_name="x", unique_name="taken")
            )
            for number, each in enumerate(chats)
        ),
        return_exceptions=True,
    )
    refusals = [each for each in outcomes if isinstance(each, ConflictError)]
    assert [(409, 50353, "Conversation with provided unique name already exists")] * 3 == [
        (each.status, each.code, each.detail) for each in refusals
    ]


async def test_a_unique_name_that_was_given_up_is_free(backend: AcsBackend, alice: Actor) -> None:
    old = await backend.conversations.create(alice, ConversationDraft(unique_name="lobby"))
    new = await backend.conversations.create(alice, ConversationDraft())
    await backend.conversations.update(alice, old.sid, ConversationChanges(unique_name=""))
    await backend.conversations.update(alice, new.sid, ConversationChanges(unique_name="lobby"))
    assert new.sid == (await backend.conversations.get_by_unique_name(alice, "lobby")).sid


async def test_a_closed_conversation_stays_as_it_is(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    closed = await backend.conversations.update(alice, chat.sid, ConversationChanges(state="closed"))
    assert "closed" == closed.state.current
    assert closed.state.date_updated > chat.state.date_updated
    for changes in (ConversationChanges(state="active"), ConversationChanges(friendly_name="x")):
        with pytest.raises(ConflictError, match="final closed state") as caught:
            await backend.conversations.update(alice, chat.sid, changes)
        assert 50377 == caught.value.code
    assert closed == await backend.conversations.get(alice, chat.sid)


async def test_a_name_is_free_again_once_its_conversation_is_gone_at_acs(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, bob: NativeUser
) -> None:
    named = ConversationChanges(unique_name="support")
    await backend.conversations.update(alice, chat.sid, named)
    await bob.delete_thread((await bob.threads())[0])
    with pytest.raises(NotFoundError):
        await backend.conversations.get_by_unique_name(alice, "support")
    anew = await backend.conversations.create(alice, ConversationDraft(unique_name="support"))
    assert anew == await backend.conversations.get_by_unique_name(alice, "support")


async def test_a_name_stays_taken_where_a_native_client_removed_the_steward(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, bob: NativeUser
) -> None:
    await backend.conversations.update(alice, chat.sid, ConversationChanges(unique_name="support"))
    steward = await backend.identities.steward()
    await (await bob.only_thread()).remove_participant(CommunicationUserIdentifier(steward.id))
    with pytest.raises(ConflictError):
        await backend.conversations.create(alice, ConversationDraft(unique_name="support"))
    assert chat.sid == (await backend.conversations.get_by_unique_name(alice, "support")).sid


async def test_a_name_is_free_again_where_the_process_died_that_deleted_its_conversation(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await backend.conversations.update(alice, chat.sid, ConversationChanges(unique_name="support"))
    row = await backend.conversations.find(alice, chat.sid)
    await backend.conversations.as_steward(
        lambda steward: backend.conversations._acs.delete(steward, row.thread_id)
    )
    other = await room(backend, alice, "alice")
    named = await backend.conversations.update(alice, other.sid, ConversationChanges(unique_name="support"))
    assert "support" == named.unique_name


async def test_nothing_is_written_to_a_closed_conversation_by_any_process(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    other = deployment.backend()
    sent = await send(other, alice, chat, "while it is open")
    await backend.conversations.update(alice, chat.sid, ConversationChanges(state="closed"))
    for each in (backend, other):
        with pytest.raises(ConflictError) as caught:
            await send(each, alice, chat, "too late")
        assert 50377 == caught.value.code
        with pytest.raises(ConflictError):
            await each.messages.delete(alice, chat.sid, sent.sid)
    assert ["while it is open"] == await bodies(other, alice, chat)


@pytest.mark.parametrize(
    "changes",
    [
        ConversationChanges(friendly_name="x"),
        ConversationChanges(unique_name="x"),
        ConversationChanges(attributes={}),
        ConversationChanges(state="closed"),
    ],
)
async def test_an_ordinary_member_may_not_change_it(
    backend: AcsBackend, chat: ConversationRecord, changes: ConversationChanges
) -> None:
    (bob,) = await sign_in(backend, "bob")
    with pytest.raises(ForbiddenError, match="User unauthorized for command") as caught:
        await backend.conversations.update(bob, chat.sid, changes)
    assert 50107 == caught.value.code


async def test_a_stranger_is_told_so(backend: AcsBackend, chat: ConversationRecord) -> None:
    (eve,) = await sign_in(backend, "eve")
    with pytest.raises(ForbiddenError) as caught:
        await backend.conversations.update(eve, chat.sid, ConversationChanges(attributes={}))
    assert 50430 == caught.value.code


async def test_what_twilio_would_refuse_changes_nothing(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    refused: list[tuple[ConversationChanges, int]] = [
        (ConversationChanges(attributes={"x": "y" * 16 * 1024}), 50303),
        (ConversationChanges(friendly_name="x" * 257), 50003),
        (ConversationChanges(unique_name="x" * 257), 50004),
        (ConversationChanges(state="initializing"), 50378),
    ]
    for changes, code in refused:
        with pytest.raises(TwilioCompatError) as caught:
            await backend.conversations.update(alice, chat.sid, changes)
        assert code == getattr(caught.value, "code", None)
    assert chat.date_updated == (await backend.conversations.get(alice, chat.sid)).date_updated
    with pytest.raises(NotFoundError):
        await backend.conversations.update(alice, "CH" + "0" * 32, ConversationChanges(friendly_name="x"))
    with pytest.raises(LimitError):
        await backend.conversations.update(alice, chat.sid, ConversationChanges(unique_name="x" * 300))


async def test_a_rename_whose_process_died_is_finished_by_whoever_looks(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord, bob: NativeUser
) -> None:
    changes = ConversationChanges(friendly_name="Den")
    await backend.conversations._edits.announce((await bob.threads())[0], changes)
    await (await bob.only_thread()).update_topic("Den")
    (found,) = await deployment.backend().conversations.list(alice)
    assert "Den" == found.friendly_name
    assert ["Den"] == [each["friendly_name"] for each in await told(deployment)]


async def test_a_listing_from_before_a_rename_takes_nothing_back(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    user = await backend.identities.acting(alice)
    old = await backend.conversations.glances(user)
    await backend.conversations.update(alice, chat.sid, ConversationChanges(friendly_name="Den"))
    (found,) = await backend.conversations.records(user, old)
    assert "Den" == found.friendly_name
    assert 1 == len(await told(deployment))


@pytest.mark.parametrize(
    ("fault", "expected"), [(Fault.LOSE_ANSWER, "Den"), (Fault.LOSE_REQUEST, "Room")], ids=str
)
async def test_of_a_rename_with_an_unclear_outcome_the_next_look_tells(
    deployment: Deployment,
    middleman: Middleman,
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
    fault: Fault,
    expected: str,
) -> None:
    through = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string), deadline=1.5
    )
    middleman.fault = lambda seen: fault if seen.method == "PATCH" else None
    with pytest.raises(BackendError):
        await through.conversations.update(alice, chat.sid, ConversationChanges(friendly_name="Den"))
    assert expected == (await backend.conversations.get(alice, chat.sid)).friendly_name
    assert (expected != "Room") == bool(await told(deployment))


NAMES = st.sampled_from([None, "one", "two", "Conversation"])


def row(**fields: object) -> Conversation:
    values = {
        "sid": "CH", "thread_id": "thread", "unique_name": None, "friendly_name": "one", "topic": "one",
        "attributes": {}, "created_by": "alice", "created_at": 0, "updated_at": 5, "state": "active",
        "state_updated_at": 0, "native": False, "deleted_at": None,
    }  # fmt: skip
    return Conversation(**(values | fields))  # type: ignore[arg-type]  # mypy cannot tell the values apart


@given(NAMES, NAMES, NAMES)
def test_finishing_a_rename_in_its_place_and_then_finishing_it_is_finishing_it_once(
    unique_name: str | None, old: str | None, new: str | None
) -> None:
    announced = row(
        unique_name=unique_name, friendly_name=old, topic=topic_of(old, unique_name), next_topic=new or ""
    )
    topic, changes = topic_of(new, unique_name), ConversationChanges(friendly_name=new)
    once = edited(announced, changes, topic=topic, now=9)
    if topic == announced.topic:  # ACS shows no difference, so nobody observes one
        assert (new, None) == (once.friendly_name, once.next_topic)
        return
    healed = renamed(announced, topic, now=9)
    assert once == healed == edited(healed, changes, topic=topic, now=10)


@given(st.integers(0, 10), st.integers(0, 10))
def test_the_date_of_a_change_is_later_than_the_last_one_whatever_the_clock_says(old: int, now: int) -> None:
    changes = ConversationChanges(attributes={"x": 1})
    assert edited(row(updated_at=old), changes, topic=None, now=now).updated_at > old
