"""Calls that meet the end of their session raise what ended it, and nothing from deep inside."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.memory_backend import MemoryBackend, MemoryService, MemoryUsers
from twilio_compat import Client
from twilio_compat.backend import Backend
from twilio_compat.errors import (
    ClosedError,
    ForbiddenError,
    NotFoundError,
    ServiceUnavailableError,
    TwilioCompatError,
)
from twilio_compat.guard import guarded
from twilio_compat.records import Actor, UserChanges, UserRecord

END = TwilioCompatError("The client was shut down")


@pytest.fixture
def backend(service: MemoryService) -> Backend:
    return MemoryBackend(service)


async def call(service: MemoryService, backend: Backend) -> UserRecord:
    return await backend.users.get(service.sign_in(service.token("alice")), "alice")


async def test_while_a_session_lasts_errors_are_what_they_are(
    service: MemoryService, backend: Backend
) -> None:
    service.fail_next("users.get", ZeroDivisionError("oops"))
    with pytest.raises(ZeroDivisionError):
        await call(service, guarded(backend, lambda: None))


@pytest.mark.parametrize(
    "failure",
    [RuntimeError("Session is closed"), ServiceUnavailableError("No route"), ClosedError("Closed")],
    ids=type,
)
async def test_a_collapse_after_the_end_is_told_as_the_end(
    service: MemoryService, backend: Backend, failure: Exception
) -> None:
    service.fail_next("users.get", failure)
    with pytest.raises(TwilioCompatError) as caught:
        await call(service, guarded(backend, lambda: END))
    assert (END, failure) == (caught.value, caught.value.__cause__)


@pytest.mark.parametrize("answer", [NotFoundError("User not found"), ForbiddenError("No")], ids=type)
async def test_an_answer_stays_an_answer(
    service: MemoryService, backend: Backend, answer: TwilioCompatError
) -> None:
    service.fail_next("users.get", answer)
    with pytest.raises(TwilioCompatError) as caught:
        await call(service, guarded(backend, lambda: END))
    assert answer is caught.value


async def test_a_cancellation_from_within_is_told_as_the_end_and_ones_own_is_not(
    service: MemoryService, backend: Backend
) -> None:
    service.fail_next("users.get", asyncio.CancelledError())  # type: ignore[arg-type]  # as a closing backend does
    with pytest.raises(TwilioCompatError) as caught:
        await call(service, guarded(backend, lambda: END))
    assert END is caught.value

    class Slow(MemoryBackend):
        def __init__(self, service: MemoryService) -> None:
            super().__init__(service)
            self.users = Waiting()  # type: ignore[assignment]  # one method of it is enough here

    class Waiting:
        async def get(self, *_: object) -> None:
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(call(service, guarded(Slow(service), lambda: END)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_call_under_way_at_shutdown_raises_that_the_client_was_shut_down(
    service: MemoryService,
) -> None:
    entered, closed = asyncio.Event(), asyncio.Event()

    class Closing(MemoryBackend):
        def __init__(self, service: MemoryService) -> None:
            super().__init__(service)
            self.users = ClosingUsers(service)

    class ClosingUsers(MemoryUsers):
        async def update(self, actor: Actor, identity: str, changes: UserChanges) -> UserRecord:
            entered.set()
            await closed.wait()
            raise RuntimeError("Session is closed")

    client = await Client.create(service.token("alice"), {"backend": Closing(service)})
    updating = asyncio.ensure_future(client.user.updateFriendlyName("Alice"))
    await entered.wait()
    await client.shutdown()
    closed.set()
    with pytest.raises(TwilioCompatError, match=r"shut down; make a new one") as caught:
        await updating
    assert isinstance(caught.value.__cause__, RuntimeError)
