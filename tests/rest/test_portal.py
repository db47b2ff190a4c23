"""Blocking callers reach the loop from everywhere, and leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import cast

import pytest

from tests.rest.stand_in import HOST, Services, settings
from twilio_compat.backend import Backend
from twilio_compat.errors import ClosedError, ConfigurationError
from twilio_compat.rest.app import Application
from twilio_compat.rest.deployment import Deployment
from twilio_compat.rest.http import Request
from twilio_compat.rest.portal import Portal
from twilio_compat.rest.workers import COUNT
from twilio_compat.settings import Settings

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


class Factory:
    """Opens backends, and keeps what it opened."""

    def __init__(self, *failures: Exception) -> None:
        self.opened: list[Services] = []
        self._failures = list(failures)

    def __call__(self, settings: Settings) -> Backend:
        if self._failures:
            raise self._failures.pop(0)
        self.opened.append(Services())
        return cast(Backend, self.opened[-1])

    @property
    def closed(self) -> list[int]:
        return [each.closed for each in self.opened]


def deployment(factory: Factory | None = None, service_sid: str = "") -> Deployment:
    return Deployment(settings(service_sid=service_sid), factory or Factory())


async def status(application: Application) -> int:
    """Ask something that needs no backend."""
    return (await application.handle(Request(method="GET", url=f"{HOST}/v1/Nothing"))).status


def until(*events: threading.Event) -> Callable[[Application], Awaitable[None]]:
    """Return work that sets the first event, and waits for ever; it sets the second when it is called off."""

    async def wait(_: Application) -> None:
        events[0].set()
        try:
            await asyncio.Event().wait()
        finally:
            if len(events) > 1:
                events[1].set()

    return wait


# Calling


def test_a_call_is_answered() -> None:
    with Portal() as portal:
        assert 404 == portal.run(deployment(), status)


def test_what_a_call_raises_is_raised_to_its_caller() -> None:
    async def fail(_: Application) -> None:
        raise KeyError("this")

    with Portal() as portal:
        with pytest.raises(KeyError, match="this"):
            portal.run(deployment(), fail)


def test_nothing_starts_before_the_first_call() -> None:
    before = threading.active_count()
    with Portal() as portal:
        assert before == threading.active_count()
        portal.run(deployment(), status)
        assert before + 1 + COUNT == threading.active_count()
    assert before == threading.active_count()


def test_calls_of_equal_deployments_share_an_application_and_others_do_not() -> None:
    factory = Factory()
    with Portal() as portal:
        for sid in ("IS" + "1" * 32, "IS" + "1" * 32, "IS" + "2" * 32):
            portal.run(deployment(factory, sid), status)
        assert [0, 0] == factory.closed
    assert [1, 1] == factory.closed


def test_many_threads_call_at_once_and_the_application_is_opened_once() -> None:
    factory = Factory()
    with Portal() as portal, ThreadPoolExecutor(16) as threads:
        calls = [threads.submit(portal.run, deployment(factory), status) for _ in range(200)]
        assert {404} == {each.result() for each in calls}
    assert [1] == factory.closed


async def test_a_call_from_the_thread_of_a_running_loop_is_answered() -> None:
    with Portal() as portal:
        assert 404 == portal.run(deployment(), status)


async def test_a_call_can_be_awaited_on_any_loop() -> None:
    with Portal() as portal:
        assert 404 == await asyncio.wrap_future(portal.submit(deployment(), status))


def test_a_blocking_call_on_the_portals_own_thread_is_refused_instead_of_hanging() -> None:
    with Portal() as portal:

        async def again(_: Application) -> None:
            portal.run(deployment(), status)

        with pytest.raises(RuntimeError, match="waits for ever"):
            portal.run(deployment(), again)


def test_an_application_that_could_not_be_opened_is_tried_again() -> None:
    factory = Factory(ConfigurationError("THIS is not set"))
    with Portal() as portal:
        with pytest.raises(ConfigurationError, match="THIS"):
            portal.run(deployment(factory), status)
        assert 404 == portal.run(deployment(factory), status)


def test_a_backend_that_serves_no_accounts_is_refused_and_closed() -> None:
    class Other:
        closed = False

        async def close(self) -> None:
            self.closed = True

    other = Other()
    with Portal() as portal:
        with pytest.raises(ConfigurationError, match="does not serve accounts"):
            portal.run(Deployment(settings(), lambda _: cast(Backend, other)), status)
    assert other.closed


# Interrupting


def test_a_call_that_takes_too_long_is_called_off() -> None:
    begun, ended = threading.Event(), threading.Event()
    with Portal() as portal:
        with pytest.raises(TimeoutError, match=r"0\.05"):
            portal.run(deployment(), until(begun, ended), timeout=0.05)
        assert ended.wait(10)


def test_a_timeout_that_the_call_itself_raises_is_its_own() -> None:
    async def fail(_: Application) -> None:
        raise TimeoutError("of the call")

    with Portal() as portal:
        with pytest.raises(TimeoutError, match="of the call"):
            portal.run(deployment(), fail, timeout=10)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have SIGINT interrupt, though whoever started the tests has it ignored, as shells do in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_in_the_waiting_thread_calls_the_call_off() -> None:
    begun, ended = threading.Event(), threading.Event()

    def interrupt() -> None:
        if begun.wait(10):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with Portal() as portal:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            portal.run(deployment(), until(begun, ended))
        assert ended.wait(10)
        assert 404 == portal.run(deployment(), status)


async def test_an_awaited_call_whose_task_is_cancelled_is_called_off() -> None:
    begun, ended = threading.Event(), threading.Event()
    with Portal() as portal:
        task = asyncio.ensure_future(asyncio.wrap_future(portal.submit(deployment(), until(begun, ended))))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        assert await asyncio.to_thread(ended.wait, 10)


# Closing


def test_a_closed_portal_begins_anew() -> None:
    factory, portal = Factory(), Portal()
    portal.run(deployment(factory), status)
    portal.close()
    assert 404 == portal.run(deployment(factory), status)
    portal.close()
    portal.close()
    assert [1, 1] == factory.closed


def test_closing_ends_the_calls_that_are_waited_for() -> None:
    begun = threading.Event()
    portal = Portal()
    future = portal.submit(deployment(), until(begun))
    assert begun.wait(10)
    portal.close()
    assert future.cancelled()


def test_no_call_waits_for_ever_between_others_and_the_end() -> None:
    portal, stop = Portal(), threading.Event()

    def call() -> None:
        while not stop.is_set():
            with suppress(ClosedError):
                portal.run(deployment(), status)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for each in threads:
        each.start()
    for _ in range(50):
        portal.close()
    stop.set()
    for each in threads:
        each.join(10)
    portal.close()
    assert not any(each.is_alive() for each in threads)


def test_an_application_is_closed_when_the_last_of_its_users_leaves() -> None:
    factory, users = Factory(), [Services(), Services()]
    one = deployment(factory)
    with Portal() as portal:
        for each in users:
            portal.join(one, each)
            portal.run(one, status)
        portal.leave(one, users[0])
        assert [0] == factory.closed
        portal.leave(one, users[1])
        assert [1] == factory.closed
        portal.leave(one, users[1])
        assert 404 == portal.run(one, status)


def test_a_user_that_is_gone_keeps_nothing_open() -> None:
    factory, user = Factory(), Services()
    one = deployment(factory)
    with Portal() as portal:
        portal.join(one, Services())
        portal.join(one, user)
        portal.run(one, status)
        gc.collect()
        portal.leave(one, user)
        assert [1] == factory.closed


def test_a_backend_that_does_not_close_holds_nobody_up() -> None:
    class Stuck(Services):
        async def close(self) -> None:
            await asyncio.Event().wait()

    portal = Portal()
    portal.run(Deployment(settings(), lambda _: cast(Backend, Stuck())), status)
    began = time.monotonic()
    portal.close(timeout=0.1)
    assert time.monotonic() - began < 5


# Forking and ending


def in_child(work: Callable[[], object]) -> object:
    """Return what *work* returns in a child, as text; the child ends like a program, finalizers and all."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover  # another process
        try:
            os.write(writing, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        answer = told.read().decode()
    os.waitpid(child, 0)
    return answer


@needs_fork
def test_a_child_has_a_portal_of_its_own_and_the_parents_goes_on() -> None:
    factory = Factory()
    with Portal() as portal:
        portal.run(deployment(factory), status)

        def ask() -> object:
            return portal.run(deployment(factory), status), factory.closed

        assert "(404, [0, 0])" == in_child(ask)
        assert 404 == portal.run(deployment(factory), status)
        assert [0] == factory.closed


@needs_fork
def test_a_child_of_a_busy_process_is_not_held_up() -> None:
    begun = threading.Event()
    with Portal() as portal:
        future = portal.submit(deployment(), until(begun))
        assert begun.wait(10)
        portal._lock.acquire()  # as another thread may hold it at the moment of the fork
        answer = in_child(lambda: portal.run(deployment(), status))
        portal._lock.release()
        assert "404" == answer
        assert not future.done()


PROGRAM = """
    import asyncio, os, sys, threading
    from tests.rest.test_portal import Factory, deployment, status
    from twilio_compat.rest.portal import PROCESS

    class Noisy(Factory):
        def __call__(self, settings):
            backend = super().__call__(settings)
            async def close():
                await asyncio.sleep(0)
                print("closed", flush=True)
            backend.close = close
            return backend

    async def in_a_thread(application):
        return await asyncio.to_thread(lambda: 7)

    print(PROCESS.run(deployment(Noisy()), status), flush=True)
"""


def output_of(*lines: str) -> tuple[int, str, str]:
    """Run a program, and return how it ended and what it said."""
    code = textwrap.dedent(PROGRAM) + "\n".join(lines)
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, timeout=50, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_end_of_a_process_closes_what_it_has_open() -> None:
    assert (0, "404\nclosed\n", "") == output_of()


def test_closing_at_the_end_of_a_process_may_take_threads() -> None:
    said = 'asyncio.sleep = lambda _: asyncio.to_thread(print, "in a thread", flush=True)'
    assert (0, "404\nin a thread\nclosed\n", "") == output_of(said)


def test_a_process_that_fails_closes_what_it_has_open_too() -> None:
    code, out, _ = output_of("raise SystemExit(3)")
    assert (3, "404\nclosed\n") == (code, out)


def test_a_thread_that_still_waits_holds_no_process_up() -> None:
    wait = "from tests.rest.test_portal import until; begun = threading.Event()"
    start = "threading.Thread(target=PROCESS.run, args=(deployment(), until(begun)), daemon=True).start()"
    code, out, _ = output_of(wait, start, "begun.wait()")
    assert (0, "404\nclosed\n") == (code, out)


def test_a_thread_that_goes_on_after_the_main_one_is_answered_to_its_end() -> None:
    call = "def call():\n    threading.main_thread().join()"
    calls = "    print(PROCESS.run(deployment(Noisy()), in_a_thread), flush=True)"
    start = "threading.Thread(target=call).start()"
    assert (0, "404\n7\nclosed\nclosed\n", "") == output_of(call, calls, start)


@needs_fork
def test_a_child_that_ends_like_a_program_closes_nothing_of_its_parents() -> None:
    fork = (
        "import warnings; warnings.simplefilter('ignore'); child = os.fork()"  # newer Pythons warn of threads
    )
    ends = "if not child: sys.exit(0)"
    waits = "print(os.waitpid(child, 0)[1], PROCESS.run(deployment(), status), flush=True)"
    assert (0, "404\n0 404\nclosed\n", "") == output_of(fork, ends, waits)
