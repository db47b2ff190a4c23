"""A flag service, through the OpenFeature SDK and its own provider in memory."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.hook import Hook
from openfeature.provider import AbstractProvider, Metadata
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from twilio_compat.errors import ConfigurationError
from twilio_compat.rollout.staging.flag import OpenFeatureFlag, Target, open_flag
from twilio_compat.rollout.staging.open_feature import GIVEN_UP, KEY, TIMEOUT
from twilio_compat.rollout.staging.stages import Stage

ONE, OTHER = Target(conversation_sid="CH" + "1" * 32), Target(conversation_sid="CH" + "2" * 32)
VARIANTS = {each.value: each.value for each in Stage} | {"typo": "lvie", "empty": ""}


class Time:
    """Stands still; who sleeps is woken by `pass_by`, or at once where time is short."""

    def __init__(self) -> None:
        self.now = 0.0
        self.short = False
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self.short:
            await asyncio.Event().wait()
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _sdk() -> Iterator[None]:
    """Leave no provider and no hook to the next test."""
    yield
    api.shutdown()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def flag(time: Time) -> OpenFeatureFlag:
    return OpenFeatureFlag(clock=time, sleep=time.sleep)


def provide(evaluate: Callable[[EvaluationContext], str]) -> None:
    """Set a provider in memory whose flag has the variant that *evaluate* names."""

    def resolve(given: InMemoryFlag[str], context: EvaluationContext) -> FlagResolutionDetails[str]:
        variant = evaluate(context)
        return FlagResolutionDetails(value=given.variants[variant], variant=variant, reason=Reason.SPLIT)

    api.set_provider_and_wait(
        InMemoryProvider(
            {KEY: InMemoryFlag(default_variant="off", variants=VARIANTS, context_evaluator=resolve)}
        )
    )


@pytest.mark.parametrize("stage", Stage)
async def test_a_variant_is_the_name_of_a_stage(flag: OpenFeatureFlag, time: Time, stage: Stage) -> None:
    provide(lambda _: stage.value)
    assert stage is await flag.stage(ONE)
    assert [TIMEOUT] == time.slept


async def test_a_provider_sees_what_is_known_of_a_conversation(flag: OpenFeatureFlag) -> None:
    seen: list[EvaluationContext] = []
    provide(lambda context: (seen.append(context), "live")[1])
    await flag.stage(Target(conversation_sid="CH1", key="k", service="IS1", unique_name="n", creator="alice"))
    await flag.stage(Target(conversation_sid="CH1"))
    everything = {"conversation_sid": "CH1", "service": "IS1", "unique_name": "n", "creator": "alice"}
    assert [
        EvaluationContext("k", everything),
        EvaluationContext("CH1", {"conversation_sid": "CH1"}),
    ] == seen


@pytest.mark.parametrize("variant", ["typo", "empty"])
async def test_what_is_no_stage_leaves_a_conversation_where_it_is(
    flag: OpenFeatureFlag, variant: str, caplog: pytest.LogCaptureFixture
) -> None:
    provide(lambda _: variant)
    assert [None, None] == [await flag.stage(ONE), await flag.stage(OTHER)]
    (record,) = caplog.records
    assert f"is {VARIANTS[variant]!r}, which is no stage: off, dualwrite, " in record.message


async def test_a_flag_that_there_is_not_leaves_a_conversation_where_it_is(flag: OpenFeatureFlag) -> None:
    api.set_provider_and_wait(InMemoryProvider({}))
    assert await flag.stage(ONE) is None


async def test_without_a_provider_conversations_stay_where_they_are(flag: OpenFeatureFlag) -> None:
    assert await flag.stage(ONE) is None


async def test_an_error_of_the_provider_leaves_a_conversation_where_it_is(
    flag: OpenFeatureFlag, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: EvaluationContext) -> str:
        raise ConnectionError("no route to the flags")

    provide(lambda _: "live")
    await flag.stage(ONE)
    provide(fail)
    assert [None, None] == [await flag.stage(ONE), await flag.stage(ONE)]
    mine = [each for each in caplog.records if each.name.startswith("twilio_compat")]
    assert [f"could not be evaluated: {ErrorCode.GENERAL}"] == [
        each.message.split("stage ")[1].split(";")[0] for each in mine
    ]


async def test_a_hook_that_fails_is_no_error_of_a_call(flag: OpenFeatureFlag) -> None:
    class Failing(Hook):
        def error(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("from the hook")

        def finally_after(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("from the hook")

    api.add_hooks([Failing()])
    api.set_provider_and_wait(InMemoryProvider({}))
    assert await flag.stage(ONE) is None


class Hanging(InMemoryProvider):
    """Answers when it is told to, if ever."""

    def __init__(self) -> None:
        super().__init__({})
        self.asked: list[str] = []
        self.answers: asyncio.Queue[str] = asyncio.Queue()

    async def resolve_string_details_async(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        assert evaluation_context is not None
        self.asked.append(evaluation_context.targeting_key or "")
        return FlagResolutionDetails(value=await self.answers.get())


@pytest.fixture
def hanging() -> Hanging:
    provider = Hanging()
    api.set_provider_and_wait(provider)
    return provider


async def test_a_provider_that_hangs_is_waited_for_once_and_not_for_long(
    flag: OpenFeatureFlag, time: Time, hanging: Hanging
) -> None:
    time.short = True
    assert [None] * 5 == [await flag.stage(each) for each in (ONE, OTHER, ONE, OTHER, ONE)]
    assert ([TIMEOUT], [ONE.targeting_key]) == (time.slept, hanging.asked)
    await flag.close()


async def test_while_it_hangs_the_last_values_hold(
    flag: OpenFeatureFlag, time: Time, hanging: Hanging
) -> None:
    hanging.answers.put_nowait("shadow")
    assert Stage.SHADOW is await flag.stage(ONE)
    time.short = True
    assert [Stage.SHADOW, None, Stage.SHADOW] == [await flag.stage(each) for each in (ONE, OTHER, ONE)]
    await flag.close()


async def test_what_it_says_late_counts_from_then_on(
    flag: OpenFeatureFlag, time: Time, hanging: Hanging
) -> None:
    time.short = True
    assert await flag.stage(ONE) is None
    hanging.answers.put_nowait("live")
    await asyncio.sleep(0.01)
    assert hanging.answers.empty()
    hanging.answers.put_nowait("dualwrite")
    assert Stage.DUALWRITE is await flag.stage(ONE)
    assert [ONE.targeting_key] * 2 == hanging.asked


async def test_what_never_ends_is_given_up_and_tried_again_ever_more_rarely(
    flag: OpenFeatureFlag, time: Time, hanging: Hanging
) -> None:
    time.short = True
    await flag.stage(ONE)
    for passed, asked in ((GIVEN_UP, 2), (GIVEN_UP, 2), (GIVEN_UP, 3), (3 * GIVEN_UP, 3), (GIVEN_UP, 4)):
        time.now += passed
        await flag.stage(ONE)
        await asyncio.sleep(0)
        assert asked == len(hanging.asked)
    assert [TIMEOUT] == time.slept, "only the first was waited for"
    await flag.close()


async def test_callers_who_ask_the_same_at_once_share_an_evaluation(
    flag: OpenFeatureFlag, hanging: Hanging
) -> None:
    asking = [asyncio.ensure_future(flag.stage(ONE)) for _ in range(3)]
    hanging.answers.put_nowait("live")
    assert [Stage.LIVE] * 3 == await asyncio.gather(*asking)
    assert [ONE.targeting_key] == hanging.asked


async def test_a_caller_who_gives_up_takes_nothing_from_the_others(
    flag: OpenFeatureFlag, hanging: Hanging
) -> None:
    first, second = (asyncio.ensure_future(flag.stage(ONE)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    hanging.answers.put_nowait("live")
    assert Stage.LIVE is await second


class ForThreads(AbstractProvider):
    """A provider as most are: it blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.threads: list[threading.Thread] = []

    def get_metadata(self) -> Metadata:
        return Metadata(name="for threads")

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        self.threads.append(threading.current_thread())
        self.release.wait()
        return FlagResolutionDetails(value="live")

    def resolve_boolean_details(self, *_: Any) -> Any: ...
    def resolve_integer_details(self, *_: Any) -> Any: ...
    def resolve_float_details(self, *_: Any) -> Any: ...
    def resolve_object_details(self, *_: Any) -> Any: ...


async def test_a_provider_that_blocks_is_asked_in_a_thread(flag: OpenFeatureFlag, time: Time) -> None:
    provider = ForThreads()
    api.set_provider_and_wait(provider)
    time.short = True
    assert await flag.stage(ONE) is None, "the event loop went on meanwhile"
    provider.release.set()
    time.short = False
    (thread,) = provider.threads
    assert thread.daemon
    await asyncio.gather(*flag._running.values())
    assert Stage.LIVE is await flag.stage(ONE)


async def test_closing_waits_for_no_provider(flag: OpenFeatureFlag, time: Time, hanging: Hanging) -> None:
    asking = asyncio.ensure_future(flag.stage(ONE))
    await asyncio.sleep(0)
    await flag.close()
    assert await asking is None
    await flag.close()


async def test_without_the_sdk_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openfeature", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'twilio-acs-compat\[rollout\]'"):
        open_flag("openfeature")


async def test_the_setting_openfeature_means_the_flag_service() -> None:
    provide(lambda _: "rampdown")
    assert Stage.RAMPDOWN is await open_flag(" openfeature ").stage(ONE)
