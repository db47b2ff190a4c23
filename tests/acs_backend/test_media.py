"""Files go to blob storage and come back by URL, the same on our emulator of it and on Microsoft's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from acs_backend import media as media_module
from acs_backend.clients import SharedTransport
from acs_backend.media import Media, blob_name
from acs_backend.sids import MEDIA, is_sid, media_sid
from acs_backend.store import schema
from acs_backend.store.database import Database
from tests.acs_backend.stub_service import Answer, StubService, says, says_nothing
from twilio_compat.errors import (
    ArgumentError,
    ConfigurationError,
    LimitError,
    NotFoundError,
    ServiceTimeoutError,
    ServiceUnavailableError,
)
from twilio_compat.records import Actor, MediaRecord, MediaUpload
from twilio_compat.settings import Settings

ALICE = Actor(identity="alice", token="t", expires_at=datetime.max.replace(tzinfo=UTC))


@asynccontextmanager
async def opened(
    storage: str | None,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    deadline: float = 10.0,
) -> AsyncIterator[Media]:
    settings = Settings(storage_connection_string=storage, database_url="sqlite://", deadline=deadline)
    transport, database = SharedTransport(timeout=5.0), Database(settings.database_url)
    media = Media(settings, database, transport, clock=clock)
    try:
        yield media
    finally:
        await media.close()
        await transport.shut_down()
        await database.close()


@pytest.fixture(params=["ours", pytest.param("azurite", marks=[pytest.mark.node, pytest.mark.online])])
def storage(request: pytest.FixtureRequest) -> str:
    """Name a storage account of each kind of emulator."""
    if request.param == "azurite":
        return str(request.getfixturevalue("azurite"))
    return str(request.getfixturevalue("emulator").storage_connection_string)


async def fetched(url: str) -> tuple[int, bytes, aiohttp.typedefs.LooseHeaders]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.read(), answer.headers


def text_file(content: bytes = b"hello", filename: str | None = "f.txt") -> MediaUpload:
    return MediaUpload(content=content, content_type="text/plain", filename=filename)


async def test_an_uploaded_file_comes_back_by_its_temporary_url(storage: str) -> None:
    async with opened(storage) as media:
        record = await media.upload(ALICE, text_file())
        assert is_sid(record.sid, MEDIA)
        expected = MediaRecord(sid=record.sid, content_type="text/plain", size=5, filename="f.txt")
        assert expected == record
        status, content, headers = await fetched(
            (await media.temporary_urls(ALICE, [record.sid]))[record.sid]
        )
    assert (200, b"hello", "text/plain") == (status, content, headers["Content-Type"])


@pytest.mark.parametrize(
    "name", ["naïve résumé.pdf", 'quo"te.txt', "../../etc/passwd", "a/b\\c", "日本.png", ".", "x" * 300]
)
async def test_any_file_name_is_kept_and_harmless(storage: str, name: str) -> None:
    async with opened(storage) as media:
        record = await media.upload(ALICE, text_file(filename=name))
        status, _, headers = await fetched((await media.temporary_urls(ALICE, [record.sid]))[record.sid])
    assert (200, name) == (status, record.filename)
    assert name == unquote(headers["Content-Disposition"].partition("UTF-8''")[2])


@given(st.none() | st.text())
def test_a_blob_name_is_one_plain_segment_under_its_token(filename: str | None) -> None:
    token, _, rest = blob_name("0" * 32, filename).partition("/")
    assert "0" * 32 == token
    assert 0 < len(rest) <= 100
    assert rest.isascii()
    assert set("/\\?#%&") & set(rest) == set()
    assert rest not in (".", "..")


async def test_a_stream_is_uploaded_in_blocks(storage: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(9):
            yield bytes([number]) * 2**20

    async with opened(storage) as media:
        record = await media.upload(ALICE, MediaUpload(content=chunks(), content_type="x/y"))
        _, content, _ = await fetched((await media.temporary_urls(ALICE, [record.sid]))[record.sid])
    assert 9 * 2**20 == record.size
    assert b"".join(bytes([number]) * 2**20 for number in range(9)) == content


async def test_an_empty_file_is_a_file(storage: str) -> None:
    async with opened(storage) as media:
        record = await media.upload(ALICE, text_file(b""))
        assert (200, b"") == (await fetched((await media.temporary_urls(ALICE, [record.sid]))[record.sid]))[
            :2
        ]


async def test_many_uploads_at_once_share_one_container(storage: str) -> None:
    async with opened(storage) as media:
        records = await asyncio.gather(*(media.upload(ALICE, text_file(str(n).encode())) for n in range(10)))
        urls = await media.attachment_urls(records)
        contents = [(await fetched(urls[record.sid]))[1] for record in records]
    assert [str(number).encode() for number in range(10)] == contents


async def test_a_url_ends_after_its_lifetime(storage: str) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    async with opened(storage, clock=lambda: an_hour_ago) as media:
        record = await media.upload(ALICE, text_file())
        status, _, _ = await fetched((await media.temporary_urls(ALICE, [record.sid]))[record.sid])
        lasting, _, _ = await fetched((await media.attachment_urls([record]))[record.sid])
    assert (403, 200) == (status, lasting)


async def test_too_large_a_file_is_refused_and_leaves_nothing(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_module, "SIZE_LIMIT", 10)
    async with opened(storage) as media:
        with pytest.raises(LimitError) as caught:
            await media.upload(ALICE, text_file(b"x" * 11))
        await media.upload(ALICE, text_file(b"x" * 10))
    assert 50512 == caught.value.code


async def test_a_file_that_is_announced_to_be_too_large_is_refused_unread(storage: str) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    announced = MediaUpload(content=unread(), content_type="x/y", size=150 * 2**20 + 1)
    async with opened(storage) as media:
        with pytest.raises(LimitError, match="150 MB") as caught:
            await media.upload(ALICE, announced)
    assert 50512 == caught.value.code


@pytest.mark.parametrize("content_type", ["", " ", "text/plain\r\nX-Evil: 1", "tëxt"])
async def test_a_file_without_a_proper_type_is_refused(storage: str, content_type: str) -> None:
    async with opened(storage) as media:
        with pytest.raises(LimitError) as caught:
            await media.upload(ALICE, MediaUpload(content=b"x", content_type=content_type))
    assert 50511 == caught.value.code


@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
async def test_a_file_name_that_no_database_takes_is_refused(storage: str, name: str) -> None:
    async with opened(storage) as media:
        with pytest.raises(ArgumentError):
            await media.upload(ALICE, text_file(filename=name))


async def test_more_files_than_are_remembered_have_their_urls(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_module, "_KNOWN_BLOBS", 2)
    async with opened(storage) as media:
        sids = [(await media.upload(ALICE, text_file(str(number).encode()))).sid for number in range(5)]
        urls = await media.temporary_urls(ALICE, sids)
        assert sids == [*urls]
        assert [str(number).encode() for number in range(5)] == [
            (await fetched(url))[1] for url in urls.values()
        ]


async def test_an_unknown_file_is_not_found(storage: str) -> None:
    async with opened(storage) as media:
        with pytest.raises(NotFoundError, match="ME0000") as caught:
            await media.temporary_urls(ALICE, ["ME" + "0" * 32])
    assert 50507 == caught.value.code


async def test_what_is_no_sid_is_not_found(storage: str) -> None:
    async with opened(storage) as media:
        for sid in ("", "\ud800", "ME\0", "ME" + "0" * 31 + "\0"):
            with pytest.raises(NotFoundError):
                await media.temporary_urls(ALICE, [sid])


@pytest.mark.parametrize(
    "url", ["https://files.example/plan.pdf", "HTTPS://f.example/1", "private/salaries.csv"]
)
async def test_a_file_that_lies_elsewhere_has_its_own_url_and_no_signature_of_ours(url: str) -> None:
    record = MediaRecord(sid=media_sid(url), content_type="application/pdf", size=0)
    async with opened(None) as media:
        for _ in range(2):
            await media.adopt([record], {record.sid: url}, "8:acs:r_u")
        assert url == (await media.temporary_urls(ALICE, [record.sid]))[record.sid]


async def test_without_storage_the_missing_setting_is_named() -> None:
    async with opened(None) as media:
        with pytest.raises(ConfigurationError, match="AZURE_STORAGE_CONNECTION_STRING is not set"):
            await media.upload(ALICE, text_file())


@pytest.mark.parametrize(
    "storage",
    [
        "nonsense",
        "AccountName=a",
        "AccountName=a;AccountKey=eA==;BlobEndpoint=http://files.example/a;",
        "BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=sv=1",
    ],
)
async def test_storage_settings_that_cannot_work_are_named(storage: str) -> None:
    async with opened(storage) as media:
        with pytest.raises(ConfigurationError, match="AZURE_STORAGE_CONNECTION_STRING"):
            await media.upload(ALICE, text_file())


async def test_a_wrong_account_key_is_named(storage: str) -> None:
    parts = dict(part.split("=", 1) for part in storage.strip(";").split(";"))
    wrong = ";".join(f"{name}={value}" for name, value in (parts | {"AccountKey": "d3Jvbmc="}).items())
    async with opened(wrong) as media:
        with pytest.raises(ConfigurationError, match="AZURE_STORAGE_CONNECTION_STRING"):
            await media.upload(ALICE, text_file())


async def test_a_refusal_that_will_not_pass_is_the_services_fault() -> None:
    async with StubService(says(501)) as stub:
        storage = f"AccountName=a;AccountKey=eA==;BlobEndpoint={stub.endpoint}/a;"
        async with opened(storage) as media:
            with pytest.raises(ServiceUnavailableError):
                await media.upload(ALICE, text_file())


@pytest.mark.parametrize("answers", [[says_nothing], [says(201), says_nothing]], ids=["container", "blob"])
async def test_a_storage_account_that_says_nothing_is_given_up(answers: list[Answer]) -> None:
    async with StubService(*answers) as stub:
        storage = f"AccountName=a;AccountKey=eA==;BlobEndpoint={stub.endpoint}/a;"
        async with opened(storage, deadline=0.2) as media:
            with pytest.raises(ServiceTimeoutError):
                await media.upload(ALICE, text_file())


async def test_a_fault_of_the_apps_own_stream_reaches_the_app(storage: str) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3 * 2**20
        raise LookupError("the camera was unplugged")

    async with opened(storage) as media:
        with pytest.raises(LookupError, match="unplugged"):
            await media.upload(ALICE, MediaUpload(content=broken(), content_type="x/y"))
        async with media._database.read() as connection:
            assert [] == (await connection.execute(select(schema.media))).all()
