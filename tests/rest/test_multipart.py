"""A file comes out of a form as it went in, however the form is cut into pieces."""

from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.errors import LimitError
from twilio_compat.records import MediaUpload
from twilio_compat.rest.multipart import PIECE, is_form, read_file


def form(**parts: tuple[str | None, bytes, str] | str) -> tuple[str, bytes]:
    """Return the content type and the body that an HTTP client makes of a form."""
    files = {name: part for name, part in parts.items() if isinstance(part, tuple)}
    fields = {name: part for name, part in parts.items() if isinstance(part, str)}
    request = httpx.Request("POST", "https://mcs.us1.twilio.com/", data=fields, files=files)
    return request.headers["content-type"], request.read()


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def everything(file: MediaUpload) -> bytes:
    assert not isinstance(file.content, bytes)
    return b"".join([piece async for piece in file.content])


@given(
    content=st.binary(max_size=200)
    | st.lists(st.sampled_from([b"\r\n--", b"x", b"--", b"\r"])).map(b"".join),
    size=st.integers(1, 60),
)
async def test_the_bytes_are_those_that_were_sent_however_the_form_is_cut(content: bytes, size: int) -> None:
    content_type, body = form(Media=("a.bin", content, "image/png"))

    async with read_file(content_type, pieces(body, size)) as file:
        assert ("image/png", "a.bin", content) == (file.content_type, file.filename, await everything(file))


async def test_a_form_that_is_there_as_a_whole_is_read_in_pieces() -> None:
    content = bytes(range(256)) * 1024
    content_type, body = form(Media=("a.bin", content, "image/png"))

    async with read_file(content_type, body) as file:
        assert not isinstance(file.content, bytes)
        read = [piece async for piece in file.content]

    assert content == b"".join(read)
    assert PIECE >= max(len(piece) for piece in read)


async def test_parts_that_are_no_file_are_passed_over() -> None:
    content_type, body = form(Category="media", Other="x", Media=("a.txt", b"text", "text/plain"))

    async with read_file(content_type, body) as file:
        assert b"text" == await everything(file)


async def test_without_a_part_of_that_name_the_first_file_counts() -> None:
    content_type, body = form(
        note="x", picture=("a.png", b"first", "image/png"), other=("b.png", b"2", "image/png")
    )

    async with read_file(content_type, body) as file:
        assert ("a.png", b"first") == (file.filename, await everything(file))


async def test_a_part_without_a_type_is_bytes_of_no_known_type() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="Media"\r\n\r\nbytes\r\n--b--\r\n'

    async with read_file("multipart/form-data; boundary=b", body) as file:
        assert ("application/octet-stream", None, b"bytes") == (
            file.content_type,
            file.filename,
            await everything(file),
        )


@pytest.mark.parametrize("name", ["überraschung.txt", "二.png"])
async def test_a_file_name_may_have_any_characters(name: str) -> None:
    content_type, body = form(Media=(name, b"", "text/plain"))

    async with read_file(content_type, body) as file:
        assert name == file.filename


async def test_a_file_name_in_an_older_encoding_is_read_too() -> None:
    disposition = 'Content-Disposition: form-data; name="Media"; filename="ü"'.encode("latin-1")

    async with read_file(
        "multipart/form-data; boundary=b", b"--b\r\n" + disposition + b"\r\n\r\n\r\n--b--\r\n"
    ) as file:
        assert "ü" == file.filename


@pytest.mark.parametrize("missing", [1, 5, 12, 60])
async def test_a_form_that_ends_too_early_is_refused_and_its_file_with_it(missing: int) -> None:
    content_type, body = form(Media=("a.bin", b"x" * 100, "image/png"))

    with pytest.raises(LimitError, match="ends too early") as refused:
        async with read_file(content_type, body[: -missing - len("\r\n")]) as file:
            await everything(file)

    assert 20422 == refused.value.code


@pytest.mark.parametrize(
    ("content_type", "body", "why"),
    [
        ("multipart/form-data", b"", "no boundary"),
        ("multipart/form-data; boundary=" + "b" * 5000, b"", "exceeds"),
        ("multipart/form-data; boundary=b", b"nonsense", "cannot be read"),
        ("multipart/form-data; boundary=b", b"", "no part|too early"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="Category"\r\n\r\nmedia\r\n--b--\r\n',
            "no part named Media",
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"X: y\r\n" * 100 + b"\r\n", "header"),
    ],
)
async def test_what_is_no_form_with_a_file_in_it_is_refused(content_type: str, body: bytes, why: str) -> None:
    with pytest.raises(LimitError, match=why):
        async with read_file(content_type, body) as file:
            await everything(file)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("multipart/form-data; boundary=b", True),
        ("Multipart/Form-Data;boundary=b", True),
        ("multipart/mixed; boundary=b", False),
        ("image/png", False),
        ("", False),
    ],
)
def test_a_form_is_known_by_its_content_type(content_type: str, expected: bool) -> None:
    assert expected == is_form(content_type)
