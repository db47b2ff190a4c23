"""The port over Twilio, call by call, for the account and for users, against our own translation over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.twilio_stand_in import TwilioStandIn
from tests.support.waiting import eventually
from tests.twilio_backend.deployment import ACCOUNT, Deployment, draft, room, send, sign_in, there
from twilio_backend import TwilioBackend, open_backend
from twilio_backend.errors import TwilioGapError
from twilio_compat import backend as port
from twilio_compat.account import (
    AccountBackend,
    ConversationQuery,
    RoleDefaultsChanges,
    RoleDraft,
    UserDraft,
    on_behalf_of,
)
from twilio_compat.errors import (
    ArgumentError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    LimitError,
    NotFoundError,
    TokenError,
)
from twilio_compat.records import (
    ConversationChanges,
    ConversationDraft,
    Direction,
    MediaUpload,
    MessageChanges,
    ParticipantChanges,
    ParticipantDraft,
    Timers,
    UserChanges,
    UserConversationChanges,
)
from twilio_compat.settings import Settings

ODD = "anna/b ü+@example.com?x=1#%2F"
"""An identity that no part of a url can be."""


# Opening


async def test_it_is_an_account_backend_that_is_found_by_name(twilio: TwilioStandIn) -> None:
    backend = open_backend(twilio.settings())
    assert isinstance(backend, AccountBackend)
    assert isinstance(backend, TwilioBackend)
    found = port.open_backend(twilio.settings())
    await found.close()
    await backend.close()
    await backend.close()


@pytest.mark.parametrize(
    ("missing", "variable"),
    [("twilio_account_sid", "TWILIO_ACCOUNT_SID"), ("twilio_auth_token", "TWILIO_AUTH_TOKEN")],
)
def test_what_is_missing_is_named(missing: str, variable: str) -> None:
    given = {"twilio_account_sid": "AC1", "twilio_auth_token": "token", missing: None}
    with pytest.raises(ConfigurationError, match=variable):
        open_backend(Settings(**given))  # type: ignore[arg-type]


async def test_an_api_key_will_do(deployment: Deployment) -> None:
    backend = deployment.backend(twilio_auth_token=None)
    assert "Room" == (await room(backend)).friendly_name


async def test_credentials_that_are_refused_are_a_matter_of_configuration(deployment: Deployment) -> None:
    with pytest.raises(ConfigurationError, match="TWILIO_AUTH_TOKEN"):
        await room(deployment.backend(twilio_auth_token="wrong"))


# Conversations


async def test_a_conversation_is_made_changed_and_deleted(deployment: Deployment) -> None:
    backend = deployment.backend()
    conversations = backend.conversations
    made = await conversations.create(
        ACCOUNT,
        ConversationDraft(
            friendly_name="Room",
            unique_name="room/1",
            attributes={"a": [True]},
            timers=Timers(inactive="PT1H", closed="P1D"),
            extras={"messaging_service_sid": "MG" + "1" * 32},
        ),
    )
    assert ("Room", "room/1", {"a": [True]}, "system") == (
        made.friendly_name,
        made.unique_name,
        made.attributes,
        made.created_by,
    )
    assert made.date_inactive is not None
    assert "MG" + "1" * 32 == made.extras["messaging_service_sid"]
    assert made == await conversations.get_by_unique_name(ACCOUNT, "room/1")
    assert made.sid == await conversations.sid_of(ACCOUNT, "room/1")
    changed = await conversations.update(
        ACCOUNT, made.sid, ConversationChanges(friendly_name=None, attributes=[1], state="inactive")
    )
    assert (None, [1], "inactive") == (changed.friendly_name, changed.attributes, changed.state.current)
    assert () == await conversations.move_due()
    await conversations.delete(ACCOUNT, made.sid)
    with pytest.raises(NotFoundError) as refused:
        await conversations.get(ACCOUNT, made.sid)
    assert (404, 50350, "Conversation not found") == (
        refused.value.status,
        refused.value.code,
        refused.value.detail,
    )


async def test_refusals_keep_twilios_code_status_and_words(deployment: Deployment) -> None:
    backend = deployment.backend()
    wanted = ConversationDraft(unique_name="room")
    await backend.conversations.create(ACCOUNT, wanted)
    with pytest.raises(ConflictError) as taken:
        await backend.conversations.create(ACCOUNT, wanted)
    assert (409, 50353, "Conversation with provided unique name already exists") == (
        taken.value.status,
        taken.value.code,
        taken.value.detail,
    )
    with pytest.raises(LimitError) as too_long:
        await backend.conversations.create(ACCOUNT, ConversationDraft(friendly_name="x" * 300))
    assert (400, 50003) == (too_long.value.status, too_long.value.code)


async def test_what_twilio_numbers_itself_cannot_be_brought(deployment: Deployment) -> None:
    backend = deployment.backend()
    with pytest.raises(ArgumentError, match="sids"):
        await backend.conversations.create(ACCOUNT, ConversationDraft(sid="CH" + "1" * 32))
    made = await room(backend)
    with pytest.raises(ArgumentError, match="sids"):
        await backend.participants.create(
            ACCOUNT, made.sid, ParticipantDraft(identity="bob", sid="MB" + "1" * 32)
        )
    for more in ({"sid": "IM" + "1" * 32}, {"index": 7}):
        with pytest.raises(ArgumentError, match="sids and indexes"):
            await backend.messages.create(ACCOUNT, made.sid, draft("Hello", **more))
    assert 0 == deployment.twilio.faults.count("POST", "/Messages")


async def test_all_conversations_are_walked_through_in_portions(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = [(await room(backend)).sid for _ in range(7)]
    everything, found, after = ConversationQuery(), [], None
    while part := await backend.conversations.page(ACCOUNT, everything, after=after, limit=3):
        found += [each.sid for each in part]
        after = found[-1]
    assert made == found
    resumed = await deployment.backend().conversations.page(ACCOUNT, everything, after=made[4], limit=9)
    assert made[5:] == [each.sid for each in resumed]


async def test_a_walk_goes_on_where_its_place_is_gone(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = [(await room(backend)).sid for _ in range(4)]
    everything = ConversationQuery()
    await backend.conversations.page(ACCOUNT, everything, after=None, limit=2)
    await backend.conversations.delete(ACCOUNT, made[1])
    rest = await backend.conversations.page(ACCOUNT, everything, after=made[1], limit=9)
    assert {*made[2:]} <= {each.sid for each in rest}


async def test_conversations_are_found_by_state_and_date(deployment: Deployment) -> None:
    backend = deployment.backend()
    old = await backend.conversations.create(
        ACCOUNT, ConversationDraft(date_created=datetime(2020, 1, 1, tzinfo=UTC))
    )
    closed = await room(backend)
    await backend.conversations.update(ACCOUNT, closed.sid, ConversationChanges(state="closed"))

    async def found(**query: object) -> list[str]:
        wanted = ConversationQuery(**query)  # type: ignore[arg-type]
        return [each.sid for each in await backend.conversations.page(ACCOUNT, wanted, after=None, limit=9)]

    assert [closed.sid] == await found(state="closed")
    assert [old.sid] == await found(created_until=datetime(2021, 1, 1, tzinfo=UTC))
    assert [closed.sid] == await found(created_from=datetime(2021, 1, 1, tzinfo=UTC))


# Users in conversations


async def test_a_user_makes_a_conversation_joins_it_and_sees_it(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await backend.conversations.create(alice, ConversationDraft(friendly_name="Room"))
    assert "alice" == made.created_by
    assert not (await backend.conversations.get(alice, made.sid)).joined
    await backend.participants.create(alice, made.sid, ParticipantDraft(identity="alice"))
    sent = await send(backend, alice, made, "Hello")
    [own] = await backend.conversations.list(alice)
    assert own == await backend.conversations.get(alice, made.sid)
    assert own.joined
    assert "alice" == own.created_by
    assert own.last_message is not None
    assert (sent.index, sent.date_created) == (own.last_message.index, own.last_message.date_created)
    assert () == await backend.conversations.list(ACCOUNT)
    admin = await backend.conversations.update(alice, made.sid, ConversationChanges(friendly_name="Ours"))
    assert "Ours" == admin.friendly_name


async def test_others_are_kept_out(deployment: Deployment) -> None:
    backend = deployment.backend()
    alice, bob = await sign_in(deployment, backend, "alice", "bob")
    made = await room(backend, "alice")
    sent = await send(backend, alice, made, "Hello")
    forbidden = [
        backend.conversations.get(bob, made.sid),
        backend.participants.list(bob, made.sid),
        backend.messages.get(bob, made.sid, sent.sid),
        backend.messages.create(bob, made.sid, draft("Hello")),
        backend.user_conversations.get(bob, made.sid),
        backend.messages.create(on_behalf_of("bob"), made.sid, draft("Hello")),
    ]
    for each in forbidden:
        with pytest.raises(ForbiddenError) as refused:
            await each
        assert (403, 50430) == (refused.value.status, refused.value.code)
    missing = "CH" + "0" * 32
    for absent in (
        backend.conversations.get(bob, missing),
        backend.messages.create(bob, missing, draft("Hello")),
        backend.user_conversations.get(bob, missing),
    ):
        with pytest.raises(NotFoundError) as unknown:
            await absent
        assert 50350 == unknown.value.code
    assert ["Hello"] == await there(deployment, made)


async def test_roles_bind_who_has_signed_in_and_not_whom_the_account_acts_for(
    deployment: Deployment,
) -> None:
    backend = deployment.backend()
    alice, bob = await sign_in(deployment, backend, "alice", "bob")
    made = await room(backend, "alice", "bob")
    sent = await send(backend, alice, made, "Hello")
    for each in (
        backend.messages.update(bob, made.sid, sent.sid, MessageChanges(body="Bye")),
        backend.messages.delete(bob, made.sid, sent.sid),
        backend.participants.delete(bob, made.sid, "alice"),
        backend.conversations.update(bob, made.sid, ConversationChanges(friendly_name="Mine")),
        backend.conversations.delete(bob, made.sid),
        backend.participants.create(bob, made.sid, ParticipantDraft(identity="carol")),
        backend.messages.create(bob, made.sid, draft("Hello", author="alice")),
    ):
        with pytest.raises(ForbiddenError) as refused:
            await each
        assert 50107 == refused.value.code
    edited = await backend.messages.update(alice, made.sid, sent.sid, MessageChanges(body="Hi"))
    assert "Hi" == edited.body
    await backend.messages.update(on_behalf_of("bob"), made.sid, sent.sid, MessageChanges(body="Bye"))
    await backend.messages.delete(alice, made.sid, sent.sid)
    await backend.participants.delete(bob, made.sid, "bob")
    assert ["alice"] == [each.identity for each in await backend.participants.list(alice, made.sid)]


async def test_what_a_role_allows_may_change(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await room(backend, "alice")
    silent = await backend.roles.create(
        RoleDraft(friendly_name="silent", type="conversation", permissions=("leaveConversation",))
    )
    await backend.participants.update(ACCOUNT, made.sid, "alice", ParticipantChanges(role_sid=silent.sid))
    with pytest.raises(ForbiddenError):
        await send(backend, alice, made, "Hello")
    await backend.roles.update(silent.sid, ["sendMessage"])
    await send(backend, alice, made, "Hello")


async def test_who_makes_a_conversation_joins_as_its_admin(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await backend.conversations.create(alice, ConversationDraft())
    own = await backend.participants.create(alice, made.sid, ParticipantDraft(identity="alice"))
    assert (await backend.roles.defaults()).conversation_creator == own.role_sid


async def test_webhooks_are_told_of_what_users_do_and_of_what_the_account_asks_for(
    deployment: Deployment,
) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await room(backend, "alice")
    seen = deployment.twilio.faults.seen
    for actor, expected in (
        (alice, "true"),
        (ACCOUNT, "false"),
        (replace(ACCOUNT, tells_webhooks=True), "true"),
        (on_behalf_of("alice"), "false"),
    ):
        await send(backend, actor, made, "Hello")
        assert expected == seen[-1].headers["x-twilio-webhook-enabled"]
    await backend.messages.create(
        replace(ACCOUNT, tells_webhooks=True), made.sid, draft("Hello", is_quiet=True)
    )
    assert "false" == seen[-1].headers["x-twilio-webhook-enabled"]


# Participants


async def test_participants_are_added_changed_and_removed(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend, "alice")
    odd = await backend.participants.create(
        ACCOUNT, made.sid, ParticipantDraft(identity=ODD, attributes={"a": 1})
    )
    assert (ODD, {"a": 1}, "chat") == (odd.identity, odd.attributes, odd.type)
    with pytest.raises(ConflictError) as twice:
        await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity=ODD))
    assert 50433 == twice.value.code
    await send(backend, ACCOUNT, made, "Hello")
    read_at = datetime(2026, 1, 2, tzinfo=UTC)
    changed = await backend.participants.update(
        ACCOUNT,
        made.sid,
        ODD,
        ParticipantChanges(attributes=None, last_read_message_index=0, last_read_timestamp=read_at),
    )
    assert (None, 0, read_at) == (
        changed.attributes,
        changed.last_read_message_index,
        changed.last_read_timestamp,
    )
    again = ParticipantChanges(last_read_message_index=None)
    assert (
        None is (await backend.participants.update(ACCOUNT, made.sid, odd.sid, again)).last_read_message_index
    )
    assert 2 == await backend.participants.count(ACCOUNT, made.sid)
    await backend.participants.delete(ACCOUNT, made.sid, ODD)
    with pytest.raises(NotFoundError) as gone:
        await backend.participants.delete(ACCOUNT, made.sid, odd.sid)
    assert 50432 == gone.value.code
    with pytest.raises(NotFoundError) as nowhere:
        await backend.participants.create(ACCOUNT, "CH" + "0" * 32, ParticipantDraft(identity="bob"))
    assert 50350 == nowhere.value.code
    with pytest.raises(TwilioGapError, match="client libraries"):
        await backend.participants.typing(on_behalf_of("alice"), made.sid)


async def test_a_horizon_moves_and_only_forward_where_that_is_wanted(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await room(backend, "alice")
    for body in "abc":
        await send(backend, ACCOUNT, made, body)
    standing = await backend.user_conversations.get(alice, made.sid)
    assert (None, None, "default") == (
        standing.unread_messages_count,
        standing.last_read_message_index,
        standing.notification_level,
    )
    forward = UserConversationChanges(
        last_read_message_index=1, advance_only=True, notification_level="muted"
    )
    moved = await backend.user_conversations.update(alice, made.sid, forward)
    assert (1, 1, "muted") == (
        moved.unread_messages_count,
        moved.last_read_message_index,
        moved.notification_level,
    )
    back = UserConversationChanges(last_read_message_index=0, advance_only=True)
    assert 1 == (await backend.user_conversations.update(alice, made.sid, back)).last_read_message_index
    none = UserConversationChanges(last_read_message_index=None)
    assert None is (await backend.user_conversations.update(alice, made.sid, none)).last_read_message_index


async def test_index_zero_is_forward_of_nothing_read(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await room(backend, "alice")
    await send(backend, ACCOUNT, made, "Hello")
    first = UserConversationChanges(last_read_message_index=0, advance_only=True)
    assert 0 == (await backend.user_conversations.update(alice, made.sid, first)).last_read_message_index


# Messages


async def test_a_message_keeps_what_the_account_says_of_it(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend, "alice")
    written = datetime(2020, 5, 6, 7, 8, 9, tzinfo=UTC)
    sent = await backend.messages.create(
        ACCOUNT,
        made.sid,
        draft("Hello", author="alice", date_created=written, date_updated=written, attributes={"a": None}),
    )
    assert ("Hello", "alice", written, {"a": None}, 0) == (
        sent.body,
        sent.author,
        sent.date_created,
        sent.attributes,
        sent.index,
    )
    assert sent == await backend.messages.get(ACCOUNT, made.sid, sent.sid)
    changed = await backend.messages.update(
        ACCOUNT, made.sid, sent.sid, MessageChanges(body="Bye", attributes=[], author="bob")
    )
    assert ("Bye", [], "bob") == (changed.body, changed.attributes, changed.author)
    assert "system" == (await send(backend, ACCOUNT, made, "Hello")).author
    assert 2 == await backend.messages.count(ACCOUNT, made.sid)
    assert None is await backend.messages.content(ACCOUNT, made.sid, sent.sid)
    await backend.messages.delete(ACCOUNT, made.sid, sent.sid)
    with pytest.raises(NotFoundError) as gone:
        await backend.messages.get(ACCOUNT, made.sid, sent.sid)
    assert 50500 == gone.value.code


@pytest.mark.parametrize("direction", [Direction.BACKWARDS, Direction.FORWARD])
async def test_pages_are_those_of_the_other_adapter(deployment: Deployment, direction: Direction) -> None:
    backend = deployment.backend()
    made = await room(backend, "alice")
    sent = [await send(backend, ACCOUNT, made, str(number)) for number in range(9)]
    for gone in (0, 4, 8):
        await backend.messages.delete(ACCOUNT, made.sid, sent[gone].sid)
    for anchor in (None, 0, 1, 3, 4, 5, 7, 8, 20):
        for size in (1, 2, 6, 10):
            expected = await deployment.twilio.backend.messages.page(
                ACCOUNT, made.sid, size=size, anchor=anchor, direction=direction
            )
            actual = await backend.messages.page(
                ACCOUNT, made.sid, size=size, anchor=anchor, direction=direction
            )
            assert [each.index for each in expected.items] == [each.index for each in actual.items]
            assert (expected.has_older, expected.has_newer) == (actual.has_older, actual.has_newer), (
                anchor,
                size,
            )


async def test_pages_reach_past_what_twilio_gives_at_once(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(deployment.backend(), "alice")
    other = deployment.twilio.backend
    for number in range(130):
        await other.messages.create(ACCOUNT, made.sid, draft(str(number)))
    page = await backend.messages.page(
        ACCOUNT, made.sid, size=125, anchor=None, direction=Direction.BACKWARDS
    )
    assert [*range(5, 130)] == [each.index for each in page.items]
    assert (True, False) == (page.has_older, page.has_newer)
    middle = await backend.messages.page(ACCOUNT, made.sid, size=2, anchor=10, direction=Direction.BACKWARDS)
    assert [9, 10] == [each.index for each in middle.items]
    assert 130 == await backend.messages.count(ACCOUNT, made.sid)


async def test_receipts_say_who_has_read(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await room(backend, "alice", "bob")
    sent = await send(backend, alice, made, "Hello")
    await backend.participants.update(ACCOUNT, made.sid, "bob", ParticipantChanges(last_read_message_index=0))
    [receipt] = await backend.messages.receipts(alice, made.sid, sent.sid)
    assert ("read", sent.sid) == (receipt.status, receipt.message_sid)


# Media


async def test_a_file_is_uploaded_named_and_had(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend, "alice")

    async def pieces() -> object:
        yield b"a "
        yield b"file"

    whole = await backend.media.upload(
        ACCOUNT, MediaUpload(content=b"a file", content_type="text/plain", filename="ü & ?.txt")
    )
    assert ("text/plain", 6, "ü & ?.txt") == (whole.content_type, whole.size, whole.filename)
    streamed = await backend.media.upload(
        ACCOUNT,
        MediaUpload(content=pieces(), content_type="text/plain"),  # type: ignore[arg-type]
    )
    assert 6 == streamed.size
    sent = await backend.messages.create(ACCOUNT, made.sid, draft(None, media=(whole,)))
    assert (whole,) == sent.media

    async def is_named() -> bool:
        stored = await backend.media.get(whole.sid)
        return (made.sid, sent.sid) == (stored.conversation_sid, stored.message_sid)

    await eventually(is_named)
    urls = await backend.media.temporary_urls(ACCOUNT, [whole.sid, streamed.sid])
    async with httpx.AsyncClient(verify=False) as anybody:
        assert [b"a file"] * 2 == [(await anybody.get(urls[each.sid])).content for each in (whole, streamed)]
    await backend.media.delete(streamed.sid)
    with pytest.raises(NotFoundError) as gone:
        await backend.media.get(streamed.sid)
    assert 50507 == gone.value.code


async def test_two_files_are_refused_before_anything_is_sent(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend)
    upload = MediaUpload(content=b"a file", content_type="text/plain")
    media = [await backend.media.upload(ACCOUNT, upload) for _ in range(2)]
    with pytest.raises(LimitError, match="one file"):
        await backend.messages.create(ACCOUNT, made.sid, draft(None, media=tuple(media)))
    assert 0 == deployment.twilio.faults.count("POST", "/Messages")
    assert 1 == backend.limits.media_count


# Users, roles, services


async def test_users_are_made_found_changed_and_forgotten(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    assert "alice" == (await backend.users.get(alice, "alice")).identity
    made = await backend.users.create(
        ACCOUNT, UserDraft(identity=ODD, friendly_name="Odd", attributes={"a": 1})
    )
    assert made == await backend.users.get(ACCOUNT, ODD) == await backend.users.by_sid(ACCOUNT, made.sid)
    with pytest.raises(ConflictError) as twice:
        await backend.users.create(ACCOUNT, UserDraft(identity=ODD))
    assert 50201 == twice.value.code
    with pytest.raises(ForbiddenError):
        await backend.users.update(alice, ODD, UserChanges(friendly_name="Even"))
    own = await backend.users.update(alice, "alice", UserChanges(friendly_name="Alice", attributes=[1]))
    assert ("Alice", [1]) == (own.friendly_name, own.attributes)
    first = await backend.users.page(ACCOUNT, after=None, limit=1)
    rest = await backend.users.page(ACCOUNT, after=first[0].sid, limit=9)
    assert {"alice", ODD} == {each.identity for each in (*first, *rest)}
    await backend.users.delete(ACCOUNT, ODD)
    with pytest.raises(NotFoundError) as gone:
        await backend.users.get(ACCOUNT, ODD)
    assert 50200 == gone.value.code


async def test_roles_are_listed_made_and_given_to_all(deployment: Deployment) -> None:
    roles = deployment.backend().roles
    assert {"channel admin", "channel user", "service admin", "service user"} == {
        each.friendly_name for each in await roles.list()
    }
    made = await roles.create(
        RoleDraft(
            friendly_name="reader", type="conversation", permissions=("leaveConversation", "sendMessage")
        )
    )
    assert ("leaveConversation", "sendMessage") == made.permissions
    assert made == await roles.get(made.sid)
    assert made.sid == (await roles.set_defaults(RoleDefaultsChanges(conversation=made.sid))).conversation
    with pytest.raises(NotFoundError) as unknown:
        await roles.get("RL" + "0" * 32)
    assert 50100 == unknown.value.code


async def test_services_are_worlds_of_their_own_on_one_connection(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await backend.services.create("Another")
    other = await backend.of(made.sid)
    assert other is await backend.of(made.sid)
    assert backend is await other.of(None)
    assert made.sid == other.service_sid
    there_too = await room(other, "alice")
    with pytest.raises(NotFoundError):
        await backend.conversations.get(ACCOUNT, there_too.sid)
    assert [backend.service_sid, made.sid] == [each.sid for each in await backend.services.list()]
    with pytest.raises(NotFoundError) as unknown:
        await backend.of("IS" + "0" * 32)
    assert 50050 == unknown.value.code
    await backend.services.delete(made.sid)


async def test_the_default_service_is_asked_for_where_none_is_set(deployment: Deployment) -> None:
    backend = deployment.backend(service_sid=None)
    made = await room(backend)
    assert made == await deployment.backend().conversations.get(ACCOUNT, made.sid)
    assert "/v1/Conversations" == deployment.twilio.faults.seen[0].path
    assert "" == backend.service_sid
    assert backend is await backend.of(None)
    assert deployment.twilio.service_sid == backend.service_sid


async def test_reachability_is_switched(deployment: Deployment) -> None:
    backend = deployment.backend()
    assert not await backend.reachability.is_on()
    await backend.reachability.switch(True)
    assert backend.reachability_enabled


async def test_devices_are_listed_and_there_are_none(deployment: Deployment) -> None:
    backend = deployment.backend()
    assert [] == await backend.push_registrations.list()
    await backend.push_registrations.delete(on_behalf_of("alice"), "fcm")
    with pytest.raises(TwilioGapError):
        await backend.push_registrations.create(on_behalf_of("alice"), "fcm", "device")


# Signing in, and what Twilio has no place for


async def test_a_token_of_twilios_signs_in_and_nothing_else(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    assert ("alice", deployment.twilio.service_sid) == (alice.identity, alice.service_sid)
    for wrong in ("", "no token", deployment.token("alice", ttl=-10), deployment.token("alice")[:-6]):
        with pytest.raises(TokenError):
            await backend.sign_in(wrong)
    ended = replace(alice, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(TokenError) as refused:
        await backend.conversations.list(ended)
    assert 20104 == refused.value.code


async def test_what_the_store_of_the_other_side_keeps_is_refused_in_so_many_words(
    deployment: Deployment,
) -> None:
    backend = deployment.backend()
    for each in (
        backend.documents.list("kind"),
        backend.errands.backlog("queue"),
        backend.leases.hold("name", "me", seconds=1),
    ):
        with pytest.raises(TwilioGapError, match="store of the ACS side"):
            await each
    with pytest.raises(TwilioGapError, match="ACS adapter"):
        await backend.issue_identity("alice")
    with pytest.raises(TwilioGapError, match="gives content templates their sids"):
        await backend.content_templates.put([])
