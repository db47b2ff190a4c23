"""Files are given as options or as a form; what is opened is closed, whatever happens."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator
from pathlib import Path

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
