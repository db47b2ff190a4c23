"""The bytes: on disk for as long as something uses them, and never all in memory."""

from __future__ import annotations

import hashlib
import itertools
import random
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, ContainerClient

from acs_emulator import DataError, Emulator, Options
from acs_emulator.emulator import BLOBS_DIRECTORY
from tests.acs_emulator.processes import EmulatorProcess, running_emulator
from tests.acs_emulator.storage.conftest import BLOCK, LONG, identifier, signed


@contextmanager
def open_container(emulator: Emulator | EmulatorProcess) -> Iterator[ContainerClient]:
    """Yield a client for the container ``media``, made if it is not there, which uploads in blocks."""
    with BlobServiceClient.from_connection_string(
        emulator.storage_connection_string, max_single_put_size=BLOCK, max_block_size=BLOCK, retry_total=0
    ) as storage:
        container = storage.get_container_client("media")
        if not container.exists():
            container.create_container()
        yield container


def files_in(data: Path) -> list[Path]:
    """Return the files that hold bytes of blobs."""
    return list((data / BLOBS_DIRECTORY).iterdir())


def peak_memory(pid: int) -> int:
    """Return the most bytes a process has held in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak) * 1024


def test_files_go_with_the_blobs_that_use_them(tmp_path: Path) -> None:
    with Emulator(Options(data=tmp_path)) as emulator, open_container(emulator) as container:
        for content in (LONG, LONG[:10], b""):
            container.upload_blob("one", content, overwrite=True)
        container.upload_blob("two", LONG)
        container.delete_blob("two")
        assert 1 == len(files_in(tmp_path))
        container.delete_container()
        assert [] == files_in(tmp_path)


def test_a_download_ends_with_the_bytes_it_began_with(blob: BlobClient) -> None:
    old = random.Random(2).randbytes(20_000_000)
    blob.upload_blob(old)
    with httpx.stream("GET", signed(blob, "r")) as answer:
        pieces = answer.iter_bytes()
        received = [next(pieces)]
        blob.upload_blob(b"new", overwrite=True)
        received.extend(pieces)
    assert hashlib.sha256(old).digest() == hashlib.sha256(b"".join(received)).digest()


def test_what_a_client_did_not_finish_sending_leaves_nothing(tmp_path: Path) -> None:
    with Emulator(Options(data=tmp_path)) as emulator, open_container(emulator) as container:
        url = httpx.URL(signed(container.get_blob_client("one"), "w"))
        head = f"PUT {url.raw_path.decode()} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\n"
        with closing(socket.create_connection((url.host, url.port or 0))) as connection:
            connection.sendall(f"{head}x-ms-blob-type: BlockBlob\r\nContent-Length: 10\r\n\r\nhello".encode())
        container.upload_blob("two", b"finished")
        assert ["two"] == list(container.list_blob_names())
    assert 1 == len(files_in(tmp_path))


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    with Emulator(Options(data=tmp_path)) as emulator, open_container(emulator) as container:
        container.upload_blob("one", b"kept")
    (tmp_path / BLOBS_DIRECTORY / "0123456789abcdef0123456789abcdef").write_bytes(b"half")
    with Emulator(Options(data=tmp_path)) as emulator, open_container(emulator) as container:
        assert b"kept" == container.download_blob("one").readall()
    assert 1 == len(files_in(tmp_path))


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / BLOBS_DIRECTORY / "folder").mkdir(parents=True)
    (tmp_path / BLOBS_DIRECTORY / "photo.jpg").write_bytes(b"precious")
    with Emulator(Options(data=tmp_path)):
        pass
    assert {"folder", "photo.jpg"} == {path.name for path in files_in(tmp_path)}


def test_a_missing_file_is_told_at_the_start(tmp_path: Path) -> None:
    with Emulator(Options(data=tmp_path)) as emulator, open_container(emulator) as container:
        container.upload_blob("one", b"kept")
    files_in(tmp_path)[0].unlink()
    with pytest.raises(DataError, match="is missing or cut short"):
        Emulator(Options(data=tmp_path)).__enter__()


def test_waiting_blocks_survive_a_restart(tmp_path: Path) -> None:
    with Emulator(Options(data=tmp_path)) as emulator, open_container(emulator) as container:
        container.get_blob_client("one").stage_block(identifier(1), b"kept")
    with Emulator(Options(data=tmp_path)) as emulator, open_container(emulator) as container:
        blob = container.get_blob_client("one")
        blob.commit_block_list([BlobBlock(identifier(1))])
        assert b"kept" == blob.download_blob().readall()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_a_large_body_does_not_sit_in_memory(tmp_path: Path) -> None:
    size, piece = 150 * 1024 * 1024, b"x" * (1024 * 1024)
    with running_emulator(tmp_path / "ready.json") as emulator, open_container(emulator) as container:
        url = signed(container.get_blob_client("large"), "rw")
        before = peak_memory(emulator.process.pid)
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Length": str(size)}
        assert 201 == httpx.put(url, content=itertools.repeat(piece, 150), headers=headers).status_code
        with httpx.stream("GET", url) as answer:
            assert size == sum(map(len, answer.iter_bytes()))
        assert peak_memory(emulator.process.pid) - before < 20 * 1024 * 1024
