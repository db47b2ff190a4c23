"""Faults: which requests they happen to, and what the official SDK sees of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from azure.communication.chat import ChatThreadClient
from azure.core.exceptions import (
    AzureError,
    DecodeError,
    DeserializationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator import Emulator, Exchange, FaultError
from acs_emulator.faults import Fault, Faults, Kind
from acs_emulator.operations import OPERATIONS
from tests.acs_emulator.clients import chat_client, new_token, thread_client

SEND = "SendChatMessage"
LOST = (ServiceRequestError, ServiceResponseError)
UNREADABLE = (DecodeError, DeserializationError)


def new_faults() -> Faults:
    return Faults(each.name for each in OPERATIONS)


def met(faults: Faults, *operations: str) -> list[str | None]:
    """Return the kinds that requests meet, one after the other."""
    found = [faults.meet(each) for each in operations]
    return [None if each is None else str(each.kind) for each in found]


class TestWhichRequests:
    def test_none_unless_asked_for(self) -> None:
        assert [None] == met(new_faults(), SEND)

    def test_those_of_the_operations_named(self) -> None:
        faults = new_faults()
        faults.add("garbage", SEND, "GetChatMessage")
        assert ["garbage", None, "garbage"] == met(faults, SEND, "ListChatMessages", "GetChatMessage")

    def test_all_where_none_is_named(self) -> None:
        faults = new_faults()
        faults.add("garbage")
        assert ["garbage", "garbage"] == met(faults, SEND, "CreateIdentity")

    def test_as_many_as_asked_for_after_those_let_pass(self) -> None:
        faults = new_faults()
        rule = faults.add("throttle", SEND, skip=1, count=2)
        assert [None, "throttle", "throttle", None] == met(faults, SEND, SEND, SEND, SEND)
        assert (2, True) == (rule.hits, rule.is_used_up)

    def test_the_first_that_is_not_used_up_decides(self) -> None:
        faults = new_faults()
        faults.add("drop-answer", SEND, count=1)
        faults.add("delay", SEND, count=1)
        faults.add("drop-request", SEND, count=1)
        assert ["drop-answer", "delay", "drop-request", None] == met(faults, SEND, SEND, SEND, SEND)

    def test_who_waits_for_a_request_is_told_when_it_came(self) -> None:
        faults = new_faults()
        rule = faults.add("garbage", SEND, skip=5)
        assert not rule.wait_until_seen(0.0)
        met(faults, SEND)
        assert rule.wait_until_seen()

    def test_a_removed_fault_happens_no_more(self) -> None:
        faults = new_faults()
        first, _ = faults.add("garbage"), faults.add("truncate")
        assert (True, False) == (faults.remove(first.number), faults.remove(first.number))
        assert ["truncate"] == met(faults, SEND)
        faults.clear()
        assert ([None], ()) == (met(faults, SEND), faults.rules)

    @given(seed=st.integers(0, 1000), probability=st.sampled_from([0.1, 0.5, 0.9]))
    def test_chance_is_the_same_in_every_run(self, seed: int, probability: float) -> None:
        runs = []
        for _ in range(2):
            faults = new_faults()
            faults.add("garbage", probability=probability, seed=seed)
            runs.append(met(faults, *[SEND] * 50))
        assert runs[0] == runs[1]

    def test_chance_is_as_likely_as_it_says(self) -> None:
        faults = new_faults()
        rule = faults.add("garbage", probability=0.25)
        met(faults, *[SEND] * 4000)
        assert 900 < rule.hits < 1100

    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({"kind": "flood"}, "kind must be one of delay, drop-request"),
            ({"count": 0}, "count must be at least 1"),
            ({"skip": -1}, "skip must not be negative"),
            ({"probability": 0.0}, "probability must be above 0"),
            ({"probability": 1.5}, "probability must be above 0, and at most 1"),
            ({"latency": -1.0}, "latency must be a number of seconds"),
            ({"latency": float("nan")}, "latency must be a number of seconds"),
            ({"status": 404}, "status must be between 500 and 599"),
            ({"retry_after": -1}, "retry_after must not be negative"),
        ],
    )
    def test_what_cannot_be_is_refused(self, fields: dict[str, Any], text: str) -> None:
        with pytest.raises(FaultError, match=text):
            new_faults().add(**{"kind": "delay"} | fields)

    def test_an_operation_that_there_is_not_is_refused(self) -> None:
        with pytest.raises(FaultError, match="there is no operation SendMail; there are AddChat"):
            new_faults().put(Fault(kind=Kind.DELAY, operations=frozenset(["SendMail", SEND])))


class Chat:
    """A thread, the official SDK's client in it, and what the emulator carried out."""

    def __init__(self, emulator: Emulator, exchanges: list[Exchange]) -> None:
        self.emulator, self.exchanges = emulator, exchanges
        self.token = new_token(emulator)
        with chat_client(emulator, self.token) as client:
            self.id: str = client.create_chat_thread("Topic").chat_thread.id

    def client(self) -> ChatThreadClient:
        return thread_client(self.emulator, self.token, self.id)

    def send(self) -> str:
        with self.client() as client:
            return client.send_message("hello").id

    def contents(self) -> list[str]:
        """Return the messages there are, without faults."""
        self.emulator.faults.clear()
        with self.client() as client:
            return [each.content.message for each in client.list_messages() if each.type == "text"]


@pytest.fixture
def chat() -> Iterator[Chat]:
    exchanges: list[Exchange] = []
    with Emulator(observe=exchanges.append) as emulator:
        yield Chat(emulator, exchanges)


class TestWhatTheSdkSees:
    @pytest.mark.parametrize(
        ("kind", "error", "status", "effect"),
        [
            ("drop-request", LOST, None, []),
            ("drop-answer", LOST, None, ["hello"]),
            ("throttle", HttpResponseError, 429, []),
            ("fail-request", HttpResponseError, 503, []),
            ("fail-answer", HttpResponseError, 503, ["hello"]),
            ("truncate", UNREADABLE, None, ["hello"]),
            ("garbage", UNREADABLE, None, ["hello"]),
        ],
    )
    def test_a_send(
        self,
        chat: Chat,
        kind: str,
        error: type[Exception] | tuple[type[Exception], ...],
        status: int | None,
        effect: list[str],
    ) -> None:
        rule = chat.emulator.faults.add(kind, SEND, count=1)
        with pytest.raises(error) as caught:
            chat.send()
        assert (1, effect) == (rule.hits, chat.contents())
        if status is not None:
            assert status == caught.value.status_code

    def test_after_a_fault_everything_is_as_before(self, chat: Chat) -> None:
        for kind in Kind:
            chat.emulator.faults.add(kind, "GetChatThreadProperties", count=1)
        with chat.client() as client:
            for _ in Kind:
                try:
                    client.get_properties()
                except (AzureError, DeserializationError):
                    continue
            assert "Topic" == client.get_properties().topic

    def test_a_delay_is_waited_out(self, chat: Chat) -> None:
        chat.emulator.faults.add("delay", SEND, latency=0.1)
        began = time.monotonic()
        chat.send()
        assert time.monotonic() - began >= 0.1

    def test_what_arrives_late_has_its_effect_after_the_connection_broke(self, chat: Chat) -> None:
        rule = chat.emulator.faults.add("arrive-late", SEND, latency=0.2)
        with pytest.raises(LOST):
            chat.send()
        assert (1, []) == (rule.hits, chat.contents())
        give_up = time.monotonic() + 10
        while not chat.contents() and time.monotonic() < give_up:
            time.sleep(0.01)
        assert ["hello"] == chat.contents()

    @pytest.mark.parametrize("kind", ["throttle", "fail-request"])
    @pytest.mark.parametrize(("retry_after", "header"), [(None, None), (0, "0"), (7, "7")])
    def test_a_refusal_may_say_when_to_come_back(
        self, chat: Chat, kind: str, retry_after: int | None, header: str | None
    ) -> None:
        chat.emulator.faults.add(kind, SEND, retry_after=retry_after)
        with pytest.raises(HttpResponseError) as caught:
            chat.send()
        assert caught.value.response is not None
        assert header == caught.value.response.headers.get("Retry-After")

    @pytest.mark.parametrize(
        ("status", "code"), [(500, "InternalServerError"), (503, "ServiceUnavailable"), (507, "ServerError")]
    )
    def test_a_failure_has_the_status_asked_for(self, chat: Chat, status: int, code: str) -> None:
        chat.emulator.faults.add("fail-request", SEND, status=status)
        with pytest.raises(HttpResponseError) as caught:
            chat.send()
        assert (status, code) == (caught.value.status_code, caught.value.response.headers["x-ms-error-code"])

    @pytest.mark.parametrize("kind", ["truncate", "garbage"])
    def test_an_answer_without_a_body_is_spoilt_too(self, chat: Chat, kind: str) -> None:
        """The SDK does not look at a body that it does not need, but does at a status that it does not know."""
        message = chat.send()
        chat.emulator.faults.add(kind, "DeleteChatMessage", count=1)
        with pytest.raises(AzureError), chat.client() as client:
            client.delete_message(message)
        assert [""] == chat.contents()

    def test_its_own_retries_get_over_a_fault_that_passes(self, chat: Chat) -> None:
        chat.emulator.faults.add("throttle", SEND, count=2, retry_after=0)
        with thread_client(chat.emulator, chat.token, chat.id, retry_total=10) as client:
            assert client.send_message("hello").id
        assert ["hello"] == chat.contents()

    def test_observers_hear_of_what_was_carried_out(self, chat: Chat) -> None:
        del chat.exchanges[:]
        for kind in ("drop-request", "drop-answer", "throttle", "fail-answer"):
            chat.emulator.faults.add(kind, SEND, count=1)
            with pytest.raises(AzureError):
                chat.send()
        assert [201, 201] == [each.status for each in chat.exchanges]


async def test_an_emulator_that_stops_waits_for_what_arrives_late(caplog: pytest.LogCaptureFixture) -> None:
    async with Emulator() as emulator:
        emulator.faults.add("arrive-late", "CreateIdentity", latency=0.1)
        with pytest.raises(AzureError):
            await asyncio.to_thread(new_token, emulator)
        service = emulator.service
    assert 1 == len(service.state.users)
    assert [] == caplog.records
