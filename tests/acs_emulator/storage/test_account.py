"""The account against a model: any sequence of changes, with restarts in between, gives the bytes that were put."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from acs_emulator.journal import FileJournal
from acs_emulator.storage import Account, Files
from acs_emulator.storage.errors import StorageError
from acs_emulator.storage.files import Segment
from acs_emulator.storage.ranges import ByteRange
from acs_emulator.storage.records import Settings

CONTAINERS, BLOBS, BLOCKS = ("aaa", "bbb"), ("one", "two"), ("A", "B", "C")
NOW = datetime(2026, 11, 22, tzinfo=UTC)

containers, names, blocks = st.sampled_from(CONTAINERS), st.sampled_from(BLOBS), st.sampled_from(BLOCKS)


class StorageMachine(RuleBasedStateMachine):
    """An account on disk, and dictionaries that say what it must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.committed: dict[tuple[str, str], list[tuple[str | None, bytes]]] = {}
        self.waiting: dict[tuple[str, str], dict[str, bytes]] = {}
        self.existing: set[str] = set()
        self.last_etag = 0
        self.now = NOW
        self.open()

    def open(self) -> None:
        path = Path(self.directory.name)
        self.journal = FileJournal(path)
        self.files = Files(path / "blobs")
        self.account = Account(journal=self.journal, files=self.files, clock=lambda: self.now)

    def teardown(self) -> None:
        self.journal.close()
        self.directory.cleanup()

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.now += timedelta(seconds=1)
        self.open()

    @rule(container=containers)
    def create_container(self, container: str) -> None:
        if container in self.existing:
            with pytest.raises(StorageError, match="ContainerAlreadyExists"):
                self.account.create_container(container, {})
        else:
            self.account.create_container(container, {"of": container})
            self.existing.add(container)

    @precondition(lambda self: self.existing)
    @rule(data=st.data())
    def delete_container(self, data: st.DataObject) -> None:
        container = data.draw(st.sampled_from(sorted(self.existing)))
        self.account.delete_container(container)
        self.existing.remove(container)
        for held in (self.committed, self.waiting):
            for key in [key for key in held if key[0] == container]:
                del held[key]

    @rule(container=containers, name=names, content=st.binary(max_size=20))
    def put(self, container: str, name: str, content: bytes) -> None:
        if container not in self.existing:
            return
        with self.files.receive() as incoming:
            incoming.write(content)
            blob = self.account.put_blob(container, name, [incoming.segment], Settings(), {})
            incoming.keep()
        self.see(blob.etag)
        self.committed[container, name] = [(None, content)]
        self.waiting.pop((container, name), None)

    @rule(container=containers, name=names, block=blocks, content=st.binary(max_size=20))
    def stage(self, container: str, name: str, block: str, content: bytes) -> None:
        if container not in self.existing:
            return
        with self.files.receive() as incoming:
            incoming.write(content)
            self.account.stage_block(container, name, block, incoming.segment)
            incoming.keep()
        self.waiting.setdefault((container, name), {})[block] = content

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.waiting)))
        known = [each for each in self.committed.get(key, []) if each[0]] + list(self.waiting[key].items())
        chosen = data.draw(st.lists(st.sampled_from(known), max_size=4))
        segments = [self.segment(key, block, content) for block, content in chosen]
        self.see(self.account.put_blob(*key, segments, Settings(), {}).etag)
        self.committed[key] = list(chosen)
        del self.waiting[key]

    def segment(self, key: tuple[str, str], block: str | None, content: bytes) -> Segment:
        """Find the account's segment for a block of the model."""
        blob = self.account.find_blob(*key)
        candidates = [*(blob.segments if blob else ()), *self.account.waiting_blocks(*key).values()]
        return next(each for each in candidates if each.block == block and self.read([each]) == content)

    @precondition(lambda self: self.committed)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.committed)))
        self.account.delete_blob(self.account.blob(*key))
        del self.committed[key]
        self.waiting.pop(key, None)

    @invariant()
    def holds_what_was_put(self) -> None:
        assert sorted(self.existing) == [each.name for each in self.account.containers()]
        seen = {
            (container.name, blob.name): [(each.block, self.read([each])) for each in blob.segments]
            for container in self.account.containers()
            for blob in container.blobs.values()
        }
        assert self.committed == seen

    @invariant()
    def keeps_the_blocks_that_wait(self) -> None:
        for key, expected in self.waiting.items():
            waiting = self.account.waiting_blocks(*key)
            assert expected == {block: self.read([segment]) for block, segment in waiting.items()}

    @invariant()
    def has_no_file_without_a_use(self) -> None:
        used = {
            segment.file
            for container in self.account.containers()
            for segments in [
                *(blob.segments for blob in container.blobs.values()),
                *(waiting.values() for waiting in container.blocks.values()),
            ]
            for segment in segments
        }
        assert used == {path.name for path in (Path(self.directory.name) / "blobs").iterdir()}

    def read(self, segments: list[Segment]) -> bytes:
        """Read all bytes of *segments*."""
        size = sum(segment.size for segment in segments)
        return b"".join(self.files.read(segments, ByteRange(0, size - 1)))

    def see(self, etag: str) -> None:
        """Check that entity tags only grow, although the clock stands still between restarts."""
        assert self.last_etag < int(etag, 16)
        self.last_etag = int(etag, 16)


TestStorage = StorageMachine.TestCase
TestStorage.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_a_change_the_journal_cannot_keep_is_not_made(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    account = Account(journal=journal, files=Files(tmp_path / "blobs"), clock=lambda: NOW)
    account.create_container("media", {})
    journal.close()
    with pytest.raises(Exception, match="closed"):
        account.create_container("other", {})
    assert ["media"] == [each.name for each in account.containers()]
