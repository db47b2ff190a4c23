from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from acs_backend.ledger.send_order import SendOrder


def test_a_lone_send_is_settled_as_soon_as_it_finishes() -> None:
    order = SendOrder()
    assert order.finish(order.start(), 100) == [100]
    assert order.idle


def test_a_send_waits_for_those_in_flight_when_it_finished() -> None:
    order = SendOrder()
    slow, quick = order.start(), order.start()
    assert order.finish(quick, 101) == []
    assert order.finish(slow, 100) == [100, 101]


def test_a_send_does_not_wait_for_one_that_started_after_it_finished() -> None:
    order = SendOrder()
    slow, quick = order.start(), order.start()
    assert order.finish(quick, 101) == []
    later = order.start()
    assert order.finish(slow, 102) == [101]
    assert order.finish(later, 103) == [102, 103]


def test_a_send_that_failed_holds_nobody_up() -> None:
    order = SendOrder()
    lost, quick = order.start(), order.start()
    assert order.finish(quick, 101) == []
    assert order.abandon(lost) == [101]


class ManySenders(RuleBasedStateMachine):
    """A service that numbers messages at any moment of their sends' flight."""

    def __init__(self) -> None:
        super().__init__()
        self.order = SendOrder()
        self.clock = 0
        self.flying: dict[int, int | None] = {}
        self.finished: set[int] = set()
        self.settled: list[int] = []

    @rule()
    def start(self) -> None:
        self.flying[self.order.start()] = None

    @precondition(lambda self: any(each is None for each in self.flying.values()))
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from([each for each, got in self.flying.items() if got is None]))
        self.clock += 1
        self.flying[ticket] = self.clock

    @precondition(lambda self: any(each is not None for each in self.flying.values()))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from([each for each, got in self.flying.items() if got is not None]))
        message_id = self.flying.pop(ticket)
        assert message_id is not None
        self.finished.add(message_id)
        self.settled += self.order.finish(ticket, message_id)

    @precondition(lambda self: any(each is None for each in self.flying.values()))
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from([each for each, got in self.flying.items() if got is None]))
        del self.flying[ticket]
        self.settled += self.order.abandon(ticket)

    @invariant()
    def settled_in_order_of_creation(self) -> None:
        assert sorted(self.settled) == self.settled

    @invariant()
    def nothing_is_forgotten(self) -> None:
        if not self.flying:
            assert sorted(self.finished) == self.settled
            assert self.order.idle


TestManySenders = ManySenders.TestCase


@given(st.permutations(range(6)))
def test_any_order_of_answers_settles_in_order_of_ids(answers: list[int]) -> None:
    order = SendOrder()
    tickets = [order.start() for _ in answers]
    settled = [each for number in answers for each in order.finish(tickets[number], number)]
    assert list(range(6)) == settled
