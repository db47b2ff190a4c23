"""One request to the storage account, and the reading and writing of headers that its handlers share."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from acs_emulator.storage.account import Account
from acs_emulator.storage.errors import StorageError
from acs_emulator.storage.files import Incoming
from acs_emulator.storage.records import Blob, Container
from acs_emulator.storage.xml import http_date

_METADATA_PREFIX = "x-ms-meta-"
_IDENTIFIER = re.compile(r"[^\W\d]\w*", re.ASCII)
_METADATA_LIMIT = 8 * 1024
_MD5_SIZE = 16
_MOST_DIGITS = 19
_LONGEST_NAME = 1024
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Call:
    """An authorised request about the account, a *container*, or a *blob* in one; names may be empty."""

    request: Request
    account: Account
    container: str
    blob: str
    query: Mapping[str, str]
    granted: frozenset[str]
    """Permissions of the caller, as letters of a shared access signature."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers, found in any case."""
        return self.request.headers

    @property
    def metadata(self) -> dict[str, str]:
        """The ``x-ms-meta-*`` headers, without that prefix and in lower case; raises ``InvalidMetadata``."""
        found = {
            name.removeprefix(_METADATA_PREFIX): value
            for name, value in self.headers.items()
            if name.startswith(_METADATA_PREFIX)
        }
        for name in found:
            if not _IDENTIFIER.fullmatch(name):
                raise StorageError("InvalidMetadata", f"{name!r} is not an identifier")
        if sum(len(name) + len(value) for name, value in found.items()) > _METADATA_LIMIT:
            raise StorageError("MetadataTooLarge")
        return found


def check_name(blob: str) -> None:
    """Let the name of a new blob pass; raises ``OutOfRangeInput`` or ``InvalidResourceName``."""
    if not 1 <= len(blob) <= _LONGEST_NAME:
        raise StorageError("OutOfRangeInput", f"a blob's name has 1 to {_LONGEST_NAME} characters")
    if _NOT_IN_XML.search(blob):
        raise StorageError("InvalidResourceName", "the name has characters that no listing can show")


async def receive_body(call: Call, incoming: Incoming, limit: int) -> None:
    """Write the body to *incoming* as it arrives, and check it against ``Content-MD5`` where that was sent."""
    length = call.headers.get("content-length")
    if length is None:
        raise StorageError("MissingContentLengthHeader")
    if int(length) > limit:
        raise StorageError("RequestBodyTooLarge", f"at most {limit} bytes")
    async for chunk in call.request.stream():
        incoming.write(chunk)
    check_md5(call.headers.get("content-md5"), incoming.md5)


def check_md5(expected: str | None, actual: str) -> None:
    """Raise ``Md5Mismatch`` or ``InvalidMd5`` unless *expected* is None or *actual*, both as Base64."""
    if expected is None:
        return
    if len(decode_base64(expected, code="InvalidMd5")) != _MD5_SIZE:
        raise StorageError("InvalidMd5")
    if expected != actual:
        raise StorageError("Md5Mismatch", f"the bytes received have {actual}")


def decode_base64(text: str, *, code: str) -> bytes:
    """Decode strictly; raises a `StorageError` with *code*."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise StorageError(code, f"{text!r} is not Base64") from None


def version_headers(resource: Blob | Container) -> dict[str, str]:
    """Return ETag and Last-Modified."""
    return {"etag": f'"{resource.etag}"', "last-modified": http_date(resource.last_modified)}


def metadata_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata as headers."""
    return {_METADATA_PREFIX + name: value for name, value in metadata.items()}


def page_size(query: Mapping[str, str], largest: int) -> int:
    """Return ``maxresults``, at most *largest*; raises ``OutOfRangeInput`` or ``InvalidQueryParameterValue``."""
    text = query.get("maxresults", str(largest))
    if not text.removeprefix("-").isdecimal() or len(text) > _MOST_DIGITS:
        raise StorageError("InvalidQueryParameterValue", f"maxresults is not a number: {text!r}")
    if int(text) < 1:
        raise StorageError("OutOfRangeInput", "maxresults must be at least 1")
    return min(int(text), largest)
