"""Blobs: put, get with ranges, properties, metadata, headers, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from acs_emulator.storage import sas
from acs_emulator.storage.call import (
    Call,
    check_md5,
    check_name,
    metadata_headers,
    receive_body,
    version_headers,
)
from acs_emulator.storage.conditions import check_read, check_write
from acs_emulator.storage.errors import StorageError
from acs_emulator.storage.files import Files, md5_of
from acs_emulator.storage.ranges import ByteRange, resolve
from acs_emulator.storage.records import Blob, Settings
from acs_emulator.storage.xml import http_date

LARGEST_PUT = 5000 * 1024 * 1024
"""Most bytes of one Put Blob (Azure documents 5000 MiB)."""
_LARGEST_RANGE_WITH_MD5 = 4 * 1024 * 1024


async def put(call: Call) -> Response:
    """Put Blob: make or replace a block blob from one body; 201."""
    check_may_write(call)
    if call.headers.get("x-ms-blob-type") is None:
        raise StorageError("MissingRequiredHeader", "x-ms-blob-type")
    if call.headers["x-ms-blob-type"] != "BlockBlob":
        raise StorageError("NotImplemented", "the emulator has block blobs only")
    metadata = call.metadata
    with call.account.files.receive() as incoming:
        await receive_body(call, incoming, LARGEST_PUT)
        check_md5(call.headers.get("x-ms-blob-content-md5"), incoming.md5)
        check_may_write(call)
        settings = settings_of(call.headers, incoming.md5, fallback=call.headers.get("content-type"))
        blob = call.account.put_blob(call.container, call.blob, [incoming.segment], settings, metadata)
        incoming.keep()
    return Response(status_code=201, headers={**_written(blob), "content-md5": blob.settings.content_md5})


async def get(call: Call) -> Response:
    """Get Blob: 200 with all of it or 206 with a range; 304, 412 and 416 as the headers demand."""
    blob = call.account.blob(call.container, call.blob)
    check_read(call.headers, blob)
    asked = call.headers.get("x-ms-range") or call.headers.get("range")
    part = resolve(asked, blob.size)
    headers = _description(blob) | sas.response_headers(call.query)
    if part is None:
        return _Content(call.account.files, blob, ByteRange(0, blob.size - 1), status=200, headers=headers)
    headers["x-ms-blob-content-md5"] = headers.pop("content-md5", "")
    headers["content-range"] = part.content_range(blob.size)
    if call.headers.get("x-ms-range-get-content-md5") == "true":
        headers["content-md5"] = _range_md5(call.account.files, blob, part)
    return _Content(call.account.files, blob, part, status=206, headers=_present(headers))


async def properties(call: Call) -> Response:
    """Get Blob Properties: the headers of Get Blob, without a body."""
    blob = call.account.blob(call.container, call.blob)
    check_read(call.headers, blob)
    return Response(
        headers={**_description(blob), "content-length": str(blob.size)} | sas.response_headers(call.query)
    )


async def set_properties(call: Call) -> Response:
    """Set Blob Properties: headers that are not sent are cleared."""
    blob = _writable(call)
    settings = settings_of(call.headers, call.headers.get("x-ms-blob-content-md5", ""))
    return Response(headers=version_headers(call.account.change_blob(blob, settings=settings)))


async def get_metadata(call: Call) -> Response:
    """Get Blob Metadata."""
    blob = call.account.blob(call.container, call.blob)
    check_read(call.headers, blob)
    return Response(headers={**version_headers(blob), **metadata_headers(blob.metadata)})


async def set_metadata(call: Call) -> Response:
    """Set Blob Metadata: what was there before is gone."""
    changed = call.account.change_blob(_writable(call), metadata=call.metadata)
    return Response(headers=_written(changed))


async def delete(call: Call) -> Response:
    """Delete Blob: 202."""
    call.account.delete_blob(_writable(call))
    return Response(status_code=202, headers={"x-ms-delete-type-permanent": "true"})


def check_may_write(call: Call) -> None:
    """Let a write of the whole blob pass: the name is valid, the conditions hold, and ``c`` alone replaces nothing."""
    check_name(call.blob)
    current = call.account.find_blob(call.container, call.blob)
    check_write(call.headers, current)
    if current is not None and "w" not in call.granted:
        raise StorageError("AuthorizationPermissionMismatch", "the blob exists, and replacing it needs w")


def settings_of(headers: Mapping[str, str], md5: str, fallback: str | None = None) -> Settings:
    """Read the ``x-ms-blob-*`` headers a blob will be served with."""
    default = Settings()
    return Settings(
        content_type=headers.get("x-ms-blob-content-type") or fallback or default.content_type,
        content_encoding=headers.get("x-ms-blob-content-encoding", ""),
        content_language=headers.get("x-ms-blob-content-language", ""),
        content_disposition=headers.get("x-ms-blob-content-disposition", ""),
        cache_control=headers.get("x-ms-blob-cache-control", ""),
        content_md5=md5,
    )


def written_response(blob: Blob) -> Response:
    """Answer a write: 201."""
    return Response(status_code=201, headers=_written(blob))


class _Content(Response):
    """Streams a part of a blob, holding its files meanwhile."""

    def __init__(
        self, files: Files, blob: Blob, part: ByteRange, *, status: int, headers: dict[str, str]
    ) -> None:
        super().__init__(status_code=status, headers={**headers, "content-length": str(part.length)})
        self._files = files
        self._blob = blob
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._files.hold(self._blob.segments)
        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            for piece in self._files.read(self._blob.segments, self._part):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._files.release(self._blob.segments)


def _writable(call: Call) -> Blob:
    blob = call.account.blob(call.container, call.blob)
    check_write(call.headers, blob)
    return blob


def _written(blob: Blob) -> dict[str, str]:
    return {**version_headers(blob), "x-ms-request-server-encrypted": "true"}


def _description(blob: Blob) -> dict[str, str]:
    served = {name.replace("_", "-"): value for name, value in asdict(blob.settings).items()}
    return {
        **version_headers(blob),
        **metadata_headers(blob.metadata),
        **_present(served),
        "accept-ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": http_date(blob.created),
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "true",
    }


def _present(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if value}


def _range_md5(files: Files, blob: Blob, part: ByteRange) -> str:
    if part.length > _LARGEST_RANGE_WITH_MD5:
        raise StorageError("OutOfRangeInput", "an MD5 is given for ranges of at most 4 MiB")
    return md5_of(b"".join(files.read(blob.segments, part)))
