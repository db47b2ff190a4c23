"""Files of any size go up in blocks: in little memory, over bad lines, all of them or nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from azure.storage.blob import ContainerClient, ContentSettings
from hypothesis import given
from hypothesis import strategies as st

from acs_backend.blobs import BLOCK_SIZE, BLOCKS_AT_ONCE, Blobs, cut
from acs_backend.clients import SharedTransport
from acs_emulator import Emulator
from tests.acs_backend.middleman import Fault, Middleman, Seen
from tests.acs_backend.stub_service import StubService, says, says_nothing
from twilio_compat.errors import ServiceTimeoutError, ServiceUnavailableError, TwilsockUpstreamError
from twilio_compat.settings import Settings

CONTAINER = "media"
TEXT = ContentSettings(content_type="text/plain")


@asynccontextmanager
async def opened(storage: str, *, attempt: float = 5.0, deadline: float = 10.0) -> AsyncIterator[Blobs]:
    settings = Settings(
        storage_connection_string=storage,
        media_container=CONTAINER,
        request_timeout=attempt,
        deadline=deadline,
    )
    transport = SharedTransport(timeout=attempt)
    blobs = Blobs(settings, transport)
    try:
        yield blobs
    finally:
        await blobs.close()
        await transport.shut_down()


def at(endpoint: str, storage: str = "AccountName=a;AccountKey=eA==;") -> str:
    """Return the connection string *storage* with another endpoint, at which the account is the path."""
    parts = dict(part.split("=", 1) for part in storage.strip(";").split(";"))
    parts["BlobEndpoint"] = f"{endpoint}/{parts['AccountName']}"
    return ";".join(f"{name}={value}" for name, value in parts.items())


def stored(storage: str) -> dict[str, bytes]:
    """Return what anybody can see in the container."""
    with ContainerClient.from_connection_string(storage, CONTAINER) as container:
        return {each.name: container.download_blob(each.name).readall() for each in container.list_blobs()}


class Source:
    """A file of *size* bytes that comes in pieces; where *then* is given it does that instead of ending."""

    def __init__(self, size: int, then: Callable[[], object] | None = None, *, piece: int = 300_000) -> None:
        self.content = bytes(number % 251 for number in range(size))
        self.has_ended = False
        self._then = then
        self._piece = piece

    async def read(self) -> AsyncIterator[bytes]:
        try:
            for start in range(0, len(self.content), self._piece):
                yield self.content[start : start + self._piece]
            if self._then is not None and asyncio.iscoroutine(outcome := self._then()):
                await outcome
        finally:
            self.has_ended = True


def on_their_way() -> list[str]:
    """Return the requests that an upload has left behind."""
    running = [getattr(each.get_coro(), "__qualname__", "") for each in asyncio.all_tasks()]
    return [name for name in running if name.startswith("Blobs.")]


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
async def test_cutting_keeps_every_byte_and_fills_every_block_but_the_last(
    pieces: list[bytes], size: int
) -> None:
    async def source() -> AsyncIterator[bytes]:
        for each in pieces:
            yield each

    blocks = [each async for each in cut(source(), size)]
    assert b"".join(pieces) == b"".join(blocks)
    assert all(len(each) == size for each in blocks[:-1])
    assert all(0 < len(each) <= size for each in blocks)


@pytest.mark.parametrize(
    "size", [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, (BLOCKS_AT_ONCE + 2) * BLOCK_SIZE]
)
async def test_a_file_of_any_size_arrives_whole(emulator: Emulator, size: int) -> None:
    storage, source = emulator.storage_connection_string, Source(size)
    async with opened(storage) as blobs:
        await blobs.put("one", source.read(), TEXT)
    assert {"one": source.content} == stored(storage)
    assert source.has_ended


@pytest.mark.parametrize("size", [10, 3 * BLOCK_SIZE], ids=["small", "large"])
async def test_a_container_that_was_deleted_is_made_anew(emulator: Emulator, size: int) -> None:
    storage, source = emulator.storage_connection_string, Source(size)
    async with opened(storage) as blobs:
        await blobs.put("before", Source(1).read(), TEXT)
        with ContainerClient.from_connection_string(storage, CONTAINER) as container:
            container.delete_container()
        await blobs.put("one", source.read(), TEXT)
    assert {"one": source.content} == stored(storage)


async def test_a_few_blocks_are_on_their_way_at_once() -> None:
    now = most = 0

    async def count(request: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return web.Response(status=201)

    async with StubService(count) as stub, opened(at(stub.endpoint)) as blobs:
        await blobs.put("one", Source(12 * BLOCK_SIZE).read(), TEXT)
    assert BLOCKS_AT_ONCE == most
    assert 1 + 12 + 1 == len(stub.requests)


@pytest.mark.timeout(120)
async def test_a_file_of_150_mb_takes_little_memory(emulator: Emulator) -> None:
    storage = emulator.storage_connection_string
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.acs_backend.large_upload", storage,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert 0 == process.returncode
    with ContainerClient.from_connection_string(storage, "twilio-media") as container:
        assert 150 * 2**20 == container.get_blob_client("large").get_blob_properties().size
    assert int(output) < 32 * 2**20


async def test_a_source_that_fails_half_way_leaves_nothing_behind(emulator: Emulator) -> None:
    def unplugged() -> None:
        raise LookupError("the camera was unplugged")

    storage, source = emulator.storage_connection_string, Source(3 * BLOCK_SIZE, unplugged)
    async with opened(storage) as blobs:
        with pytest.raises(LookupError, match="unplugged"):
            await blobs.put("one", source.read(), TEXT)
        assert [] == on_their_way()
    assert {} == stored(storage)


async def test_an_upload_called_off_leaves_nothing_behind(emulator: Emulator) -> None:
    storage, reached = emulator.storage_connection_string, asyncio.Event()

    async def wait() -> None:
        reached.set()
        await asyncio.Event().wait()

    source = Source(3 * BLOCK_SIZE, wait)
    async with opened(storage) as blobs:
        upload = asyncio.create_task(blobs.put("one", source.read(), TEXT))
        await reached.wait()
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        assert [] == on_their_way()
    assert ({}, True) == (stored(storage), source.has_ended)


async def test_a_block_that_is_refused_ends_the_others() -> None:
    source = Source(8 * BLOCK_SIZE, lambda: asyncio.Event().wait())
    async with StubService(says(201), says(201), says(400)) as stub, opened(at(stub.endpoint)) as blobs:
        with pytest.raises(TwilsockUpstreamError):
            await blobs.put("one", source.read(), TEXT)
        assert [] == on_their_way()


async def test_a_bad_line_costs_no_more_than_the_blocks_on_their_way(
    emulator: Emulator, middleman: Middleman
) -> None:
    faults = [None, None, Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, None, Fault.ERROR, None, Fault.ERROR_AFTER]
    happened: list[Fault | None] = []

    def fault(seen: Seen) -> Fault | None:
        happened.append(faults.pop(0) if faults else None)
        return happened[-1]

    middleman.fault = fault
    storage, source = emulator.storage_connection_string, Source(6 * BLOCK_SIZE + 1)
    async with opened(at(middleman.endpoint, storage)) as blobs:
        await blobs.put("one", source.read(), TEXT)
    assert {"one": source.content} == stored(storage)
    assert len(middleman.seen) == 1 + 7 + 1 + sum(each is not None for each in happened)


@pytest.mark.parametrize("size", [10, 2 * BLOCK_SIZE], ids=["small", "large"])
async def test_a_file_whose_last_answer_was_lost_is_there_once(
    emulator: Emulator, middleman: Middleman, size: int
) -> None:
    storage, source = emulator.storage_connection_string, Source(size)
    last = 2 if size < BLOCK_SIZE else 4
    middleman.fault = lambda seen: Fault.LOSE_ANSWER if len(middleman.seen) == last else None
    async with opened(at(middleman.endpoint, storage)) as blobs:
        await blobs.put("one", source.read(), TEXT)
    assert ({"one": source.content}, last + 1) == (stored(storage), len(middleman.seen))


async def test_a_slow_line_is_given_the_time_that_its_bytes_need() -> None:
    async def slowly(request: web.Request) -> web.Response:
        if request.query.get("comp") == "block":
            await asyncio.sleep(0.5)
        return web.Response(status=201)

    async with StubService(slowly) as stub, opened(at(stub.endpoint), attempt=0.2, deadline=0.2) as blobs:
        await blobs.put("one", Source(2 * BLOCK_SIZE).read(), TEXT)
    assert 4 == len(stub.requests)


async def test_a_slow_source_may_take_longer_than_any_deadline(emulator: Emulator) -> None:
    storage, source = emulator.storage_connection_string, Source(10, lambda: asyncio.sleep(0.5))
    async with opened(storage, attempt=0.2, deadline=0.2) as blobs:
        await blobs.put("one", source.read(), TEXT)
    assert {"one": source.content} == stored(storage)


async def test_a_service_that_says_nothing_to_the_last_request_is_given_up() -> None:
    async def silent_at_the_end(request: web.Request) -> web.StreamResponse:
        if request.query.get("comp") == "blocklist":
            return await says_nothing(request)
        return web.Response(status=201)

    async with (
        StubService(silent_at_the_end) as stub,
        opened(at(stub.endpoint), attempt=0.1, deadline=0.3) as blobs,
    ):
        with pytest.raises(ServiceTimeoutError):
            await blobs.put("one", Source(BLOCK_SIZE).read(), TEXT)


@pytest.mark.parametrize("size", [10, 3 * BLOCK_SIZE], ids=["small", "large"])
async def test_a_service_that_keeps_failing_is_given_up_at_the_deadline(size: int) -> None:
    async with (
        StubService(says(201), says(503)) as stub,
        opened(at(stub.endpoint), attempt=0.1, deadline=0.3) as blobs,
    ):
        with pytest.raises(ServiceUnavailableError):
            async with asyncio.timeout(30):
                await blobs.put("one", Source(size).read(), TEXT)
