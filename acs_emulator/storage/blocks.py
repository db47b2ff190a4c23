"""Blocks: put one, commit a list of them, list them.

A block waits, invisible, until a block list names it. Committing replaces the blob as a whole: the list says which
blocks it now consists of, in order, taken from the blob as it was, from those waiting, or from whichever is newer.
Blocks that wait and are not named are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from acs_emulator.storage import xml
from acs_emulator.storage.blobs import check_may_write, settings_of, written_response
from acs_emulator.storage.call import (
    Call,
    check_md5,
    check_name,
    decode_base64,
    receive_body,
    version_headers,
)
from acs_emulator.storage.errors import StorageError
from acs_emulator.storage.files import Segment, md5_of
from acs_emulator.storage.xml import BlockSource

LARGEST_BLOCK = 4000 * 1024 * 1024
"""Most bytes of one block (Azure documents 4000 MiB)."""
MOST_BLOCKS = 50_000
_LONGEST_IDENTIFIER = 64
_LARGEST_LIST = 8 * 1024 * 1024
_LIST_TYPES = ("committed", "uncommitted", "all")


async def put_block(call: Call) -> Response:
    """Put Block: 201; the bytes wait under their identifier."""
    call.account.container(call.container)
    check_name(call.blob)
    identifier = _identifier(call)
    with call.account.files.receive() as incoming:
        await receive_body(call, incoming, LARGEST_BLOCK)
        _check_length(call, identifier)
        call.account.stage_block(call.container, call.blob, identifier, incoming.segment)
        incoming.keep()
    return Response(
        status_code=201, headers={"content-md5": incoming.md5, "x-ms-request-server-encrypted": "true"}
    )


async def put_block_list(call: Call) -> Response:
    """Put Block List: 201; from now on the blob is what the list says."""
    check_may_write(call)
    wanted = await _read_list(call)
    check_may_write(call)
    current = call.account.find_blob(call.container, call.blob)
    committed = {segment.block: segment for segment in current.segments if segment.block} if current else {}
    waiting = call.account.waiting_blocks(call.container, call.blob)
    segments = [_choose(source, identifier, committed, waiting) for source, identifier in wanted]
    settings = settings_of(call.headers, call.headers.get("x-ms-blob-content-md5", ""))
    return written_response(
        call.account.put_blob(call.container, call.blob, segments, settings, call.metadata)
    )


async def get_block_list(call: Call) -> Response:
    """Get Block List: committed blocks in order, waiting ones by identifier."""
    kind = call.query.get("blocklisttype", "committed")
    if kind not in _LIST_TYPES:
        raise StorageError("InvalidQueryParameterValue", f"blocklisttype is one of {', '.join(_LIST_TYPES)}")
    blob = call.account.find_blob(call.container, call.blob)
    waiting = call.account.waiting_blocks(call.container, call.blob)
    if blob is None and not waiting:
        raise StorageError("BlobNotFound")
    committed = [segment for segment in blob.segments if segment.block] if blob else []
    body = xml.block_list(
        None if kind == "uncommitted" else committed,
        None if kind == "committed" else [waiting[identifier] for identifier in sorted(waiting)],
    )
    headers = {**version_headers(blob), "x-ms-blob-content-length": str(blob.size)} if blob else {}
    return Response(body, media_type=xml.MEDIA_TYPE, headers=headers)


def _identifier(call: Call) -> str:
    identifier = call.query.get("blockid", "")
    if not 1 <= len(decode_base64(identifier, code="InvalidBlobOrBlock")) <= _LONGEST_IDENTIFIER:
        raise StorageError("InvalidBlobOrBlock", f"an identifier has 1 to {_LONGEST_IDENTIFIER} bytes")
    return identifier


def _check_length(call: Call, identifier: str) -> None:
    waiting = call.account.waiting_blocks(call.container, call.blob)
    if any(len(other) != len(identifier) for other in waiting):
        raise StorageError("InvalidBlobOrBlock", "all identifiers of a blob have the same length")


async def _read_list(call: Call) -> list[tuple[BlockSource, str]]:
    body = bytearray()
    async for chunk in call.request.stream():
        body += chunk
        if len(body) > _LARGEST_LIST:
            raise StorageError("RequestBodyTooLarge", f"at most {_LARGEST_LIST} bytes")
    check_md5(call.headers.get("content-md5"), md5_of(body))
    wanted = xml.parse_block_list(bytes(body))
    if len(wanted) > MOST_BLOCKS:
        raise StorageError("InvalidBlockList", f"at most {MOST_BLOCKS} blocks")
    return wanted


def _choose(
    source: BlockSource, identifier: str, committed: Mapping[str, Segment], waiting: Mapping[str, Segment]
) -> Segment:
    places = {
        BlockSource.COMMITTED: (committed,),
        BlockSource.UNCOMMITTED: (waiting,),
        BlockSource.LATEST: (waiting, committed),
    }
    for place in places[source]:
        if identifier in place:
            return place[identifier]
    raise StorageError("InvalidBlockList", f"there is no {source.lower()} block {identifier}")
