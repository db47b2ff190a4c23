"""Whatever arrives, the storage account refuses it in Azure's form, and never fails itself."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

import httpx
import pytest
from azure.storage.blob import BlobServiceClient
from hypothesis import given, settings
from hypothesis import strategies as st

from acs_emulator import Emulator
from tests.acs_emulator.storage.conftest import account_signature

FAILURES = {500, 502, 503}
OPERATIONS = ("", "list", "metadata", "properties", "block", "blocklist", "tags", "lease", "%00")
PARAMETERS = (
    "restype",
    "blockid",
    "blocklisttype",
    "maxresults",
    "marker",
    "prefix",
    "delimiter",
    "include",
    "snapshot",
)
HEADERS = (
    "Content-MD5",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Unmodified-Since",
    "Range",
    "x-ms-blob-content-md5",
    "x-ms-blob-content-type",
    "x-ms-date",
    "x-ms-meta-name",
    "x-ms-meta-",
    "x-ms-range",
    "x-ms-range-get-content-md5",
    "x-ms-version",
)

paths = st.sampled_from(
    ["", "media", "media/one", "media/a%2Fb", "media/%ff%00", "absent/one", "$root", "media//"]
)
values = st.one_of(
    st.sampled_from(
        [
            "container",
            "all",
            "AAAA",
            "0",
            "-1",
            "9" * 5000,
            "true",
            "BlockBlob",
            "*",
            "bytes=0-1",
            "metadata",
            "Sun, 22 Nov 99999999999999999999 08:22:36 GMT",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12),
)


@pytest.fixture(scope="module")
def signed_account() -> Iterator[tuple[httpx.Client, str]]:
    """Yield a client for an account with one blob, and a query that permits everything."""
    with Emulator() as emulator:
        with BlobServiceClient.from_connection_string(emulator.storage_connection_string) as storage:
            storage.create_container("media").upload_blob("one", b"0123456789")
            signature = account_signature(storage)
        with httpx.Client(base_url=f"{emulator.http_endpoint}/devstoreaccount1/") as client:
            yield client, signature


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "OPTIONS"]),
    path=paths,
    operation=st.sampled_from(OPERATIONS),
    parameters=st.dictionaries(st.sampled_from(PARAMETERS), values, max_size=3),
    headers=st.dictionaries(st.sampled_from(HEADERS), values, max_size=4),
    is_blob=st.booleans(),
    body=st.binary(max_size=40),
)
def test_no_request_makes_it_fail(
    signed_account: tuple[httpx.Client, str],
    method: str,
    path: str,
    operation: str,
    parameters: dict[str, str],
    headers: dict[str, str],
    is_blob: bool,
    body: bytes,
) -> None:
    client, signature = signed_account
    query = str(httpx.QueryParams({"comp": operation, **parameters} if operation else parameters))
    sent = {name: value.strip().encode("latin-1") for name, value in headers.items()}
    if is_blob:
        sent["x-ms-blob-type"] = b"BlockBlob"
    answer = client.request(method, f"{path}?{signature}&{query}", headers=sent, content=body)
    assert answer.status_code not in FAILURES
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.headers["x-ms-error-code"] == ElementTree.fromstring(answer.content).findtext("Code")


@pytest.mark.parametrize("header", ["If-Modified-Since", "If-Unmodified-Since"])
def test_a_year_beyond_every_calendar_is_refused(
    signed_account: tuple[httpx.Client, str], header: str
) -> None:
    client, signature = signed_account
    headers = {header: "Sun, 22 Nov 99999999999999999999 08:22:36 GMT"}
    assert 400 == client.get(f"media/one?{signature}", headers=headers).status_code


def test_a_signed_date_beyond_every_calendar_is_refused(signed_account: tuple[httpx.Client, str]) -> None:
    client, _ = signed_account
    date = "Sun, 22 Nov 99999999999999999999 08:22:36 GMT"
    headers = {"Authorization": "SharedKey devstoreaccount1:abc", "x-ms-date": date}
    assert 403 == client.get("media/one", headers=headers).status_code


def test_a_page_size_of_thousands_of_digits_is_refused(signed_account: tuple[httpx.Client, str]) -> None:
    client, signature = signed_account
    query = f"restype=container&comp=list&maxresults={'9' * 5000}&{signature}"
    assert 400 == client.get(f"media?{query}").status_code


@pytest.mark.parametrize(
    "query",
    [
        "sig=a",
        "sig=a&sr=b&sv=2021-12-02&se=x",
        "sig=%ff&ss=b",
        "sr=d&sig=a",
        "sr=b&sv=2010-01-01&sig=a",
        "skoid=a&sig=a",
        "sig",
        "&&=&",
    ],
)
def test_a_broken_signature_is_refused(signed_account: tuple[httpx.Client, str], query: str) -> None:
    client, _ = signed_account
    assert client.get(f"media/one?{query}").status_code in {401, 403}
