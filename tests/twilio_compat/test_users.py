"""Users: who is followed, and what is told of them."""

from __future__ import annotations

import pytest

from tests.support.journal import Journal, settle
from tests.support.memory_backend import MemoryBackend, MemoryService
from twilio_compat import Client, ClientOptions, events
from twilio_compat.errors import ForbiddenError, ServiceUnavailableError, TwilioCompatError
from twilio_compat.records import UserRecord

USER_EVENTS = ["userSubscribed", "userUnsubscribed", "userUpdated"]


async def test_ones_own_user_is_the_clients(alice: Client) -> None:
    assert alice.user is await alice.getUser("alice")
    assert ([alice.user], True) == (await alice.getSubscribedUsers(), alice.user.isSubscribed)


async def test_a_user_who_is_followed_is_one_object_and_asked_for_once(
    service: MemoryService, alice: Client
) -> None:
    bob = await alice.getUser("bob")
    calls = len(service.calls)
    assert bob is await alice.getUser("bob")
    assert (calls, [alice.user, bob]) == (len(service.calls), await alice.getSubscribedUsers())


async def test_what_changes_in_a_user_who_is_followed_is_told_thing_by_thing(
    alice: Client, bob: Client
) -> None:
    user = await alice.getUser("bob")
    heard: list[object] = []
    user.on("updated", heard.append)
    journal = Journal(alice, USER_EVENTS)
    await bob.user.updateFriendlyName("Bobby")
    await bob.user.updateAttributes({"colour": "red"})
    assert ["userUpdated:friendlyName", "userUpdated:attributes"] == await journal.settled()
    assert ("Bobby", {"colour": "red"}, 2) == (user.friendlyName, user.attributes, len(heard))


async def test_ones_own_change_is_told_once_though_the_news_are_late(
    service: MemoryService, alice: Client
) -> None:
    journal = Journal(alice, USER_EVENTS)
    with service.hold_news():
        await alice.user.updateFriendlyName("First")
        await alice.user.updateFriendlyName("Second")
        assert ["userUpdated:friendlyName"] * 2 == journal.read()
    assert ([], "Second") == (await journal.settled(), alice.user.friendlyName)


async def test_being_there_is_told_where_the_deployment_keeps_track(
    service: MemoryService, alice: Client
) -> None:
    user = await alice.getUser("bob")
    journal = Journal(alice, USER_EVENTS)
    known = service.user("bob")
    there = UserRecord(
        sid=known.sid,
        identity="bob",
        friendly_name=known.friendly_name,
        attributes={},
        is_online=True,
        is_notifiable=False,
        date_updated=known.date_updated,
    )
    service.tell("alice", events.UserUpdated(user=there))
    assert ["userUpdated:reachabilityOnline+reachabilityNotifiable"] == await journal.settled()
    assert (True, False) == (user.isOnline, user.isNotifiable)


async def test_a_user_who_was_let_go_keeps_the_last_state_and_cannot_be_changed(
    alice: Client, bob: Client
) -> None:
    user = await alice.getUser("bob")
    journal = Journal(alice, USER_EVENTS)
    await user.unsubscribe()
    await user.unsubscribe()
    assert ["userUnsubscribed:bob"] == journal.read()
    await bob.user.updateFriendlyName("Bobby")
    await settle()
    assert ("Bob", False, [alice.user]) == (
        user.friendlyName,
        user.isSubscribed,
        await alice.getSubscribedUsers(),
    )
    for change in (user.updateFriendlyName("Robert"), user.updateAttributes({})):
        with pytest.raises(TwilioCompatError, match=r"^Can't modify unsubscribed object$"):
            await change
    again = await alice.getUser("bob")
    assert (False, "Bobby") == (again is user, again.friendlyName)


async def test_ones_own_user_is_followed_again_at_once(alice: Client) -> None:
    journal = Journal(alice, USER_EVENTS)
    await alice.user.unsubscribe()
    assert ["userUnsubscribed:alice", "userSubscribed:alice"] == journal.read()
    assert alice.user.isSubscribed


async def test_ones_own_user_stays_followed_where_it_cannot_be_followed_again(
    service: MemoryService, alice: Client
) -> None:
    service.fail_next("users.get", ServiceUnavailableError("No route"))
    with pytest.raises(ServiceUnavailableError):
        await alice.user.unsubscribe()
    assert alice.user.isSubscribed
    assert "Alice A." == (await alice.user.updateFriendlyName("Alice A.")).friendlyName


async def test_one_too_many_and_the_one_followed_longest_is_let_go(service: MemoryService) -> None:
    options: ClientOptions = {"backend": MemoryBackend(service), "userInfosToSubscribeOverride": 2}
    async with Client(service.token("alice"), options) as client:
        first = await client.getUser("u1")
        await client.getUser("u2")
        journal = Journal(client, ["userSubscribed", "userUnsubscribed"])
        await client.getUser("u3")
        assert ["userSubscribed:u3", "userUnsubscribed:u1"] == journal.read()
        followed = [each.identity for each in await client.getSubscribedUsers()]
        assert (["alice", "u2", "u3"], False) == (followed, first.isSubscribed)


async def test_a_hundred_users_are_followed(alice: Client) -> None:
    for number in range(101):
        await alice.getUser(f"u{number}")
    followed = await alice.getSubscribedUsers()
    assert (101, "u1", "u100") == (len(followed), followed[1].identity, followed[-1].identity)


async def test_somebody_else_may_not_be_changed(alice: Client) -> None:
    user = await alice.getUser("bob")
    with pytest.raises(ForbiddenError) as caught:
        await user.updateFriendlyName("Robert")
    assert 50107 == caught.value.code


async def test_a_member_leads_to_the_user(alice: Client) -> None:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    await room.add("bob")
    member = await room.getParticipantByIdentity("bob")
    assert await member.getUser() is await alice.getUser("bob")
    assert alice.user is await (await room.getParticipantByIdentity("alice")).getUser()


async def test_what_was_missed_of_users_is_told_with_a_new_token(
    service: MemoryService, alice: Client, bob: Client
) -> None:
    await alice.getUser("bob")
    service.tell("alice", events.SourceRefused(error=TwilioCompatError("expired")))
    await settle()
    await bob.user.updateFriendlyName("Bobby")
    journal = Journal(alice, USER_EVENTS)
    await alice.updateToken(service.token("alice"))
    assert ["userUpdated:friendlyName"] == await journal.settled()


async def test_a_user_may_have_any_number_of_listeners(alice: Client) -> None:
    for _ in range(30):
        alice.user.on("updated", print)
    assert (0, 30) == (alice.user.getMaxListeners(), alice.user.listenerCount("updated"))


async def test_any_number_of_messages_may_listen_to_their_author(alice: Client) -> None:
    user = await alice.getUser("bob")
    for _ in range(20):
        user.on("updated", lambda _: None)
    assert 20 == user.listenerCount("updated")
