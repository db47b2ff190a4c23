"""The REST API as an application: a request in, an answer out, whoever carries them.

The path leads to an operation, the operation to what is checked and to its handler, and the service that the path names
to a backend. What goes wrong on the way is answered as Twilio would (`twilio_compat.rest.errors`); only a
`ConfigurationError` is raised, since no answer could tell who runs the application what to set.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote

from twilio_compat.account import AccountBackend, account_actor
from twilio_compat.errors import ConfigurationError, NotFoundError, TwilioCompatError
from twilio_compat.rest.call import Answer, Call, Handler, Page, Redirect
from twilio_compat.rest.errors import Problem, is_foreseen, not_allowed, not_found, problem_of
from twilio_compat.rest.handlers import HANDLERS
from twilio_compat.rest.http import Request, Response, Target, target_of
from twilio_compat.rest.operation_table import MEDIA_OPERATIONS, OPERATIONS
from twilio_compat.rest.paging import envelope
from twilio_compat.rest.parameters import PAGING, is_text, read_paging, read_values
from twilio_compat.rest.passing import Asked, Passed, Passing
from twilio_compat.rest.routes import VERSION, Match, Route, Routes
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.staging.target import DRAWN

WEBHOOK_HEADER: Final = "x-twilio-webhook-enabled"

_PREFIX: Final = f"/{VERSION}"
_log = logging.getLogger(__name__)

_Parts: TypeAlias = tuple[int, str, dict[str, str]]
"""Status, text, and headers beside those that every answer has."""


class _RefusedError(Exception):
    """The request is answered with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, taken apart. ``path`` begins after the version and is decoded, as answers show it."""

    request: Request
    target: Target
    path: str
    route: Route
    names: Mapping[str, str]


class Application:
    """Serves one account's conversations from a backend, which it does not close."""

    def __init__(
        self,
        backend: AccountBackend,
        *,
        account_sid: str | None = None,
        handlers: Mapping[str, Handler] = HANDLERS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Serve *backend*, that of the default service. Without an account sid one is made of the service's."""
        self._backend = backend
        self._passing = Passing(backend) if isinstance(backend, RolloutBackend) else None
        self._account_sid = account_sid or f"AC{backend.service_sid[2:]}"
        self._handlers = handlers
        self._clock = clock
        self._routes = Routes([*OPERATIONS.values(), *MEDIA_OPERATIONS.values()])
        self._running = 0

    async def handle(self, request: Request) -> Response:
        """Answer a request. `ConfigurationError`."""
        began = self._clock()
        self._running += 1
        try:
            status, text, more = await self._answer(request)
            return Response(status, text, self._headers(began) | more)
        finally:
            self._running -= 1

    async def answer(self, request: Request) -> Response | Passed:
        """Answer a request, unless it is Twilio's to answer. `ConfigurationError`."""
        if self._passing is None:
            return await self.handle(request)
        drawn = DRAWN.set(None)
        try:
            return await self._passed(self._passing, request) or await self.handle(request)
        except ConfigurationError:
            raise
        except TwilioCompatError as error:
            status, text, more = _problem(problem_of(error, template="", path=request.url))
            return Response(status, text, more)
        finally:
            DRAWN.reset(drawn)

    async def _passed(self, passing: Passing, request: Request) -> Passed | None:
        try:
            asked = self._asked(request)
        except _RefusedError:
            return Passed()  # what is not known here may be at Twilio
        parameters, names = asked.target.parameters, asked.names
        service_sid = names["ChatServiceSid"] if asked.route.is_scoped else None
        question = Asked(asked.route.operation, names, parameters, service_sid)
        return await passing.decide(question, lambda status, _: self._configure(request, status))

    async def _configure(self, request: Request, status: int) -> None:
        """Have webhooks configured on ACS as they are at Twilio by now."""
        assert isinstance(self._backend, RolloutBackend), "nothing passes without a rollout"
        if status // 100 != 2:
            return
        acs = Application(self._backend.office.sides.acs, account_sid=self._account_sid)
        if (done := await acs.handle(request)).status // 100 != 2:
            _log.warning("Webhooks could not be configured for ACS as they are at Twilio: %s", done.text)

    def methods(self, path: str) -> frozenset[str]:
        """Return how *path*, which is encoded, can be asked: with none, if there is nothing."""
        return frozenset(self._match(path).routes)

    def takes_file(self, method: str, path: str) -> bool:
        """Whether the body of a request is a file whatever its content type, rather than parameters."""
        route = self._match(path).routes.get(method)
        return route is not None and method == "POST" and route.operation.key in MEDIA_OPERATIONS

    async def _answer(self, request: Request) -> _Parts:
        try:
            asked = self._asked(request)
        except _RefusedError as refused:
            return _problem(refused.problem)
        try:
            call = await self._call(asked)
            return _success(asked, call, await self._handlers[asked.route.operation.key](call))
        except _RefusedError as refused:
            return _problem(refused.problem)
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001  # the last line of defence: logged, and answered with a 500
            if not is_foreseen(error):
                _log.exception("A bug: %s %s could not be answered", request.method, asked.path)
            return _problem(problem_of(error, template=asked.route.template, path=asked.path))

    def _asked(self, request: Request) -> _Asked:
        try:
            target = target_of(request)
        except ValueError as error:
            raise _RefusedError(not_found(request.url)) from error
        path = unquote(target.path.removeprefix(_PREFIX))
        match = self._match(target.path)
        if not match.routes or not is_text(path):
            raise _RefusedError(not_found(path))
        route = match.routes.get(request.method)
        if route is None:
            raise _RefusedError(not_allowed())
        return _Asked(request, target, path, route, match.named(route))

    def _match(self, path: str) -> Match:
        return self._routes.match(path.removeprefix(_PREFIX) if path.startswith(f"{_PREFIX}/") else "")

    async def _call(self, asked: _Asked) -> Call:
        operation, headers, pairs = asked.route.operation, asked.request.headers, asked.target.parameters
        values = read_values(operation, pairs)
        paging = read_paging(operation, pairs)
        webhooks = operation.tells_webhooks and headers.get(WEBHOOK_HEADER, "").lower() == "true"
        service_sid = asked.names["ChatServiceSid"] if asked.route.is_scoped else None
        backend = await self._service(service_sid)
        return Call(
            backend=backend,
            actor=account_actor(backend.service_sid, tells_webhooks=webhooks),
            account_sid=self._account_sid,
            base_url=asked.target.origin + _PREFIX,
            service_path=f"/Services/{service_sid}" if service_sid else "",
            path=asked.names,
            values=values,
            webhooks=webhooks,
            page_size=paging.size,
            page_number=paging.number,
            page_token=paging.token,
            headers=headers,
            body=asked.request.body,
        )

    async def _service(self, sid: str | None) -> AccountBackend:
        if sid is None or sid == self._backend.service_sid:
            return self._backend
        try:
            return await self._backend.of(sid)
        except NotFoundError as error:
            raise _RefusedError(not_found(f"/Services/{sid}")) from error

    def _headers(self, began: float) -> dict[str, str]:
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Twilio-Request-Id": f"RQ{uuid.uuid4().hex}",
            "Twilio-Request-Duration": f"{self._clock() - began:.3f}",
            "Twilio-Concurrent-Requests": str(self._running),
        }


def _success(asked: _Asked, call: Call, answer: Answer) -> _Parts:
    operation = asked.route.operation
    match answer:
        case None:
            return operation.status, "", {}
        case Redirect():
            return operation.status, "", {"Location": answer.url}
        case Page():
            assert operation.envelope is not None, f"{operation.key} is no list"
            filters = [each for each in asked.target.parameters if each[0] not in PAGING]
            url = asked.target.origin + asked.target.path
            return operation.status, json.dumps(envelope(call, answer, operation.envelope, url, filters)), {}
    return operation.status, json.dumps(answer), {}


def _problem(problem: Problem) -> _Parts:
    return problem.status, json.dumps(problem.body()), {}
