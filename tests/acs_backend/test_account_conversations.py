"""Conversations as the account has them: all of the service's, whoever is in them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.communication.chat import CommunicationUserIdentifier

from acs_backend import AcsBackend
from acs_backend.sids import conversation_sid
from tests.acs_backend.deployment import Deployment, next_of, room, send, sign_in, twilio_token
from tests.acs_backend.middleman import Middleman
from tests.acs_backend.store.databases import execute
from twilio_compat.account import ConversationQuery, account_actor, on_behalf_of
from twilio_compat.errors import (
    ConflictError,
    DirectModeError,
    ForbiddenError,
    LimitError,
    NotFoundError,
    TwilsockUpstreamError,
)
from twilio_compat.events import ConversationUpdated, Synchronized
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ParticipantDraft,
    Timers,
)

ACCOUNT = account_actor()
LONG_AGO = datetime(2019, 5, 1, 12, 30, tzinfo=UTC)
ALL = ConversationQuery()


async def sids(backend: AcsBackend, query: ConversationQuery = ALL, limit: int = 50) -> list[str]:
    """Return the sids of what is sought, page by page."""
    found: list[str] = []
    while page := await backend.conversations.page(
        ACCOUNT, query, after=found[-1] if found else None, limit=limit
    ):
        found += [each.sid for each in page]
    return found


# Acting


async def test_the_account_acts_as_the_steward_and_on_behalf_of_a_user_who_is_made_when_new(
    backend: AcsBackend, alice: Actor
) -> None:
    steward = await backend.identities.steward()
    assert steward is await backend.identities.acting(ACCOUNT)
    bob = await backend.identities.acting(on_behalf_of("bob"))
    assert bob.id == await backend.identities.known_acs_id("bob")
    assert bob is await backend.identities.acting(on_behalf_of("bob"))
    assert (await backend.identities.acting(alice)).id == (
        await backend.identities.acting(on_behalf_of("alice"))
    ).id
    assert (
        4 == len({each.id for each in (steward, bob, await backend.identities.acting(on_behalf_of("x")))}) + 1
    )


async def test_on_behalf_of_a_native_user_it_acts_as_that_one(
    deployment: Deployment, backend: AcsBackend
) -> None:
    issued = await backend.issue_identity("nat", with_token=True)
    user = await backend.identities.acting(on_behalf_of(issued.acs_user_id))
    assert issued.acs_user_id == user.id


@pytest.mark.parametrize(("identity", "code"), [("", 50204), ("x" * 257, 50207)])
async def test_nobody_acts_on_behalf_of_what_is_no_identity(
    backend: AcsBackend, identity: str, code: int
) -> None:
    with pytest.raises(LimitError) as caught:
        await backend.identities.acting(on_behalf_of(identity))
    assert code == caught.value.code


async def test_in_direct_mode_there_is_no_account(deployment: Deployment) -> None:
    settings = replace(
        deployment.settings, connection_string=None, endpoint=deployment.emulator.http_endpoint
    )
    backend = AcsBackend(settings)
    deployment._resources.push_async_callback(backend.close)
    for actor in (ACCOUNT, on_behalf_of("alice")):
        with pytest.raises(DirectModeError):
            await backend.identities.acting(actor)


# Making


async def test_what_the_account_makes_is_its_own_and_it_is_no_member(backend: AcsBackend) -> None:
    made = await backend.conversations.create(
        ACCOUNT, ConversationDraft(friendly_name="Room", unique_name="room", attributes={"x": 1})
    )
    assert ("system", False, "active") == (made.created_by, made.joined, made.state.current)
    assert made == await backend.conversations.get(ACCOUNT, made.sid)
    assert made == await backend.conversations.get_by_unique_name(ACCOUNT, "room")
    assert 0 == await backend.participants.count(ACCOUNT, made.sid)


async def test_it_may_say_how_and_since_when_it_is_there(backend: AcsBackend) -> None:
    made = await backend.conversations.create(
        ACCOUNT,
        ConversationDraft(
            state="inactive",
            timers=Timers(inactive="PT1H", closed="P1D"),
            date_created=LONG_AGO,
            date_updated=LONG_AGO + timedelta(days=1),
            extras={"messaging_service_sid": "MG1"},
        ),
    )
    assert made == await backend.conversations.get(ACCOUNT, made.sid)
    assert ("inactive", Timers(inactive="PT1H", closed="P1D")) == (made.state.current, made.timers)
    assert (LONG_AGO, LONG_AGO + timedelta(days=1)) == (made.date_created, made.date_updated)
    assert {"messaging_service_sid": "MG1"} == made.extras
    assert None is made.date_inactive


async def test_dates_of_the_timers_are_told(backend: AcsBackend) -> None:
    timers = Timers(inactive="PT1H", closed="P1DT2H")
    made = await backend.conversations.create(ACCOUNT, ConversationDraft(timers=timers))
    since = made.state.date_updated
    assert (since + timedelta(hours=1), since + timedelta(days=1, hours=2)) == (
        made.date_inactive,
        made.date_closed,
    )
    message = await send(backend, ACCOUNT, made, "still here")
    read = await backend.conversations.get(ACCOUNT, made.sid)
    assert message.date_created + timedelta(hours=1) == read.date_inactive
    (listed,) = await backend.conversations.page(ACCOUNT, ALL, after=None, limit=10)
    assert read.date_inactive == listed.date_inactive


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (ConversationDraft(state="closed"), 50384),
        (ConversationDraft(state="initializing"), 50378),
        (ConversationDraft(timers=Timers(inactive="PT30S")), 50375),
        (ConversationDraft(timers=Timers(closed="PT9M")), 50376),
        (ConversationDraft(timers=Timers(inactive="tomorrow")), 50379),
        (ConversationDraft(timers=Timers(closed="P1Y")), 50380),
        (ConversationDraft(friendly_name="x" * 257), 50003),
    ],
)
async def test_what_twilio_refuses_is_refused_and_nothing_is_made(
    backend: AcsBackend, draft: ConversationDraft, code: int
) -> None:
    with pytest.raises(TwilsockUpstreamError) as caught:
        await backend.conversations.create(ACCOUNT, draft)
    assert (400, code) == (caught.value.status, caught.value.code)
    assert [] == await sids(backend)


async def test_timers_need_no_state_to_be_given_with_them(backend: AcsBackend) -> None:
    made = await backend.conversations.create(ACCOUNT, ConversationDraft(timers=Timers(closed="P1D")))
    assert "active" == made.state.current


@pytest.mark.parametrize(
    "draft",
    [
        ConversationDraft(state="inactive"),
        ConversationDraft(timers=Timers(closed="P1D")),
        ConversationDraft(date_created=LONG_AGO),
        ConversationDraft(date_updated=LONG_AGO),
        ConversationDraft(extras={"x": 1}),
    ],
)
async def test_a_user_may_not_say_what_is_for_the_account_alone(
    backend: AcsBackend, alice: Actor, draft: ConversationDraft
) -> None:
    with pytest.raises(ForbiddenError) as caught:
        await backend.conversations.create(alice, draft)
    assert 50107 == caught.value.code


@pytest.mark.parametrize(
    "changes",
    [
        ConversationChanges(timers=Timers()),
        ConversationChanges(date_created=LONG_AGO),
        ConversationChanges(date_updated=LONG_AGO),
        ConversationChanges(extras={}),
    ],
)
async def test_nor_change_it(backend: AcsBackend, alice: Actor, changes: ConversationChanges) -> None:
    chat = await room(backend, alice, "alice")
    with pytest.raises(ForbiddenError) as caught:
        await backend.conversations.update(alice, chat.sid, changes)
    assert 50107 == caught.value.code


async def test_a_user_called_as_the_account_is_has_none_of_its_rights(backend: AcsBackend) -> None:
    made = await backend.conversations.create(ACCOUNT, ConversationDraft(friendly_name="Room"))
    impostor = await backend.sign_in(twilio_token("system"))
    with pytest.raises(ForbiddenError) as caught:
        await backend.conversations.get(impostor, made.sid)
    assert 50430 == caught.value.code


# Reading


async def test_it_reads_what_anybody_made_and_is_bound_by_no_role(backend: AcsBackend, alice: Actor) -> None:
    chat = await room(backend, alice, "bob")
    assert "Room" == (await backend.conversations.get(ACCOUNT, chat.sid)).friendly_name
    changed = await backend.conversations.update(
        ACCOUNT, chat.sid, ConversationChanges(friendly_name="Hall", attributes={"x": 1})
    )
    assert ("Hall", {"x": 1}, "alice", False) == (
        changed.friendly_name,
        changed.attributes,
        changed.created_by,
        changed.joined,
    )
    await backend.conversations.delete(ACCOUNT, chat.sid)
    with pytest.raises(NotFoundError) as caught:
        await backend.conversations.get(ACCOUNT, chat.sid)
    assert 50350 == caught.value.code


async def test_what_is_not_there_is_not_found_without_a_request(backend: AcsBackend) -> None:
    for sid in ("CH" + "0" * 32, "nonsense", ""):
        with pytest.raises(NotFoundError) as caught:
            await backend.conversations.get(ACCOUNT, sid)
        assert (404, 50350) == (caught.value.status, caught.value.code)


async def test_what_nobody_can_have_changed_past_the_library_is_read_without_a_request(
    deployment: Deployment, middleman: Middleman
) -> None:
    backend = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string)
    )
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice", "bob")
    before = len(middleman.seen)
    await backend.conversations.get(ACCOUNT, chat.sid)
    await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(attributes={"x": 1}))
    assert before == len(middleman.seen)
    native = await deployment.native(await backend.issue_identity("bob", with_token=True))
    await (await native.only_thread()).update_topic("Theirs")
    assert "Theirs" == (await backend.conversations.get(ACCOUNT, chat.sid)).friendly_name


async def test_it_lists_all_in_the_order_in_which_they_were_made(deployment: Deployment) -> None:
    backend, other = deployment.backend(), deployment.backend()
    (alice,) = await sign_in(other, "alice")
    made = [
        (await backend.conversations.create(ACCOUNT, ConversationDraft(date_created=LONG_AGO))).sid,
        (await room(other, alice, "alice")).sid,
        (await backend.conversations.create(ACCOUNT, ConversationDraft())).sid,
    ]
    deleted = await backend.conversations.create(ACCOUNT, ConversationDraft())
    await backend.conversations.delete(ACCOUNT, deleted.sid)
    for limit in (1, 2, 50):
        assert made == await sids(backend, limit=limit)
    assert [] == await backend.conversations.page(ACCOUNT, ALL, after="CH" + "0" * 32, limit=5)


async def test_it_lists_by_state_and_by_date(backend: AcsBackend) -> None:
    old = await backend.conversations.create(ACCOUNT, ConversationDraft(date_created=LONG_AGO))
    quiet = await backend.conversations.create(ACCOUNT, ConversationDraft(state="inactive"))
    assert [quiet.sid] == await sids(backend, ConversationQuery(state="inactive"))
    assert [old.sid] == await sids(backend, ConversationQuery(state="active"))
    assert [old.sid] == await sids(backend, ConversationQuery(created_until=LONG_AGO))
    assert [old.sid, quiet.sid] == await sids(backend, ConversationQuery(created_from=LONG_AGO))
    assert [quiet.sid] == await sids(backend, ConversationQuery(created_from=LONG_AGO + timedelta(seconds=1)))


async def test_one_that_was_deleted_past_the_library_is_found_to_be_gone(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    native = await deployment.native(await backend.issue_identity("nat", with_token=True))
    chat = await room(backend, alice, "alice", "nat")
    await native.delete_thread((await native.threads())[0])
    with pytest.raises(NotFoundError):
        await backend.conversations.get(ACCOUNT, chat.sid)
    assert [] == await sids(backend)


# Threads that the steward is not in


async def test_a_thread_that_the_steward_is_not_in_is_read_as_one_of_its_members(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    native = await deployment.native(await backend.issue_identity("nat", with_token=True))
    thread_id = await native.create_thread("Ours", (await backend.identities.acting(alice)).id)
    sid = conversation_sid(thread_id)
    with pytest.raises(NotFoundError):
        await backend.conversations.get(ACCOUNT, sid)
    await backend.conversations.list(alice)
    assert [sid] == await sids(backend)
    found = await backend.conversations.get(ACCOUNT, sid)
    assert ("Ours", False, "nat") == (found.friendly_name, found.joined, found.created_by)
    assert {"alice", "nat"} == {each.identity for each in await backend.participants.list(ACCOUNT, sid)}
    renamed = await backend.conversations.update(
        ACCOUNT, sid, ConversationChanges(friendly_name="Theirs", attributes={"x": 1})
    )
    assert ("Theirs", {"x": 1}) == (renamed.friendly_name, renamed.attributes)
    properties = await native.thread(thread_id).get_properties()
    assert "Theirs" == properties.topic


async def test_one_that_nobody_known_is_in_any_more_is_told_as_the_store_has_it(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    native = await deployment.native(await backend.issue_identity("nat", with_token=True))
    stranger = await deployment.native(await deployment.backend().issue_identity("eve", with_token=True))
    thread_id = await native.create_thread(
        "Ours", (await backend.identities.acting(alice)).id, stranger.acs_id
    )
    sid = conversation_sid(thread_id)
    await backend.conversations.list(alice)
    for acs_id in (native.acs_id, (await backend.identities.acting(alice)).id):
        await stranger.thread(thread_id).remove_participant(CommunicationUserIdentifier(acs_id))
    assert [sid] == await sids(backend)
    assert "Ours" == (await backend.conversations.get(ACCOUNT, sid)).friendly_name
    assert [] == await backend.conversations.list(alice)


# Changing


async def test_changes_by_the_account_reach_those_who_listen(deployment: Deployment) -> None:
    backend, other = deployment.backend(), deployment.backend()
    (alice,) = await sign_in(other, "alice")
    chat = await room(other, alice, "alice")
    async with other.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await backend.conversations.update(
            ACCOUNT,
            chat.sid,
            ConversationChanges(
                attributes={"x": 1},
                state="inactive",
                timers=Timers(closed="P1D"),
                date_created=LONG_AGO,
                date_updated=LONG_AGO,
                extras={"messaging_service_sid": "MG1"},
            ),
        )
        told = (await next_of(events, ConversationUpdated)).conversation
    assert ({"x": 1}, "inactive", LONG_AGO, LONG_AGO, True) == (
        told.attributes,
        told.state.current,
        told.date_created,
        told.date_updated,
        told.joined,
    )
    assert told == await other.conversations.get(alice, chat.sid)


async def test_a_date_that_was_given_holds_until_the_next_change(backend: AcsBackend) -> None:
    made = await backend.conversations.create(ACCOUNT, ConversationDraft())
    given = await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(date_updated=LONG_AGO))
    assert LONG_AGO == given.date_updated
    assert given == await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(attributes={}))
    changed = await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(attributes={"x": 1}))
    assert changed.date_updated > made.date_updated
    assert None is changed.changed_at


async def test_extras_replace_those_of_the_same_names(backend: AcsBackend) -> None:
    made = await backend.conversations.create(ACCOUNT, ConversationDraft(extras={"a": 1, "b": 2}))
    changed = await backend.conversations.update(
        ACCOUNT, made.sid, ConversationChanges(extras={"b": True, "c": None})
    )
    assert {"a": 1, "b": True, "c": None} == changed.extras
    changed = await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(extras={"b": 1}))
    assert (1, int) == (changed.extras["b"], type(changed.extras["b"]))


async def test_of_two_that_change_it_at_once_neither_undoes_the_other(deployment: Deployment) -> None:
    backends = [deployment.backend() for _ in range(3)]
    made = await backends[0].conversations.create(ACCOUNT, ConversationDraft())
    changes = [
        ConversationChanges(timers=Timers(inactive="PT1H")),
        ConversationChanges(extras={"a": 1}),
        ConversationChanges(attributes={"x": 1}, date_created=LONG_AGO),
    ]
    await asyncio.gather(
        *(
            backend.conversations.update(ACCOUNT, made.sid, each)
            for backend, each in zip(backends, changes, strict=True)
        )
    )
    found = await backends[0].conversations.get(ACCOUNT, made.sid)
    assert (Timers(inactive="PT1H"), {"a": 1}, {"x": 1}, LONG_AGO) == (
        found.timers,
        found.extras,
        found.attributes,
        found.date_created,
    )


async def test_of_two_that_rename_it_at_once_store_and_thread_have_the_same_name(
    deployment: Deployment,
) -> None:
    backends = [deployment.backend() for _ in range(3)]
    made = await backends[0].conversations.create(ACCOUNT, ConversationDraft(friendly_name="Room"))
    names = [f"name {number}" for number in range(3)]
    await asyncio.gather(
        *(
            backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(friendly_name=name))
            for backend, name in zip(backends, names, strict=True)
        )
    )
    found = await backends[0].conversations.get(ACCOUNT, made.sid)
    steward = await backends[0].identities.steward()
    row = await backends[0].conversations.find(ACCOUNT, made.sid)
    properties = await backends[0].conversations._acs.properties(steward, row.thread_id)
    assert found.friendly_name == properties.topic


@pytest.mark.parametrize(
    ("timers", "code"), [(Timers(inactive="PT1S"), 50375), (Timers(closed="soon"), 50380)]
)
async def test_timers_are_looked_at_in_a_change_too(backend: AcsBackend, timers: Timers, code: int) -> None:
    made = await backend.conversations.create(ACCOUNT, ConversationDraft())
    with pytest.raises(LimitError) as caught:
        await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(timers=timers))
    assert code == caught.value.code


async def test_what_is_closed_is_closed_for_the_account_too(backend: AcsBackend, alice: Actor) -> None:
    chat = await room(backend, alice, "alice")
    await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="closed"))
    with pytest.raises(ConflictError) as caught:
        await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="active"))
    assert 50377 == caught.value.code
    with pytest.raises(ConflictError):
        await send(backend, alice, chat, "too late")
    with pytest.raises(ConflictError):
        await backend.participants.create(ACCOUNT, chat.sid, ParticipantDraft(identity="bob"))
    assert "closed" == (await backend.conversations.get(ACCOUNT, chat.sid)).state.current


async def test_a_store_from_before_there_were_timers_is_read(backend: AcsBackend, alice: Actor) -> None:
    chat = await room(backend, alice, "alice")
    await execute(
        backend._core.settings.database_url,
        "UPDATE conversations SET state = 'inactive', active_at = NULL, quiet_after = NULL, due_at = NULL",
    )
    assert "inactive" == (await backend.conversations.get(ACCOUNT, chat.sid)).state.current
