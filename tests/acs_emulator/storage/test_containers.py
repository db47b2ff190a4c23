"""Containers and listings, through azure-storage-blob."""

from __future__ import annotations

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobPrefix, BlobServiceClient, ContainerClient

from tests.acs_emulator.storage.conftest import signed


def test_a_container_is_created_once(storage: BlobServiceClient) -> None:
    storage.create_container("media")
    with pytest.raises(ResourceExistsError) as refused:
        storage.create_container("media")
    assert (409, "ContainerAlreadyExists") == (refused.value.status_code, refused.value.error_code)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("me", "OutOfRangeInput"),
        ("m" * 64, "OutOfRangeInput"),
        ("Media", "InvalidResourceName"),
        ("two--hyphens", "InvalidResourceName"),
        ("-media", "InvalidResourceName"),
        ("m_dia", "InvalidResourceName"),
    ],
)
def test_a_containers_name_must_be_valid(storage: BlobServiceClient, name: str, code: str) -> None:
    with pytest.raises(HttpResponseError) as refused:
        storage.create_container(name)
    assert (400, code) == (refused.value.status_code, refused.value.error_code)


def test_properties_have_the_metadata(storage: BlobServiceClient) -> None:
    container = storage.create_container("media", metadata={"owner": "alice", "a_b": "1"})
    properties = container.get_container_properties()
    assert {"owner": "alice", "a_b": "1"} == properties.metadata
    assert ("media", False) == (properties.name, properties.has_legal_hold)


def test_setting_metadata_replaces_it_and_changes_the_etag(container: ContainerClient) -> None:
    before = container.get_container_properties()
    container.set_container_metadata({"owner": "bob"})
    after = container.get_container_properties()
    assert {"owner": "bob"} == after.metadata
    assert before.etag != after.etag


def test_a_deleted_container_is_gone_with_its_blobs(
    storage: BlobServiceClient, container: ContainerClient
) -> None:
    container.upload_blob("one", b"1")
    container.delete_container()
    with pytest.raises(ResourceNotFoundError) as missing:
        container.get_container_properties()
    assert "ContainerNotFound" == missing.value.error_code
    storage.create_container("media")
    assert [] == list(container.list_blob_names())


def test_a_blob_in_no_container_is_not_found(storage: BlobServiceClient) -> None:
    with pytest.raises(ResourceNotFoundError) as missing:
        storage.get_blob_client("nowhere", "one").upload_blob(b"1")
    assert "ContainerNotFound" == missing.value.error_code


def test_containers_are_listed_by_name_in_pages(storage: BlobServiceClient) -> None:
    for name in ("ccc", "aaa", "bbb"):
        storage.create_container(name)
    pages = storage.list_containers(results_per_page=2).by_page()
    assert [["aaa", "bbb"], ["ccc"]] == [[each.name for each in page] for page in pages]


def test_containers_are_listed_by_prefix_with_their_metadata(storage: BlobServiceClient) -> None:
    storage.create_container("media", metadata={"owner": "alice"})
    storage.create_container("other")
    listed = storage.list_containers(name_starts_with="me", include_metadata=True)
    assert [("media", {"owner": "alice"})] == [(each.name, each.metadata) for each in listed]


def test_blobs_are_listed_by_name_in_pages(container: ContainerClient) -> None:
    for name in ("c", "a", "é", "b b", "d&<>"):
        container.upload_blob(name, b"")
    pages = container.list_blobs(results_per_page=2).by_page()
    assert [["a", "b b"], ["c", "d&<>"], ["é"]] == [[each.name for each in page] for page in pages]


def test_a_listed_blob_has_its_properties(container: ContainerClient) -> None:
    container.upload_blob("one", b"12345", metadata={"kind": "test"})
    (listed,) = container.list_blobs(include=["metadata"])
    seen = (listed.size, listed.metadata, listed.blob_type, listed.content_settings.content_type)
    assert (5, {"kind": "test"}, "BlockBlob", "application/octet-stream") == seen
    assert container.get_blob_client("one").get_blob_properties().etag.strip('"') == listed.etag


def test_names_that_go_on_after_a_delimiter_become_one_entry(container: ContainerClient) -> None:
    for name in ("a/1", "a/2", "b", "c/d/3"):
        container.upload_blob(name, b"")
    entries = {each.name: isinstance(each, BlobPrefix) for each in container.walk_blobs()}
    assert {"a/": True, "b": False, "c/": True} == entries
    assert ["a/1", "a/2"] == [each.name for each in container.walk_blobs(name_starts_with="a/")]


def test_pages_with_a_delimiter_neither_repeat_nor_skip(container: ContainerClient) -> None:
    for name in ("a/1", "a/2", "b", "c/1", "c/2", "d"):
        container.upload_blob(name, b"")
    pages = container.walk_blobs(results_per_page=1).by_page()
    assert ["a/", "b", "c/", "d"] == [each.name for page in pages for each in page]


@pytest.mark.parametrize(
    ("size", "code"),
    [("0", "OutOfRangeInput"), ("-1", "OutOfRangeInput"), ("many", "InvalidQueryParameterValue")],
)
def test_a_page_has_a_size(container: ContainerClient, size: str, code: str) -> None:
    answer = httpx.get(signed(container, "l") + f"&comp=list&maxresults={size}")
    assert (400, code) == (answer.status_code, answer.headers["x-ms-error-code"])
