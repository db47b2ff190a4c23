"""The faults over HTTP, for tests in other languages: ``/_emulator/faults``, there only if it was asked for.

=======================================  ======================================================================
``GET /_emulator/faults``                what is in force, with how many requests it was seen by and happened to
``POST /_emulator/faults``               put a fault in force; the body has the fields of `faults.Fault`
``DELETE /_emulator/faults``             take all out of force
``DELETE /_emulator/faults/{number}``    take one out of force
=======================================  ======================================================================

Nobody proves who they are here. So only this machine is answered, and no web page: a browser says with ``Origin``
whose page it is that asks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from acs_emulator.errors import AcsError, bad_request, envelope, forbidden, method_not_allowed, not_found
from acs_emulator.faults import Fault, FaultError, Faults, Kind, Rule
from acs_emulator.journal import Json
from acs_emulator.validation import Fields, parse_body
from acs_emulator.wire import Answer, Request, read_request, send_answer, write_json

PREFIX = "/_emulator/"
_PATH = "/_emulator/faults"
_FIELDS = ("kind", "operations", "count", "skip", "probability", "seed", "latency", "status", "retry_after")


class FaultControl:
    """An ASGI application for everything below `PREFIX`."""

    def __init__(self, faults: Faults) -> None:
        """Control *faults*."""
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            request = await read_request(scope, receive)
        except ClientDisconnect:
            return
        try:
            _check_caller(scope, request.headers)
            answer = self._answer(scope["path"].rstrip("/"), request)
        except AcsError as error:
            answer = Answer(error.status, error.headers, write_json(envelope(error, "error")))
        except FaultError as error:
            refusal = bad_request(str(error), "body")
            answer = Answer(refusal.status, {}, write_json(envelope(refusal, "error")))
        await send_answer(send, answer, ())

    def _answer(self, path: str, request: Request) -> Answer:
        match path.removeprefix(_PATH).split("/"), request.method:
            case [""], "GET":
                return _written(200, {"faults": [_described(each) for each in self._faults.rules]})
            case [""], "POST":
                return _written(201, _described(self._faults.put(_read(Fields(parse_body(request.body))))))
            case [""], "DELETE":
                self._faults.clear()
                return Answer(204)
            case ["", number], "DELETE" if number.isdecimal() and self._faults.remove(int(number)):
                return Answer(204)
            case [""], method:
                raise method_not_allowed(method, "GET, POST, DELETE")
        raise not_found(f"Nothing is served at {path}")


def _check_caller(scope: Scope, headers: Mapping[str, str]) -> None:
    host, _ = scope.get("client") or ("", 0)
    if not host or not ipaddress.ip_address(host).is_loopback:
        raise forbidden("Only this machine may control faults")
    if "origin" in headers:
        raise forbidden("No web page may control faults")


def _read(body: Fields) -> Fault:
    """Read a fault; what the body leaves out has its default."""
    body.refuse_others(_FIELDS)
    kind = body.required_text("kind")
    if kind not in list(Kind):
        raise bad_request(f"kind must be one of {', '.join(Kind)}: {kind!r}", "kind")
    given: dict[str, object] = {
        name: body.integer(name)
        for name in ("count", "skip", "seed", "status", "retry_after")
        if name in body
    }
    given |= {name: body.number(name) for name in ("probability", "latency") if name in body}
    return Fault(kind=Kind(kind), operations=frozenset(body.texts("operations")), **given)  # type: ignore[arg-type]  # each was read as what it must be


def _described(rule: Rule) -> dict[str, Json]:
    fault = rule.fault
    fields: dict[str, Json] = {name: getattr(fault, name) for name in _FIELDS if name != "operations"}
    operations: list[Json] = [*sorted(fault.operations)]
    return {"number": rule.number, **fields, "operations": operations, "seen": rule.seen, "hits": rule.hits}


def _written(status: int, value: Json) -> Answer:
    return Answer(status, {}, write_json(value))
