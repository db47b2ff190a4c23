"""Who gets in: shared keys and shared access signatures made by azure-storage-blob, and forgeries."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage.blob import (
    BlobClient,
    BlobServiceClient,
    ContainerClient,
    ResourceTypes,
    Services,
)
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator import Emulator, Options
from acs_emulator.storage.shared_key import header_order
from tests.acs_emulator.storage.conftest import account_signature, signed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def blob(container: ContainerClient) -> BlobClient:
    """Return a client for a blob with a name that needs encoding."""
    client = container.get_blob_client("folder/é +%&?.txt")
    client.upload_blob(b"hello")
    return client


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and code of a refusal, whose XML has the same code."""
    assert answer.headers["x-ms-error-code"] == ElementTree.fromstring(answer.content).findtext("Code")
    return answer.status_code, answer.headers["x-ms-error-code"]


class TestSharedKey:
    def test_a_wrong_key_is_refused(self, emulator: Emulator) -> None:
        wrong = base64.b64encode(b"wrong" * 10).decode()
        endpoint = f"{emulator.http_endpoint}/devstoreaccount1"
        with BlobServiceClient(
            endpoint, credential={"account_name": "devstoreaccount1", "account_key": wrong}
        ) as storage:
            with pytest.raises(ClientAuthenticationError) as refusal:
                storage.create_container("media")
        assert (403, "AuthenticationFailed") == (refusal.value.status_code, refusal.value.error_code)

    def test_a_request_without_credentials_is_refused(self, blob: BlobClient) -> None:
        assert (401, "NoAuthenticationInformation") == refused(httpx.get(blob.url))

    @pytest.mark.parametrize("header", ["Bearer token", "SharedKeyLite devstoreaccount1:abc"])
    def test_other_schemes_are_refused(self, blob: BlobClient, header: str) -> None:
        answer = httpx.get(blob.url, headers={"Authorization": header})
        assert (401, "InvalidAuthenticationInfo") == refused(answer)

    @pytest.mark.parametrize(
        "header",
        ["SharedKey", "SharedKey other:abc", "SharedKey devstoreaccount1:é", "SharedKey devstoreaccount1:"],
    )
    def test_a_broken_header_is_refused(self, blob: BlobClient, header: str) -> None:
        date = {"x-ms-date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")}
        answer = httpx.get(blob.url, headers={"Authorization": header.encode(), **date})
        assert (403, "AuthenticationFailed") == refused(answer)

    @pytest.mark.parametrize(
        "date", ["", "yesterday", "Sun, 22 Nov 2020 08:22:36 GMT", "Sun, 22 Nov 2020 08:22:36"]
    )
    def test_a_request_of_another_time_is_refused(self, blob: BlobClient, date: str) -> None:
        headers = {"Authorization": "SharedKey devstoreaccount1:abc", "x-ms-date": date}
        assert (403, "AuthenticationFailed") == refused(httpx.get(blob.url, headers=headers))

    def test_the_accounts_key_is_its_own(self) -> None:
        keys = set()
        for access_key in ("b25l", "dHdv", "b25l"):
            with Emulator(Options(access_key=access_key)) as emulator:
                keys.add(emulator.storage_connection_string.split(";")[2])
        assert 2 == len(keys)

    def test_metadata_with_awkward_names_is_signed_as_azure_sorts_it(
        self, container: ContainerClient
    ) -> None:
        metadata = dict.fromkeys(("a", "a_b", "ab", "a1", "_a", "b_2", "b2", "b__"), "1")
        container.upload_blob("one", b"", metadata=metadata)
        assert metadata == container.get_blob_client("one").get_blob_properties().metadata

    @given(st.lists(st.text("abz09_-", min_size=1), unique=True))
    def test_headers_are_sorted_as_the_sdk_sorts_them(self, names: list[str]) -> None:
        from azure.storage.blob._shared.authentication import _storage_header_sort

        expected = [name for name, _ in _storage_header_sort([(name, "") for name in names])]
        assert expected == sorted(names, key=header_order)


class TestServiceSignatures:
    def test_a_blobs_signature_reads_that_blob(self, blob: BlobClient) -> None:
        assert b"hello" == httpx.get(signed(blob, "r")).content

    def test_a_blobs_signature_reads_no_other(self, blob: BlobClient, container: ContainerClient) -> None:
        container.upload_blob("other", b"")
        query = signed(blob, "r").partition("?")[2]
        other = container.get_blob_client("other").url
        assert (403, "AuthenticationFailed") == refused(httpx.get(f"{other}?{query}"))

    def test_a_containers_signature_reads_its_blobs_and_lists_them(
        self, blob: BlobClient, container: ContainerClient
    ) -> None:
        query = signed(container, "rl").partition("&")[2]
        assert b"hello" == httpx.get(f"{blob.url}?{query}").content
        with ContainerClient.from_container_url(f"{container.url}?{query}") as client:
            assert [blob.blob_name] == list(client.list_blob_names())

    def test_the_sdk_works_with_a_signed_url(self, blob: BlobClient) -> None:
        with BlobClient.from_blob_url(signed(blob, "rwd")) as client:
            client.upload_blob(b"new", overwrite=True)
            assert b"new" == client.download_blob().readall()
            client.delete_blob()

    @pytest.mark.parametrize("permission", ["w", "d", "l", "c"])
    def test_what_is_not_permitted_is_refused(self, blob: BlobClient, permission: str) -> None:
        assert (403, "AuthorizationPermissionMismatch") == refused(httpx.get(signed(blob, permission)))

    def test_a_permission_to_create_does_not_replace(
        self, blob: BlobClient, container: ContainerClient
    ) -> None:
        headers = {"x-ms-blob-type": "BlockBlob"}
        assert 403 == httpx.put(signed(blob, "c"), content=b"new", headers=headers).status_code
        fresh = signed(container.get_blob_client("fresh"), "c")
        assert 201 == httpx.put(fresh, content=b"new", headers=headers).status_code

    def test_a_containers_signature_does_not_change_the_container(self, container: ContainerClient) -> None:
        answer = httpx.delete(signed(container, "rwdlc"))
        assert (403, "AuthorizationResourceTypeMismatch") == refused(answer)

    @pytest.mark.parametrize(
        "settings",
        [
            {"expiry": datetime.now(UTC) - timedelta(seconds=1)},
            {"start": datetime.now(UTC) + timedelta(hours=1)},
            {"expiry": "never"},
            {"expiry": None, "policy_id": "policy"},
        ],
        ids=["expired", "not yet", "no time", "policy"],
    )
    def test_outside_its_time_it_is_refused(self, blob: BlobClient, settings: dict[str, object]) -> None:
        assert (403, "AuthenticationFailed") == refused(httpx.get(signed(blob, "r", **settings)))

    def test_it_expires_by_the_emulators_clock(self) -> None:
        times = [NOW]
        with Emulator(clock=lambda: times[0]) as emulator:
            endpoint = f"{emulator.http_endpoint}/devstoreaccount1"
            account_key = emulator.storage_connection_string.split(";")[2].partition("=")[2]
            credential = {"account_name": "devstoreaccount1", "account_key": account_key}
            with BlobClient(endpoint, "media", "one", credential=credential) as blob:
                url = signed(blob, "r", expiry=NOW + timedelta(minutes=5))
                assert (404, "ContainerNotFound") == refused(httpx.get(url))
                times[0] = NOW + timedelta(minutes=5)
                assert (403, "AuthenticationFailed") == refused(httpx.get(url))

    @pytest.mark.parametrize(
        "change",
        [
            lambda url: url.replace("sp=r", "sp=rw"),
            lambda url: url.replace("se=20", "se=21"),
            lambda url: url.replace("sig=", "sig=A"),
            lambda url: url.partition("&sig=")[0] + "&sig=",
            lambda url: url.replace("sr=b", "sr=c"),
        ],
    )
    def test_a_changed_signature_is_refused(self, blob: BlobClient, change: Callable[[str], str]) -> None:
        url = change(signed(blob, "r"))
        assert url != signed(blob, "r")
        assert (403, "AuthenticationFailed") == refused(httpx.get(url))

    def test_it_may_be_for_https_only(self, emulator: Emulator, blob: BlobClient) -> None:
        url = signed(blob, "r", protocol="https")
        assert (403, "AuthorizationProtocolMismatch") == refused(httpx.get(url))
        secure = httpx.get(url.replace("http:", "https:"), verify=_trusting(emulator))
        assert b"hello" == secure.content

    @pytest.mark.parametrize(
        ("address", "status"),
        [("127.0.0.1", 200), ("127.0.0.0-127.0.0.9", 200), ("192.0.2.1", 403), ("127.0.0.2-127.0.0.9", 403)],
    )
    def test_it_may_be_for_some_addresses(self, blob: BlobClient, address: str, status: int) -> None:
        assert status == httpx.get(signed(blob, "r", ip=address)).status_code

    def test_it_sets_response_headers(self, blob: BlobClient) -> None:
        url = signed(blob, "r", content_disposition='attachment; filename="é.txt"', content_type="text/plain")
        answer = httpx.get(url)
        assert "text/plain" == answer.headers["content-type"]
        assert 'attachment; filename="é.txt"'.encode() == dict(answer.headers.raw)[b"content-disposition"]

    def test_a_response_header_with_a_line_break_is_refused(self, blob: BlobClient) -> None:
        answer = httpx.get(signed(blob, "r", content_type="text/plain\r\nSet-Cookie: a=b"))
        assert (400, "InvalidQueryParameterValue") == refused(answer)


class TestAccountSignatures:
    def test_it_may_do_what_it_says(self, storage: BlobServiceClient, blob: BlobClient) -> None:
        with BlobServiceClient(storage.url, credential=account_signature(storage)) as client:
            client.create_container("other").upload_blob("one", b"1")
            assert ["media", "other"] == [each.name for each in client.list_containers()]
            client.delete_container("other")

    def test_it_does_not_cover_response_headers_and_so_sets_none(
        self, storage: BlobServiceClient, blob: BlobClient
    ) -> None:
        answer = httpx.get(f"{blob.url}?{account_signature(storage)}&rsct=text/html")
        assert (200, "application/octet-stream") == (answer.status_code, answer.headers["content-type"])

    @pytest.mark.parametrize(
        ("settings", "code"),
        [
            ({"services": Services(queue=True)}, "AuthorizationServiceMismatch"),
            ({"resource_types": ResourceTypes(service=True)}, "AuthorizationResourceTypeMismatch"),
            ({"permission": "rl"}, "AuthorizationPermissionMismatch"),
            ({"expiry": NOW - timedelta(days=3650)}, "AuthenticationFailed"),
        ],
    )
    def test_and_nothing_else(
        self, storage: BlobServiceClient, settings: dict[str, object], code: str
    ) -> None:
        with BlobServiceClient(storage.url, credential=account_signature(storage, **settings)) as client:
            with pytest.raises(HttpResponseError) as refusal:
                client.create_container("other")
        assert (403, code) == (refusal.value.status_code, refusal.value.error_code)


def _trusting(emulator: Emulator) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=emulator.ca_file)
