"""The state of the storage account: containers, blobs, and blocks that wait to be committed.

Each change is one journal transaction, made before the memory changes: what a caller was told is kept, and a
change that cannot be kept is not made. Entity tags are a number that only grows, taken from the clock.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from acs_emulator.journal import DataError, Journal, Transaction
from acs_emulator.storage.errors import StorageError
from acs_emulator.storage.files import Files, Segment
from acs_emulator.storage.records import (
    Blob,
    Container,
    Settings,
    WaitingBlock,
    blob_from,
    blob_row,
    block_from,
    block_row,
    container_from,
    container_row,
)

_CONTAINERS, _BLOBS, _BLOCKS = "storage.containers", "storage.blobs", "storage.blocks"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def account_key_for(access_key: bytes) -> bytes:
    """Return the account's key, 64 bytes derived from the *access_key* of the resource: it lasts as long as that."""
    return hmac.new(access_key, b"acs-emulator storage account key", hashlib.sha512).digest()


class Account:
    """One storage account. Methods that change it raise `StorageError` and then leave it as it was."""

    def __init__(self, *, journal: Journal, files: Files, clock: Callable[[], datetime]) -> None:
        """Load what *journal* keeps; raises `DataError` where files it names are missing."""
        self.files = files
        """The bytes."""
        self._journal = journal
        self._clock = clock
        self._containers: dict[str, Container] = {}
        self._last_tag = 0
        self._load()
        files.sweep()

    # Containers

    def containers(self) -> list[Container]:
        """Return all containers in the order of their names."""
        return [self._containers[name] for name in sorted(self._containers)]

    def container(self, name: str) -> Container:
        """Return one; raises ``ContainerNotFound``."""
        if name not in self._containers:
            raise StorageError("ContainerNotFound")
        return self._containers[name]

    def create_container(self, name: str, metadata: Mapping[str, str]) -> Container:
        """Make one; raises ``ContainerAlreadyExists``."""
        if name in self._containers:
            raise StorageError("ContainerAlreadyExists")
        return self._keep_container(Container(name, *self._stamp(), metadata))

    def set_container_metadata(self, name: str, metadata: Mapping[str, str]) -> Container:
        """Replace a container's metadata."""
        container = self.container(name)
        etag, now = self._stamp()
        return self._keep_container(replace(container, etag=etag, last_modified=now, metadata=metadata))

    def delete_container(self, name: str) -> None:
        """Remove one with all that is in it."""
        container = self.container(name)
        with self._journal.transaction() as transaction:
            transaction.delete(_CONTAINERS, name)
            for blob in container.blobs.values():
                transaction.delete(_BLOBS, blob.key)
            for blob_name in container.blocks:
                _delete_blocks(transaction, container, blob_name)
        del self._containers[name]
        for blob in container.blobs.values():
            self.files.release(blob.segments)
        for waiting in container.blocks.values():
            self.files.release(waiting.values())

    # Blobs

    def find_blob(self, container: str, name: str) -> Blob | None:
        """Return a committed blob, or None; raises ``ContainerNotFound``."""
        return self.container(container).blobs.get(name)

    def blob(self, container: str, name: str) -> Blob:
        """Return a committed blob; raises ``BlobNotFound``."""
        found = self.find_blob(container, name)
        if found is None:
            raise StorageError("BlobNotFound")
        return found

    def put_blob(
        self,
        container: str,
        name: str,
        segments: Iterable[Segment],
        settings: Settings,
        metadata: Mapping[str, str],
    ) -> Blob:
        """Make or replace a blob of *segments*, files this account may hold; blocks waiting for it are dropped."""
        home = self.container(container)
        etag, now = self._stamp()
        old = home.blobs.get(name)
        blob = Blob(
            container, name, etag, old.created if old else now, now, settings, metadata, tuple(segments)
        )
        with self._journal.transaction() as transaction:
            transaction.put(_BLOBS, blob.key, blob_row(blob))
            _delete_blocks(transaction, home, name)
        self.files.hold(blob.segments)
        self._forget(home, name)
        home.blobs[name] = blob
        return blob

    def change_blob(
        self, blob: Blob, *, settings: Settings | None = None, metadata: Mapping[str, str] | None = None
    ) -> Blob:
        """Replace a blob's settings, its metadata, or both."""
        etag, now = self._stamp()
        changed = replace(
            blob,
            etag=etag,
            last_modified=now,
            settings=settings or blob.settings,
            metadata=blob.metadata if metadata is None else metadata,
        )
        with self._journal.transaction() as transaction:
            transaction.put(_BLOBS, changed.key, blob_row(changed))
        self._containers[blob.container].blobs[blob.name] = changed
        return changed

    def delete_blob(self, blob: Blob) -> None:
        """Remove a blob and the blocks waiting for its name."""
        home = self.container(blob.container)
        with self._journal.transaction() as transaction:
            transaction.delete(_BLOBS, blob.key)
            _delete_blocks(transaction, home, blob.name)
        self._forget(home, blob.name)

    # Blocks

    def waiting_blocks(self, container: str, blob: str) -> Mapping[str, Segment]:
        """Return the blocks that wait to be committed, by identifier."""
        return self.container(container).blocks.get(blob, {})

    def stage_block(self, container: str, blob: str, identifier: str, segment: Segment) -> None:
        """Keep a block until it is committed; an earlier one of the same identifier is replaced."""
        home = self.container(container)
        block = WaitingBlock(container, blob, replace(segment, block=identifier))
        with self._journal.transaction() as transaction:
            transaction.put(_BLOCKS, block.key, block_row(block))
        waiting = home.blocks.setdefault(blob, {})
        self.files.hold([block.segment])
        if identifier in waiting:
            self.files.release([waiting[identifier]])
        waiting[identifier] = block.segment

    # How it is done

    def _stamp(self) -> tuple[str, datetime]:
        now = self._clock()
        self._last_tag = max(self._last_tag + 1, (now - _EPOCH) // _TICK)
        return f"0x{self._last_tag:016X}", now

    def _keep_container(self, container: Container) -> Container:
        with self._journal.transaction() as transaction:
            transaction.put(_CONTAINERS, container.name, container_row(container))
        self._containers[container.name] = container
        return container

    def _forget(self, home: Container, blob: str) -> None:
        old = home.blobs.pop(blob, None)
        if old:
            self.files.release(old.segments)
        self.files.release(home.blocks.pop(blob, {}).values())

    def _load(self) -> None:
        try:
            self._load_rows()
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"a row of the storage account cannot be read: {error!r}") from error

    def _load_rows(self) -> None:
        for name, row in self._journal.load(_CONTAINERS):
            self._containers[name] = container_from(name, row)
            self._see(self._containers[name].etag)
        for _, row in self._journal.load(_BLOBS):
            blob = blob_from(row)
            self._see(blob.etag)
            self._adopt(blob.segments)
            self._containers[blob.container].blobs[blob.name] = blob
        for _, row in self._journal.load(_BLOCKS):
            block = block_from(row)
            self._adopt([block.segment])
            waiting = self._containers[block.container].blocks.setdefault(block.blob, {})
            waiting[block.segment.block or ""] = block.segment

    def _see(self, etag: str) -> None:
        self._last_tag = max(self._last_tag, int(etag, 16))

    def _adopt(self, segments: Iterable[Segment]) -> None:
        self.files.check(segments)
        self.files.hold(segments)


def _delete_blocks(transaction: Transaction, container: Container, blob: str) -> None:
    for segment in container.blocks.get(blob, {}).values():
        transaction.delete(_BLOCKS, WaitingBlock(container.name, blob, segment).key)
