"""The emulator as an ASGI application: each request is authorized, counted, carried out and answered.

An operation runs between two awaits and holds the event loop while it does. That is what makes it atomic: there are
no locks, and no two operations interleave.

A request passes these gates, and the first that refuses it answers: its path and method are in the table of
operations (404, 405); its body is not too large (400); its caller is proven (401) and has the right (403); it names
an ``api-version`` that is served (400; what the live service answers is not documented); it is within the request
rates (429). Whatever else goes wrong here is logged and answered with a 500. Before the first gate, a fault that was
asked for may happen to it (see `faults`).
"""

from __future__ import annotations

import base64
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from starlette.requests import ClientDisconnect
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from acs_emulator import errors
from acs_emulator.authorization import check_access_key, check_right, identify_user
from acs_emulator.calls import Call, Reply
from acs_emulator.fault_control import PREFIX, FaultControl
from acs_emulator.fault_delivery import Delivery
from acs_emulator.faults import Faults
from acs_emulator.operations import OPERATIONS, Operation
from acs_emulator.rate_limits import retry_after_seconds
from acs_emulator.service import Service
from acs_emulator.wire import (
    MAX_BODY,
    Answer,
    Request,
    preflight,
    read_request,
    send_answer,
    send_half,
    write_json,
)

_API_VERSION = re.compile(r"\d{4}-\d\d-\d\d(?:-preview(?:\.\d+)?)?", re.ASCII)
_VECTOR_BYTES = 12

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to Chat or Identity as it came over the wire, and its answer."""

    operation: str
    """Its name in the table of operations, such as ``SendChatMessage``; empty for an unknown route."""
    method: str
    target: str
    """Path and query as sent."""
    request_body: bytes
    status: int
    response_body: bytes
    caller: str | None
    """The ACS id of the user whose token was accepted; None on Identity operations and where none was."""


Observer = Callable[[Exchange], None]


def build_app(
    service: Service,
    *,
    storage: ASGIApp | None = None,
    storage_account: str = "devstoreaccount1",
    observe: Observer | None = None,
    faults: Faults | None = None,
) -> ASGIApp:
    """Serve a resource; paths below ``/{storage_account}`` go to `storage`.

    `observe` is called with each exchange with Chat or Identity, before its answer leaves. `faults` happen to requests to
    Chat and Identity; what they spoil afterwards is observed unspoilt, and what they keep from happening is not
    observed. With the option of that name they can be controlled over HTTP.
    """
    faults = faults or Faults(each.name for each in OPERATIONS)
    control = FaultControl(faults) if service.options.faults else None
    routes = [
        Route(path, _Endpoint(service, {each.method: each for each in operations}, observe, faults))
        for path, operations in groupby(OPERATIONS, key=lambda each: each.path)
    ]
    unknown = _Endpoint(service, {}, observe, faults)
    chat_and_identity = Router(routes, redirect_slashes=False, default=unknown)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        if is_http and storage is not None and scope["path"].split("/", 2)[1:2] == [storage_account]:
            await storage(scope, receive, send)
        elif is_http and control is not None and scope["path"].startswith(PREFIX):
            await control(scope, receive, send)
        elif is_http and (answer := preflight(scope)) is not None:
            await send_answer(send, answer, ())
        else:
            await chat_and_identity(scope, receive, send)

    return app


class _Endpoint:
    """Everything that is answered at one path, by method."""

    def __init__(
        self, service: Service, operations: Mapping[str, Operation], observe: Observer | None, faults: Faults
    ) -> None:
        self._service = service
        self._operations = operations
        self._observe = observe
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        try:
            request = await read_request(scope, receive)
        except ClientDisconnect:
            return
        operation = self._operations.get(request.method)
        path: Mapping[str, str] = scope.get("path_params", {})
        headers = partial(self._common_headers, operation, request, started)
        fault = None if operation is None else self._faults.meet(operation.name)
        if fault is None:
            await send_answer(send, self._serve(operation, request, path), headers())
        else:
            await Delivery(
                scope,
                receive,
                serve=partial(self._serve, operation, request, path),
                refuse=partial(self._refusal, operation),
                reply=lambda answer: send_answer(send, answer, headers()),
                reply_half=lambda answer: send_half(send, answer, headers()),
            ).suffer(fault)

    def _serve(self, operation: Operation | None, request: Request, path: Mapping[str, str]) -> Answer:
        answer, caller = self._answer(operation, request, path)
        if self._observe is not None:
            self._observe(_exchange(operation, request, answer, caller))
        return answer

    def _answer(
        self, operation: Operation | None, request: Request, path: Mapping[str, str]
    ) -> tuple[Answer, str | None]:
        caller = None
        try:
            operation = self._check_request(operation, request)
            caller = self._authorize(operation, request)
            _check_api_version(operation, request)
            self._check_rate(operation, caller or "", path.get("thread_id", ""))
            call = Call(request.base_url, caller or "", path, request.query, request.headers, request.body)
            return _written(operation.handler(self._service, call)), caller
        except errors.AcsError as error:
            return self._refusal(operation, error), caller
        except Exception:  # noqa: BLE001  # the last line of defence: logged, and answered with a 500
            _log.exception("%s %s failed", request.method, request.target)
            return self._refusal(operation, errors.internal_error()), caller

    def _check_request(self, operation: Operation | None, request: Request) -> Operation:
        if not self._operations:
            raise errors.not_found(f"Nothing is served at {request.target.partition('?')[0]}")
        if operation is None:
            raise errors.method_not_allowed(request.method, ", ".join(self._operations))
        if request.is_too_large:
            text = f"The body is larger than {MAX_BODY} bytes"
            raise errors.bad_request(text, "body", code="RequestBodyTooLarge")
        return operation

    def _authorize(self, operation: Operation, request: Request) -> str | None:
        if operation.right is None:
            check_access_key(self._service, request.method, request.target, request.headers, request.body)
            return None
        claims = identify_user(self._service, request.headers)
        check_right(claims, operation.right)
        return claims.user_id

    def _check_rate(self, operation: Operation, caller: str, thread_id: str) -> None:
        options = self._service.options
        if options.rate_limits == "off":
            return
        if (wait := self._service.rate_limiter.take(operation.name, caller, thread_id)) is not None:
            raise errors.too_many_requests(retry_after_seconds(wait) if options.retry_after else None)

    def _refusal(self, operation: Operation | None, error: errors.AcsError) -> Answer:
        is_identity = operation is not None and operation.is_identity
        style = "error" if is_identity else self._service.options.error_envelope
        headers = {"x-ms-error-code": error.code, **error.headers}
        return Answer(error.status, headers, write_json(errors.envelope(error, style)))

    def _common_headers(
        self, operation: Operation | None, request: Request, started: float
    ) -> Iterator[tuple[str, str]]:
        if operation is not None:
            yield "api-supported-versions", ", ".join(operation.api_versions)
        yield "MS-CV", f"{base64.b64encode(self._service.random(_VECTOR_BYTES)).decode()}.0"
        yield "X-Processing-Time", f"{(time.perf_counter() - started) * 1000:.0f}ms"
        if (request_id := request.headers.get("x-ms-client-request-id")) is not None:
            yield "x-ms-client-request-id", request_id
        if "origin" in request.headers:
            yield "Access-Control-Allow-Origin", "*"
            yield "Access-Control-Expose-Headers", "*"


def _check_api_version(operation: Operation, request: Request) -> None:
    version = request.query.get("api-version", "")
    oldest, *_, newest = operation.api_versions
    if not (oldest <= version[:10] <= newest and _API_VERSION.fullmatch(version)):
        text = f"A version from {oldest} to {newest} is needed"
        raise errors.bad_request(text, "api-version", code="UnsupportedApiVersion")


def _written(reply: Reply) -> Answer:
    headers = {} if reply.location is None else {"Location": reply.location}
    return Answer(reply.status, headers, b"" if reply.body is None else write_json(reply.body))


def _exchange(operation: Operation | None, request: Request, answer: Answer, caller: str | None) -> Exchange:
    return Exchange(
        operation=operation.name if operation else "",
        method=request.method,
        target=request.target,
        request_body=request.body,
        status=answer.status,
        response_body=answer.body,
        caller=caller,
    )
