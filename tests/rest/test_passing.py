"""What Twilio alone has the authority over passes through to it as it came; all else is answered here."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http import AsyncHttpClient, HttpClient
from twilio.http.response import Response

from tests.rollout.deployment import ACCOUNT, RolloutDeployment, drained, on_side, rollout_deployment
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, SERVICE_SID, serving
from tests.support.waiting import eventually
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.rest import Client
from twilio_compat.rest.asgi import create_app
from twilio_compat.rest.http_client import KNOWN, Passes
from twilio_compat.rest.operation_table import MEDIA_OPERATIONS, OPERATIONS
from twilio_compat.rest.passing import About, about
from twilio_compat.rest.portal import Portal
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target
from twilio_compat.webhooks.configuration import read_scoped

HOST, MEDIA_HOST = "https://conversations.twilio.com", "https://mcs.us1.twilio.com"
ALL = {**OPERATIONS, **MEDIA_OPERATIONS}


class Twilio(HttpClient):
    """Answers everything, and notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("twilio"), False, None)
        self.asked: list[tuple[Any, ...]] = []
        self.answer = Response(200, '{"identity": "bob"}')

    def request(self, *args: Any, **kwargs: Any) -> Response:
        self.asked.append((*args, *kwargs.values()))
        return self.answer


class AwaitedTwilio(AsyncHttpClient):
    """The same, to be awaited."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("twilio"), True, None)
        self.asked: list[tuple[Any, ...]] = []

    async def request(self, *args: Any, **kwargs: Any) -> Response:
        self.asked.append((*args, *kwargs.values()))
        return Response(200, "{}")


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[RolloutDeployment]:
    async with rollout_deployment(f"sqlite:///{tmp_path / 'rollout.db'}") as found:
        yield found


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as portal:
        yield portal


def client(deployment: RolloutDeployment, portal: Portal, rollout: str, **more: Any) -> Client:
    settings = deployment.with_rollout(rollout, **more)
    return Client(ACCOUNT_SID, AUTH_TOKEN, settings=settings, portal=portal)


def requests() -> Iterator[tuple[str, str]]:
    """Yield a method and an url of each operation, at each of its paths."""
    for operation in ALL.values():
        host = MEDIA_HOST if operation.key in MEDIA_OPERATIONS else HOST
        for template in operation.templates():
            names = {
                "ChatServiceSid": SERVICE_SID,
                "ConversationSid": "CH" + "1" * 32,
                "UserSid": "US" + "1" * 32,
                "MessageSid": "IM" + "1" * 32,
                "Sid": "a%20name",
            }
            yield operation.method, f"{host}/v1{template.format(**names)}"


# What passes


def test_of_each_operation_it_is_said_what_it_is_about() -> None:
    kinds: Mapping[About, set[str]] = {
        kind: {key for key, each in ALL.items() if about(each) is kind} for kind in About
    }
    assert {"conversations.create", "conversation_with_participants.create"} == kinds[About.NEW]
    assert {
        "conversations.list",
        "participant_conversations.list",
        "user_conversations.list",
        "media.fetch",
        "media.delete",
        "media.content",
    } == kinds[About.CONVERSATIONS]
    assert {"users.update", "users.delete"} == kinds[About.USER]
    in_path = {key for key, each in ALL.items() if "{ConversationSid}" in each.path}
    assert (
        in_path | {f"conversations.{verb}" for verb in ("fetch", "update", "delete")}
        == kinds[About.CONVERSATION] | kinds[About.OWN_WEBHOOKS]
    )
    assert {f"webhooks.{verb}" for verb in ("list", "create", "fetch", "update", "delete")} == (
        kinds[About.OWN_WEBHOOKS]
    )


async def test_while_all_is_off_each_request_goes_to_twilio_as_it_came(
    deployment: RolloutDeployment, portal: Portal
) -> None:
    twilio, ours = Twilio(), client(deployment, portal, "off", twilio_url=None)
    ours.http_client = twilio
    for method, url in requests():
        asked = (
            method,
            url,
            {"PageSize": 5},
            {"Body": "é🙂", "Attributes": "{ }"},
            {"X-Twilio-Webhook-Enabled": "true"},
            ("AC", "x"),
            7.5,
            True,
        )
        answer = await asyncio.to_thread(ours.http_client.request, *asked)
        assert asked == twilio.asked[-1]
        assert twilio.answer is answer
    assert 103 + len(MEDIA_OPERATIONS) <= len(twilio.asked)


async def test_what_is_awaited_passes_as_well(deployment: RolloutDeployment, portal: Portal) -> None:
    twilio, ours = AwaitedTwilio(), client(deployment, portal, "off", twilio_url=None)
    ours.http_client = twilio
    asked = ("GET", f"{HOST}/v1/Conversations/CH{'1' * 32}", {"a": "b"}, None, {"x": "y"}, None, 3.0, False)
    for _ in range(2):
        await ours.http_client.request(*asked)
    assert [asked, asked] == twilio.asked


async def test_what_is_not_known_here_is_twilios_to_answer(
    deployment: RolloutDeployment, portal: Portal
) -> None:
    twilio, ours = Twilio(), client(deployment, portal, "live", twilio_url=None)
    ours.http_client = twilio
    await asyncio.to_thread(ours.http_client.request, "GET", f"{HOST}/v1/Brand/New")
    assert 1 == len(twilio.asked)


# Both sides


@pytest.mark.parametrize("rollout", ["off", "dualwrite", "shadow", "live", "rampdown", "complete"])
async def test_the_same_script_runs_in_each_stage(
    deployment: RolloutDeployment, portal: Portal, rollout: str
) -> None:
    ours = client(deployment, portal, rollout)
    assert ("chat 🙂", ["bob"], ["one", "two, edited"], [0, 1], 20404) == await asyncio.to_thread(
        script, ours
    )


def script(ours: Client) -> tuple[str, list[str], list[str], list[int], int]:
    conversations = ours.conversations.v1.conversations
    room = conversations.create(friendly_name="chat 🙂", unique_name=f"room {next(_numbers)}")
    room.participants.create(identity="bob")
    room.messages.create(author="bob", body="one")
    room.messages.create(author="bob", body="two").update(body="two, edited")
    room.messages.create(author="bob", body="three").delete()
    found = conversations(room.unique_name).fetch()
    messages, members = room.messages.list(), [each.identity for each in found.participants.list()]
    room.delete()
    with pytest.raises(TwilioRestException) as gone:
        conversations(room.sid).fetch()
    return (
        found.friendly_name,
        members,
        [each.body for each in messages],
        [each.index for each in messages],
        gone.value.code,
    )


_numbers = itertools.count()


async def test_what_is_off_passes_beside_what_is_live(deployment: RolloutDeployment, portal: Portal) -> None:
    off, live = client(deployment, portal, "off"), client(deployment, portal, "live")
    conversations = off.conversations.v1.conversations

    def make(ours: Client, name: str) -> str:
        return str(ours.conversations.v1.conversations.create(unique_name=name).sid)

    old, new = await asyncio.to_thread(make, off, "old"), await asyncio.to_thread(make, live, "new")
    await deployment.open("live").office.pins.set(new, Stage.LIVE)
    await asyncio.to_thread(conversations(new).messages.create, body="on ACS")
    await asyncio.to_thread(conversations("new").messages.create, body="by its name")
    await asyncio.to_thread(conversations(old).messages.create, body="at Twilio")
    sent = [each.path for each in deployment.twilio.faults.seen if each.method == "POST"]
    assert (1, 0) == (sent.count(f"/v1/Conversations/{old}/Messages"), sum(new in each for each in sent))
    for both in (off, live):
        listed = both.conversations.v1.conversations.list

        async def has_both() -> bool:
            return {old, new} <= {each.sid for each in await asyncio.to_thread(listed)}  # noqa: B023

        await eventually(has_both)


async def test_what_is_not_known_here_lets_nothing_else_of_a_live_conversation_pass(
    deployment: RolloutDeployment, portal: Portal
) -> None:
    ours = client(deployment, portal, "live")
    room = await asyncio.to_thread(ours.conversations.v1.conversations.create)
    url = f"{HOST}/v1/Conversations/{room.sid}/Brand/New"
    await asyncio.to_thread(ours.http_client.request, "GET", url, auth=(ACCOUNT_SID, AUTH_TOKEN))
    sent = await asyncio.to_thread(room.messages.create, body="on ACS")
    assert room.sid == sent.conversation_sid


async def test_a_name_that_nobody_had_is_found_as_soon_as_a_conversation_has_it(
    deployment: RolloutDeployment, portal: Portal
) -> None:
    conversations = client(deployment, portal, "live").conversations.v1.conversations

    def get_or_create() -> tuple[str, str]:
        with pytest.raises(TwilioRestException):
            conversations("room").fetch()
        made = conversations.create(unique_name="room")
        return made.sid, conversations("room").messages.create(body="by its name").conversation_sid

    made, there = await asyncio.to_thread(get_or_create)
    assert made == there


async def test_what_is_sent_by_a_name_of_which_the_mirror_is_not_told_yet_is_mirrored(
    deployment: RolloutDeployment, portal: Portal
) -> None:
    conversations = client(deployment, portal, "dualwrite").conversations.v1.conversations
    room = await asyncio.to_thread(lambda: conversations.create(unique_name="old"))
    backend = deployment.open("dualwrite")

    async def knows_pins() -> bool:
        return await backend.office.ever_pinned()

    await eventually(knows_pins)
    await drained(backend, room.sid)

    def rename_and_send() -> list[str]:
        conversations(room.sid).update(unique_name="new")
        return [conversations("new").messages.create(body=f"{number}").body for number in range(3)]

    sent = await asyncio.to_thread(rename_and_send)

    async def is_mirrored() -> bool:
        return sent == [body for _, _, body in await on_side(backend, room.sid, Side.ACS)]

    await eventually(is_mirrored)


async def test_who_makes_the_first_live_conversation_finds_it_in_the_next_list(
    deployment: RolloutDeployment, portal: Portal
) -> None:
    conversations = client(deployment, portal, "live").conversations.v1.conversations

    def list_make_list() -> tuple[str, list[str]]:
        conversations.list()
        return conversations.create().sid, [each.sid for each in conversations.list()]

    made, listed = await asyncio.to_thread(list_make_list)
    assert made in listed


async def test_a_unique_name_is_not_given_twice_over_both_sides(
    deployment: RolloutDeployment, portal: Portal
) -> None:
    off, live = client(deployment, portal, "off"), client(deployment, portal, "live")
    await asyncio.to_thread(live.conversations.v1.conversations.create, unique_name="taken")
    with pytest.raises(TwilioRestException) as refused:
        await asyncio.to_thread(off.conversations.v1.conversations.create, unique_name="taken")
    assert (409, 50353) == (refused.value.status, refused.value.code)


async def test_a_flag_is_asked_about_one_key_for_a_conversation_that_is_made(
    deployment: RolloutDeployment, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Target] = []
    new = Target.new

    def noted(**about: Any) -> Target:
        asked.append(new(**about))
        return asked[-1]

    monkeypatch.setattr(Target, "new", noted)
    ours = client(deployment, portal, "dualwrite:50%")
    for _ in range(8):
        await asyncio.to_thread(ours.conversations.v1.conversations.create)
    assert 8 == len(asked)


async def test_a_user_who_is_changed_at_twilio_is_told_to_acs(
    deployment: RolloutDeployment, portal: Portal
) -> None:
    ours = client(deployment, portal, "dualwrite")

    def prepare() -> None:
        room = ours.conversations.v1.conversations.create()
        room.participants.create(identity="bob")
        ours.conversations.v1.users("bob").update(friendly_name="Bob 🙂")

    await asyncio.to_thread(prepare)
    backend = deployment.open("dualwrite")

    async def is_told() -> bool:
        found = await backend.office.sides.acs.users.page(ACCOUNT, after=None, limit=10)
        return ["Bob 🙂"] == [each.friendly_name for each in found]

    await eventually(is_told)


async def test_webhooks_are_configured_on_both_sides(deployment: RolloutDeployment, portal: Portal) -> None:
    ours = client(deployment, portal, "live")
    url = "https://example.com/hook"
    configuration = ours.conversations.v1.configuration.webhooks()
    await asyncio.to_thread(configuration.update, post_webhook_url=url, filters=["onMessageAdded"])
    found = await asyncio.to_thread(configuration.fetch)
    assert url == found.post_webhook_url
    backend = deployment.open("live")
    on_acs = [each.content for each in await backend.documents.list("webhooks")]
    assert url in json.dumps(on_acs)


@pytest.mark.parametrize("rollout", ["off", "dualwrite"])
async def test_the_webhooks_of_a_conversation_that_twilio_has_are_made_there_and_kept_for_acs(
    deployment: RolloutDeployment, portal: Portal, rollout: str
) -> None:
    conversations = client(deployment, portal, rollout).conversations.v1.conversations
    room = await asyncio.to_thread(lambda: conversations.create(unique_name="a room"))
    kept = deployment.open(rollout).office.sides.acs.documents
    await asyncio.to_thread(room.fetch)  # by now it is known that it passes, if it does

    def make() -> Any:
        filters = ["onMessageAdded"]
        return conversations("a room").webhooks.create(
            target="webhook", configuration_url="https://example.com/1", configuration_filters=filters
        )

    made = await asyncio.to_thread(make)
    await asyncio.to_thread(lambda: room.webhooks(made.sid).update(configuration_url="https://example.com/2"))
    found = await read_scoped(kept, room.sid)
    assert [(made.sid, "https://example.com/2", ("onMessageAdded",))] == [
        (each.sid, each.url, each.filters) for each in found
    ]
    at_twilio = await read_scoped(deployment.twilio.backend.documents, room.sid)
    assert [(made.sid, "https://example.com/2")] == [(each.sid, each.url) for each in at_twilio]
    await asyncio.to_thread(conversations("a room").webhooks(made.sid).delete)
    assert [] == await read_scoped(kept, room.sid)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}"])
async def test_of_an_answer_that_is_not_twilios_acs_is_told_nothing_and_the_caller_is_shown_it(
    deployment: RolloutDeployment, portal: Portal, text: str
) -> None:
    twilio, ours = Twilio(), client(deployment, portal, "off", twilio_url=None)
    ours.http_client, twilio.answer = twilio, Response(201, text)
    for path in (f"Conversations/CH{'1' * 32}/Webhooks", f"Users/US{'1' * 32}"):
        answer = await asyncio.to_thread(ours.http_client.request, "POST", f"{HOST}/v1/{path}")
        assert twilio.answer is answer


@pytest.mark.parametrize("rollout", ["off", "live"])
async def test_over_http_what_is_twilios_to_answer_is_passed_on(
    deployment: RolloutDeployment, rollout: str
) -> None:
    auth, file = (ACCOUNT_SID, AUTH_TOKEN), b"\0file" * 50_000
    async with (
        serving(create_app(deployment.with_rollout(rollout))) as url,
        httpx.AsyncClient(base_url=url, auth=auth, timeout=30) as http,
    ):
        made = (await http.post("/v1/Conversations", data={"FriendlyName": "chat 🙂"})).json()
        sent = await http.post(f"/v1/Conversations/{made['sid']}/Messages", data={"Body": "é & 🙂"})
        listed = (await http.get(f"/v1/Conversations/{made['sid']}/Messages?PageSize=5")).json()
        headers = {"Content-Type": "image/png"}
        uploaded = await http.post(f"/v1/Services/{SERVICE_SID}/Media", content=file, headers=headers)
        configured = await http.get("/v1/Configuration/Webhooks")
    assert ("é & 🙂", 201) == (listed["messages"][0]["body"], sent.status_code)
    assert (len(file), 200) == (uploaded.json()["size"], configured.status_code)
    at_twilio = [each.path for each in deployment.twilio.faults.seen if each.method == "POST"]
    assert ("/v1/Conversations" in at_twilio) is (rollout == "off")


async def test_over_http_a_twilio_that_does_not_answer_is_said_to_be_unavailable(
    deployment: RolloutDeployment,
) -> None:
    nowhere = deployment.with_rollout("off", twilio_url="http://127.0.0.1:1")
    async with (
        serving(create_app(nowhere)) as url,
        httpx.AsyncClient(base_url=url, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=30) as http,
    ):
        answer = await http.get("/v1/Configuration")
    assert (503, 20503) == (answer.status_code, answer.json()["code"])


async def test_where_nobody_can_say_whose_a_conversation_is_nothing_is_guessed(
    deployment: RolloutDeployment, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = client(deployment, portal, "off")
    made = await asyncio.to_thread(ours.conversations.v1.conversations.create)

    async def fail(*_: object) -> None:
        raise ServiceUnavailableError("The store cannot be reached")

    monkeypatch.setattr("acs_backend.documents.Documents.get", fail)
    await asyncio.sleep(0)
    with pytest.raises(TwilioRestException) as refused:
        await asyncio.to_thread(ours.conversations.v1.conversations("CH" + "2" * 32).fetch)
    assert 503 == refused.value.status
    assert made.sid


# What is known


def test_that_a_conversation_passes_is_known_for_less_than_a_second() -> None:
    now = [100.0]
    passes = Passes(lambda: now[0])
    url = f"{HOST}/v1/Conversations/CH1/Messages"
    assert not passes.knows(url)
    passes.note(url)
    assert passes.knows(f"{HOST}/v1/Conversations/CH1?a=b")
    assert not passes.knows(f"{HOST}/v1/Conversations/CH12")
    assert not passes.knows(f"{HOST}/v1/Conversations/CH1/Webhooks")
    assert not passes.knows(f"{HOST}/v1/Services/IS1/Conversations/CH1")
    now[0] += KNOWN
    assert not passes.knows(url)


def test_of_what_is_about_no_conversation_nothing_is_noted() -> None:
    passes = Passes(lambda: 0.0)
    for url in (f"{HOST}/v1/Users/US1", f"{HOST}/v1/Conversations"):
        passes.note(url)
        assert not passes.knows(url)
