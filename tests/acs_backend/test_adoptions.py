"""What comes from elsewhere keeps its sid, and a message its index: for every reader, and whatever is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from acs_backend import AcsBackend
from acs_backend.sids import conversation_sid
from acs_emulator import Emulator
from tests.acs_backend.conftest import new_store
from tests.acs_backend.deployment import Deployment, NativeUser, draft, next_of, page, room, send, sign_in
from tests.acs_backend.middleman import Fault, Middleman, Seen
from tests.acs_backend.worker import Worker
from twilio_compat.account import ConversationQuery, UserDraft, account_actor, on_behalf_of
from twilio_compat.errors import ArgumentError, ConflictError, ForbiddenError, NotFoundError
from twilio_compat.events import MessageAdded, Synchronized
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    Direction,
    MediaUpload,
    MessageRecord,
    ParticipantDraft,
    UserChanges,
    UserConversationChanges,
)

ACCOUNT = account_actor()
LONG_AGO = datetime(2019, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)
EVERYTHING = ConversationQuery()


def kept(prefix: str, number: int) -> str:
    """Return a sid that something had elsewhere."""
    return f"{prefix}{number:032x}"


@pytest.fixture
async def deployment(
    request: pytest.FixtureRequest, emulator: Emulator, tmp_path: Path
) -> AsyncIterator[Deployment]:
    """Run a test on SQLite, or on the kinds of store that it names."""
    request.param = getattr(request, "param", "sqlite")
    async with Deployment(emulator, await new_store(request, tmp_path)) as running:
        yield running


BOTH_STORES = pytest.mark.parametrize("deployment", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    """A conversation of alice and bob that nobody has written to."""
    return await room(backend, alice, "alice", "bob")


async def adopt(
    backend: AcsBackend, chat: ConversationRecord, number: int, index: int | None = None, **more: Any
) -> MessageRecord:
    """Import a message with the sid and the index *number*, or another *index*."""
    fields = {"sid": kept("IM", number), "index": number if index is None else index} | more
    mutation = {"mutation_id": f"mutation of {number}", "is_first": False}
    return await backend.messages.create(ACCOUNT, chat.sid, draft(f"message {number}", **mutation | fields))


async def indexes(backend: AcsBackend, actor: Actor, chat: ConversationRecord) -> list[int]:
    return [each.index for each in (await page(backend, actor, chat, 1000)).items]


async def named(backend: AcsBackend, actor: Actor, chat: ConversationRecord) -> list[tuple[str, int]]:
    """Return the sid and the index of every message, in order."""
    return [(each.sid, each.index) for each in (await page(backend, actor, chat, 1000)).items]


async def native(deployment: Deployment, backend: AcsBackend, identity: str) -> NativeUser:
    return await deployment.native(await backend.issue_identity(identity, with_token=True))


async def killed_at(
    ending: str, moment: Fault, deployment: Deployment, middleman: Middleman, **command: object
) -> None:
    """Have a process carry out *command*, and kill it when it repeats, or looks for, what it posted to *ending*."""
    posted = False
    repeated = asyncio.Event()

    def fault(seen: Seen) -> Fault | None:
        nonlocal posted
        if posted:
            repeated.set()
            return Fault.ERROR
        posted = seen.method == "POST" and seen.path.endswith(ending)
        return moment if posted else None

    middleman.fault = fault
    through = middleman.connection_string(deployment.emulator.connection_string)
    worker = Worker()
    worker.tell(settings=asdict(replace(deployment.settings, connection_string=through)))
    worker.tell(**command)
    await repeated.wait()
    answers = await asyncio.to_thread(worker.kill)
    assert 1 == len(answers), "it was killed too late"


# Messages


@BOTH_STORES
async def test_messages_keep_their_sids_and_indexes_with_gaps_and_the_next_one_follows(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    for number in (0, 1, 5, 9):
        adopted = await adopt(backend, chat, number, date_created=LONG_AGO, author="bob", is_quiet=True)
        assert (kept("IM", number), number, LONG_AGO) == (adopted.sid, adopted.index, adopted.date_created)
        assert adopted == await backend.messages.get(alice, chat.sid, adopted.sid)
    sent = await send(backend, alice, chat, "hello")
    assert 10 == sent.index
    expected = [*((kept("IM", number), number) for number in (0, 1, 5, 9)), (sent.sid, 10)]
    for each in (backend, deployment.backend()):
        assert expected == await named(each, alice, chat)
        assert 5 == await each.messages.count(alice, chat.sid)
    last = (await backend.conversations.get(alice, chat.sid)).last_message
    assert last is not None
    assert (10, sent.date_created) == (last.index, last.date_created)


@BOTH_STORES
async def test_the_last_message_is_told_with_the_date_it_had(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await adopt(backend, chat, 3, date_created=LONG_AGO)
    for each in (backend, deployment.backend()):
        last = (await each.conversations.get(alice, chat.sid)).last_message
        assert last is not None
        assert (3, LONG_AGO) == (last.index, last.date_created)


async def test_the_same_message_again_is_one_message(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    first = await adopt(backend, chat, 7)
    assert first.sid == (await adopt(backend, chat, 7)).sid
    assert first.sid == (await adopt(deployment.backend(), chat, 7)).sid
    assert [(kept("IM", 7), 7)] == await named(backend, alice, chat)


@BOTH_STORES
async def test_a_sid_or_an_index_of_another_message_is_refused_and_nothing_is_sent(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    own = await send(backend, alice, chat, "own")
    await adopt(backend, chat, 3)
    other = await room(backend, alice, "alice")
    for each in (backend, deployment.backend()):
        with pytest.raises(ConflictError):
            await adopt(each, chat, 8, index=own.index)
        with pytest.raises(ConflictError):
            await adopt(each, chat, 8, index=3)
        with pytest.raises(ConflictError):
            await adopt(each, chat, 8, sid=kept("IM", 3))
        with pytest.raises(ConflictError):
            await adopt(each, chat, 8, sid=own.sid)
        with pytest.raises(ConflictError):
            await adopt(each, other, 3)
        with pytest.raises(ConflictError):
            await adopt(each, chat, 3, sid=kept("IM", 4))
    assert [0, 3] == await indexes(backend, alice, chat)
    assert [] == await indexes(backend, alice, other)


async def test_of_two_that_want_one_index_at_once_one_gets_it(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    other = deployment.backend()
    results = await asyncio.gather(
        adopt(backend, chat, 1, index=4), adopt(other, chat, 2, index=4), return_exceptions=True
    )
    assert [True, False] == sorted((isinstance(each, ConflictError) for each in results), reverse=True)
    assert [4] == await indexes(backend, alice, chat)


async def test_a_lower_index_that_is_free_is_taken_and_orders_the_messages(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    for number in (4, 9, 2, 7):
        await adopt(backend, chat, number)
    for each in (backend, deployment.backend()):
        assert [2, 4, 7, 9] == await indexes(each, alice, chat)
    last = (await backend.conversations.get(alice, chat.sid)).last_message
    assert last is not None
    assert 9 == last.index
    assert 10 == (await send(backend, alice, chat, "next")).index


async def test_pages_and_anchors_pass_over_gaps_both_ways(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    numbers = [0, 1, 5, 9, 10, 40]
    for number in numbers:
        await adopt(backend, chat, number)
    seen: list[int] = []
    anchor: int | None = None
    while True:
        older = await page(backend, alice, chat, 2, anchor)
        seen = [each.index for each in older.items] + seen
        if not older.has_older:
            break
        anchor = older.items[0].index - 1
    assert numbers == seen
    anchor, seen = 0, []
    while True:
        newer = await page(backend, alice, chat, 2, anchor, Direction.FORWARD)
        seen += [each.index for each in newer.items]
        if not newer.has_newer:
            break
        anchor = newer.items[-1].index + 1
    assert numbers == seen
    around = await page(backend, alice, chat, 2, 7)
    assert ([1, 5], True, True) == ([each.index for each in around.items], around.has_older, around.has_newer)


async def test_horizons_and_unread_counts_pass_over_gaps(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    for number in (0, 1, 5, 9):
        await adopt(backend, chat, number, author="alice")
    for horizon, unread in ((0, 3), (3, 2), (5, 1), (9, 0)):
        changes = UserConversationChanges(last_read_message_index=horizon)
        place = await backend.user_conversations.update(bob, chat.sid, changes)
        assert (horizon, unread) == (place.last_read_message_index, place.unread_messages_count)
    receipts = await backend.messages.receipts(alice, chat.sid, kept("IM", 5))
    assert ["read"] == [each.status for each in receipts]


async def test_a_message_deleted_after_it_was_imported_keeps_its_index(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    adopted = await adopt(backend, chat, 5)
    await backend.messages.delete(ACCOUNT, chat.sid, adopted.sid)
    with pytest.raises(ConflictError):
        await adopt(backend, chat, 6, index=5)
    assert 6 == (await send(backend, alice, chat, "next")).index


@BOTH_STORES
async def test_an_index_told_ahead_is_not_promised_to_another_message(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    for number in range(4):
        await send(backend, alice, chat, str(number))
    own = await send(backend, alice, chat, "told ahead")
    with pytest.raises(ConflictError):
        await adopt(backend, chat, own.index)
    other = deployment.backend()
    last = await send(backend, alice, chat, "told ahead too")
    with pytest.raises(ConflictError):
        await adopt(other, chat, last.index)
    assert list(range(6)) == await indexes(other, alice, chat)


@BOTH_STORES
async def test_while_an_index_is_being_promised_nobody_is_told_it(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, caplog: pytest.LogCaptureFixture
) -> None:
    told = {}
    for _ in range(8):
        warm = await send(backend, alice, chat, "told ahead")
        told[warm.sid] = warm.index
        taken = warm.index + 3
        for result in await asyncio.gather(
            *(send(backend, alice, chat, "told ahead") for _ in range(2)),
            adopt(backend, chat, taken),
            *(send(backend, alice, chat, "told ahead") for _ in range(3)),
            return_exceptions=True,
        ):
            if not isinstance(result, MessageRecord):
                assert isinstance(result, ConflictError)
                continue
            told[result.sid] = result.index
    assert told == dict(await named(backend, alice, chat))
    assert [] == caplog.records


async def test_what_is_promised_to_a_message_that_was_refused_is_told_to_no_other(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await send(backend, alice, chat, "told ahead")
    fields: dict[str, Any] = {"mutation_id": "refused", "sid": kept("IM", 3), "index": 3}
    with pytest.raises(ForbiddenError):
        await backend.messages.create(on_behalf_of("carol"), chat.sid, draft("refused", **fields))
    for number in range(4, 8):
        assert number == (await send(backend, alice, chat, "told ahead")).index
    await backend.participants.create(ACCOUNT, chat.sid, ParticipantDraft(identity="carol"))
    again = draft("refused", **fields | {"is_first": False})
    assert 3 == (await backend.messages.create(on_behalf_of("carol"), chat.sid, again)).index
    assert list(range(8)) == await indexes(backend, alice, chat)
    assert [] == caplog.records


@BOTH_STORES
async def test_sends_at_the_same_time_as_imports_leave_them_their_indexes(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    other = deployment.backend()
    results = await asyncio.gather(
        *(adopt(backend, chat, number) for number in range(100, 106)),
        *(adopt(other, chat, number) for number in range(106, 110)),
        *(send(backend, alice, chat, str(number)) for number in range(6)),
        *(send(other, alice, chat, str(number)) for number in range(6)),
        return_exceptions=True,
    )
    told = {each.sid: each.index for each in results if isinstance(each, MessageRecord)}
    refused = [each for each in results if not isinstance(each, MessageRecord)]
    adopted = {kept("IM", number): number for number in range(100, 110)}
    assert all(isinstance(each, ConflictError) for each in refused)
    assert len(adopted) - len(refused) == len(adopted.items() & told.items())
    for each in (backend, other, deployment.backend()):
        assert told == dict(await named(each, alice, chat))
    assert len(told) == len(set(told.values()))


async def test_what_a_native_client_writes_in_between_gets_an_index_of_its_own(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    user = await native(deployment, backend, "nat")
    chat = await room(backend, alice, "alice", "nat")
    thread = await user.only_thread()
    await adopt(backend, chat, 3)
    await thread.send_message("native")
    await adopt(backend, chat, 8)
    await thread.send_message("native again")
    await send(backend, alice, chat, "own")
    for each in (backend, deployment.backend()):
        assert [3, 4, 8, 9, 10] == await indexes(each, alice, chat)


@BOTH_STORES
async def test_a_process_killed_after_acs_has_the_message_leaves_it_its_sid_and_index(
    deployment: Deployment,
    middleman: Middleman,
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
) -> None:
    await adopt(backend, chat, 2)
    command = {"sid": chat.sid, "body": "orphan", "kept": kept("IM", 77), "index": 7}
    await killed_at("/messages", Fault.ERROR_AFTER, deployment, middleman, do="adopt", **command)
    expected = [(kept("IM", 2), 2), (kept("IM", 77), 7)]
    assert expected == await named(backend, alice, chat)
    again = draft("orphan", mutation_id="orphan", sid=kept("IM", 77), index=7, is_first=False)
    assert 7 == (await deployment.backend().messages.create(ACCOUNT, chat.sid, again)).index
    assert expected == await named(deployment.backend(), alice, chat)
    assert 8 == (await send(backend, alice, chat, "next")).index


@BOTH_STORES
async def test_a_process_killed_before_acs_has_the_message_leaves_its_index_promised(
    deployment: Deployment,
    middleman: Middleman,
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
) -> None:
    command = {"sid": chat.sid, "body": "orphan", "kept": kept("IM", 77), "index": 7}
    await killed_at("/messages", Fault.ERROR, deployment, middleman, do="adopt", **command)
    assert [] == await indexes(backend, alice, chat)
    assert 8 == (await send(backend, alice, chat, "own")).index
    with pytest.raises(ConflictError):
        await adopt(backend, chat, 1, index=7)
    again = draft("orphan", mutation_id="orphan", sid=kept("IM", 77), index=7, is_first=False)
    assert 7 == (await deployment.backend().messages.create(ACCOUNT, chat.sid, again)).index
    assert 9 == (await send(backend, alice, chat, "own")).index
    assert [7, 8, 9] == await indexes(deployment.backend(), alice, chat)


async def test_once_all_is_imported_a_send_costs_what_it_costs_elsewhere(
    deployment: Deployment, middleman: Middleman
) -> None:
    through = middleman.connection_string(deployment.emulator.connection_string)
    backend = deployment.backend(connection_string=through)
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    for number in (0, 4):
        await adopt(backend, chat, number)
    middleman.seen.clear()
    for number in range(5, 9):
        assert number == (await send(backend, alice, chat, "own")).index
    assert ["POST"] * 4 == [each.method for each in middleman.seen if "/messages" in each.path]


async def test_listeners_are_told_of_an_imported_message_as_it_is(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    async with deployment.backend().subscribe(alice) as events:
        await next_of(events, Synchronized)
        adopted = await adopt(backend, chat, 12, is_quiet=True)
        told = (await next_of(events, MessageAdded)).message
    assert (adopted.sid, 12, True) == (told.sid, told.index, told.is_quiet)


async def test_a_closed_conversation_takes_what_is_imported_and_nothing_else(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="closed"))
    assert 4 == (await adopt(backend, chat, 4)).index
    assert "closed" == (await backend.conversations.get(ACCOUNT, chat.sid)).state.current
    for sending in (alice, ACCOUNT):
        with pytest.raises(ConflictError):
            await send(backend, sending, chat, "hello")


@BOTH_STORES
async def test_an_inactive_conversation_stays_so_when_a_message_is_imported_and_wakes_for_another(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="inactive"))
    await adopt(backend, chat, 4)
    await adopt(deployment.backend(), chat, 5)
    for each in (backend, deployment.backend()):
        assert "inactive" == (await each.conversations.get(ACCOUNT, chat.sid)).state.current
        await page(each, alice, chat)
        assert "inactive" == (await each.conversations.get(alice, chat.sid)).state.current
    await send(backend, alice, chat, "hello")
    assert "active" == (await deployment.backend().conversations.get(ACCOUNT, chat.sid)).state.current


async def test_what_is_kept_must_have_its_form(backend: AcsBackend, chat: ConversationRecord) -> None:
    for bad in ({"sid": "IM1"}, {"sid": kept("CH", 1)}, {"index": -1}, {"index": 2**31 - 1}):
        with pytest.raises(ArgumentError):
            await adopt(backend, chat, 1, **bad)
    with pytest.raises(ArgumentError):
        await backend.conversations.create(ACCOUNT, ConversationDraft(sid="CH1"))
    with pytest.raises(ArgumentError):
        await backend.participants.create(ACCOUNT, chat.sid, ParticipantDraft(identity="x", sid="MB1"))
    with pytest.raises(ArgumentError):
        await backend.media.upload(ACCOUNT, MediaUpload(content=b"", content_type="a/b", sid="ME1"))
    with pytest.raises(ArgumentError):
        await backend.users.create(ACCOUNT, UserDraft(identity="x", sid="US1"))


async def test_only_the_account_has_something_keep_what_it_had(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    upload = MediaUpload(content=b"", content_type="a/b", sid=kept("ME", 1))
    newcomer = ParticipantDraft(identity="carol", sid=kept("MB", 1))
    for refused in (
        backend.conversations.create(alice, ConversationDraft(created_by="bob")),
        backend.participants.create(alice, chat.sid, newcomer),
        backend.messages.create(alice, chat.sid, draft("a", sid=kept("IM", 1))),
        backend.messages.create(alice, chat.sid, draft("a", index=0)),
        backend.media.upload(alice, upload),
        backend.users.update(alice, "alice", UserChanges(sid=kept("US", 1))),
    ):
        with pytest.raises(ForbiddenError) as refusal:
            await refused
        assert 50107 == refusal.value.code


# Conversations


@BOTH_STORES
async def test_a_conversation_keeps_its_sid_its_creator_and_its_dates(
    deployment: Deployment, backend: AcsBackend
) -> None:
    (alice,) = await sign_in(backend, "alice")
    wanted = ConversationDraft(
        sid=kept("CH", 1),
        unique_name="room",
        created_by="alice",
        date_created=LONG_AGO,
        date_updated=LONG_AGO + timedelta(days=1),
    )
    made = await backend.conversations.create(ACCOUNT, wanted)
    assert (kept("CH", 1), "alice", LONG_AGO) == (made.sid, made.created_by, made.date_created)
    await backend.participants.create(alice, made.sid, ParticipantDraft(identity="alice"))
    for each in (backend, deployment.backend()):
        assert made == await each.conversations.get(ACCOUNT, made.sid)
        assert made.sid == (await each.conversations.get_by_unique_name(alice, "room")).sid
        assert [made.sid] == [found.sid for found in await each.conversations.list(alice)]
        found = await each.conversations.page(ACCOUNT, EVERYTHING, after=None, limit=9)
        assert [made.sid] == [each.sid for each in found]
    thread_id = await backend.conversations.thread_id(ACCOUNT, made.sid)
    with pytest.raises(NotFoundError):
        await deployment.backend().conversations.get(alice, conversation_sid(thread_id))


async def test_a_sid_is_taken_once_and_free_again_after_a_deletion(backend: AcsBackend, alice: Actor) -> None:
    wanted = ConversationDraft(sid=kept("CH", 1))
    first = await backend.conversations.create(ACCOUNT, wanted)
    await backend.participants.create(
        ACCOUNT, first.sid, ParticipantDraft(identity="alice", sid=kept("MB", 1))
    )
    await adopt(backend, first, 3)
    with pytest.raises(ConflictError) as refusal:
        await backend.conversations.create(ACCOUNT, wanted)
    assert 50353 == refusal.value.code
    await backend.conversations.delete(ACCOUNT, first.sid)
    again = await backend.conversations.create(ACCOUNT, wanted)
    await backend.participants.create(
        ACCOUNT, again.sid, ParticipantDraft(identity="alice", sid=kept("MB", 1))
    )
    await adopt(backend, again, 3)
    assert [(kept("IM", 3), 3)] == await named(backend, alice, again)
    assert [kept("MB", 1)] == [each.sid for each in await backend.participants.list(alice, again.sid)]


@BOTH_STORES
async def test_of_two_processes_that_import_one_conversation_one_wins_and_no_thread_is_left(
    deployment: Deployment, backend: AcsBackend
) -> None:
    wanted = ConversationDraft(sid=kept("CH", 1))
    results = await asyncio.gather(
        *(each.conversations.create(ACCOUNT, wanted) for each in (backend, deployment.backend())),
        return_exceptions=True,
    )
    assert 1 == sum(isinstance(each, ConflictError) for each in results)
    assert [kept("CH", 1)] == [each.sid for each in await backend.conversations.list(ACCOUNT)]
    assert 1 == len(await backend.conversations.glances(await backend.identities.steward()))


async def test_a_process_killed_while_it_imports_a_conversation_leaves_none_and_it_can_be_repeated(
    deployment: Deployment, middleman: Middleman, backend: AcsBackend
) -> None:
    await killed_at("/chat/threads", Fault.ERROR_AFTER, deployment, middleman, do="move", sid=kept("CH", 1))
    steward = await backend.identities.steward()
    assert 1 == len(await backend.conversations.glances(steward))
    assert [] == list(await backend.conversations.list(ACCOUNT))
    moved = await backend.conversations.create(ACCOUNT, ConversationDraft(sid=kept("CH", 1)))
    assert [moved.sid] == [each.sid for each in await backend.conversations.list(ACCOUNT)]


# Participants, files, users


@BOTH_STORES
async def test_a_participant_keeps_their_sid_wherever_it_is_told(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    chat = await room(backend, alice, "alice")
    wanted = ParticipantDraft(identity="bob", sid=kept("MB", 1), date_created=LONG_AGO)
    added = await backend.participants.create(ACCOUNT, chat.sid, wanted)
    assert (kept("MB", 1), LONG_AGO) == (added.sid, added.date_created)
    (bob,) = await sign_in(backend, "bob")
    sent = await send(backend, bob, chat, "hello")
    other = deployment.backend()
    told = [
        sent.participant_sid,
        (await send(other, bob, chat, "hello again")).participant_sid,
        (await adopt(backend, chat, 9, author="bob")).participant_sid,
        (await other.messages.get(alice, chat.sid, sent.sid)).participant_sid,
        (await backend.user_conversations.get(bob, chat.sid)).participant_sid,
        next(each.sid for each in await other.participants.list(alice, chat.sid) if each.identity == "bob"),
    ]
    assert [kept("MB", 1)] * 6 == told
    with pytest.raises(ConflictError) as refusal:
        await backend.participants.create(ACCOUNT, chat.sid, wanted)
    assert 50433 == refusal.value.code
    with pytest.raises(ConflictError) as refusal:
        await other.participants.create(ACCOUNT, chat.sid, ParticipantDraft(identity="c", sid=kept("MB", 1)))
    assert 50433 == refusal.value.code
    await other.participants.delete(alice, chat.sid, kept("MB", 1))
    assert ["alice"] == [each.identity for each in await backend.participants.list(alice, chat.sid)]


async def test_a_file_keeps_its_sid_and_uploading_it_again_changes_nothing(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    upload = MediaUpload(content=b"text", content_type="text/plain", filename="a.txt", sid=kept("ME", 1))
    uploads = [upload, replace(upload, content=b"other"), upload]
    first, *others = [await backend.media.upload(ACCOUNT, each) for each in uploads]
    assert (kept("ME", 1), 4) == (first.sid, first.size)
    assert [first] * 2 == others
    sent = await adopt(backend, chat, 3, media=(first,))
    read = await deployment.backend().messages.get(alice, chat.sid, sent.sid)
    assert [kept("ME", 1)] == [each.sid for each in read.media]
    assert sent.sid == (await backend.media.get(kept("ME", 1))).message_sid


async def test_of_two_uploads_at_once_one_file_is_left(deployment: Deployment, backend: AcsBackend) -> None:
    upload = MediaUpload(content=b"text", content_type="text/plain", sid=kept("ME", 1))
    backends = (backend, deployment.backend(), backend)
    found = await asyncio.gather(*(each.media.upload(ACCOUNT, upload) for each in backends))
    assert [found[0]] * 3 == list(found)


@BOTH_STORES
async def test_a_user_keeps_their_sid_and_one_seen_before_can_be_given_it(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    made = await backend.users.create(ACCOUNT, UserDraft(identity="bob", sid=kept("US", 1)))
    assert kept("US", 1) == made.sid
    other = deployment.backend()
    assert "bob" == (await other.users.by_sid(ACCOUNT, kept("US", 1))).identity
    for taken in (UserDraft(identity="alice", sid=kept("US", 2)), UserDraft(identity="c", sid=kept("US", 1))):
        with pytest.raises(ConflictError) as refusal:
            await other.users.create(ACCOUNT, taken)
        assert 50201 == refusal.value.code
    with pytest.raises(ConflictError):
        await other.users.update(ACCOUNT, "alice", UserChanges(sid=kept("US", 1)))
    changed = await other.users.update(ACCOUNT, "alice", UserChanges(sid=kept("US", 2)))
    assert kept("US", 2) == changed.sid
    assert "alice" == (await backend.users.by_sid(alice, kept("US", 2))).identity


# Any order


STEP = st.one_of(
    st.tuples(st.just("adopt"), st.integers(0, 1), st.integers(0, 12)),
    st.tuples(st.just("send"), st.integers(0, 1), st.integers(1, 3)),
    st.tuples(st.just("read"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("restart"), st.integers(0, 1), st.just(0)),
)


class Interleaving:
    """Two processes that send and import, at once where a step says so, and what they were told."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.backends = [deployment.backend(), deployment.backend()]
        self.told: dict[str, int] = {}

    async def begin(self) -> None:
        (self.alice,) = await sign_in(self.backends[0], "alice")
        self.chat = await room(self.backends[0], self.alice, "alice")

    async def do(self, what: str, which: int, number: int) -> None:
        backend = self.backends[which]
        if what == "adopt":
            await self._adopt(backend, number)
        elif what == "send":
            for sent in await asyncio.gather(
                *(send(backend, self.alice, self.chat, "own") for _ in range(number))
            ):
                self._note(sent.sid, sent.index)
        elif what == "read":
            told = dict(self.told)
            found = dict(await named(backend, self.alice, self.chat))
            assert told.items() <= found.items()
            assert len(found) == len(set(found.values()))
        else:
            self.backends[which] = self.deployment.backend()
            await backend.close()

    async def _adopt(self, backend: AcsBackend, number: int) -> None:
        try:
            sent = await adopt(backend, self.chat, number)
        except ConflictError:
            assert number in self.told.values() or number in await indexes(backend, self.alice, self.chat)
            return
        assert (kept("IM", number), number) == (sent.sid, sent.index)
        self._note(sent.sid, sent.index)

    def _note(self, sid: str, index: int) -> None:
        assert self.told.get(sid, index) == index
        self.told[sid] = index

    async def check(self) -> None:
        assert len(self.told) == len(set(self.told.values()))
        for each in (*self.backends, self.deployment.backend()):
            assert sorted(self.told.items(), key=lambda told: told[1]) == await named(
                each, self.alice, self.chat
            )


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rounds=st.lists(st.lists(STEP, min_size=1, max_size=3), max_size=8))
def test_any_interleaving_of_imports_and_sends_leaves_each_its_own_sid_and_index(
    emulator: Emulator, tmp_path_factory: pytest.TempPathFactory, rounds: list[list[tuple[str, int, int]]]
) -> None:
    async def run() -> None:
        url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
        async with Deployment(emulator, url) as deployment:
            running = Interleaving(deployment)
            await running.begin()
            for steps in rounds:
                at_once = [each for each in steps if each[0] != "restart"]
                await asyncio.gather(*(running.do(*each) for each in at_once))
                for each in steps:
                    if each[0] == "restart":
                        await running.do(*each)
            await running.check()

    asyncio.run(run())
