"""A message is sent once, whatever becomes of the answer; what is unclear is looked for, and never guessed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.support.http_faults import FOREVER
from tests.support.waiting import eventually
from tests.twilio_backend.deployment import ACCOUNT, Deployment, draft, room, send, there
from twilio_compat.errors import (
    BackendError,
    LimitError,
    RateLimitedError,
    ServiceTimeoutError,
    ServiceUnavailableError,
)
from twilio_compat.records import (
    ConversationChanges,
    ConversationDraft,
    MediaUpload,
    MessageRecord,
    ParticipantDraft,
)

MESSAGES = "/Messages$"


async def test_a_lost_answer_is_found_out(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend)
    deployment.twilio.faults.lose(method="POST", path=MESSAGES)
    sent = await send(backend, ACCOUNT, made, "Hello")
    assert ["Hello"] == await there(deployment, made)
    assert sent == await backend.messages.get(ACCOUNT, made.sid, sent.sid)


async def test_the_same_words_sent_again_are_not_taken_for_the_first(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend)
    first = await send(backend, ACCOUNT, made, "ok")
    deployment.twilio.faults.lose(method="POST", path=MESSAGES)
    second = await send(backend, ACCOUNT, made, "ok")
    assert first.sid != second.sid
    deployment.twilio.faults.fail(status=503, method="POST", path=MESSAGES)
    third = await send(backend, ACCOUNT, made, "ok")
    assert 3 == len({first.sid, second.sid, third.sid})
    assert ["ok"] * 3 == await there(deployment, made)


@pytest.mark.parametrize("status", [500, 503])
async def test_what_twilio_says_has_failed_is_sent_again_once_it_is_known_to_be_missing(
    deployment: Deployment, status: int
) -> None:
    backend = deployment.backend()
    made = await room(backend)
    deployment.twilio.faults.fail(2, status, method="POST", path=MESSAGES)
    await send(backend, ACCOUNT, made, "Hello")
    assert ["Hello"] == await there(deployment, made)
    assert 3 == deployment.twilio.faults.count("POST", MESSAGES)
    assert 2 == deployment.twilio.faults.count("GET", MESSAGES)


async def test_too_many_requests_are_waited_for_as_long_as_twilio_says(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend)
    deployment.twilio.faults.fail(status=429, method="POST", path=MESSAGES, headers={"Retry-After": "3"})
    await send(backend, ACCOUNT, made, "Hello")
    assert [3.0] == deployment.waits
    assert 0 == deployment.twilio.faults.count("GET", MESSAGES)
    deployment.twilio.faults.fail(status=429, method="POST", path=MESSAGES, headers={"Retry-After": "99"})
    with pytest.raises(RateLimitedError) as refused:
        await send(backend, ACCOUNT, made, "Bye")
    assert (429, 20429) == (refused.value.status, refused.value.code)
    assert ["Hello"] == await there(deployment, made)


@pytest.mark.parametrize("status", [502, 504])
async def test_what_was_not_answered_and_is_not_there_is_not_sent_again(
    deployment: Deployment, status: int
) -> None:
    backend = deployment.backend()
    made = await room(backend)
    deployment.twilio.faults.fail(1, status, method="POST", path=MESSAGES)
    wanted = draft("Hello")
    with pytest.raises(BackendError):
        await backend.messages.create(ACCOUNT, made.sid, wanted)
    assert [] == await there(deployment, made)
    assert 4 == deployment.twilio.faults.count("GET", MESSAGES)
    await backend.messages.create(ACCOUNT, made.sid, wanted)
    await backend.messages.create(ACCOUNT, made.sid, wanted)
    assert ["Hello"] == await there(deployment, made)


async def test_what_comes_late_is_found_by_whoever_asks_again(deployment: Deployment) -> None:
    backend = deployment.backend(request_timeout=0.3)
    made = await room(backend)
    gate = asyncio.Event()
    deployment.twilio.faults.hold(gate, method="POST", path=MESSAGES)
    wanted = draft("Hello")
    with pytest.raises(ServiceTimeoutError):
        await backend.messages.create(ACCOUNT, made.sid, wanted)
    gate.set()

    async def has_come() -> bool:
        return bool(await there(deployment, made))

    await eventually(has_come)
    sent = await backend.messages.create(ACCOUNT, made.sid, wanted)
    assert (["Hello"], "Hello") == (await there(deployment, made), sent.body)


async def test_another_process_finds_what_the_first_one_sent(deployment: Deployment) -> None:
    made = await room(deployment.backend())
    wanted = draft("Hello", is_first=False, attributes={"a": [1, True]}, author="alice")
    for _ in range(3):
        await deployment.backend().messages.create(ACCOUNT, made.sid, wanted)
    assert ["Hello"] == await there(deployment, made)
    await deployment.backend().messages.create(
        ACCOUNT, made.sid, draft("Hello", is_first=False, attributes={"a": [1, 1]}, author="alice")
    )
    await deployment.backend().messages.create(
        ACCOUNT, made.sid, draft("Hello", is_first=False, attributes={"a": [1, True]}, author="bob")
    )
    assert ["Hello"] * 3 == await there(deployment, made)


async def test_dates_are_sent_in_utc(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend)
    written = datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5)))
    sent = await backend.messages.create(ACCOUNT, made.sid, draft("Hello", date_created=written))
    assert written == sent.date_created


async def test_what_is_imported_is_found_by_its_date(deployment: Deployment) -> None:
    made = await room(deployment.backend())
    for year in (2001, 2002, 2001):
        written = datetime(year, 1, 1, tzinfo=UTC)
        wanted = draft("ok", is_first=False, date_created=written)
        await deployment.backend().messages.create(ACCOUNT, made.sid, wanted)
    assert ["ok", "ok"] == await there(deployment, made)


async def test_a_file_is_part_of_what_a_message_is_known_by(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend)
    upload = MediaUpload(content=b"a file", content_type="text/plain")
    for _ in range(2):
        deployment.twilio.faults.lose(method="POST", path=MESSAGES)
        file = await backend.media.upload(ACCOUNT, upload)
        sent = await backend.messages.create(ACCOUNT, made.sid, draft(None, media=(file,)))
        assert (file,) == sent.media
    assert [None, None] == await there(deployment, made)


async def test_one_draft_sent_at_once_twice_is_one_message(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend)
    wanted = draft("Hello")
    both = await asyncio.gather(*(backend.messages.create(ACCOUNT, made.sid, wanted) for _ in range(2)))
    assert both[0] == both[1]
    assert ["Hello"] == await there(deployment, made)


async def test_many_of_the_same_words_at_once_with_lost_answers_are_as_many_messages(
    deployment: Deployment,
) -> None:
    backend = deployment.backend()
    made = await room(backend)
    deployment.twilio.faults.lose(4, method="POST", path=MESSAGES)
    sent = await asyncio.gather(*(send(backend, ACCOUNT, made, "ok") for _ in range(8)))
    assert 8 == len({each.sid for each in sent})
    assert ["ok"] * 8 == await there(deployment, made)


async def test_none_of_the_same_words_at_once_is_taken_for_another_that_never_came(
    deployment: Deployment,
) -> None:
    backend = deployment.backend()
    made = await room(backend)
    deployment.twilio.faults.cut(4, method="POST", path=MESSAGES)
    outcomes = await asyncio.gather(
        *(send(backend, ACCOUNT, made, "ok") for _ in range(8)), return_exceptions=True
    )
    sent = [each.sid for each in outcomes if isinstance(each, MessageRecord)]
    assert 4 == len({*sent}) == len(sent)
    assert ["ok"] * 4 == await there(deployment, made)


async def test_what_was_called_off_while_it_was_under_way_is_found(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend)
    gate = asyncio.Event()
    deployment.twilio.faults.hold(gate, method="POST", path=MESSAGES, after=True)
    wanted = draft("Hello")
    sending = asyncio.create_task(backend.messages.create(ACCOUNT, made.sid, wanted))

    async def has_come() -> bool:
        return bool(await there(deployment, made))

    await eventually(has_come)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    gate.set()
    await backend.messages.create(ACCOUNT, made.sid, wanted)
    assert ["Hello"] == await there(deployment, made)


async def test_a_refusal_is_final(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend)
    with pytest.raises(LimitError):
        await send(backend, ACCOUNT, made, "x" * 40_000)
    assert 1 == deployment.twilio.faults.count("POST", MESSAGES)


# Other calls


async def test_reads_changes_and_deletions_are_repeated(deployment: Deployment) -> None:
    backend = deployment.backend()
    made = await room(backend, "alice")
    faults = deployment.twilio.faults
    for go_wrong in (faults.lose, faults.cut, faults.fail):
        go_wrong(method="GET")
        await backend.conversations.get(ACCOUNT, made.sid)
        go_wrong(method="POST", path=f"/Conversations/{made.sid}$")
        changed = await backend.conversations.update(
            ACCOUNT, made.sid, ConversationChanges(friendly_name="Ours")
        )
        assert "Ours" == changed.friendly_name
    faults.lose(method="DELETE")
    await backend.participants.delete(ACCOUNT, made.sid, "alice")
    faults.lose(method="DELETE")
    await backend.conversations.delete(ACCOUNT, made.sid)


async def test_what_is_made_by_a_name_is_found_out_and_made_once(deployment: Deployment) -> None:
    backend = deployment.backend()
    faults = deployment.twilio.faults
    faults.lose(method="POST", path="/Conversations$")
    made = await backend.conversations.create(ACCOUNT, ConversationDraft(unique_name="room"))
    assert made.sid == await backend.conversations.sid_of(ACCOUNT, "room")
    faults.lose(method="POST", path="/Participants$")
    alice = await backend.participants.create(
        ACCOUNT, made.sid, ParticipantDraft(identity="alice", attributes={"a": 1})
    )
    assert [alice] == await backend.participants.list(ACCOUNT, made.sid)
    faults.cut(method="POST", path="/Participants$")
    await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity="bob"))
    faults.lose(method="POST", path="/Conversations$")
    with pytest.raises(ServiceUnavailableError):
        await backend.conversations.create(ACCOUNT, ConversationDraft())


async def test_a_twilio_that_cannot_be_reached_is_unavailable_within_the_deadline(
    deployment: Deployment,
) -> None:
    backend = deployment.backend(twilio_url="http://127.0.0.1:9", deadline=0.5)
    with pytest.raises(ServiceUnavailableError, match="could not be reached"):
        await send(backend, ACCOUNT, await room(backend), "Hello")
    assert deployment.waits


async def test_a_service_that_stays_away_is_given_up(deployment: Deployment) -> None:
    backend = deployment.backend(deadline=1.0)
    made = await room(backend)
    deployment.twilio.faults.fail(FOREVER, 503, method="POST", path=MESSAGES)
    with pytest.raises(ServiceUnavailableError) as refused:
        await send(backend, ACCOUNT, made, "Hello")
    assert (503, 20503, "A fault") == (refused.value.status, refused.value.code, refused.value.detail)
    assert [] == await there(deployment, made)
