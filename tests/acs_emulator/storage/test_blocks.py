"""Blocks, through azure-storage-blob: they wait, are committed, and replace a blob as a whole."""

from __future__ import annotations

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobClient

from tests.acs_emulator.storage.conftest import identifier, signed


def test_blocks_are_invisible_until_they_are_committed(blob: BlobClient) -> None:
    blob.stage_block(identifier(1), b"one")
    assert not blob.exists()
    blob.stage_block(identifier(2), b"two")
    blob.commit_block_list([BlobBlock(identifier(2)), BlobBlock(identifier(1))])
    assert b"twoone" == blob.download_blob().readall()


def test_the_old_content_stays_until_the_commit(blob: BlobClient) -> None:
    blob.upload_blob(b"old")
    blob.stage_block(identifier(1), b"new")
    assert b"old" == blob.download_blob().readall()


def test_committed_blocks_may_be_used_again(blob: BlobClient) -> None:
    for number, content in enumerate((b"a", b"b", b"c")):
        blob.stage_block(identifier(number), content)
    blob.commit_block_list([BlobBlock(identifier(number)) for number in range(3)])
    blob.stage_block(identifier(1), b"B")
    blob.commit_block_list([BlobBlock(identifier(number)) for number in (2, 1, 0, 0)])
    assert b"cBaa" == blob.download_blob().readall()


def test_lists_tell_committed_from_waiting(blob: BlobClient) -> None:
    blob.stage_block(identifier(1), b"one")
    blob.commit_block_list([BlobBlock(identifier(1))])
    blob.stage_block(identifier(3), b"three")
    blob.stage_block(identifier(2), b"2")
    committed, waiting = blob.get_block_list("all")
    assert [(identifier(1), 3)] == [(each.id, each.size) for each in committed]
    assert {identifier(2): 1, identifier(3): 5} == {each.id: each.size for each in waiting}


def test_blocks_that_are_not_named_are_dropped(blob: BlobClient) -> None:
    blob.stage_block(identifier(1), b"one")
    blob.stage_block(identifier(2), b"two")
    blob.commit_block_list([BlobBlock(identifier(1))])
    assert [] == blob.get_block_list("uncommitted")[1]


def test_a_list_that_names_a_missing_block_changes_nothing(blob: BlobClient) -> None:
    blob.upload_blob(b"old")
    blob.stage_block(identifier(1), b"one")
    with pytest.raises(HttpResponseError) as refused:
        blob.commit_block_list([BlobBlock(identifier(1)), BlobBlock(identifier(9))])
    assert (400, "InvalidBlockList") == (refused.value.status_code, refused.value.error_code)
    assert b"old" == blob.download_blob().readall()
    assert 1 == len(blob.get_block_list("uncommitted")[1])


def test_identifiers_have_the_same_length(blob: BlobClient) -> None:
    blob.stage_block(identifier(1), b"one")
    with pytest.raises(HttpResponseError) as refused:
        blob.stage_block(identifier(1) + identifier(2), b"two")
    assert "InvalidBlobOrBlock" == refused.value.error_code


def test_the_list_of_a_blob_that_is_not_there_is_not_found(blob: BlobClient) -> None:
    with pytest.raises(ResourceNotFoundError):
        blob.get_block_list("all")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "<Blocks/>",
        "<BlockList><Other>AAAA</Other></BlockList>",
        "<?xml version='1.0' encoding='nonsense'?><BlockList/>",
    ],
)
def test_a_list_that_is_no_xml_is_refused(blob: BlobClient, body: str) -> None:
    answer = httpx.put(signed(blob, "w") + "&comp=blocklist", content=body)
    assert (400, "InvalidXmlDocument") == (answer.status_code, answer.headers["x-ms-error-code"])
