"""The XML documents of the Blob service: errors, listings and block lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import Generic, TypeVar
from xml.etree import ElementTree

from acs_emulator.storage.errors import StorageError
from acs_emulator.storage.files import Segment
from acs_emulator.storage.records import Blob, Container

T = TypeVar("T")

MEDIA_TYPE = "application/xml"


class BlockSource(StrEnum):
    """Where a block list takes a block from; named as its XML elements."""

    COMMITTED = "Committed"
    UNCOMMITTED = "Uncommitted"
    LATEST = "Latest"


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """One page of a listing, with what was asked."""

    endpoint: str
    container: str
    prefix: str
    delimiter: str
    marker: str
    page_size: int
    items: Sequence[T]
    prefixes: Sequence[str]
    next_marker: str
    with_metadata: bool


def http_date(moment: datetime) -> str:
    """Return *moment*, in UTC, as HTTP writes it."""
    return format_datetime(moment, usegmt=True)


def error(code: str, message: str, detail: str) -> bytes:
    """Write an error down; *message* has the request id and time, *detail* may be empty."""
    root = ElementTree.Element("Error")
    _add(root, "Code", code)
    _add(root, "Message", message)
    if detail:
        _add(root, "AuthenticationErrorDetail" if code == "AuthenticationFailed" else "Detail", detail)
    return _document(root)


def parse_block_list(body: bytes) -> list[tuple[BlockSource, str]]:
    """Read the block list of Put Block List; raises ``InvalidXmlDocument``."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - expat itself bounds entity expansion
        if root.tag != "BlockList":
            raise StorageError("InvalidXmlDocument", f"the root is {root.tag}, not BlockList")
        return [(BlockSource(element.tag), (element.text or "").strip()) for element in root]
    except (ElementTree.ParseError, ValueError, LookupError) as problem:  # Lookup: an unknown encoding
        raise StorageError("InvalidXmlDocument", str(problem)) from None


def block_list(committed: Iterable[Segment] | None, uncommitted: Iterable[Segment] | None) -> bytes:
    """Write the lists down; None leaves one out."""
    root = ElementTree.Element("BlockList")
    for tag, segments in (("CommittedBlocks", committed), ("UncommittedBlocks", uncommitted)):
        if segments is None:
            continue
        blocks = _add(root, tag)
        for segment in segments:
            block = _add(blocks, "Block")
            _add(block, "Name", segment.block or "")
            _add(block, "Size", str(segment.size))
    return _document(root)


def list_blobs(listing: Listing[Blob]) -> bytes:
    """Write a page of blobs down."""
    root = _listing(listing)
    root.set("ContainerName", listing.container)
    blobs = _add(root, "Blobs")
    for blob in listing.items:
        element = _add(blobs, "Blob")
        _add(element, "Name", blob.name)
        _add_all(_add(element, "Properties"), _blob_properties(blob))
        if listing.with_metadata:
            _add_all(_add(element, "Metadata"), blob.metadata)
    for prefix in listing.prefixes:
        _add(_add(blobs, "BlobPrefix"), "Name", prefix)
    _add(root, "NextMarker", listing.next_marker)
    return _document(root)


def list_containers(listing: Listing[Container]) -> bytes:
    """Write a page of containers down."""
    root = _listing(listing)
    containers = _add(root, "Containers")
    for container in listing.items:
        element = _add(containers, "Container")
        _add(element, "Name", container.name)
        properties = {"Last-Modified": http_date(container.last_modified), "Etag": f'"{container.etag}"'}
        _add_all(_add(element, "Properties"), properties)
        if listing.with_metadata:
            _add_all(_add(element, "Metadata"), container.metadata)
    _add(root, "NextMarker", listing.next_marker)
    return _document(root)


def _listing(listing: Listing[Blob] | Listing[Container]) -> ElementTree.Element:
    root = ElementTree.Element("EnumerationResults", ServiceEndpoint=listing.endpoint)
    asked = {"Prefix": listing.prefix, "Marker": listing.marker, "Delimiter": listing.delimiter}
    _add_all(root, {name: value for name, value in asked.items() if value})
    _add(root, "MaxResults", str(listing.page_size))
    return root


def _blob_properties(blob: Blob) -> dict[str, str]:
    return {
        "Creation-Time": http_date(blob.created),
        "Last-Modified": http_date(blob.last_modified),
        "Etag": blob.etag,
        "Content-Length": str(blob.size),
        "Content-Type": blob.settings.content_type,
        "Content-Encoding": blob.settings.content_encoding,
        "Content-Language": blob.settings.content_language,
        "Content-MD5": blob.settings.content_md5,
        "Content-Disposition": blob.settings.content_disposition,
        "Cache-Control": blob.settings.cache_control,
        "BlobType": "BlockBlob",
    }


def _add(parent: ElementTree.Element, tag: str, text: str = "") -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag)
    element.text = text
    return element


def _add_all(parent: ElementTree.Element, values: Mapping[str, str]) -> None:
    for tag, text in values.items():
        _add(parent, tag, text)


def _document(root: ElementTree.Element) -> bytes:
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document
