"""The storage account as an ASGI application: finds the operation, asks for permission, answers refusals in XML.

`OPERATIONS` is the whole of what the emulator offers: the kind of resource, the method and the ``comp`` parameter
name an operation; the permissions are those of which a shared access signature must have one.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from acs_emulator.storage import blobs, blocks, containers, xml
from acs_emulator.storage.account import Account
from acs_emulator.storage.authorization import authorize, request_query
from acs_emulator.storage.call import Call
from acs_emulator.storage.errors import NotModifiedError, StorageError
from acs_emulator.storage.sas import Level, Target

logger = logging.getLogger("acs_emulator.storage")

Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What serves a request, and the permissions of which one is needed."""

    handler: Handler
    permissions: str


OPERATIONS: Mapping[tuple[Level, str, str], Operation] = {
    (Level.SERVICE, "GET", "list"): Operation(containers.list_containers, "l"),
    (Level.CONTAINER, "PUT", ""): Operation(containers.create, "cw"),
    (Level.CONTAINER, "GET", ""): Operation(containers.properties, "r"),
    (Level.CONTAINER, "HEAD", ""): Operation(containers.properties, "r"),
    (Level.CONTAINER, "DELETE", ""): Operation(containers.delete, "d"),
    (Level.CONTAINER, "GET", "metadata"): Operation(containers.properties, "r"),
    (Level.CONTAINER, "HEAD", "metadata"): Operation(containers.properties, "r"),
    (Level.CONTAINER, "PUT", "metadata"): Operation(containers.set_metadata, "w"),
    (Level.CONTAINER, "GET", "list"): Operation(containers.list_blobs, "l"),
    (Level.BLOB, "PUT", ""): Operation(blobs.put, "cw"),
    (Level.BLOB, "GET", ""): Operation(blobs.get, "r"),
    (Level.BLOB, "HEAD", ""): Operation(blobs.properties, "r"),
    (Level.BLOB, "DELETE", ""): Operation(blobs.delete, "d"),
    (Level.BLOB, "PUT", "properties"): Operation(blobs.set_properties, "w"),
    (Level.BLOB, "GET", "metadata"): Operation(blobs.get_metadata, "r"),
    (Level.BLOB, "HEAD", "metadata"): Operation(blobs.get_metadata, "r"),
    (Level.BLOB, "PUT", "metadata"): Operation(blobs.set_metadata, "w"),
    (Level.BLOB, "PUT", "block"): Operation(blocks.put_block, "cw"),
    (Level.BLOB, "PUT", "blocklist"): Operation(blocks.put_block_list, "cw"),
    (Level.BLOB, "GET", "blocklist"): Operation(blocks.get_block_list, "r"),
}

_UNSUPPORTED_HEADERS = (
    "x-ms-access-tier",
    "x-ms-blob-public-access",
    "x-ms-content-crc64",
    "x-ms-copy-source",
    "x-ms-encryption-key",
    "x-ms-encryption-scope",
    "x-ms-if-tags",
    "x-ms-immutability-policy-mode",
    "x-ms-lease-id",
    "x-ms-legal-hold",
    "x-ms-structured-body",
    "x-ms-tags",
)
_UNSUPPORTED_PARAMETERS = ("snapshot", "versionid")


class StorageApp:
    """Serves *account* at ``/{name}/...`` to whoever signs with *key*."""

    def __init__(self, account: Account, *, name: str, key: bytes, clock: Callable[[], datetime]) -> None:
        """Keep what requests are answered with; *clock* decides about dates and expiry."""
        self._account = account
        self._name = name
        self._key = key
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        _add_common_headers(request, response)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._serve(request)
        except StorageError as error:
            return self._refusal(request, error)
        except NotModifiedError as same:
            return Response(status_code=304, headers={"etag": f'"{same.etag}"'})
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception:
            logger.exception("%s %s failed", request.method, request.url.path)
            return self._refusal(request, StorageError("InternalError"))

    async def _serve(self, request: Request) -> Response:
        query = dict(request_query(request))
        container, _, blob = (
            request.scope["path"].removeprefix(f"/{self._name}").removeprefix("/").partition("/")
        )
        level = _level(container, blob, query)
        operation = _find(level, request.method, query.get("comp", ""))
        granted = authorize(
            request,
            Target(
                account=self._name,
                container=container,
                blob=blob,
                level=level,
                permissions=operation.permissions,
                scheme=request.scope["scheme"],
                client=request.client.host if request.client else None,
            ),
            key=self._key,
            now=self._clock(),
        )
        _refuse_unsupported(request, query)
        return await operation.handler(Call(request, self._account, container, blob, query, granted))

    def _refusal(self, request: Request, error: StorageError) -> Response:
        headers = {**error.headers, "x-ms-error-code": error.code}
        if request.method == "HEAD":
            return Response(status_code=error.status, headers=headers)
        text = f"{error.message}\nTime:{self._clock().isoformat()}"
        body = xml.error(error.code, text, error.detail)
        return Response(body, status_code=error.status, headers=headers, media_type=xml.MEDIA_TYPE)


def _level(container: str, blob: str, query: Mapping[str, str]) -> Level:
    if not container:
        return Level.SERVICE
    if blob:
        return Level.BLOB
    if query.get("restype") != "container":
        raise StorageError("ResourceNotFound", "blobs outside a container are not part of the emulator")
    return Level.CONTAINER


def _find(level: Level, method: str, comp: str) -> Operation:
    operation = OPERATIONS.get((level, method, comp))
    if operation is not None:
        return operation
    if any(known[0] == level and known[2] == comp for known in OPERATIONS):
        raise StorageError("UnsupportedHttpVerb")
    raise StorageError("NotImplemented", f"comp={comp!r} on this kind of resource")


def _refuse_unsupported(request: Request, query: Mapping[str, str]) -> None:
    for name in _UNSUPPORTED_HEADERS:
        if name in request.headers:
            raise StorageError("NotImplemented", f"the header {name}")
    for name in _UNSUPPORTED_PARAMETERS:
        if name in query:
            raise StorageError("NotImplemented", f"the query parameter {name}")


def _add_common_headers(request: Request, response: Response) -> None:
    response.headers["x-ms-request-id"] = str(uuid.uuid4())
    response.headers["x-ms-version"] = request.headers.get("x-ms-version", "2021-12-02")
    if "x-ms-client-request-id" in request.headers:
        response.headers["x-ms-client-request-id"] = request.headers["x-ms-client-request-id"]
