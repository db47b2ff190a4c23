"""A storage account to test with, and the official SDK's clients for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import (
    BlobClient,
    BlobServiceClient,
    ContainerClient,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

from acs_emulator import Emulator

BLOCK = 64 * 1024
"""Uploads above this many bytes go in blocks of as many."""

LONG = random.Random(1).randbytes(5 * BLOCK + 17)
"""Bytes that go in several blocks."""


@pytest.fixture
def storage(emulator: Emulator) -> Iterator[BlobServiceClient]:
    """Yield a client with the account's key that does not try again."""
    with BlobServiceClient.from_connection_string(
        emulator.storage_connection_string,
        max_single_put_size=BLOCK,
        max_block_size=BLOCK,
        max_single_get_size=BLOCK,
        max_chunk_get_size=BLOCK,
        retry_total=0,
    ) as client:
        yield client


@pytest.fixture
def container(storage: BlobServiceClient) -> ContainerClient:
    """Return a client for a fresh container."""
    return storage.create_container("media")


@pytest.fixture
def blob(container: ContainerClient) -> BlobClient:
    """Return a client for a blob that does not exist yet."""
    return container.get_blob_client("folder/name with spaces é+%.txt")


def identifier(number: int) -> str:
    """Return the number as an identifier of a block, which the SDK encodes for the wire."""
    return f"{number:04}"


def signed(client: BlobClient | ContainerClient, permission: str, **settings: object) -> str:
    """Return the URL of a blob or container with a signature that lasts an hour; *settings* add to or replace it."""
    within = {"permission": permission, "expiry": datetime.now(UTC) + timedelta(hours=1), **settings}
    key = {"account_name": client.account_name, "account_key": client.credential.account_key}
    if isinstance(client, BlobClient):
        return f"{client.url}?{generate_blob_sas(container_name=client.container_name, blob_name=client.blob_name, **key, **within)}"
    return f"{client.url}?restype=container&{generate_container_sas(container_name=client.container_name, **key, **within)}"


def account_signature(storage: BlobServiceClient, **settings: object) -> str:
    """Return an account's signature; by default one that may do all for an hour."""
    return generate_account_sas(
        **{
            "account_name": storage.account_name,
            "account_key": storage.credential.account_key,
            "resource_types": ResourceTypes(service=True, container=True, object=True),
            "permission": "rwdlc",
            "expiry": datetime.now(UTC) + timedelta(hours=1),
            **settings,
        }
    )
