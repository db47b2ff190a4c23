"""Threads that take work to the end."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from twilio_compat.rest.workers import COUNT, Workers


def test_work_is_done_in_threads_of_their_own_at_the_same_time() -> None:
    workers, meeting = Workers("mine"), threading.Barrier(COUNT)

    def meet() -> str:
        meeting.wait(10)
        return threading.current_thread().name

    names = {each.result(10) for each in [workers.submit(meet) for _ in range(COUNT)]}
    workers.shutdown()
    assert {f"mine {number + 1}" for number in range(COUNT)} == names


def test_what_work_raises_is_raised_to_who_waits() -> None:
    workers = Workers("mine")
    with pytest.raises(ZeroDivisionError):
        workers.submit(divmod, 1, 0).result(10)
    assert (0, 1) == workers.submit(divmod, 1, 2).result(10)
    workers.shutdown()


def test_work_that_was_called_off_is_not_done() -> None:
    workers, go, done = Workers("mine"), threading.Event(), list[int]()
    for _ in range(COUNT):
        workers.submit(go.wait, 10)
    waiting = workers.submit(done.append, 1)
    assert waiting.cancel()
    go.set()
    workers.shutdown()
    with pytest.raises(CancelledError):
        waiting.result(10)
    assert [] == done


def test_what_was_given_before_the_end_is_done_and_nothing_after_it() -> None:
    workers, done = Workers("mine"), list[int]()
    for number in range(100):
        workers.submit(done.append, number)
    workers.shutdown()
    workers.shutdown()
    assert 100 == len(done)
    with pytest.raises(RuntimeError, match="ended"):
        workers.submit(done.append, 1)


def test_nothing_is_left_of_threads_that_were_ended() -> None:
    before = threading.active_count()
    workers = Workers("mine")
    assert before + COUNT == threading.active_count()
    workers.shutdown()
    assert before == threading.active_count()
