"""Files are given as options or as a form; what is opened is closed, whatever happens."""

from __future__ import annotations

import asyncio
import io
import tempfile
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import IO

import httpx
import pytest

from twilio_compat.errors import ArgumentError
from twilio_compat.media_upload import FormData, SendMediaOptions, check_media, form_data, upload_of
from twilio_compat.records import MediaUpload


async def described(payload: SendMediaOptions | FormData) -> tuple[str | None, str, bytes]:
    """Return name, type and content of what is uploaded for *payload*."""
    async with upload_of(payload) as upload:
        return upload.filename, upload.content_type, await everything(upload)


async def everything(upload: MediaUpload) -> bytes:
    if isinstance(upload.content, bytes):
        return upload.content
    return b"".join([piece async for piece in upload.content])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"file": ("a.png", b"x", "image/gif")}, ("a.png", "image/gif", b"x")),
        ({"Media": ("a.png", b"x")}, ("a.png", "image/png", b"x")),
        ({"file": ("a.unheard-of", b"x")}, ("a.unheard-of", "application/octet-stream", b"x")),
        ({"file": (None, "text", "text/plain")}, (None, "text/plain", b"text")),
        ({"file": (None, io.BytesIO(b"x"))}, (None, "application/octet-stream", b"x")),
    ],
)
async def test_a_form_holds_name_content_and_type(
    form: FormData, expected: tuple[str | None, str, bytes]
) -> None:
    check_media(form)
    assert expected == await described(form)


@pytest.mark.parametrize(
    ("form", "got"),
    [
        ({"a": ("a", b"x"), "b": ("b", b"x")}, "a form of 2 fields"),
        ({"a": ("a",)}, 'a form with ("a")'),
        ({"a": ("a", 5)}, 'a form with ("a", 5)'),
        ({"a": (5, b"x")}, "a form with (5, instance of bytes)"),
        ({"a": ("a", b"x", "")}, 'a form with ("a", instance of bytes, "")'),
    ],
)
async def test_a_form_that_holds_something_else_is_told_what(form: FormData, got: str) -> None:
    assert not form_data.accepts(form)
    with pytest.raises(
        ArgumentError, match=r"an instance of FormData \(one field with file name, media"
    ) as caught:
        check_media(form)
    assert str(caught.value).endswith(f"but got {got}")


def test_the_type_of_a_file_at_a_url_is_left_to_its_server() -> None:
    check_media({"file": (None, httpx.URL("https://example.com/f"))})
    assert form_data.accepts({"file": ("f", httpx.URL("https://example.com/f"))})


def test_options_are_no_form() -> None:
    assert not form_data.accepts({"contentType": "a/b", "media": b"x"})
    assert not form_data.accepts({})


async def test_a_category_is_passed_on() -> None:
    async with upload_of({"contentType": "text/plain", "media": "x"}, "history") as upload:
        assert "history" == upload.category


async def test_an_asynchronous_generator_is_closed_when_the_upload_ends_early() -> None:
    closed = []

    async def source() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    async with upload_of({"contentType": "a/b", "media": source()}) as upload:
        assert not isinstance(upload.content, bytes)
        assert b"x" == await anext(aiter(upload.content))
    assert [True] == closed


async def test_a_file_of_the_application_stays_open_and_one_of_ours_does_not(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        assert (None, "a/b", b"content") == await described({"contentType": "a/b", "media": file})
        assert not file.closed
    assert (None, "a/b", b"content") == await described({"contentType": "a/b", "media": path})
    path.unlink()
    with pytest.raises(FileNotFoundError):
        await described({"contentType": "a/b", "media": path})


class Slow(type(Path())):  # type: ignore[misc]  # Path is not to be subclassed before Python 3.12
    """A file that takes until `go_on` is set to open."""

    opened: threading.Event
    go_on: threading.Event
    file: IO[bytes]

    def open(self, *args: object, **kwargs: object) -> IO[bytes]:
        self.opened.set()
        self.go_on.wait(5)
        self.file = super().open(*args, **kwargs)
        return self.file


async def test_a_file_that_is_opened_for_nobody_any_more_is_closed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    path = Slow(tmp_path / "f")
    path.opened, path.go_on = threading.Event(), threading.Event()
    upload = asyncio.create_task(described({"contentType": "a/b", "media": path}))
    await asyncio.to_thread(path.opened.wait, 5)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    path.go_on.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)
    assert path.file.closed


async def test_a_file_is_left_where_it_was_to_be_sent_again(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb+") as file, tempfile.NamedTemporaryFile() as temporary:
        for each in (file, io.BytesIO(), temporary):
            each.write(b"read content")
            each.seek(5)
            for _ in range(2):
                assert b"content" == (await described({"contentType": "a/b", "media": each}))[2]


async def test_a_generator_that_has_ended_is_not_an_empty_file() -> None:
    async def source() -> AsyncGenerator[bytes, None]:
        yield b"x"

    media = source()
    assert b"x" == (await described({"contentType": "a/b", "media": media}))[2]
    with pytest.raises(ArgumentError, match="were read before"):
        await described({"contentType": "a/b", "media": media})


class Faulty:
    """A file whose ``read`` does what no file does."""

    def __init__(self, *pieces: bytes | None) -> None:
        self._pieces = iter(pieces)

    def read(self, size: int) -> bytes:
        return next(self._pieces)  # type: ignore[return-value]  # the point of the test


@pytest.mark.parametrize(
    ("file", "error"),
    [(Faulty(b"x"), RuntimeError), (Faulty(b"x", None), ArgumentError)],
    ids=["ends as an iterator", "has nothing yet"],
)
async def test_a_file_that_ends_otherwise_than_files_do_is_an_error(
    file: Faulty, error: type[Exception]
) -> None:
    with pytest.raises(error):
        async with asyncio.timeout(30):
            await described({"contentType": "a/b", "media": file})


def test_a_file_whose_read_is_to_be_awaited_is_refused_unread() -> None:
    class Upload:
        async def read(self, size: int = -1) -> bytes:
            raise AssertionError

    with pytest.raises(ArgumentError, match=r"instance of Upload"):
        check_media({"contentType": "a/b", "media": Upload()})
