"""What becomes of what was noted of a write, when the write fails."""

from __future__ import annotations

import pytest

from tests.rollout.deployment import ACCOUNT, RolloutDeployment, drained, room
from twilio_compat.errors import (
    ClosedError,
    NotFoundError,
    ServiceUnavailableError,
    TwilioCompatError,
)
from twilio_compat.records import MessageChanges
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.staging.stages import Side

NOBODY = "IM" + "0" * 32


async def waiting(backend: RolloutBackend, sid: str) -> bool:
    return not await backend.office.outbox.drained(sid, Side.ACS)


async def test_what_was_refused_is_taken_back(deployment: RolloutDeployment) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend)
    await drained(backend, made.sid)
    with pytest.raises(NotFoundError):
        await backend.messages.update(ACCOUNT, made.sid, NOBODY, MessageChanges(body="new"))
    assert not await waiting(backend, made.sid)


async def test_a_refusal_is_told_though_it_cannot_be_taken_back(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ServiceUnavailableError("The store cannot be reached")

    backend = deployment.open("dualwrite")
    made = await room(backend)
    await drained(backend, made.sid)
    monkeypatch.setattr(backend.office.outbox, "withdraw", fail)
    with pytest.raises(NotFoundError):
        await backend.messages.update(ACCOUNT, made.sid, NOBODY, MessageChanges(body="new"))
    assert await waiting(backend, made.sid)


@pytest.mark.parametrize("error", [ServiceUnavailableError("no answer"), ClosedError("closed meanwhile")])
async def test_after_an_error_that_does_not_say_whether_it_was_written_it_is_looked_at(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch, error: TwilioCompatError
) -> None:
    async def fail(*_: object) -> None:
        raise error

    backend = deployment.open("dualwrite")
    made = await room(backend)
    await drained(backend, made.sid)
    monkeypatch.setattr(backend.office.sides.twilio.messages, "update", fail)
    with pytest.raises(type(error)):
        await backend.messages.update(ACCOUNT, made.sid, NOBODY, MessageChanges(body="new"))
    assert await waiting(backend, made.sid)
