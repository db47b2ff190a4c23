"""``kill -9`` in the middle of writing: nothing that was acknowledged is lost.

Writers use the official SDKs and note what the emulator acknowledged. When enough has been noted the process is
killed, whatever it is doing; a new one on the same data must have everything, and everything must still work.
"""

from __future__ import annotations

import gc
import itertools
import signal
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from azure.core.exceptions import IncompleteReadError, ServiceRequestError, ServiceResponseError
from azure.storage.blob import BlobServiceClient

from tests.acs_emulator.clients import chat_client, new_token, thread_client
from tests.acs_emulator.processes import EmulatorProcess, running_emulator

T = TypeVar("T")

WRITERS = 3
CONTAINER = "media"
BROKEN_OFF = (ServiceRequestError, ServiceResponseError, IncompleteReadError)
"""What the SDKs raise when nobody answers any more, or not to the end."""


@dataclass
class Acknowledged:
    """What the emulator has said it keeps. *enough* is set when *limit* things have been noted."""

    limit: int
    enough: threading.Event = field(default_factory=threading.Event)
    messages: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Token, thread id, message id, content."""
    edits: list[tuple[str, str, str]] = field(default_factory=list)
    """Thread id, message id, content."""
    threads: list[tuple[str, str]] = field(default_factory=list)
    """Token, thread id."""
    blobs: list[tuple[str, bytes]] = field(default_factory=list)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, where: list[T], what: T) -> None:
        """Take one thing down."""
        with self._lock:
            where.append(what)
            self._count += 1
        if self._count >= self.limit:
            self.enough.set()


def write_messages(emulator: EmulatorProcess, noted: Acknowledged) -> None:
    """Send and edit messages in a thread of one's own, until the emulator is gone."""
    token = new_token(emulator)
    with chat_client(emulator, token) as chat:
        thread_id = chat.create_chat_thread("Lunch").chat_thread.id
    with thread_client(emulator, token, thread_id) as thread:
        for number in itertools.count():
            content = f"message {number}"
            message_id = thread.send_message(content).id
            noted.note(noted.messages, (token, thread_id, message_id, content))
            thread.update_message(message_id, content=f"{content}, edited")
            noted.note(noted.edits, (thread_id, message_id, f"{content}, edited"))


def write_threads(emulator: EmulatorProcess, noted: Acknowledged) -> None:
    """Make users and threads until the emulator is gone."""
    while True:
        token = new_token(emulator)
        with chat_client(emulator, token) as chat:
            thread_id = chat.create_chat_thread("Lunch").chat_thread.id
            noted.note(noted.threads, (token, thread_id))


def write_blobs(emulator: EmulatorProcess, noted: Acknowledged) -> None:
    """Upload blobs, in one piece and in blocks, until the emulator is gone."""
    with storage_client(emulator) as storage:
        container = storage.get_container_client(CONTAINER)
        if not container.exists():
            container.create_container()
        for number in itertools.count():
            name, content = str(uuid.uuid4()), b"%08d" % number * (number % 40)
            container.upload_blob(name, content)
            noted.note(noted.blobs, (name, content))


def storage_client(emulator: EmulatorProcess) -> BlobServiceClient:
    """Return a client that cuts what it uploads into small blocks, and does not try again."""
    return BlobServiceClient.from_connection_string(
        emulator.storage_connection_string, max_single_put_size=100, max_block_size=64, retry_total=0
    )


def write_until_killed(emulator: EmulatorProcess, noted: Acknowledged) -> None:
    """Let all writers write, kill the emulator when enough is noted, and wait for the writers to notice."""
    work = [write_threads, write_blobs, *[write_messages] * WRITERS]
    with ThreadPoolExecutor(len(work)) as pool:
        writers = [pool.submit(each, emulator, noted) for each in work]
        assert noted.enough.wait(timeout=60)
        emulator.process.send_signal(signal.SIGKILL)
        for writer in writers:
            assert isinstance(writer.exception(timeout=60), BROKEN_OFF)
    del writers, writer
    gc.collect()


def check_everything(emulator: EmulatorProcess, noted: Acknowledged) -> None:
    """Read all that was acknowledged, and write once more to each place."""
    check_messages(emulator, noted)
    for token, thread_id in noted.threads:
        with chat_client(emulator, token) as chat:
            assert thread_id in {item.id for item in chat.list_chat_threads()}
    with storage_client(emulator) as storage:
        container = storage.get_container_client(CONTAINER)
        for name, content in noted.blobs:
            assert content == container.download_blob(name).readall()
        container.upload_blob("afterwards", b"written", overwrite=True)


def check_messages(emulator: EmulatorProcess, noted: Acknowledged) -> None:
    """Read each message from its thread's list: there once, with its content or its edit."""
    for token, thread_id in {(token, thread_id) for token, thread_id, _, _ in noted.messages}:
        with thread_client(emulator, token, thread_id) as thread:
            listed = [
                message for message in thread.list_messages(results_per_page=100) if message.type == "text"
            ]
            by_id = {message.id: message.content.message for message in listed}
            assert len(listed) == len(by_id)
            for message_id, allowed in contents_of(noted, thread_id).items():
                assert by_id[message_id] in allowed
            assert thread.send_message("afterwards").id not in by_id


def contents_of(noted: Acknowledged, thread_id: str) -> dict[str, set[str]]:
    """Return what each message may say: the edit if it was acknowledged; else either, as the edit may have happened."""
    edits = {(home, message_id): content for home, message_id, content in noted.edits}
    found = {}
    for _, home, message_id, content in noted.messages:
        if home == thread_id:
            edit = edits.get((thread_id, message_id))
            found[message_id] = {edit} if edit else {content, f"{content}, edited"}
    return found


# Python's ssl module does not close a connection whose peer is killed during the handshake.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.timeout(120)
@pytest.mark.parametrize("limit", [25, 90, 240])
def test_a_killed_emulator_has_lost_nothing_it_acknowledged(tmp_path: Path, limit: int) -> None:
    data, rounds = tmp_path / "data", []
    for number in range(3):
        with running_emulator(tmp_path / f"ready-{number}.json", "--data", data) as emulator:
            for earlier in rounds:
                check_everything(emulator, earlier)
            rounds.append(Acknowledged(limit))
            write_until_killed(emulator, rounds[-1])
    with running_emulator(tmp_path / "ready.json", "--data", data) as emulator:
        for earlier in rounds:
            check_everything(emulator, earlier)
        assert (0, "") == emulator.end(signal.SIGTERM)
