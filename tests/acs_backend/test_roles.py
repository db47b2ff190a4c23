"""What roles allow: those that are always there, those that an account made or changed, and who has which."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from acs_backend import AcsBackend
from acs_backend.permissions import DEFAULT_ROLES, Permission
from acs_backend.roles import (
    CHANNEL_ADMIN,
    CHANNEL_USER,
    RECENT,
    SERVICE_ADMIN,
    SERVICE_USER,
    RoleBook,
    Roles,
)
from acs_backend.sids import ROLE, is_sid
from acs_backend.store import identities
from acs_backend.store.database import Database
from tests.acs_backend.clock import Clock
from tests.acs_backend.deployment import Deployment, draft, next_of, room, send, sign_in
from tests.acs_backend.store.databases import opened
from twilio_compat.account import RoleDefaults, RoleDefaultsChanges, RoleDraft
from twilio_compat.errors import ConflictError, ForbiddenError, LimitError, NotFoundError, TwilioCompatError
from twilio_compat.events import ParticipantUpdated, Synchronized
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    MediaUpload,
    MessageChanges,
    ParticipantChanges,
    ParticipantDraft,
    UserChanges,
    UserConversationChanges,
)

WIDENED = [{"participant_role": "channel admin"}, {"user_role": "service admin"}]


@pytest.fixture(params=WIDENED, ids=str)
def widened(request: pytest.FixtureRequest, deployment: Deployment) -> AcsBackend:
    changes: dict[str, Any] = request.param
    return deployment.backend(**changes)


async def chat_of_three(backend: AcsBackend) -> tuple[Actor, Actor, ConversationRecord]:
    """Let alice make a conversation with bob and carol."""
    alice, bob = await sign_in(backend, "alice", "bob")
    return alice, bob, await room(backend, alice, "alice", "bob", "carol")


async def test_every_member_may_what_admins_may(widened: AcsBackend) -> None:
    alice, bob, chat = await chat_of_three(widened)
    sent = await send(widened, alice, chat, "old")
    changes = ConversationChanges(friendly_name="Den", attributes={"x": 1})
    assert "Den" == (await widened.conversations.update(bob, chat.sid, changes)).friendly_name
    await widened.participants.create(bob, chat.sid, ParticipantDraft(identity="dave"))
    await widened.participants.delete(bob, chat.sid, "carol")
    edited = await widened.messages.update(bob, chat.sid, sent.sid, MessageChanges(body="new"))
    assert "new" == edited.body
    members = await widened.participants.list(bob, chat.sid)
    assert ["alice", "bob", "dave"] == [each.identity for each in members]
    await widened.conversations.delete(bob, chat.sid)
    assert [] == await widened.conversations.list(alice)


async def test_who_is_no_member_gains_nothing(widened: AcsBackend) -> None:
    _, _, chat = await chat_of_three(widened)
    (eve,) = await sign_in(widened, "eve")
    with pytest.raises(ForbiddenError) as caught:
        await widened.conversations.update(eve, chat.sid, ConversationChanges(friendly_name="x"))
    assert 50430 == caught.value.code


async def test_whoever_was_given_a_role_has_that_one(deployment: Deployment) -> None:
    backend = deployment.backend(participant_role="channel admin")
    alice, bob, chat = await chat_of_three(backend)
    await backend.participants.update(alice, chat.sid, "bob", ParticipantChanges(role_sid=CHANNEL_USER))
    with pytest.raises(ForbiddenError) as caught:
        await backend.conversations.update(bob, chat.sid, ConversationChanges(friendly_name="x"))
    assert 50107 == caught.value.code


async def test_a_service_admin_changes_other_users(deployment: Deployment) -> None:
    backend = deployment.backend(user_role="service admin")
    alice, _ = await sign_in(backend, "alice", "bob")
    changed = await backend.users.update(alice, "bob", UserChanges(friendly_name="Bob"))
    assert ("Bob", SERVICE_ADMIN) == (changed.friendly_name, changed.role_sid)


async def test_the_role_is_told_wherever_a_member_or_a_user_is(deployment: Deployment) -> None:
    backend = deployment.backend(participant_role="channel admin", user_role="service admin")
    alice, bob, chat = await chat_of_three(backend)
    assert {CHANNEL_ADMIN} == {each.role_sid for each in await backend.participants.list(bob, chat.sid)}
    assert SERVICE_ADMIN == (await backend.users.get(alice, "bob")).role_sid
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await backend.participants.update(bob, chat.sid, "bob", ParticipantChanges(attributes={"x": 1}))
        assert CHANNEL_ADMIN == (await next_of(events, ParticipantUpdated)).participant.role_sid
    narrow = deployment.backend()
    assert [CHANNEL_ADMIN, CHANNEL_USER, CHANNEL_USER] == [
        each.role_sid for each in await narrow.participants.list(bob, chat.sid)
    ]
    assert SERVICE_USER == (await narrow.users.get(alice, "bob")).role_sid


# What the account does with roles, in the store alone


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def roles(shared_store: str, clock: Clock) -> AsyncIterator[Roles]:
    async with opened(shared_store) as database:
        yield Roles(database, RoleBook(), direct=False, clock=clock)


@pytest.fixture
async def elsewhere(shared_store: str, clock: Clock) -> AsyncIterator[Roles]:
    """Return the roles of another process."""
    async with opened(shared_store) as database:
        yield Roles(database, RoleBook(), direct=False, clock=clock)


READER = RoleDraft(friendly_name="reader", type="conversation", permissions=("leaveConversation",))


async def test_four_roles_are_always_there_and_the_same_everywhere(roles: Roles, elsewhere: Roles) -> None:
    first, second = await asyncio.gather(roles.list(), elsewhere.list())
    assert first == second == await roles.list()
    assert ["channel admin", "channel user", "service admin", "service user"] == [
        each.friendly_name for each in first
    ]
    assert [CHANNEL_ADMIN, CHANNEL_USER, SERVICE_ADMIN, SERVICE_USER] == [each.sid for each in first]
    assert [each.permissions for each in DEFAULT_ROLES] == [each.permissions for each in first]
    assert [13, 8, 12, 3] == [len(each.permissions) for each in first]


async def test_a_role_that_was_made_follows_the_four(roles: Roles, elsewhere: Roles) -> None:
    made = await roles.create(READER)
    assert is_sid(made.sid, ROLE)
    assert ("reader", "conversation", ("leaveConversation",)) == (
        made.friendly_name,
        made.type,
        made.permissions,
    )
    assert made == await elsewhere.get(made.sid) == (await elsewhere.list())[4]
    assert made.sid != (await roles.create(READER)).sid


async def test_what_a_role_allows_is_replaced(roles: Roles, elsewhere: Roles) -> None:
    made = await roles.create(READER)
    changed = await elsewhere.update(made.sid, ["sendMessage", "leaveConversation", "sendMessage"])
    assert ("sendMessage", "leaveConversation") == changed.permissions
    assert changed.date_created == made.date_created < changed.date_updated
    assert changed == await roles.get(made.sid)


async def test_the_four_can_be_changed_and_keep_their_names(roles: Roles, elsewhere: Roles) -> None:
    changed = await roles.update(CHANNEL_USER, ["sendMessage"])
    assert ("channel user", ("sendMessage",)) == (changed.friendly_name, changed.permissions)
    assert changed == (await elsewhere.list())[1]


async def test_a_role_that_was_made_is_deleted_once(roles: Roles, elsewhere: Roles) -> None:
    made = await roles.create(READER)
    await elsewhere.delete(made.sid)
    for call in (roles.delete(made.sid), roles.get(made.sid), roles.update(made.sid, [])):
        with pytest.raises(NotFoundError, match="Role not found") as caught:
            await call
        assert 50100 == caught.value.code


@pytest.mark.parametrize("sid", [CHANNEL_ADMIN, CHANNEL_USER, SERVICE_ADMIN, SERVICE_USER])
async def test_none_of_the_four_is_deleted(roles: Roles, sid: str) -> None:
    with pytest.raises(ConflictError):
        await roles.delete(sid)


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"permissions": ("fly",)}, 50104),
    ({"permissions": ("sendMessage\0",)}, 50104),
    ({"type": "service", "permissions": ("sendMessage",)}, 50104),
    ({"type": "conversation", "permissions": ("createConversation",)}, 50104),
    ({"type": "deployment"}, 50105),
    ({"friendly_name": "x" * 65}, 50003),
]


@pytest.mark.parametrize(("changes", "code"), REFUSED, ids=str)
async def test_what_no_role_can_be_is_refused(roles: Roles, changes: dict[str, Any], code: int) -> None:
    fields = {"friendly_name": "x" * 64, "type": "conversation", "permissions": ()}
    with pytest.raises(LimitError) as caught:
        await roles.create(RoleDraft(**(fields | changes)))
    assert (400, code) == (caught.value.status, caught.value.code)
    assert 4 == len(await roles.list())


async def test_a_role_may_allow_everything_of_its_kind(roles: Roles) -> None:
    names = [*Permission]
    for kind, others in (
        ("conversation", {Permission.CREATE_CONVERSATION, Permission.JOIN_CONVERSATION}),
        (
            "service",
            {
                Permission.SEND_MESSAGE,
                Permission.SEND_MEDIA_MESSAGE,
                Permission.LEAVE_CONVERSATION,
                Permission.EDIT_NOTIFICATION_LEVEL,
                Permission.DELETE_OWN_MESSAGE,
            },
        ),
    ):
        permissions = tuple(each.value for each in names if each not in others)
        made = await roles.create(RoleDraft(friendly_name=kind, type=kind, permissions=permissions))  # type: ignore[arg-type]
        assert permissions == made.permissions


async def test_an_update_is_refused_as_a_whole(roles: Roles) -> None:
    with pytest.raises(LimitError) as caught:
        await roles.update(SERVICE_USER, ["joinConversation", "sendMessage"])
    assert 50104 == caught.value.code
    assert SERVICE_USER == (await roles.get(SERVICE_USER)).sid
    assert "createConversation" in (await roles.get(SERVICE_USER)).permissions


async def test_roles_that_are_given_by_default_can_be_others(roles: Roles, elsewhere: Roles) -> None:
    assert RoleDefaults(
        conversation_creator=CHANNEL_ADMIN, conversation=CHANNEL_USER, service=SERVICE_USER
    ) == (await roles.defaults())
    reader = (await roles.create(READER)).sid
    expected = RoleDefaults(conversation_creator=CHANNEL_ADMIN, conversation=reader, service=SERVICE_ADMIN)
    changes = RoleDefaultsChanges(conversation=reader, service=SERVICE_ADMIN)
    assert expected == await roles.set_defaults(changes)
    assert expected == await elsewhere.defaults()
    await roles.delete(reader)
    assert CHANNEL_USER == (await elsewhere.defaults()).conversation


@pytest.mark.parametrize(
    ("name", "sid", "code"),
    [
        ("conversation_creator", SERVICE_ADMIN, 50109),
        ("conversation", SERVICE_USER, 50109),
        ("conversation", "RL" + "0" * 32, 50109),
        ("service", CHANNEL_USER, 50100),
        ("service", "", 50100),
    ],
)
async def test_a_default_is_a_role_of_its_kind(roles: Roles, name: str, sid: str, code: int) -> None:
    before = await roles.defaults()
    with pytest.raises(NotFoundError) as caught:
        await roles.set_defaults(RoleDefaultsChanges(**{name: sid}))
    assert code == caught.value.code
    assert before == await roles.defaults()


async def test_another_process_notices_within_a_second(roles: Roles, elsewhere: Roles, clock: Clock) -> None:
    assert await elsewhere.lets_members(None, Permission.SEND_MESSAGE)
    await roles.update(CHANNEL_USER, [])
    assert not await roles.lets_members(None, Permission.SEND_MESSAGE)
    clock.move((RECENT - timedelta(milliseconds=1)).total_seconds())
    assert await elsewhere.lets_members(None, Permission.SEND_MESSAGE)
    clock.move(0.001)
    assert not await elsewhere.lets_members(None, Permission.SEND_MESSAGE)


async def test_who_writes_asks_nothing_of_the_store_while_the_roles_are_fresh(
    shared_store: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(shared_store) as database:
        roles = Roles(database, RoleBook(), direct=False, clock=clock)
        reader = await roles.create(READER)
        await roles.book()
        with monkeypatch.context() as cut_off:
            cut_off.setattr(database, "read", None)
            assert await roles.lets_members(None, Permission.SEND_MESSAGE)
            assert not await roles.lets_members(reader.sid, Permission.SEND_MESSAGE)
        await roles.delete(reader.sid)
        assert await roles.lets_members(reader.sid, Permission.SEND_MESSAGE)
        with monkeypatch.context() as cut_off:
            cut_off.setattr(database, "read", None)
            assert await roles.lets_members(reader.sid, Permission.SEND_MESSAGE)


async def test_a_role_that_another_process_just_made_can_be_given(roles: Roles, elsewhere: Roles) -> None:
    await elsewhere.book()
    made = await roles.create(READER)
    assert not await elsewhere.lets_members(made.sid, Permission.SEND_MESSAGE)
    await elsewhere.check_is(made.sid, "conversation")
    with pytest.raises(NotFoundError) as caught:
        await elsewhere.check_is(made.sid, "service")
    assert 50100 == caught.value.code


# What they mean to users


async def refused(call: Callable[[], Awaitable[object]]) -> int | None:
    """Return the code with which a call is refused; None where it is not."""
    try:
        await call()
    except TwilioCompatError as error:
        return getattr(error, "code", 0)
    return None


async def give(backend: AcsBackend, alice: Actor, chat: ConversationRecord, who: str, role: str) -> None:
    await backend.participants.update(alice, chat.sid, who, ParticipantChanges(role_sid=role))


async def everything_a_member_does(
    backend: AcsBackend, bob: Actor, chat: ConversationRecord
) -> dict[str, Any]:
    """Return what a member with the default role may do, by permission, the last of it what ends it."""
    sent = await send(backend, bob, chat, "hello")
    media = await backend.media.upload(bob, MediaUpload(content=b"x", content_type="text/plain"))
    muted = UserConversationChanges(notification_level="muted")
    messages, own = backend.messages, (bob, chat.sid, sent.sid)
    return {
        "sendMessage": lambda: send(backend, bob, chat, "hello"),
        "sendMediaMessage": lambda: messages.create(bob, chat.sid, draft(None, media=(media,))),
        "editOwnMessage": lambda: messages.update(*own, MessageChanges(body="x")),
        "editOwnMessageAttributes": lambda: messages.update(*own, MessageChanges(attributes=[1])),
        "editNotificationLevel": lambda: backend.user_conversations.update(bob, chat.sid, muted),
        "editOwnParticipantAttributes": lambda: backend.participants.update(
            bob, chat.sid, "bob", ParticipantChanges(attributes=[1])
        ),
        "deleteOwnMessage": lambda: messages.delete(*own),
        "leaveConversation": lambda: backend.participants.delete(bob, chat.sid, "bob"),
    }


async def test_the_role_of_members_allows_what_they_do(backend: AcsBackend) -> None:
    _, bob, chat = await chat_of_three(backend)
    calls = await everything_a_member_does(backend, bob, chat)
    assert {*calls} == {*(await backend.roles.get(CHANNEL_USER)).permissions}
    assert [None] * len(calls) == [await refused(call) for call in calls.values()]


async def test_what_a_custom_role_lacks_is_refused(backend: AcsBackend) -> None:
    alice, bob, chat = await chat_of_three(backend)
    calls = await everything_a_member_does(backend, bob, chat)
    nothing = await backend.roles.create(
        RoleDraft(friendly_name="nothing", type="conversation", permissions=())
    )
    await give(backend, alice, chat, "bob", nothing.sid)
    assert dict.fromkeys(calls, 50107) == {name: await refused(call) for name, call in calls.items()}
    members = {each.identity: each.role_sid for each in await backend.participants.list(bob, chat.sid)}
    assert {"alice": CHANNEL_ADMIN, "bob": nothing.sid, "carol": CHANNEL_USER} == members


async def test_each_permission_is_what_it_says(backend: AcsBackend) -> None:
    alice, bob, chat = await chat_of_three(backend)
    calls = await everything_a_member_does(backend, bob, chat)
    role = await backend.roles.create(
        RoleDraft(friendly_name="one thing", type="conversation", permissions=())
    )
    await give(backend, alice, chat, "bob", role.sid)
    for allowed, call in calls.items():
        await backend.roles.update(role.sid, [each for each in calls if each != allowed])
        assert 50107 == await refused(call), allowed
        await backend.roles.update(role.sid, [allowed])
        assert await refused(call) is None, allowed


async def test_who_may_change_any_message_may_change_their_own(backend: AcsBackend) -> None:
    alice, bob, chat = await chat_of_three(backend)
    sent = await send(backend, bob, chat, "hello")
    editing = ("sendMessage", "editAnyMessage", "editAnyMessageAttributes", "deleteAnyMessage")
    editor = await backend.roles.create(
        RoleDraft(friendly_name="editor", type="conversation", permissions=editing)
    )
    await give(backend, alice, chat, "bob", editor.sid)
    changes = MessageChanges(body="x", attributes=[1])
    assert "x" == (await backend.messages.update(bob, chat.sid, sent.sid, changes)).body
    await backend.messages.delete(bob, chat.sid, sent.sid)


async def test_a_change_of_one_of_the_four_binds_who_was_given_none(
    deployment: Deployment, backend: AcsBackend
) -> None:
    _, bob, chat = await chat_of_three(backend)
    other = deployment.backend()
    await send(other, bob, chat, "before")
    await backend.roles.update(CHANNEL_USER, ["leaveConversation"])
    assert 50107 == await refused(lambda: send(backend, bob, chat, "after"))
    async with asyncio.timeout(30):
        while await refused(lambda: send(other, bob, chat, "perhaps")) is None:
            pass  # the other process notices within a second
    (alice,) = await sign_in(other, "alice")
    assert await refused(lambda: send(other, alice, chat, "the creator's role is another")) is None


async def test_the_creator_has_the_role_of_creators(backend: AcsBackend) -> None:
    alice, bob, chat = await chat_of_three(backend)
    reader = await backend.roles.create(READER)
    await backend.roles.set_defaults(RoleDefaultsChanges(conversation_creator=reader.sid))
    members = await backend.participants.list(bob, chat.sid)
    assert [reader.sid, CHANNEL_USER, CHANNEL_USER] == [each.role_sid for each in members]
    assert 50107 == await refused(lambda: send(backend, alice, chat, "hello"))
    assert await refused(lambda: send(backend, bob, chat, "hello")) is None


async def test_whose_role_was_deleted_has_the_default_one(backend: AcsBackend) -> None:
    alice, bob, chat = await chat_of_three(backend)
    reader = await backend.roles.create(READER)
    await give(backend, alice, chat, "bob", reader.sid)
    assert 50107 == await refused(lambda: send(backend, bob, chat, "hello"))
    await backend.roles.delete(reader.sid)
    assert await refused(lambda: send(backend, bob, chat, "hello")) is None
    roles = {each.identity: each.role_sid for each in await backend.participants.list(bob, chat.sid)}
    assert CHANNEL_USER == roles["bob"]


async def test_who_may_not_make_or_join_conversations_cannot(backend: AcsBackend) -> None:
    alice, bob = await sign_in(backend, "alice", "bob")
    chat = await room(backend, alice, "alice")
    await backend.roles.update(SERVICE_USER, ["editOwnUserInfo"])
    joining = ParticipantDraft(identity="bob")
    assert 50107 == await refused(lambda: backend.conversations.create(bob, ConversationDraft()))
    assert 50107 == await refused(lambda: backend.participants.create(bob, chat.sid, joining))
    await backend.roles.update(SERVICE_USER, ["createConversation", "joinConversation"])
    assert await refused(lambda: backend.conversations.create(bob, ConversationDraft())) is None
    assert await refused(lambda: backend.participants.create(bob, chat.sid, joining)) is None


async def test_only_a_role_of_its_kind_can_be_given(backend: AcsBackend) -> None:
    alice, bob, chat = await chat_of_three(backend)
    reader = (await backend.roles.create(READER)).sid
    for sid in (SERVICE_ADMIN, "RL" + "0" * 32):
        assert 50109 == await refused(lambda sid=sid: give(backend, alice, chat, "bob", sid))  # type: ignore[misc]
    assert 50100 == await refused(lambda: backend.users.update(bob, "bob", UserChanges(role_sid=reader)))


async def test_a_role_for_users_holds_in_every_conversation(
    deployment: Deployment, backend: AcsBackend
) -> None:
    _, bob, chat = await chat_of_three(backend)
    moderator = await backend.roles.create(
        RoleDraft(friendly_name="moderator", type="service", permissions=("editConversationName",))
    )
    database = Database(deployment.settings.database_url)
    async with database.write() as connection:
        row = await identities.find(connection, "bob")
        assert row is not None
        await identities.save(
            connection,
            identities.IdentityRow(
                **{name: getattr(row, name) for name in row.__slots__} | {"role_sid": moderator.sid}
            ),
        )
    await database.close()
    assert moderator.sid == (await backend.users.get(bob, "bob")).role_sid
    renamed = await backend.conversations.update(bob, chat.sid, ConversationChanges(friendly_name="Den"))
    assert "Den" == renamed.friendly_name
    assert 50107 == await refused(
        lambda: backend.conversations.update(bob, chat.sid, ConversationChanges(attributes=[1]))
    )
    assert 50107 == await refused(lambda: backend.conversations.create(bob, ConversationDraft()))


async def test_a_listener_is_told_the_role_that_a_member_was_given_elsewhere(
    deployment: Deployment, backend: AcsBackend
) -> None:
    alice, _, chat = await chat_of_three(backend)
    async with deployment.backend().subscribe(alice) as events:
        await next_of(events, Synchronized)
        await give(backend, alice, chat, "bob", CHANNEL_ADMIN)
        assert CHANNEL_ADMIN == (await next_of(events, ParticipantUpdated)).participant.role_sid
        reader = await backend.roles.create(READER)
        await give(backend, alice, chat, "bob", reader.sid)
        assert reader.sid == (await next_of(events, ParticipantUpdated)).participant.role_sid
