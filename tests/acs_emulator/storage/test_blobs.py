"""Blobs and blocks, through azure-storage-blob, sync and async."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import (
    BlobClient,
    BlobType,
    ContainerClient,
    ContentSettings,
)
from azure.storage.blob.aio import BlobServiceClient as AsyncBlobServiceClient

from acs_emulator import Emulator
from tests.acs_emulator.storage.conftest import BLOCK, LONG, signed


class TestContent:
    @pytest.mark.parametrize(
        "content", [b"", b"x", b"hello" * 100, LONG], ids=["none", "one", "short", "blocks"]
    )
    def test_what_is_uploaded_is_downloaded(self, blob: BlobClient, content: bytes) -> None:
        blob.upload_blob(content)
        assert content == blob.download_blob().readall()

    def test_blocks_may_be_uploaded_side_by_side(self, blob: BlobClient) -> None:
        blob.upload_blob(LONG, max_concurrency=4)
        assert LONG == blob.download_blob(max_concurrency=4).readall()

    async def test_the_async_sdk_does_the_same(self) -> None:
        async with (
            Emulator() as emulator,
            AsyncBlobServiceClient.from_connection_string(
                emulator.storage_connection_string, max_single_put_size=BLOCK, max_block_size=BLOCK
            ) as storage,
        ):
            container = await storage.create_container("media")
            async with container.get_blob_client("a b/é+%.txt") as blob:
                await blob.upload_blob(LONG)
                assert LONG == await (await blob.download_blob()).readall()

    def test_a_blob_is_replaced_only_if_asked(self, blob: BlobClient) -> None:
        blob.upload_blob(b"old")
        with pytest.raises(ResourceExistsError) as refused:
            blob.upload_blob(b"new")
        assert "BlobAlreadyExists" == refused.value.error_code
        blob.upload_blob(b"new", overwrite=True)
        assert b"new" == blob.download_blob().readall()

    def test_a_deleted_blob_is_gone(self, blob: BlobClient) -> None:
        blob.upload_blob(b"old")
        blob.delete_blob()
        assert not blob.exists()
        with pytest.raises(ResourceNotFoundError) as missing:
            blob.delete_blob()
        assert "BlobNotFound" == missing.value.error_code

    def test_an_md5_that_does_not_fit_is_refused_and_nothing_is_kept(self, blob: BlobClient) -> None:
        wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        with pytest.raises(HttpResponseError) as refused:
            blob.upload_blob(b"hello", headers={"Content-MD5": wrong})
        assert (400, "Md5Mismatch") == (refused.value.status_code, refused.value.error_code)
        assert not blob.exists()

    def test_the_sdk_may_check_each_block(self, blob: BlobClient) -> None:
        blob.upload_blob(LONG, validate_content="md5")
        assert LONG == blob.download_blob(validate_content="md5").readall()

    def test_only_block_blobs_are_taken(self, blob: BlobClient) -> None:
        with pytest.raises(HttpResponseError) as refused:
            blob.upload_blob(b"x" * 512, blob_type=BlobType.PAGEBLOB)
        assert (501, "NotImplemented") == (refused.value.status_code, refused.value.error_code)

    def test_what_is_not_supported_is_refused_rather_than_ignored(self, blob: BlobClient) -> None:
        with pytest.raises(HttpResponseError, match="the header x-ms-tags"):
            blob.upload_blob(b"x", tags={"a": "b"})
        assert not blob.exists()


class TestRanges:
    @pytest.mark.parametrize(
        ("first", "length"),
        [(0, 1), (3, 5), (BLOCK - 1, 2), (BLOCK, BLOCK), (2, 3 * BLOCK), (len(LONG) - 1, 1)],
    )
    def test_a_range_is_that_part(self, blob: BlobClient, first: int, length: int) -> None:
        blob.upload_blob(LONG)
        assert LONG[first : first + length] == blob.download_blob(offset=first, length=length).readall()

    def test_a_range_that_goes_too_far_ends_with_the_blob(self, blob: BlobClient) -> None:
        blob.upload_blob(b"0123456789")
        assert b"89" == blob.download_blob(offset=8, length=100).readall()

    def test_a_range_outside_is_refused_with_the_size(self, blob: BlobClient) -> None:
        blob.upload_blob(b"0123456789")
        with pytest.raises(HttpResponseError) as refused:
            blob.download_blob(offset=10, length=1)
        assert (416, "InvalidRange") == (refused.value.status_code, refused.value.error_code)
        assert refused.value.response is not None
        assert "bytes */10" == refused.value.response.headers["Content-Range"]


class TestDescription:
    def test_settings_and_metadata_come_back(self, blob: BlobClient) -> None:
        settings = ContentSettings(
            content_type="text/plain; charset=utf-8",
            content_encoding="identity",
            content_language="en",
            content_disposition='attachment; filename="a.txt"',
            cache_control="no-store",
        )
        blob.upload_blob(b"hello", content_settings=settings, metadata={"kind": "test"})
        properties = blob.get_blob_properties()
        expected = dict(settings) | {"content_md5": bytearray(hashlib.md5(b"hello").digest())}
        assert expected == dict(properties.content_settings)
        assert ({"kind": "test"}, 5, "BlockBlob") == (
            properties.metadata,
            properties.size,
            properties.blob_type,
        )

    def test_a_blob_made_of_blocks_keeps_the_md5_it_is_given(self, blob: BlobClient) -> None:
        digest = bytearray(hashlib.md5(LONG).digest())
        blob.upload_blob(LONG, content_settings=ContentSettings(content_md5=digest))
        assert digest == blob.get_blob_properties().content_settings.content_md5

    def test_metadata_is_replaced_as_a_whole(self, blob: BlobClient) -> None:
        blob.upload_blob(b"", metadata={"one": "1", "two": "2"})
        blob.set_blob_metadata({"three": "3"})
        assert {"three": "3"} == blob.get_blob_properties().metadata

    def test_a_metadata_name_must_be_an_identifier(self, blob: BlobClient) -> None:
        with pytest.raises(HttpResponseError) as refused:
            blob.upload_blob(b"", metadata={"not-one": "1"})
        assert "InvalidMetadata" == refused.value.error_code

    def test_metadata_has_a_limit(self, blob: BlobClient) -> None:
        with pytest.raises(HttpResponseError) as refused:
            blob.upload_blob(b"", metadata={"long": "x" * 8190})
        assert "MetadataTooLarge" == refused.value.error_code

    def test_headers_that_are_not_set_are_cleared(self, blob: BlobClient) -> None:
        blob.upload_blob(
            b"", content_settings=ContentSettings(content_type="text/plain", cache_control="no-store")
        )
        blob.set_http_headers(ContentSettings(content_type="image/png"))
        settings = blob.get_blob_properties().content_settings
        assert ("image/png", None) == (settings.content_type, settings.cache_control)

    def test_every_change_gives_a_new_etag_and_keeps_the_time_of_creation(self, blob: BlobClient) -> None:
        blob.upload_blob(b"1")
        first = blob.get_blob_properties()
        tags = {
            first.etag,
            blob.set_blob_metadata({"a": "b"})["etag"],
            blob.upload_blob(b"2", overwrite=True)["etag"],
        }
        assert 3 == len(tags)
        assert first.creation_time == blob.get_blob_properties().creation_time


class TestConditions:
    def test_a_write_with_the_etag_of_now_passes_and_with_an_old_one_does_not(self, blob: BlobClient) -> None:
        old = blob.upload_blob(b"1")["etag"]
        now = blob.upload_blob(b"2", etag=old, match_condition=MatchConditions.IfNotModified, overwrite=True)[
            "etag"
        ]
        with pytest.raises(ResourceModifiedError) as refused:
            blob.upload_blob(b"3", etag=old, match_condition=MatchConditions.IfNotModified, overwrite=True)
        assert (412, "ConditionNotMet") == (refused.value.status_code, refused.value.error_code)
        assert now == blob.get_blob_properties().etag

    def test_a_conditional_write_to_a_blob_that_is_not_there_fails(self, blob: BlobClient) -> None:
        with pytest.raises(HttpResponseError) as refused:
            blob.upload_blob(b"1", etag="0x1", match_condition=MatchConditions.IfNotModified, overwrite=True)
        assert 412 == refused.value.status_code

    def test_a_read_of_what_the_caller_has_is_not_modified(
        self, emulator: Emulator, blob: BlobClient
    ) -> None:
        etag = blob.upload_blob(b"1")["etag"]
        with pytest.raises(HttpResponseError) as same:
            blob.download_blob(etag=etag, match_condition=MatchConditions.IfModified)
        assert 304 == same.value.status_code

    def test_a_read_may_ask_for_a_change_since(self, blob: BlobClient) -> None:
        changed = blob.upload_blob(b"1")["last_modified"]
        assert b"1" == blob.download_blob(if_modified_since=changed - timedelta(seconds=1)).readall()
        with pytest.raises(HttpResponseError) as same:
            blob.download_blob(if_modified_since=changed)
        assert 304 == same.value.status_code

    def test_a_delete_may_ask_for_no_change_since(self, blob: BlobClient) -> None:
        changed = blob.upload_blob(b"1")["last_modified"]
        with pytest.raises(ResourceModifiedError):
            blob.delete_blob(if_unmodified_since=changed - timedelta(seconds=1))
        blob.delete_blob(if_unmodified_since=datetime.now(UTC) + timedelta(seconds=1))


class TestWire:
    """What the SDK never sends."""

    def test_a_body_without_a_length_is_refused(self, blob: BlobClient) -> None:
        headers = {"x-ms-blob-type": "BlockBlob"}
        answer = httpx.put(signed(blob, "w"), content=iter([b"hello"]), headers=headers)
        assert (411, "MissingContentLengthHeader") == (answer.status_code, answer.headers["x-ms-error-code"])

    def test_a_blob_without_a_type_is_refused(self, blob: BlobClient) -> None:
        answer = httpx.put(signed(blob, "w"), content=b"hello")
        assert (400, "MissingRequiredHeader") == (answer.status_code, answer.headers["x-ms-error-code"])

    def test_a_name_no_listing_can_show_is_refused(self, container: ContainerClient) -> None:
        with pytest.raises(HttpResponseError) as refused:
            container.upload_blob("a\x01b", b"")
        assert "InvalidResourceName" == refused.value.error_code

    def test_a_plain_range_header_works_as_in_any_browser(self, blob: BlobClient) -> None:
        blob.upload_blob(b"0123456789")
        answer = httpx.get(signed(blob, "r"), headers={"Range": "bytes=-3"})
        assert (206, b"789", "bytes 7-9/10") == (
            answer.status_code,
            answer.content,
            answer.headers["content-range"],
        )

    def test_an_unknown_operation_is_not_implemented(self, blob: BlobClient) -> None:
        answer = httpx.put(signed(blob, "w") + "&comp=snapshot")
        assert (501, "NotImplemented") == (answer.status_code, answer.headers["x-ms-error-code"])

    def test_an_unknown_method_is_not_allowed(self, blob: BlobClient) -> None:
        answer = httpx.patch(signed(blob, "w"))
        assert (405, "UnsupportedHttpVerb") == (answer.status_code, answer.headers["x-ms-error-code"])

    def test_a_refused_head_has_a_code_and_no_body(self, blob: BlobClient) -> None:
        answer = httpx.head(signed(blob, "r"))
        assert (404, "BlobNotFound", b"") == (
            answer.status_code,
            answer.headers["x-ms-error-code"],
            answer.content,
        )
