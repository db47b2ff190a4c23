"""The same conversation, seen by Microsoft's own SDK: what a client already rewritten for ACS would read.

Bob signs in natively: ``issue_identity`` (on the command line ``twilio-compat identity bob --token``) tells his ACS
user and a token for it. Everything here is ``azure-communication-chat`` and the standard library.
"""

from __future__ import annotations

from typing import Any

import httpx
from azure.communication.chat import ChatMessageType
from azure.communication.chat.aio import ChatClient, ChatThreadClient, CommunicationTokenCredential
from azure.core.async_paging import AsyncItemPaged

from acs_emulator import Emulator
from examples.walk.steps import Step, Steps
from examples.walk.walk import LOGO, Outcome
from twilio_compat.backend import open_backend
from twilio_compat.settings import Settings


async def read_back(emulator: Emulator, settings: Settings, steps: Steps, outcome: Outcome) -> None:
    """Find the walk's conversation with the official SDK and compare what it holds."""
    token = await _native_token(settings, "bob")
    credential = CommunicationTokenCredential(token)
    https: dict[str, Any] = {"connection_verify": str(emulator.ca_file)}
    async with ChatClient(str(emulator.https_endpoint), credential, **https) as chat:
        async with steps.step(
            "Read back: the thread", "chat_client.list_chat_threads()", native=True
        ) as step:
            (item,) = await _all(chat.list_chat_threads())
            step.expect("topic", item.topic, "Testing Chat")
            step.result = f"{item.topic}: {item.id}"
        thread = ChatThreadClient(str(emulator.https_endpoint), credential, item.id, **https)
    async with thread:
        await _read_messages(steps, thread, outcome)
        await _read_participants(steps, thread)


async def _native_token(settings: Settings, identity: str) -> str:
    backend = open_backend(settings)
    try:
        return str((await backend.issue_identity(identity, with_token=True)).token)
    finally:
        await backend.close()


async def _read_messages(steps: Steps, thread: ChatThreadClient, outcome: Outcome) -> None:
    async with steps.step(
        "Read back: the messages", "chat_thread_client.list_messages()", native=True
    ) as step:
        listed = [each for each in await _all(thread.list_messages()) if each.type == ChatMessageType.TEXT]
        in_order = sorted(listed, key=lambda each: int(each.id))
        step.expect("content", [each.content.message for each in in_order], ["Hello!", "Here is some media!"])
        step.expect("senderDisplayName", {each.sender_display_name for each in in_order}, {"alice"})
        await _check_attachment(step, in_order[outcome.media_index].metadata)
        step.result = (
            f"{len(in_order)} messages; metadata.hasAttachment is 'true', attachmentUrl serves the file"
        )


async def _check_attachment(step: Step, metadata: dict[str, str]) -> None:
    step.expect("hasAttachment", metadata.get("hasAttachment"), "true")
    async with httpx.AsyncClient() as web:
        step.expect("attachmentUrl", (await web.get(metadata["attachmentUrl"])).content, LOGO)


async def _read_participants(steps: Steps, thread: ChatThreadClient) -> None:
    async with steps.step(
        "Read back: the participants", "chat_thread_client.list_participants()", native=True
    ) as step:
        names = sorted(str(each.display_name) for each in await _all(thread.list_participants()))
        step.expect("alice and bob are there", {"alice", "bob"} <= set(names), True)
        step.result = (
            f"{len(names)}: Alice, Bob, and the steward that made the thread and is hidden from Twilio's face"
        )


async def _all(pages: AsyncItemPaged[Any]) -> list[Any]:
    return [each async for each in pages]
