"""What a rollout measures, through OpenTelemetry's API: whether both sides answer, how fast, and whether alike.

================================================  =========  ====================================  ====
instrument                                        kind       attributes                            unit
================================================  =========  ====================================  ====
``twilio_compat.rollout.duration``                histogram  backend, operation, role              s
``twilio_compat.rollout.errors``                  counter    backend, operation, role, error.type
``twilio_compat.rollout.mismatches``              counter    backend, operation, kind
``twilio_compat.rollout.outbox.depth``            gauge      queue, state (waiting, dead)
================================================  =========  ====================================  ====

``backend`` is the side that was called; of a mismatch, the one that was compared with the authority. ``role`` is why it was
called (`Role`). Around each call is a span, ``messages.create twilio`` for one, with the same attributes.

Without the package, or where the application has set no SDK when the backend is opened, nothing is measured, and a call
costs one look at an attribute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Final, Self
from weakref import WeakKeyDictionary, WeakSet

from twilio_compat.account import Backlog
from twilio_compat.rollout.staging.stages import Side

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import Span, TracerProvider

NAME: Final = "twilio_compat.rollout"
"""The instrumentation's name, and the beginning of its instruments'."""
BOUNDARIES: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds between the buckets of the histogram."""

_NOTHING: Final = nullcontext()


class Role(StrEnum):
    """Why a side was called."""

    PRIMARY = "primary"
    """For a caller, who waits."""
    MIRROR = "mirror"
    """To tell it what the other side has."""
    SHADOW = "shadow"
    """To compare what it says."""


class Telemetry:
    """The measurements of one backend. *clock* is in seconds."""

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Measure with the given providers, or else with those that the application has set."""
        self._clock = clock
        self._depths: dict[str, Backlog] = {}
        self._instruments = _instruments(tracer_provider, meter_provider)
        if self._instruments is not None:
            self._instruments.depths.add(self)

    @property
    def is_on(self) -> bool:
        """Whether anything is measured."""
        return self._instruments is not None

    def call(self, side: Side, operation: str, role: Role = Role.PRIMARY) -> AbstractContextManager[object]:
        """Measure the block as a call of *operation*, such as ``messages.create``."""
        if self._instruments is None:
            return _NOTHING
        return _Call(self._instruments, self._clock, side, operation, role)

    def mismatch(self, side: Side, operation: str, kind: str) -> None:
        """Count that *side* said something else than the authority; *kind* says in what, such as ``body``."""
        if self._instruments is not None:
            attributes = {"backend": side.value, "operation": operation, "kind": kind}
            self._instruments.mismatches.add(1, attributes)

    def outbox(self, queue: str, backlog: Backlog) -> None:
        """Note how much waits in a queue, to be told when somebody collects it."""
        if self._instruments is not None:
            self._depths[queue] = backlog

    def depths(self) -> Mapping[str, Backlog]:
        """Return what waits, as last noted."""
        return self._depths.copy()

    def close(self) -> None:
        """Tell nothing of the queues any more."""
        self._depths.clear()
        if self._instruments is not None:
            self._instruments.depths.discard(self)


class _Instruments:
    """What measurements are made with."""

    def __init__(self, tracer_provider: TracerProvider, meter_provider: MeterProvider) -> None:
        meter = meter_provider.get_meter(NAME)
        self.tracer = tracer_provider.get_tracer(NAME)
        self.duration = meter.create_histogram(
            f"{NAME}.duration",
            unit="s",
            description="How long calls of either side take",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self.errors = meter.create_counter(f"{NAME}.errors", description="Calls that failed")
        self.mismatches = meter.create_counter(
            f"{NAME}.mismatches", description="Answers of the mirror that were not those of the authority"
        )
        self.depths = _Depths.of(meter_provider)


class _Depths:
    """The gauge of one provider, which asks it once, however many backends there are, one after the other or at once."""

    _of_providers: ClassVar[WeakKeyDictionary[MeterProvider, _Depths]] = WeakKeyDictionary()

    def __init__(self, meter_provider: MeterProvider) -> None:
        self._sources: WeakSet[Telemetry] = WeakSet()
        self._lock = threading.Lock()  # an exporter collects in a thread of its own
        meter_provider.get_meter(NAME).create_observable_gauge(
            f"{NAME}.outbox.depth",
            callbacks=[self._observe],
            description="What waits to be mirrored, and what was given up",
        )

    @classmethod
    def of(cls, meter_provider: MeterProvider) -> _Depths:
        """Return the gauge of a provider."""
        if meter_provider not in cls._of_providers:
            cls._of_providers[meter_provider] = cls(meter_provider)
        return cls._of_providers[meter_provider]

    def add(self, source: Telemetry) -> None:
        """Ask *source* from now on, as long as somebody has it."""
        with self._lock:
            self._sources.add(source)

    def discard(self, source: Telemetry) -> None:
        """Ask it no more."""
        with self._lock:
            self._sources.discard(source)

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        from opentelemetry.metrics import Observation

        with self._lock:
            sources = [*self._sources]
        noted: dict[str, Backlog] = {}
        for each in sources:
            noted |= each.depths()
        for queue, backlog in noted.items():
            yield Observation(backlog.waiting, {"queue": queue, "state": "waiting"})
            yield Observation(backlog.dead, {"queue": queue, "state": "dead"})


class _Call:
    """One call, as a span and in the instruments."""

    def __init__(
        self,
        instruments: _Instruments,
        clock: Callable[[], float],
        side: Side,
        operation: str,
        role: Role,
    ) -> None:
        self._instruments = instruments
        self._clock = clock
        self._attributes = {"backend": side.value, "operation": operation, "role": role.value}
        self._name = f"{operation} {side.value}"

    def __enter__(self) -> Self:
        from opentelemetry.trace import SpanKind

        self._span: AbstractContextManager[Span] = self._instruments.tracer.start_as_current_span(
            self._name, kind=SpanKind.CLIENT, attributes=self._attributes
        )
        self._span.__enter__()
        self._begun = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._instruments.duration.record(self._clock() - self._begun, self._attributes)
        if isinstance(error, Exception):
            failed = {**self._attributes, "error.type": type(error).__name__}
            self._instruments.errors.add(1, failed)
        self._span.__exit__(kind, error, trace)


def _instruments(
    tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None
) -> _Instruments | None:
    """Return what to measure with; None where that would come to nothing."""
    try:
        from opentelemetry import metrics, trace
    except ModuleNotFoundError:
        return None
    traced = tracer_provider or trace.get_tracer_provider()
    measured = meter_provider or metrics.get_meter_provider()
    return _Instruments(traced, measured) if _measures(traced) or _measures(measured) else None


def _measures(provider: object) -> bool:
    """Say whether a provider is of an SDK: those of the API itself measure nothing."""
    return not type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))
