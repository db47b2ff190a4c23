"""Three ways to send a chat message to ACS, behind one interface.

Each contestant signs in one user per sender, gives every sender a conversation of its own, and then sends. What it
does before the first send is not measured.

* ``facade``: this library, a `Client` per user, as a Twilio application is written.
* ``official SDK``: ``azure-communication-chat`` as its documentation shows it, a client per user.
* ``bare aiohttp``: one POST and nothing around it; what any client could reach at the most.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
from azure.communication.chat.aio import ChatClient, ChatThreadClient, CommunicationTokenCredential
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from benchmarks.deployment import Deployment
from twilio_compat import Client, ClientOptions

Send: TypeAlias = Callable[[int, str], Awaitable[object]]
"""``send(sender, text)`` sends one message and returns when it is acknowledged."""


class AllowPlainHttp(SansIOHTTPPolicy[Any, Any]):
    """Lets the official client speak http to the emulator; it has no switch of its own for that."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Mark one request."""
        request.context.options["enforce_https"] = False


@asynccontextmanager
async def facade(deployment: Deployment, senders: int) -> AsyncIterator[Send]:
    """Twilio's surface on ACS."""
    async with AsyncExitStack() as stack:
        conversations = []
        for number in range(senders):
            options: ClientOptions = {"settings": deployment.settings}
            client = await stack.enter_async_context(
                Client(deployment.twilio_token(f"user{number}"), options)
            )
            conversation = await client.createConversation({"friendlyName": f"Room {number}"})
            await conversation.join()
            conversations.append(conversation)
        yield lambda sender, text: conversations[sender].sendMessage(text)


@asynccontextmanager
async def official_sdk(deployment: Deployment, senders: int) -> AsyncIterator[Send]:
    """``azure-communication-chat``, a client per user."""
    async with official_threads(deployment, senders) as threads:
        yield lambda sender, text: threads[sender].send_message(text)


@asynccontextmanager
async def official_threads(deployment: Deployment, number: int) -> AsyncIterator[list[ChatThreadClient]]:
    """Make so many users, and a thread for each."""
    plain = {"per_call_policies": [AllowPlainHttp()]} if deployment.endpoint.startswith("http://") else {}
    async with AsyncExitStack() as stack:
        threads: list[ChatThreadClient] = []
        for each in range(number):
            credential = CommunicationTokenCredential(await _user_token(deployment))
            chat = await stack.enter_async_context(ChatClient(deployment.endpoint, credential, **plain))
            made = await chat.create_chat_thread(f"Room {each}")
            thread = ChatThreadClient(deployment.endpoint, credential, made.chat_thread.id, **plain)
            threads.append(await stack.enter_async_context(thread))
        yield threads


@asynccontextmanager
async def bare_aiohttp(deployment: Deployment, senders: int) -> AsyncIterator[Send]:
    """One POST per message on one session."""
    async with aiohttp.ClientSession(deployment.endpoint) as session:
        routes = [
            await _bare_thread(session, await _user_token(deployment), number) for number in range(senders)
        ]

        async def send(sender: int, text: str) -> object:
            path, headers = routes[sender]
            async with session.post(
                path, json={"content": text, "type": "text"}, headers=headers
            ) as response:
                response.raise_for_status()
                return await response.json()

        yield send


async def _bare_thread(session: aiohttp.ClientSession, token: str, number: int) -> tuple[str, dict[str, str]]:
    headers = {"Authorization": f"Bearer {token}"}
    body = {"topic": f"Room {number}", "participants": []}
    async with session.post("/chat/threads?api-version=2024-03-07", json=body, headers=headers) as response:
        response.raise_for_status()
        thread_id = (await response.json())["chatThread"]["id"]
    return f"/chat/threads/{thread_id}/messages?api-version=2024-03-07", headers


async def _user_token(deployment: Deployment) -> str:
    credential = AzureKeyCredential(deployment.access_key)
    async with CommunicationIdentityClient(deployment.endpoint, credential) as identity:
        _, token = await identity.create_user_and_token(["chat"])
        return str(token.token)


CONTESTANTS: dict[str, Callable[[Deployment, int], Any]] = {
    "facade": facade,
    "official SDK": official_sdk,
    "bare aiohttp": bare_aiohttp,
}
"""By the name the report prints."""
