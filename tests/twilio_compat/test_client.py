"""Starting, failing, staying signed in and ending."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.support.journal import Journal, settle
from tests.support.memory_backend import MemoryBackend, MemoryService
from twilio_compat import Client, ClientOptions, Settings, events
from twilio_compat.errors import (
    ArgumentError,
    ConfigurationError,
    InvalidResponseError,
    ServiceUnavailableError,
    TokenError,
    TwilioCompatError,
)
from twilio_compat.records import Actor

from .conftest import SignIn

EXPIRED = TokenError("Token expired", code=20104)


def client_with(service: MemoryService, token: str) -> Client:
    return Client(token, {"backend": MemoryBackend(service)})


async def test_an_expired_token_tells_its_steps_in_order(service: MemoryService) -> None:
    service.refuse(token := service.token("alice"), EXPIRED)
    client = client_with(service, token)
    journal = Journal(client)
    connection_errors: list[object] = []
    client.on("connectionError", connection_errors.append)
    assert [
        "connectionStateChanged:connecting",
        "connectionStateChanged:denied",
        "stateChanged:failed",
        "initFailed:Twilsock has disconnected.",
        "tokenExpired",
        "connectionError:Connection error: Token expired",
        "stateChanged:failed",
        "initFailed:Connection error: Token expired",
    ] == await journal.settled()
    told = {
        "terminal": True,
        "message": "Connection error: Token expired",
        "httpStatusCode": 401,
        "errorCode": 20104,
    }
    assert [told] == connection_errors
    assert "denied" == client.connectionState


async def test_only_an_expired_token_is_told_as_expired(service: MemoryService) -> None:
    journal = Journal(client_with(service, "forged"), ["tokenExpired", "connectionError"])
    assert ["connectionError:Connection error: Invalid Access Token"] == await journal.settled()


async def test_every_call_on_a_failed_client_raises_what_made_it_fail(service: MemoryService) -> None:
    service.refuse(token := service.token("alice"), EXPIRED)
    client = client_with(service, token)
    calls = (
        client.getSubscribedConversations,
        lambda: client.createConversation(friendlyName="Room"),
        lambda: client.getConversationBySid("CH1"),
        lambda: client.updateToken("other"),
    )
    for call in calls:
        with pytest.raises(TokenError) as caught:
            await call()
        assert caught.value is EXPIRED
    await client.shutdown()
    assert "denied" == client.connectionState


async def test_giving_up_on_create_leaves_nothing_running(service: MemoryService) -> None:
    before = asyncio.all_tasks()
    creating = asyncio.ensure_future(
        Client.create(service.token("alice"), {"backend": MemoryBackend(service)})
    )
    await asyncio.sleep(0)
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    assert before == asyncio.all_tasks()


async def test_create_raises_for_a_refused_token(service: MemoryService) -> None:
    with pytest.raises(TokenError):
        await Client.create("forged", {"backend": MemoryBackend(service)})


async def test_a_with_block_raises_for_a_refused_token(service: MemoryService) -> None:
    with pytest.raises(TokenError):
        async with client_with(service, "forged"):
            pytest.fail("the block must not run")


async def test_a_missing_setting_fails_the_same_way() -> None:
    client = Client("token", {"settings": Settings(backend="nowhere")})
    journal = Journal(client, ["connectionStateChanged", "stateChanged"])
    with pytest.raises(ConfigurationError, match=r"no backend named 'nowhere'"):
        await client.getSubscribedConversations()
    expected = [
        "connectionStateChanged:connecting",
        "connectionStateChanged:denied",
        *["stateChanged:failed"] * 2,
    ]
    assert expected == await journal.settled()


async def test_a_service_out_of_reach_is_not_called_a_refusal(service: MemoryService) -> None:
    service.fail_next("users.get", ServiceUnavailableError("No route"))
    client = client_with(service, service.token("alice"))
    terminal: list[object] = []
    client.on("connectionError", lambda told: terminal.append(told["terminal"]))
    with pytest.raises(ServiceUnavailableError):
        await client.getSubscribedConversations()
    await settle()
    assert ("disconnected", [False]) == (client.connectionState, terminal)


async def test_a_defect_in_the_backend_is_raised_too_and_not_swallowed(service: MemoryService) -> None:
    service.fail_next("sign_in", ZeroDivisionError("oops"))
    with pytest.raises(ZeroDivisionError):
        await Client.create(service.token("alice"), {"backend": MemoryBackend(service)})


def test_outside_an_event_loop_the_error_says_what_to_do() -> None:
    with pytest.raises(TwilioCompatError, match=r"asyncio.run"):
        Client("token")


async def test_malformed_options_are_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match=r'key "settings" should be an instance of Settings'):
        Client("token", {"settings": "production"})  # type: ignore[arg-type]  # the point of the test


async def test_calls_made_before_it_is_initialized_wait(service: MemoryService) -> None:
    client = client_with(service, service.token("alice"))
    assert ("unknown", "") == (client.connectionState, client.user.identity)
    page = await client.getSubscribedConversations()
    assert ([], "connected", "alice") == (page.items, client.connectionState, client.user.identity)
    await client.shutdown()


async def test_a_ready_backend_is_not_closed(service: MemoryService) -> None:
    async with client_with(service, service.token("alice")):
        pass
    assert 0 == service.closed


async def test_shutting_down_leaves_no_task_behind(service: MemoryService) -> None:
    before = asyncio.all_tasks()
    async with client_with(service, service.token("alice")) as client:
        started = asyncio.Event()

        @client.on("conversationAdded")
        async def work(_: object) -> None:
            started.set()
            await asyncio.sleep(0)

        await client.createConversation(friendlyName="Room")
        await started.wait()
    assert before == asyncio.all_tasks()


async def test_shutting_down_twice_or_from_a_listener_is_safe(service: MemoryService) -> None:
    client = client_with(service, service.token("alice"))
    done = asyncio.Event()

    @client.on("initialized")
    async def leave() -> None:
        await client.shutdown()
        done.set()

    await done.wait()
    await client.shutdown()
    assert "disconnected" == client.connectionState


async def test_what_is_known_can_still_be_read_after_shutting_down(service: MemoryService) -> None:
    client = client_with(service, service.token("alice"))
    room = await client.createConversation(friendlyName="Room")
    await client.shutdown()
    assert ("Room", 10, False) == (
        room.friendlyName,
        room.limits["mediaAttachmentsCountLimit"],
        client.reachabilityEnabled,
    )


async def test_shutting_down_at_once_ends_those_who_wait(service: MemoryService) -> None:
    client = client_with(service, service.token("alice"))
    waiting = asyncio.ensure_future(client.getSubscribedConversations())
    await asyncio.sleep(0)
    await client.shutdown()
    with pytest.raises(TwilioCompatError, match=r"shut down"):
        await waiting


async def test_calls_after_the_end_say_so(alice: Client) -> None:
    room = await alice.createConversation(friendlyName="Room")
    await alice.shutdown()
    for call in (alice.getSubscribedConversations, room.join, lambda: room.sendMessage("x")):
        with pytest.raises(TwilioCompatError, match=r"shut down; make a new one"):
            await call()


def test_a_client_left_behind_warns_and_is_closed_with_its_loop(service: MemoryService) -> None:
    async def leave_it() -> None:
        await Client.create(service.token("alice"), {"backend": MemoryBackend(service)})

    def run_and_collect() -> None:
        asyncio.run(leave_it())
        gc.collect()

    with pytest.warns(ResourceWarning, match=r"was not shut down"):
        run_and_collect()
    assert 0 == service.listeners("alice")


def test_a_failed_client_left_behind_says_nothing(service: MemoryService) -> None:
    async def leave_it() -> None:
        client_with(service, "forged")
        await settle()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(leave_it())
        gc.collect()


async def test_the_same_token_again_makes_no_traffic(service: MemoryService) -> None:
    token = service.token("alice")
    async with client_with(service, token) as client:
        calls = len(service.calls)
        assert client is await client.updateToken(token)
        assert calls == len(service.calls)


async def test_another_users_token_is_refused_and_the_old_one_stays(
    service: MemoryService, alice: Client
) -> None:
    with pytest.raises(TokenError, match=r"'bob'"):
        await alice.updateToken(service.token("bob"))
    assert [] == (await alice.getSubscribedConversations()).items


async def test_with_a_new_token_the_news_go_on(service: MemoryService, alice: Client, bob: Client) -> None:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    await room.add("bob")
    await bob.updateToken(service.token("bob"))
    await settle()
    journal = Journal(bob)
    await room.sendMessage("hello")
    assert ["messageAdded:hello", "conversationUpdated:lastMessage"] == await journal.settled()
    assert 1 == service.listeners("bob")


async def test_a_token_refused_later_is_told_and_a_new_one_brings_what_was_missed(
    service: MemoryService, alice: Client, bob: Client
) -> None:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    await room.add("bob")
    await room.sendMessage("heard")
    await settle()
    journal = Journal(bob)
    service.tell("bob", events.SourceRefused(error=EXPIRED))
    expected = [
        "connectionStateChanged:denied",
        "tokenExpired",
        "connectionError:Connection error: Token expired",
    ]
    assert expected == await journal.settled()
    await room.sendMessage("missed")
    await room.sendMessage("missed too")
    await bob.updateToken(service.token("bob"))
    assert [
        "connectionStateChanged:connected",
        "messageAdded:missed",
        "conversationUpdated:lastMessage",
        "messageAdded:missed too",
        "conversationUpdated:lastMessage",
    ] == await journal.settled()


async def test_with_a_new_token_memberships_are_compared(
    service: MemoryService, alice: Client, bob: Client
) -> None:
    kept = await (await alice.createConversation(friendlyName="Left")).join()
    await kept.add("bob")
    await settle()
    journal = Journal(bob)
    service.tell("bob", events.SourceRefused(error=EXPIRED))
    await journal.settled()
    await kept.removeParticipant("bob")
    other = await (await alice.createConversation(friendlyName="Other")).join()
    await other.add("bob")
    await bob.updateToken(service.token("bob"))
    assert [
        "connectionStateChanged:connected",
        "conversationLeft:Left",
        "conversationRemoved:Left",
        "conversationAdded:Other",
        "conversationJoined:Other",
    ] == await journal.settled()


async def test_with_a_new_token_the_members_that_are_known_are_compared(
    service: MemoryService, alice: Client, bob: Client
) -> None:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    await room.add("bob")
    await room.add("carol")
    await settle()
    await (await bob.getConversationBySid(room.sid)).getParticipants()
    service.tell("bob", events.SourceRefused(error=EXPIRED))
    await settle()
    await room.removeParticipant("carol")
    await room.add("dave")
    journal = Journal(bob)
    await bob.updateToken(service.token("bob"))
    expected = ["connectionStateChanged:connected", "participantLeft:carol", "participantJoined:dave"]
    assert expected == await journal.settled()


async def test_an_interruption_is_told_and_its_end(service: MemoryService, alice: Client) -> None:
    journal = Journal(alice)
    service.tell("alice", events.SourceInterrupted(error=ServiceUnavailableError("No route")))
    service.tell("alice", events.SourceRestored())
    assert [
        "connectionStateChanged:connecting",
        "connectionError:Connection error: No route",
        "connectionStateChanged:connected",
    ] == await journal.settled()


async def test_who_waits_for_a_service_out_of_reach_is_told_so_and_the_client_keeps_trying(
    service: MemoryService,
) -> None:
    restored = asyncio.Event()

    class Unreachable(MemoryBackend):
        @asynccontextmanager
        async def subscribe(self, actor: Actor) -> AsyncIterator[AsyncIterator[events.Event]]:
            async def news() -> AsyncIterator[events.Event]:
                yield events.SourceInterrupted(error=ServiceUnavailableError("No route"))
                await restored.wait()
                yield events.SourceRestored()
                yield events.Synchronized(conversations=())
                await asyncio.Event().wait()

            yield news()

    options: ClientOptions = {"backend": Unreachable(service)}
    with pytest.raises(ServiceUnavailableError, match="No route"):
        await Client.create(service.token("alice"), options)
    client = Client(service.token("alice"), options)
    journal = Journal(client, ["connectionStateChanged", "stateChanged"])
    for _ in range(2):
        with pytest.raises(ServiceUnavailableError, match="No route"):
            await client.getSubscribedConversations()
    restored.set()
    assert [
        "connectionStateChanged:connecting",
        "connectionStateChanged:connected",
        "stateChanged:initialized",
    ] == await journal.settled(), "connected is told once the service has answered, and not before"
    assert [] == (await client.getSubscribedConversations()).items
    await client.shutdown()


@pytest.mark.parametrize("error", [ServiceUnavailableError("No route"), TokenError("No route", code=20104)])
async def test_missed_messages_that_cannot_be_fetched_are_told_and_the_news_go_on(
    service: MemoryService, alice: Client, bob: Client, error: TwilioCompatError
) -> None:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    await room.add("bob")
    await settle()
    service.tell("bob", events.SourceRefused(error=EXPIRED))
    await settle()
    await room.sendMessage("missed")
    service.fail_next("messages.page", error)
    journal = Journal(bob, ["connectionStateChanged", "connectionError", "messageAdded"])
    await bob.updateToken(service.token("bob"))
    await settle()
    await room.sendMessage("heard")
    assert [
        "connectionStateChanged:connected",
        "connectionError:Connection error: No route",
        "messageAdded:heard",
    ] == await journal.settled()


def test_a_client_can_be_shut_down_after_its_event_loop_has_ended(service: MemoryService) -> None:
    async def begin() -> Client:
        return await Client.create(service.token("alice"), {"backend": MemoryBackend(service)})

    client = asyncio.run(begin())
    with pytest.raises(TwilioCompatError, match="stopped with its event loop"):
        asyncio.run(client.getSubscribedConversations())
    asyncio.run(client.shutdown())
    assert "disconnected" == client.connectionState


async def test_a_backend_whose_news_end_fails_the_client(service: MemoryService) -> None:
    class Silent(MemoryBackend):
        @asynccontextmanager
        async def subscribe(self, actor: Actor) -> AsyncIterator[AsyncIterator[events.Event]]:
            async def news() -> AsyncIterator[events.Event]:
                yield events.Synchronized(conversations=())

            yield news()

    client = Client(service.token("alice"), {"backend": Silent(service)})
    journal = Journal(client, ["stateChanged", "connectionError"])
    assert [
        "stateChanged:initialized",
        "connectionError:Connection error: The backend's event stream ended by itself",
    ] == await journal.settled()
    with pytest.raises(InvalidResponseError):
        await client.getSubscribedConversations()


async def test_the_end_of_a_token_is_announced_before_and_at_it(service: MemoryService) -> None:
    client = client_with(service, service.token("alice", lasts=timedelta(seconds=0.05)))
    told: list[str] = []
    ended = asyncio.Event()
    client.on("tokenAboutToExpire", lambda: told.append("about to"))
    client.on("tokenExpired", ended.set)
    async with client:
        await asyncio.wait_for(ended.wait(), 30)
    assert ["about to"] == told


async def test_conversations_come_fifty_a_page_in_order_of_their_sids(alice: Client) -> None:
    for _ in range(60):
        await (await alice.createConversation()).join()
    first = await alice.getSubscribedConversations()
    second = await first.nextPage()
    assert (50, True, False) == (len(first.items), first.hasNextPage, first.hasPrevPage)
    assert (10, False, True) == (len(second.items), second.hasNextPage, second.hasPrevPage)
    sids = [each.sid for each in first.items + second.items]
    assert sorted(sids) == sids
    assert first.items == (await second.prevPage()).items


async def test_there_is_one_object_per_conversation(alice: Client) -> None:
    room = await alice.createConversation(friendlyName="Room", uniqueName="room")
    assert room is await alice.getConversationBySid(room.sid)
    await room.join()
    assert room is await alice.getConversationBySid(room.sid)
    assert room is await alice.peekConversationBySid(room.sid)
    assert room is await alice.getConversationByUniqueName("room")
    assert [room] == (await alice.getSubscribedConversations()).items


async def test_one_is_in_at_a_call_before_the_news_it_is_told_once(
    service: MemoryService, alice: Client, bob: Client
) -> None:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    journal = Journal(bob)
    with service.hold_news():
        await room.add("bob")
        assert ["Room"] == [each.friendlyName for each in (await bob.getSubscribedConversations()).items]
        expected = ["conversationAdded:Room", "conversationJoined:Room"]
        assert expected == journal.read()
    assert [] == await journal.settled()


async def test_two_clients_of_one_user_both_hear_a_message_once(sign_in: SignIn) -> None:
    first, second = await sign_in("alice"), await sign_in("alice")
    room = await (await first.createConversation(friendlyName="Room")).join()
    await settle()
    journals = [Journal(each, ["messageAdded"]) for each in (first, second)]
    await room.sendMessage("hello")
    assert [["messageAdded:hello"]] * 2 == [await each.settled() for each in journals]


def test_event_names_are_constants_of_the_class() -> None:
    assert ("messageAdded", "stateChanged") == (Client.messageAdded, Client.stateChanged)


async def test_whether_users_are_kept_track_of_is_known_once_it_is_initialized(
    service: MemoryService,
) -> None:
    client = client_with(service, service.token("alice"))
    with pytest.raises(TwilioCompatError, match=r"^Reachability information could not yet be accessed"):
        _ = client.reachabilityEnabled
    async with client:
        assert client.reachabilityEnabled is False


async def test_the_token_acted_with_is_shown(service: MemoryService) -> None:
    first, second = service.token("alice"), service.token("alice")
    async with client_with(service, first) as client:
        shown = [client.token]
        await client.updateToken(second)
        assert [first, second] == [*shown, client.token]


async def test_devices_are_noted_and_forgotten(service: MemoryService, alice: Client) -> None:
    await alice.setPushRegistrationId("fcm", "phone")
    await alice.setPushRegistrationId("fcm", "phone")
    await alice.setPushRegistrationId("fcm", "tablet")
    await alice.setPushRegistrationId("apn", "watch")
    await alice.removePushRegistrations("fcm", "phone")
    await alice.removePushRegistrations("fcm", "never noted")
    assert {("alice", "fcm", "tablet"), ("alice", "apn", "watch")} == service.devices
    await alice.unsetPushRegistrationId("fcm")
    assert {("alice", "apn", "watch")} == service.devices


def test_a_framework_is_told_which_notices_a_client_wants() -> None:
    class Registration:
        types: Sequence[str] = ()

        def populateInitRegistrations(self, types: Sequence[str]) -> None:
            self.types = types

    registration = Registration()
    Client.populateInitRegistrations(registration)
    assert ["twilio.ipmsg.typing_indicator"] == registration.types


async def test_twilios_own_options_are_taken(service: MemoryService) -> None:
    options: ClientOptions = {
        "backend": MemoryBackend(service),
        "logLevel": "silent",
        "region": "us1",
        "Twilsock": {"uri": "wss://example.invalid"},
        "disableDeepClone": True,
    }
    async with Client(service.token("alice"), options) as client:
        assert "connected" == client.connectionState


async def test_an_interruption_before_the_first_answer_is_not_called_connected(
    service: MemoryService,
) -> None:
    class Interrupted(MemoryBackend):
        @asynccontextmanager
        async def subscribe(self, actor: Actor) -> AsyncIterator[AsyncIterator[events.Event]]:
            async def news() -> AsyncIterator[events.Event]:
                yield events.SourceInterrupted(error=ServiceUnavailableError("No route"))
                await asyncio.Event().wait()

            yield news()

    client = Client(service.token("alice"), {"backend": Interrupted(service)})
    journal = Journal(client)
    assert [
        "connectionStateChanged:connecting",
        "connectionError:Connection error: No route",
    ] == await journal.settled()
    await client.shutdown()


async def test_arguments_that_do_not_fit_are_refused_when_a_client_is_made() -> None:
    refusals: dict[str, Callable[[], Client]] = {
        'Argument 1 is expected to be a non-empty string, but got ""': lambda: Client(""),
        "Expected at most 2 argument(s), but got 3": lambda: Client("token", {}, 1),  # type: ignore[call-arg]  # the point
        "Client() got an unexpected keyword argument 'nope'; it takes token, options": (
            lambda: Client("token", nope=1)  # type: ignore[call-arg]  # the point
        ),
    }
    for text, make in refusals.items():
        with pytest.raises(ArgumentError) as caught:
            make()
        assert text == str(caught.value)
    with pytest.raises(ArgumentError, match=r"^Expected at most 2 argument\(s\), but got 3$"):
        await Client.create("token", {}, 1)  # type: ignore[call-arg]  # the point
