"""What is measured, with OpenTelemetry's SDK in memory; and that nothing is without it."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.rollout.clock import Clock
from tests.rollout.deployment import RolloutDeployment, drained, room, send
from tests.support.waiting import eventually
from twilio_compat.account import Backlog
from twilio_compat.errors import NotFoundError
from twilio_compat.rollout.assembly import Tools
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.telemetry import BOUNDARIES, Role, Telemetry

SENT = {"backend": "twilio", "operation": "messages.create", "role": "primary"}


class Sdk:
    """An SDK that an application has set up, and what came out of it."""

    def __init__(self) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meter_provider = MeterProvider([self._reader])

    @property
    def spans(self) -> Any:
        return self._spans.get_finished_spans()

    def points(self, name: str) -> list[Any]:
        """Return the data points of an instrument."""
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == f"twilio_compat.rollout.{name}"
            for point in metric.data.data_points
        ]

    def values(self, name: str) -> list[tuple[dict[str, str], Any]]:
        return [(dict(each.attributes), each.value) for each in self.points(name)]


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    sdk = Sdk()
    yield sdk
    sdk.meter_provider.shutdown()
    sdk.tracer_provider.shutdown()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telemetry(sdk: Sdk, clock: Clock) -> Telemetry:
    return Telemetry(sdk.tracer_provider, sdk.meter_provider, clock=clock)


def test_a_call_is_timed_and_traced(telemetry: Telemetry, sdk: Sdk, clock: Clock) -> None:
    with telemetry.call(Side.TWILIO, "messages.create"):
        clock.move(0.2)
    (point,) = sdk.points("duration")
    assert (SENT, 1, BOUNDARIES) == (dict(point.attributes), point.count, tuple(point.explicit_bounds))
    assert 0.2 == pytest.approx(point.sum)
    (span,) = sdk.spans
    assert ("messages.create twilio", SENT, SpanKind.CLIENT, StatusCode.UNSET) == (
        span.name,
        dict(span.attributes),
        span.kind,
        span.status.status_code,
    )
    assert [] == sdk.points("errors")


def test_a_call_that_fails_is_counted_by_its_kind_and_raises_what_it_raises(
    telemetry: Telemetry, sdk: Sdk
) -> None:
    for role in (Role.MIRROR, Role.MIRROR):
        with pytest.raises(NotFoundError), telemetry.call(Side.ACS, "messages.get", role):
            raise NotFoundError("Message not found", code=50500)
    expected = {
        "backend": "acs",
        "operation": "messages.get",
        "role": "mirror",
        "error.type": "NotFoundError",
    }
    assert [(expected, 2)] == sdk.values("errors")
    assert [2] == [each.count for each in sdk.points("duration")]
    assert [StatusCode.ERROR] * 2 == [each.status.status_code for each in sdk.spans]
    assert ["exception"] == [each.name for each in sdk.spans[0].events]


def test_a_call_that_is_cancelled_is_no_error(telemetry: Telemetry, sdk: Sdk) -> None:
    with pytest.raises(asyncio.CancelledError), telemetry.call(Side.ACS, "messages.get"):
        raise asyncio.CancelledError
    assert [] == sdk.points("errors")
    assert 1 == len(sdk.spans)


def test_calls_within_a_span_belong_to_it(telemetry: Telemetry, sdk: Sdk) -> None:
    with sdk.tracer_provider.get_tracer("app").start_as_current_span("request"):
        with telemetry.call(Side.TWILIO, "messages.create"):
            pass
    inner, outer = sdk.spans
    assert outer.context.span_id == inner.parent.span_id


async def test_calls_at_once_are_told_apart(telemetry: Telemetry, sdk: Sdk) -> None:
    async def call(side: Side) -> None:
        with telemetry.call(side, "messages.page", Role.SHADOW):
            await asyncio.sleep(0)

    await asyncio.gather(*(call(side) for side in Side for _ in range(3)))
    counts = {each.attributes["backend"]: each.count for each in sdk.points("duration")}
    assert {"twilio": 3, "acs": 3} == counts
    assert [None] * 6 == [each.parent for each in sdk.spans]


def test_mismatches_are_counted_by_what_differed(telemetry: Telemetry, sdk: Sdk) -> None:
    for kind in ("body", "body", "order"):
        telemetry.mismatch(Side.ACS, "messages.page", kind)
    common = {"backend": "acs", "operation": "messages.page"}
    assert [(common | {"kind": "body"}, 2), (common | {"kind": "order"}, 1)] == sdk.values("mismatches")


def test_what_waits_is_told_when_it_is_collected(telemetry: Telemetry, sdk: Sdk) -> None:
    telemetry.outbox("rollout-acs", Backlog(waiting=5, dead=0))
    telemetry.outbox("rollout-acs", Backlog(waiting=3, dead=1))
    telemetry.outbox("rollout-twilio", Backlog(waiting=0, dead=0))
    expected = [
        ({"queue": "rollout-acs", "state": "waiting"}, 3),
        ({"queue": "rollout-acs", "state": "dead"}, 1),
        ({"queue": "rollout-twilio", "state": "waiting"}, 0),
        ({"queue": "rollout-twilio", "state": "dead"}, 0),
    ]
    assert expected == sdk.values("outbox.depth")


def test_a_second_backend_is_measured_as_well_and_a_closed_one_no_more(
    telemetry: Telemetry, sdk: Sdk
) -> None:
    telemetry.outbox("rollout-acs", Backlog(waiting=5, dead=0))
    telemetry.close()
    telemetry.close()
    second = Telemetry(sdk.tracer_provider, sdk.meter_provider)
    assert [] == sdk.values("outbox.depth")
    second.outbox("rollout-acs", Backlog(waiting=2, dead=0))
    assert [2, 0] == [value for _, value in sdk.values("outbox.depth")]
    for each in (telemetry, second):
        with each.call(Side.ACS, "messages.get"):
            pass
    assert [2] == [each.count for each in sdk.points("duration")]


def test_one_that_nobody_has_any_more_is_told_no_more(sdk: Sdk) -> None:
    telemetry = Telemetry(sdk.tracer_provider, sdk.meter_provider)
    telemetry.outbox("rollout-acs", Backlog(waiting=5, dead=0))
    del telemetry
    gc.collect()
    assert [] == sdk.values("outbox.depth")


def test_one_provider_is_enough(sdk: Sdk) -> None:
    telemetry = Telemetry(meter_provider=sdk.meter_provider)
    with telemetry.call(Side.ACS, "messages.get"):
        pass
    assert telemetry.is_on
    assert 1 == len(sdk.points("duration"))


def test_where_no_sdk_is_set_nothing_is_measured() -> None:
    telemetry = Telemetry()
    assert not telemetry.is_on
    with telemetry.call(Side.ACS, "messages.get") as one, telemetry.call(Side.TWILIO, "users.get") as other:
        assert (None, None) == (one, other)
    assert telemetry.call(Side.ACS, "messages.get") is telemetry.call(Side.TWILIO, "users.get")
    telemetry.mismatch(Side.ACS, "messages.get", "body")
    telemetry.outbox("rollout-acs", Backlog(waiting=1, dead=0))
    assert {} == telemetry.depths()
    telemetry.close()


def test_without_the_package_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    telemetry = Telemetry()
    assert not telemetry.is_on
    with telemetry.call(Side.ACS, "messages.get"):
        pass


def test_nothing_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, twilio_compat.rollout.telemetry, twilio_compat.rollout.staging.flag\n"
        "print([each for each in ('opentelemetry.metrics', 'openfeature') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


async def test_calls_of_both_sides_are_measured_with_what_waits_for_the_mirror(
    sdk: Sdk, deployment: RolloutDeployment
) -> None:
    tools = Tools(telemetry=lambda: Telemetry(sdk.tracer_provider, sdk.meter_provider))
    backend = deployment.open("dualwrite", tools)
    made = await room(backend, "bob")
    await send(backend, made.sid, "measured")
    await drained(backend, made.sid)

    async def is_depth_told() -> bool:
        return bool(sdk.values("outbox.depth"))

    await eventually(is_depth_told)
    spans = {(each.name, each.attributes["role"]) for each in sdk.spans}
    assert {
        ("conversations.create twilio", "primary"),
        ("participants.create twilio", "primary"),
        ("messages.create twilio", "primary"),
        ("mirror.conversation acs", "mirror"),
        ("mirror.participant acs", "mirror"),
        ("mirror.message acs", "mirror"),
    } <= spans
    assert "rollout-acs" in {attributes["queue"] for attributes, _ in sdk.values("outbox.depth")}
