"""Two people in a conversation, on a backend whose time runs fast."""

from __future__ import annotations

from acs_backend import AcsBackend
from acs_emulator.faults import Kind, Rule
from tests.acs_backend.deployment import Deployment, bodies, room, sign_in
from twilio_compat.records import Actor, ConversationRecord, MessageDraft, MessageRecord


class Stage:
    """Alice and bob in a conversation, on a backend whose time runs fast."""

    def __init__(self, deployment: Deployment, backend: AcsBackend) -> None:
        self.deployment, self.backend = deployment, backend
        self.alice: Actor
        self.bob: Actor
        self.chat: ConversationRecord

    async def set(self) -> None:
        self.alice, self.bob = await sign_in(self.backend, "alice", "bob")
        self.chat = await room(self.backend, self.alice, "alice", "bob")

    def lose(self, kind: Kind, operation: str) -> Rule:
        """Have the next request of an operation suffer."""
        return self.deployment.emulator.faults.add(kind, operation, count=1, latency=0.01)

    async def members(self) -> list[str | None]:
        return [each.identity for each in await self.backend.participants.list(self.alice, self.chat.sid)]

    async def send(self, message: MessageDraft) -> MessageRecord:
        return await self.backend.messages.create(self.alice, self.chat.sid, message)

    async def bodies(self) -> list[str | None]:
        return await bodies(self.backend, self.alice, self.chat)
