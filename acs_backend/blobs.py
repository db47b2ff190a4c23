"""The container in Azure Blob Storage that files lie in: putting them there, and signing URLs for them.

Theory of operation
-------------------
A file smaller than a block is one request. A larger one is cut into blocks as it comes; a few of them are on their way
at once, and the source is read on when one has arrived. A last request makes a file of the blocks. So a few blocks
are all that memory holds, whatever the size, and a file becomes visible only as a whole. An upload that fails or is
called off leaves blocks that belong to no file, which the service removes after a week.

A request that fails is repeated by itself, so that a broken connection costs the blocks on their way and no more. It
may be repeated whatever became of it: each name is used for one file, and a second copy of its bytes changes nothing.

There is no time limit on a file. A request may take as long as any other request to the service, and in addition what
its bytes need on the slowest line that is provided for; the deadline for repeating it counts that time no more than
it was used, so that a service which refuses at once is given up as soon as any other. How fast the source brings the
bytes is its own affair.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import datetime

from azure.core.exceptions import ResourceExistsError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob import (
    BlobBlock,
    BlobSasPermissions,
    ContentSettings,
    StorageErrorCode,
    generate_blob_sas,
)
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient

from acs_backend.connection_string import is_loopback
from acs_backend.errors import Subject, translated
from acs_backend.retries import Retries, is_transient
from twilio_compat.errors import ConfigurationError, NotFoundError
from twilio_compat.settings import Settings

BLOCK_SIZE = 1024 * 1024
"""Bytes sent in one request; aiohttp warns of more."""
BLOCKS_AT_ONCE = 4
SLOWEST_LINE = 32 * 1024
"""Bytes per second below which an upload may be given up."""
VARIABLE = "AZURE_STORAGE_CONNECTION_STRING"


class Blobs:
    """One container, made when missing, also where somebody deletes it later. Nothing is opened before the first call."""

    def __init__(
        self, settings: Settings, transport: AioHttpTransport, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Use the storage account and the container that *settings* name; *clock* is monotonic."""
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._retries = Retries(
            deadline=settings.deadline, attempt_timeout=settings.request_timeout, clock=clock
        )
        self._account: _Account | None = None
        self._making = asyncio.Lock()
        self._made = False

    async def put(self, name: str, content: AsyncIterable[bytes], settings: ContentSettings) -> None:
        """Store *content* as *name*, which nothing else may have. `BackendError` where the service fails.

        What *content* raises goes through.
        """
        blob = (await self._container()).get_blob_client(name)
        async with aclosing(cut(content, BLOCK_SIZE)) as blocks:
            first = await anext(blocks, b"")
            if len(first) < BLOCK_SIZE:
                await self._put_whole(blob, first, settings)
            else:
                await self._put_blocks(blob, first, blocks, settings)

    async def delete(self, name: str) -> None:
        """Remove *name*; it is no error where there is none. `BackendError` where the service fails."""
        blob = self._opened().service.get_blob_client(self._settings.media_container, name)
        try:
            await self._request(lambda wait: blob.delete_blob(read_timeout=wait))
        except NotFoundError:
            return

    def url(self, name: str, expiry: datetime) -> str:
        """Return a URL that serves *name* to anyone until *expiry*."""
        return self._opened().url(self._settings.media_container, name, expiry)

    async def close(self) -> None:
        """Release the storage client. The connections are the transport's."""
        if self._account is not None:
            await self._account.service.close()

    # Requests

    async def _put_whole(self, blob: BlobClient, content: bytes, settings: ContentSettings) -> None:
        await self._put(
            lambda wait: blob.upload_blob(
                content, overwrite=True, content_settings=settings, read_timeout=wait
            ),
            size=len(content),
        )

    async def _put_blocks(
        self, blob: BlobClient, block: bytes, others: AsyncIterator[bytes], settings: ContentSettings
    ) -> None:
        on_their_way = asyncio.Semaphore(BLOCKS_AT_ONCE)
        names: list[str] = []
        async with _tasks() as tasks:
            while block:
                await on_their_way.acquire()
                names.append(f"{len(names):08}")
                task = tasks.create_task(self._stage(blob, names[-1], block))
                task.add_done_callback(lambda _: on_their_way.release())
                block = await anext(others, b"")
        committed = [BlobBlock(name) for name in names]
        await self._request(
            lambda wait: blob.commit_block_list(committed, content_settings=settings, read_timeout=wait)
        )

    async def _stage(self, blob: BlobClient, name: str, block: bytes) -> None:
        await self._put(
            lambda wait: blob.stage_block(name, block, length=len(block), read_timeout=wait),
            size=len(block) * BLOCKS_AT_ONCE,
        )

    async def _put(self, call: Callable[[float], Awaitable[object]], *, size: int) -> None:
        """Make a request that brings bytes; where the container was deleted meanwhile, make it anew and repeat that."""
        try:
            await self._request(call, size=size)
        except NotFoundError as error:
            if getattr(error.__cause__, "error_code", None) != StorageErrorCode.CONTAINER_NOT_FOUND:
                raise
            self._made = False
            await self._container()
            await self._request(call, size=size)

    async def _request(self, call: Callable[[float], Awaitable[object]], *, size: int = 0) -> None:
        """Make a request, which is told how many seconds it may wait, while *size* bytes go over the line."""
        patience = size / SLOWEST_LINE
        until, longest, attempt = self._retries.until(), self._settings.request_timeout + patience, 0
        end = until + patience
        with translated(Subject.MEDIA):
            while True:
                began = self._clock()
                try:
                    async with asyncio.timeout(min(longest, end - began)):
                        await call(longest)
                        return
                except Exception as error:
                    until = min(until + self._clock() - began, end)
                    if not is_transient(error) or not await self._retries.pause(attempt, until):
                        raise
                attempt += 1

    async def _container(self) -> ContainerClient:
        container = self._opened().service.get_container_client(self._settings.media_container)
        async with self._making:
            if not self._made:
                await self._request(lambda wait: _make(container, wait))
                self._made = True
        return container

    def _opened(self) -> _Account:
        if self._account is None:
            connection_string = self._settings.need("storage_connection_string", "to keep media")
            self._account = _Account(connection_string, self._transport)
        return self._account


class _Account:
    """The storage account: its client, and the key that signs URLs."""

    def __init__(self, connection_string: str, transport: AioHttpTransport) -> None:
        self._name, self._key = _name_and_key(connection_string)
        try:
            self.service = BlobServiceClient.from_connection_string(
                connection_string, transport=transport, retry_total=0, max_single_put_size=BLOCK_SIZE
            )
        except ValueError as error:
            raise ConfigurationError(f"{VARIABLE} cannot be used: {error}") from error
        host = (
            self.service.primary_hostname.partition("/")[0].rpartition(":")[0]
            or self.service.primary_hostname
        )
        if self.service.scheme == "http" and not is_loopback(host.strip("[]")):
            raise ConfigurationError(
                f"{VARIABLE} names an http endpoint, which would send files in the clear; use https"
            )

    def url(self, container: str, name: str, expiry: datetime) -> str:
        signature = generate_blob_sas(
            self._name,
            container,
            name,
            account_key=self._key,
            permission=BlobSasPermissions(read=True),
            expiry=expiry,
        )
        return f"{self.service.get_blob_client(container, name).url}?{signature}"


async def cut(pieces: AsyncIterable[bytes], size: int) -> AsyncGenerator[bytes, None]:
    """Cut what *pieces* bring into blocks of *size* bytes, the last one excepted."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


@asynccontextmanager
async def _tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """Run tasks together: the first failure, theirs or the block's, ends all of them and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _make(container: ContainerClient, wait: float) -> None:
    try:
        await container.create_container(read_timeout=wait)
    except ResourceExistsError:
        return


def _name_and_key(connection_string: str) -> tuple[str, str]:
    parts = dict(part.split("=", 1) for part in connection_string.split(";") if "=" in part)
    found = {name.strip().lower(): value.strip() for name, value in parts.items()}
    if not found.get("accountname") or not found.get("accountkey"):
        raise ConfigurationError(
            f"{VARIABLE} must hold AccountName and AccountKey; the key signs the URLs that media are read by"
        )
    return found["accountname"], found["accountkey"]
