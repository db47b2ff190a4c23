"""Alice and bob in one room."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import desk as desk
from tests.conformance.signing_in import Desk
from twilio_compat import Client, Conversation


@pytest.fixture
async def alice(desk: Desk) -> Client:
    return await desk.sign_in("alice")


@pytest.fixture
async def bob(desk: Desk) -> Client:
    return await desk.sign_in("bob")


@pytest.fixture
async def room(alice: Client, bob: Client) -> Conversation:
    """A conversation as alice has it, with bob in it."""
    room = await (await alice.createConversation(friendlyName="Room", uniqueName="room")).join()
    await room.add("bob")
    return room


@pytest.fixture
async def bobs_room(bob: Client, room: Conversation) -> Conversation:
    """The same conversation as bob has it."""
    return await bob.getConversationBySid(room.sid)
