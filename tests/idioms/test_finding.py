"""Get or create, ensure member, wait until a conversation can be seen."""

from __future__ import annotations

import pytest

from twilio_compat import Client, Conversation
from twilio_compat.errors import TwilioCompatError, TwilsockUpstreamError


async def get_or_create(client: Client, name: str) -> Conversation:
    try:
        return await client.getConversationByUniqueName(name)
    except TwilioCompatError:
        return await client.createConversation({"uniqueName": name, "friendlyName": name})


async def create_or_get(client: Client, name: str) -> Conversation:
    try:
        return await client.createConversation({"uniqueName": name})
    except TwilsockUpstreamError as error:
        if error.body["code"] != 50353:
            raise
        return await client.getConversationByUniqueName(name)


async def test_a_room_is_looked_up_and_else_made(alice: Client) -> None:
    made = await get_or_create(alice, "general")
    assert made.sid == (await get_or_create(alice, "general")).sid


async def test_a_room_is_made_and_else_looked_up(alice: Client) -> None:
    made = await create_or_get(alice, "general")
    assert made.sid == (await create_or_get(alice, "general")).sid


async def test_an_unknown_name_is_told_by_the_code_in_the_body(alice: Client) -> None:
    with pytest.raises(TwilsockUpstreamError) as caught:
        await alice.getConversationByUniqueName("nowhere")
    assert (404, 50350) == (caught.value.status, caught.value.body["code"])


async def test_a_taken_name_is_told_by_status_code_and_text(alice: Client) -> None:
    await alice.createConversation({"uniqueName": "general"})
    with pytest.raises(TwilsockUpstreamError, match="already exists") as caught:
        await alice.createConversation({"uniqueName": "general"})
    assert (409, 50353) == (caught.value.status, caught.value.body["code"])


async def test_a_member_is_ensured_by_the_status(room: Conversation) -> None:
    try:
        await room.add("bob")
    except TwilsockUpstreamError as error:
        if error.status != 409:
            raise
    assert 2 == await room.getParticipantsCount()


async def test_a_member_is_ensured_by_the_code(room: Conversation) -> None:
    try:
        await room.add("bob")
    except TwilsockUpstreamError as error:
        if error.body["code"] != 50433:
            raise
    assert 2 == await room.getParticipantsCount()


async def test_a_member_is_ensured_by_the_text(room: Conversation) -> None:
    try:
        await room.add("bob")
    except Exception as error:
        if "already exists" not in str(error):
            raise
    assert 2 == await room.getParticipantsCount()


async def test_a_member_is_ensured_by_looking_first(room: Conversation) -> None:
    if "bob" not in [each.identity for each in await room.getParticipants()]:
        await room.add("bob")
    assert 2 == await room.getParticipantsCount()


async def test_joining_is_tried_and_a_refusal_swallowed(room: Conversation) -> None:
    shown: list[str] = []
    try:
        await room.join()
    except TwilioCompatError as error:
        shown.append(error.message)
    assert ["Conflict"] == shown
    assert "joined" == room.status


async def test_a_room_is_seen_at_once_by_whom_a_server_has_just_added(alice: Client, bob: Client) -> None:
    room = await alice.createConversation({"uniqueName": "video-42"})
    await room.add("bob")
    assert "joined" == (await bob.getConversationByUniqueName("video-42")).status


async def test_a_room_that_is_not_there_yet_is_looked_for_again(alice: Client, bob: Client) -> None:
    attempts = 0
    found: Conversation | None = None
    while found is None:
        try:
            found = await bob.getConversationByUniqueName("video-42")
        except TwilioCompatError as error:
            attempts += 1
            if "not found" not in error.message.lower() or attempts > 3:
                raise
            await (await alice.createConversation({"uniqueName": "video-42"})).add("bob")
    assert (1, "video-42") == (attempts, found.uniqueName)
