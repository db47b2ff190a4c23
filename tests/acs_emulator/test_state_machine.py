"""Any sequence of operations agrees with a model of a page, before and after a restart.

The model knows members, messages and the order of changes, and nothing of pages, ids or the journal.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from acs_emulator.journal import FileJournal
from tests.acs_emulator.support import User, World, make_world, participant

T = TypeVar("T")
people = st.integers(0, 3)
places = st.integers(0, 50)


@dataclass
class ModelMessage:
    """What a reader sees of a message, and its place in the order of changes."""

    id: str
    sender: int | None
    content: str
    sequence: int
    is_deleted: bool = False


@dataclass
class ModelThread:
    """A thread: who is in it, and what was written."""

    id: str
    members: set[int]
    messages: list[ModelMessage] = field(default_factory=list)
    sequence: int = 2
    is_deleted: bool = False

    def change(self) -> int:
        self.sequence += 1
        return self.sequence


class Chat(RuleBasedStateMachine):
    """Four users, some threads, one file."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.threads: list[ModelThread] = []
        self.world: World | None = None
        self.users: list[User] = []

    @initialize()
    def open(self) -> None:
        self.journal = FileJournal(Path(self.directory.name))
        world = make_world(journal=self.journal, seed=len(self.threads))
        if self.world is None:
            self.users = [self.run(world.user()) for _ in range(4)]
        else:
            world.clock.moment = self.world.clock.moment
            self.users = [User(world, each.id, each.token) for each in self.users]
        self.world = world

    def run(self, awaitable: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(awaitable)

    def close(self) -> None:
        if self.world is not None:
            self.run(self.world.http.aclose())
            self.journal.close()

    @rule()
    def restart(self) -> None:
        self.close()
        self.open()

    @rule(milliseconds=st.sampled_from([1, 900, 60_000]))
    def time_passes(self, milliseconds: int) -> None:
        assert self.world is not None
        self.world.clock.advance(milliseconds=milliseconds)

    @rule(creator=people, others=st.sets(people))
    def create(self, creator: int, others: set[int]) -> None:
        assert self.world is not None
        thread = self.run(
            self.world.thread(self.users[creator], *[self.users[each] for each in others - {creator}])
        )
        self.threads.append(ModelThread(thread, {creator} | others))

    @rule(sender=people, place=places, content=st.text(min_size=1, max_size=5))
    def send(self, sender: int, place: int, content: str) -> None:
        if not (thread := self.pick(place)):
            return
        answer = self.run(
            self.users[sender].post(f"/chat/threads/{thread.id}/messages", {"content": content})
        )
        if self.allowed(thread, sender, answer.status_code, 201):
            thread.messages.append(ModelMessage(answer.json()["id"], sender, content, thread.change()))

    @rule(editor=people, place=places, which=places, content=st.text(min_size=1, max_size=5))
    def edit(self, editor: int, place: int, which: int, content: str) -> None:
        if not (thread := self.pick(place)) or not thread.messages:
            return
        message = thread.messages[which % len(thread.messages)]
        path = f"/chat/threads/{thread.id}/messages/{message.id}"
        status = self.run(self.users[editor].patch(path, {"content": content})).status_code
        expected = 403 if message.sender != editor else 404 if message.is_deleted else 204
        if self.allowed(thread, editor, status, expected) and status == 204:
            message.content, message.sequence = content, thread.change()

    @rule(editor=people, place=places, which=places)
    def delete(self, editor: int, place: int, which: int) -> None:
        if not (thread := self.pick(place)) or not thread.messages:
            return
        message = thread.messages[which % len(thread.messages)]
        status = self.run(
            self.users[editor].delete(f"/chat/threads/{thread.id}/messages/{message.id}")
        ).status_code
        expected = 204 if message.sender == editor else 403
        if self.allowed(thread, editor, status, expected) and status == 204 and not message.is_deleted:
            message.content, message.sequence, message.is_deleted = "", thread.change(), True

    @rule(adder=people, added=people, place=places)
    def add(self, adder: int, added: int, place: int) -> None:
        if not (thread := self.pick(place)):
            return
        body = {"participants": [participant(self.users[added].id)]}
        path = f"/chat/threads/{thread.id}/participants/:add"
        status = self.run(self.users[adder].post(path, body)).status_code
        if self.allowed(thread, adder, status, 201) and added not in thread.members:
            thread.members.add(added)
            thread.change()

    @rule(remover=people, removed=people, place=places)
    def remove(self, remover: int, removed: int, place: int) -> None:
        if not (thread := self.pick(place)):
            return
        path = f"/chat/threads/{thread.id}/participants/:remove"
        status = self.run(self.users[remover].post(path, {"rawId": self.users[removed].id})).status_code
        if self.allowed(thread, remover, status, 204) and removed in thread.members:
            thread.members.discard(removed)
            thread.change()

    @rule(deleter=people, place=places)
    def delete_thread(self, deleter: int, place: int) -> None:
        if not (thread := self.pick(place)):
            return
        status = self.run(self.users[deleter].delete(f"/chat/threads/{thread.id}")).status_code
        assert status == (204 if deleter in thread.members else 403)
        thread.is_deleted |= status == 204

    @invariant()
    def members_and_they_alone_see_each_thread(self) -> None:
        for number, user in enumerate(self.users):
            listed = {each["id"] for each in self.run(user.all_pages("/chat/threads", maxPageSize=2))}
            assert listed == {
                each.id for each in self.threads if number in each.members and not each.is_deleted
            }

    @invariant()
    def every_member_reads_the_messages_newest_change_first(self) -> None:
        for thread in self.threads:
            if thread.is_deleted or not thread.members:
                continue
            found = self.run(self.users[min(thread.members)].messages(thread.id, maxPageSize=3))
            sequences = [int(each["sequenceId"]) for each in found]
            versions = [int(each["version"]) for each in found]
            assert sequences == sorted(set(sequences), reverse=True)
            assert versions == sorted(set(versions), reverse=True)
            assert max(sequences) == thread.sequence
            texts = [(each["id"], each["content"]["message"]) for each in found if each["type"] == "text"]
            expected = sorted(thread.messages, key=lambda each: each.sequence, reverse=True)
            assert texts == [(each.id, each.content) for each in expected]
            assert len({each["id"] for each in found}) == len(found)

    def pick(self, place: int) -> ModelThread | None:
        return self.threads[place % len(self.threads)] if self.threads else None

    def allowed(self, thread: ModelThread, user: int, status: int, expected: int) -> bool:
        """Check the status, and say whether the thread's own rules let the user in."""
        if user not in thread.members:
            expected = 403
        elif thread.is_deleted:
            expected = 404
        assert status == expected
        return user in thread.members and not thread.is_deleted

    def teardown(self) -> None:
        self.close()
        self.loop.close()
        self.directory.cleanup()


TestChat = Chat.TestCase
TestChat.settings = settings(max_examples=25, stateful_step_count=40)
