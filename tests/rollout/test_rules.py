"""The built-in rules: what they say, and what is said of those that cannot be read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.errors import ArgumentError, ConfigurationError
from twilio_compat.rollout.staging.buckets import bucket_of
from twilio_compat.rollout.staging.flag import Rule, Rules, Target, open_flag, parse_rules
from twilio_compat.rollout.staging.stages import Stage

ONE, OTHER = "CH" + "1" * 32, "CH" + "2" * 32
TENANT = "IS" + "3" * 32


def target(sid: str = ONE, service: str | None = None) -> Target:
    return Target(conversation_sid=sid, service=service)


async def stages_of(setting: str, *targets: Target) -> list[str | None]:
    rules = parse_rules(setting)
    return [await rules.stage(each) for each in targets]


@pytest.mark.parametrize(
    ("setting", "rules"),
    [
        ("off", [Rule("*", Stage.OFF)]),
        ("live:5%", [Rule("*", Stage.LIVE, 500)]),
        ("* = live : 0.25 % @ wave-2", [Rule("*", Stage.LIVE, 25, "wave-2")]),
        ("live:2.5%", [Rule("*", Stage.LIVE, 250)]),
        ("live:100.00%", [Rule("*", Stage.LIVE)]),
        (f"{TENANT}=shadow; {ONE}=live;", [Rule(TENANT, Stage.SHADOW), Rule(ONE, Stage.LIVE)]),
        ("\n live:1%\n\n shadow:10%\n", [Rule("*", Stage.LIVE, 100), Rule("*", Stage.SHADOW, 1000)]),
        ("live:0%; dualwrite:0%", [Rule("*", Stage.LIVE, 0), Rule("*", Stage.DUALWRITE, 0)]),
    ],
)
def test_rules_are_read_from_one_text(setting: str, rules: list[Rule]) -> None:
    assert Rules(tuple(rules)) == parse_rules(setting)


async def test_the_first_rule_that_is_for_a_conversation_counts() -> None:
    setting = f"{ONE}=live; {TENANT}=shadow; dualwrite"
    targets = target(ONE, TENANT), target(OTHER, TENANT), target(OTHER)
    assert ["live", "shadow", "dualwrite"] == await stages_of(setting, *targets)


async def test_who_falls_under_no_rule_is_off() -> None:
    assert ["off"] == await stages_of(f"{ONE}=live", target(OTHER))


async def test_a_percentage_takes_its_buckets_and_leaves_the_rest_to_the_rules_after() -> None:
    targets = [target(f"CH{number:032x}") for number in range(500)]
    buckets = [bucket_of(each.targeting_key, "rollout") for each in targets]
    expected = ["live" if each < 1000 else "shadow" if each < 3000 else "dualwrite" for each in buckets]
    assert expected == await stages_of("live:10%; shadow:30%; dualwrite", *targets)


async def test_a_percentage_goes_by_the_key_that_a_conversation_had_before_its_sid() -> None:
    before = Target.new(unique_name="order-4711", service=TENANT)
    after = Target(conversation_sid=ONE, key="order-4711", service=TENANT)
    assert ["live", "live"] == await stages_of("live:8%", before, after), "its bucket is 738"
    assert ["off", "off"] == await stages_of("live:7%", before, after)


async def test_a_percentage_of_a_service_is_one_of_its_conversations() -> None:
    rules = f"{TENANT}=live:50%; shadow"
    found = await stages_of(rules, *(target(f"CH{number:032x}", TENANT) for number in range(200)))
    assert {"live", "shadow"} == set(found)
    assert ["shadow"] == await stages_of(rules, target(f"CH{2:032x}"))


@pytest.mark.parametrize(
    ("setting", "where", "why"),
    [
        ("offf", "rule 1, character 1", "'offf' is no stage; write one of off, dualwrite, shadow, live,"),
        ("off; liv:5%", "rule 2, character 6", "'liv' is no stage"),
        ("live:5", "rule 1, character 6", "'5' is no percentage; write a number from 0 to 100"),
        ("live:101%", "rule 1, character 6", "'101%' is no percentage"),
        ("live:100.01%", "rule 1, character 6", "'100.01%' is no percentage"),
        ("live:1.234%", "rule 1, character 6", "'1.234%' is no percentage"),
        ("live:-1%", "rule 1, character 6", "'-1%' is no percentage"),
        ("live:", "rule 1, character 6", "'' is no percentage"),
        ("live:5%@a b", "rule 1, character 9", "'a b' is no salt"),
        ("live:5%@", "rule 1, character 9", "'' is no salt"),
        (
            "off:1%;  CH12 = live",
            "rule 2, character 10",
            "'CH12' is no subject; write the sid of a conversation",
        ),
        ("=live", "rule 1, character 1", "'' is no subject"),
        ("live:1%;;\n * = = live", "rule 2, character 16", "'= live' is no stage"),
        ("openfeature; live", "rule 1, character 1", "'openfeature' is no stage"),
        (f"live; {ONE}=off", "rule 2, character 7", "this rule never counts, since rule 1 takes all"),
        ("live:5%; shadow:5%", "rule 2, character 10", "this rule never counts, since rule 1 takes all"),
        (f"live:5%; {ONE}=off:2%", "rule 2, character 10", "this rule never counts"),
    ],
)
def test_an_error_names_the_place_and_says_what_would_be_right(setting: str, where: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"TWILIO_COMPAT_ROLLOUT, {where}: {why}")):
        parse_rules(setting)


@pytest.mark.parametrize("setting", ["", " ", ";\n;"])
def test_a_setting_without_a_rule_is_an_error(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="TWILIO_COMPAT_ROLLOUT holds no rule; write a stage: off, "):
        parse_rules(setting)


@pytest.mark.parametrize(
    "setting", ["live:5%; shadow:5%@other", "live:5%; shadow:6%", f"{ONE}=live:5%; live:5%"]
)
def test_a_rule_that_may_count_for_somebody_is_none(setting: str) -> None:
    assert 2 == len(parse_rules(setting).rules)


@given(st.text("CHIS*=:;%@.-_ \n0129abflivedowr", max_size=40) | st.text(max_size=20))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    refusal = ""
    try:
        rules = parse_rules(text).rules
    except ConfigurationError as error:
        rules, refusal = (), str(error)
    assert rules or re.match(r"TWILIO_COMPAT_ROLLOUT(, rule \d+, character \d+: .| holds no rule)", refusal)


async def test_a_setting_that_is_no_flag_service_holds_rules() -> None:
    flag = open_flag("shadow")
    assert "shadow" == await flag.stage(target())
    await flag.close()


def test_a_target_that_nothing_tells_from_others_is_refused() -> None:
    with pytest.raises(ArgumentError, match="A target needs the sid of a conversation, or a key"):
        Target(service=TENANT)


def test_a_new_conversation_without_a_name_gets_a_key_of_its_own() -> None:
    assert Target.new().targeting_key != Target.new().targeting_key
    assert ("name", ONE) == (Target.new(unique_name="name").targeting_key, target().targeting_key)
