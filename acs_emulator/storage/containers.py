"""Containers: create, delete, properties, metadata, and the listing of containers and of the blobs in one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from starlette.responses import Response

from acs_emulator.storage import xml
from acs_emulator.storage.call import Call, metadata_headers, page_size, version_headers
from acs_emulator.storage.conditions import check_write
from acs_emulator.storage.errors import StorageError

_LARGEST_PAGE = 5000
_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*", re.ASCII)
_SHORTEST, _LONGEST = 3, 63


async def create(call: Call) -> Response:
    """Create Container: 201, or ``ContainerAlreadyExists``."""
    if not _SHORTEST <= len(call.container) <= _LONGEST:
        raise StorageError("OutOfRangeInput", f"a container's name has {_SHORTEST} to {_LONGEST} characters")
    if not _NAME.fullmatch(call.container):
        raise StorageError(
            "InvalidResourceName", "lower-case letters, digits and single hyphens between them"
        )
    container = call.account.create_container(call.container, call.metadata)
    return Response(status_code=201, headers=version_headers(container))


async def delete(call: Call) -> Response:
    """Delete Container: 202, with everything in it."""
    check_write(call.headers, call.account.container(call.container))
    call.account.delete_container(call.container)
    return Response(status_code=202)


async def properties(call: Call) -> Response:
    """Get Container Properties, and Get Container Metadata, which is part of it."""
    container = call.account.container(call.container)
    fixed = {
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-has-immutability-policy": "false",
        "x-ms-has-legal-hold": "false",
    }
    return Response(headers={**version_headers(container), **metadata_headers(container.metadata), **fixed})


async def set_metadata(call: Call) -> Response:
    """Set Container Metadata: what was there before is gone."""
    check_write(call.headers, call.account.container(call.container))
    container = call.account.set_container_metadata(call.container, call.metadata)
    return Response(headers=version_headers(container))


async def list_containers(call: Call) -> Response:
    """List Containers, in the order of their names."""
    listing = _page(call, [(each.name, each) for each in call.account.containers()])
    return Response(xml.list_containers(listing), media_type=xml.MEDIA_TYPE)


async def list_blobs(call: Call) -> Response:
    """List Blobs, in the order of their names; with a delimiter, names that share a prefix become one entry."""
    blobs = call.account.container(call.container).blobs
    listing = _page(call, sorted(blobs.items()))
    return Response(xml.list_blobs(listing), media_type=xml.MEDIA_TYPE)


def _page(call: Call, named: Sequence[tuple[str, xml.T]]) -> xml.Listing[xml.T]:
    """Cut a page. The marker is the name the next page begins with."""
    prefix, delimiter, marker = (call.query.get(name, "") for name in ("prefix", "delimiter", "marker"))
    size = page_size(call.query, _LARGEST_PAGE)
    entries = _group(((name, item) for name, item in named if name.startswith(prefix)), prefix, delimiter)
    left = [(name, item) for name, item in entries if name >= marker]
    return xml.Listing(
        endpoint=str(call.request.base_url),
        container=call.container,
        prefix=prefix,
        delimiter=delimiter,
        marker=marker,
        page_size=size,
        items=[item for _, item in left[:size] if item is not None],
        prefixes=[name for name, item in left[:size] if item is None],
        next_marker=left[size][0] if len(left) > size else "",
        with_metadata="metadata" in call.query.get("include", "").split(","),
    )


def _group(named: Iterable[tuple[str, xml.T]], prefix: str, delimiter: str) -> list[tuple[str, xml.T | None]]:
    """Replace the names that go on after a *delimiter* by what comes before, once each, with None for the item."""
    entries: dict[str, xml.T | None] = {}
    for name, item in named:
        head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        if found:
            entries[prefix + head + found] = None
        else:
            entries[name] = item
    return list(entries.items())
