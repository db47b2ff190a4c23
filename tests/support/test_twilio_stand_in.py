"""The stand-in for Twilio, and what can be made to go wrong with it."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from tests.support.twilio_stand_in import TwilioStandIn, twilio_stand_in
from twilio_compat.account import ConversationQuery, account_actor

CONVERSATIONS = "/v1/Conversations"


def client(twilio: TwilioStandIn) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=twilio.url, auth=(twilio.account_sid, twilio.auth_token))


async def made(twilio: TwilioStandIn) -> int:
    everything = ConversationQuery()
    return len(await twilio.backend.conversations.page(account_actor(), everything, after=None, limit=100))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the official client's own
async def test_it_answers_the_official_client_and_shows_what_is_behind() -> None:
    async with twilio_stand_in() as twilio:
        async with AsyncTwilioHttpClient() as http:
            official = Client(twilio.account_sid, twilio.auth_token, http_client=http)
            official.conversations.base_url = twilio.url
            room = await official.conversations.v1.conversations.create_async(friendly_name="Room")
        assert "Room" == (await twilio.backend.conversations.get(account_actor(), room.sid)).friendly_name
        assert twilio.service_sid == room.chat_service_sid


async def test_media_are_at_the_same_url() -> None:
    async with twilio_stand_in() as twilio, client(twilio) as http:
        path = f"/v1/Services/{twilio.service_sid}/Media"
        uploaded = await http.post(path, content=b"a file", headers={"Content-Type": "text/plain"})
        fetched = await http.get(f"{path}/{uploaded.json()['sid']}")
        link = fetched.json()["links"]["content_direct_temporary"]
        async with httpx.AsyncClient(verify=False) as anybody:
            assert b"a file" == (await anybody.get(link)).content


async def test_what_fails_is_not_done_and_then_all_is_well() -> None:
    async with twilio_stand_in() as twilio, client(twilio) as http:
        twilio.faults.fail(2, 429, method="POST", path="/Conversations$", headers={"Retry-After": "1"})
        answers = [await http.post(CONVERSATIONS) for _ in range(3)]
        assert [429, 429, 201] == [each.status_code for each in answers]
        assert 20429 == answers[0].json()["code"]
        assert "1" == answers[0].headers["Retry-After"]
        assert 1 == await made(twilio)
        assert 3 == twilio.faults.count("POST")


async def test_what_is_lost_is_done_and_what_is_cut_is_not() -> None:
    async with twilio_stand_in() as twilio, client(twilio) as http:
        twilio.faults.lose(method="POST")
        with pytest.raises(httpx.TransportError):
            await http.post(CONVERSATIONS)
        assert 1 == await made(twilio)
        twilio.faults.cut(method="POST")
        with pytest.raises(httpx.TransportError):
            await http.post(CONVERSATIONS)
        assert 1 == await made(twilio)


@pytest.mark.parametrize("after", [False, True])
async def test_what_is_held_is_answered_once_it_is_let_go(after: bool) -> None:
    async with twilio_stand_in() as twilio, client(twilio) as http:
        gate = asyncio.Event()
        twilio.faults.hold(gate, method="POST", after=after)
        asked = asyncio.create_task(http.post(CONVERSATIONS))
        assert 200 == (await http.get(CONVERSATIONS)).status_code
        assert not asked.done()
        gate.set()
        assert 201 == (await asked).status_code
        assert "CH" == json.loads((await asked).text)["sid"][:2]
