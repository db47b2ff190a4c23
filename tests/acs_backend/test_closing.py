"""Whatever meets the end of a backend says so, in an error of the library's own."""

from __future__ import annotations

import asyncio

import pytest

from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment, next_event, page, room, send, sign_in, twilio_token
from tests.acs_backend.store.databases import out_of_reach
from twilio_compat.errors import ClosedError
from twilio_compat.events import Synchronized


@pytest.mark.parametrize("steps", [1, 20, 30, 40, 50])
async def test_calls_that_a_closing_backend_interrupts_say_so(deployment: Deployment, steps: int) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    calls = [
        *(asyncio.ensure_future(send(backend, alice, chat, str(number))) for number in range(5)),
        *(asyncio.ensure_future(page(backend, alice, chat)) for _ in range(5)),
    ]
    for _ in range(steps):
        await asyncio.sleep(0)
    await backend.close()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refusals = {type(each) for each in outcomes if isinstance(each, BaseException)}
    assert refusals <= {ClosedError}  # after many steps all of them may have ended
    assert refusals or steps > 1


async def test_calls_after_the_end_say_so(deployment: Deployment) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    await backend.close()
    for call in (
        send(backend, alice, chat, "too late"),
        page(backend, alice, chat),
        backend.conversations.list(alice),
        backend.users.get(alice, "alice"),
        backend.sign_in(twilio_token("zoe")),
    ):
        with pytest.raises(ClosedError, match="open another one"):
            await call


async def test_a_stream_ends_with_its_backend(deployment: Deployment) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    async with backend.subscribe(alice) as events:
        assert isinstance(await next_event(events), Synchronized)
        await backend.close()
        with pytest.raises(ClosedError):
            await next_event(events)
        with pytest.raises(StopAsyncIteration):
            await next_event(events)


async def test_closing_is_not_kept_from_it_by_a_store_that_is_out_of_reach(
    emulator: Emulator, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Deployment(emulator, postgresql_url) as deployment:
        backend = deployment.backend()
        (alice,) = await sign_in(backend, "alice")
        chat = await room(backend, alice, "alice")
        await send(backend, alice, chat, "hello")
        await page(backend, alice, chat)
        async with out_of_reach(postgresql_url):
            await backend.close()
        assert "until the lease of this one ends" in caplog.text
        with pytest.raises(ClosedError):
            await page(backend, alice, chat)
