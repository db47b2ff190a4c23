"""ACS's side of conversations: threads are made, deleted, named and listed. Raises the SDK's errors, not repeated."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from azure.communication.chat import ChatThreadProperties

from acs_backend.clients import AcsClients, AcsUser
from acs_backend.event_sources.thread_cursor import ThreadGlance
from acs_backend.ledger.listings import items
from acs_backend.retries import Retries
from twilio_compat.errors import InvalidResponseError

THREADS_PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of one resource."""

    clients: AcsClients

    def making(self, topic: str) -> Callable[[AcsUser], Awaitable[str]]:
        """Return what makes a thread and tells its id: one thread, however often it is repeated."""
        token = str(uuid.uuid4())

        async def make(user: AcsUser) -> str:
            created = await self.clients.chat(user).create_chat_thread(topic, idempotency_token=token)
            if not created.chat_thread.id:
                raise InvalidResponseError("ACS made a thread and did not say which")
            return str(created.chat_thread.id)

        return make

    async def delete(self, user: AcsUser, thread_id: str) -> None:
        """Delete one for everybody."""
        await self.clients.chat(user).delete_chat_thread(thread_id)

    async def properties(self, user: AcsUser, thread_id: str) -> ChatThreadProperties:
        """Return what a thread is like."""
        return await self.clients.thread(user, thread_id).get_properties()

    async def rename(self, user: AcsUser, thread_id: str, topic: str) -> None:
        """Give a thread another topic."""
        await self.clients.thread(user, thread_id).update_topic(topic)

    async def glances(self, user: AcsUser, retries: Retries) -> dict[str, ThreadGlance]:
        """Return what ACS lists of the user's threads, by thread id, each page repeated as *retries* says."""
        listed = self.clients.chat(user).list_chat_threads(results_per_page=THREADS_PER_PAGE)
        return {
            each.id: ThreadGlance(each.topic, each.last_message_received_on)
            for each in await items(listed, retries)
            if each.deleted_on is None
        }
