"""The commands of a rollout, as commands."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import pytest

from tests.rollout.command_line import CommandLine
from tests.rollout.deployment import (
    ACCOUNT,
    RolloutDeployment,
    drained,
    rollout_deployment,
    room,
    send,
)
from tests.rollout.test_moving import conversation
from twilio_compat.errors import ArgumentError, ConfigurationError, ConflictError
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.comparing.comparison import Difference
from twilio_compat.rollout.outbox import QUEUES, Entry
from twilio_compat.rollout.staging.stages import Side, Stage

SID = "CH" + "1" * 32
FAST = ("--deadline", "0.2", "--yes")


@pytest.fixture
async def deployment(store: str) -> AsyncIterator[RolloutDeployment]:
    async with rollout_deployment(store, rate_limits="off") as found:
        yield found


@pytest.fixture
def command(deployment: RolloutDeployment) -> CommandLine:
    return CommandLine(deployment)


async def stage_of(backend: RolloutBackend, sid: str) -> tuple[Stage, bool]:
    (pin,) = [each for each in await backend.office.pins.list() if each.conversation_sid == sid]
    return pin.stage, pin.held


# Where everything is


async def test_status_says_how_many_are_in_each_stage(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    backend = deployment.open("shadow")
    made = await room(backend, "bob")
    await drained(backend, made.sid)
    found = await command.json("rollout", "status")
    nothing = {"waiting": 0, "oldest": None, "dead": 0}
    assert {
        "killed": None,
        "stages": {"off": 0, "dualwrite": 0, "shadow": 1, "live": 0, "rampdown": 0, "complete": 0},
        "handovers": [],
        "copying": [],
        "outbox": {"twilio": nothing, "acs": nothing},
        "mismatches": 0,
    } == found
    words = await command.done("rollout", "status")
    assert "shadow     1\n" in words
    assert "To be told to acs: 0; 0 given up\n" in words


async def test_status_of_a_conversation_moves_nothing(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    """The flag of the command line says off; looking must not take the conversation there."""
    backend = deployment.open("dualwrite")
    made = await room(backend)
    (found, unknown) = await command.json("rollout", "status", made.sid, SID)
    assert (made.sid, "dualwrite", True) == (found["conversation"], found["stage"], found["copied"])
    assert (SID, "off", None) == (unknown["conversation"], unknown["stage"], unknown["since"])
    assert made.sid in await command.done("rollout", "status", made.sid)
    assert (Stage.DUALWRITE, False) == await stage_of(backend, made.sid)


@pytest.mark.parametrize(
    "arguments", [("rollout", "status", "bob"), ("move", "bob", "--yes"), ("rollout", "set", "bob", "off")]
)
async def test_what_is_no_conversation_is_refused(command: CommandLine, arguments: tuple[str, ...]) -> None:
    result = await command.run(*arguments)
    assert isinstance(result.exception, ArgumentError)
    assert "'bob' is no conversation's sid: CH and 32 hexadecimal digits" == str(result.exception)


async def test_without_the_setting_there_is_no_rollout(command: CommandLine) -> None:
    command.environment["TWILIO_COMPAT_ROLLOUT"] = ""
    result = await command.run("rollout", "status")
    assert isinstance(result.exception, ConfigurationError)
    assert "TWILIO_COMPAT_ROLLOUT is not set" in str(result.exception)


# Having conversations go


async def test_a_conversation_is_set_to_a_stage_and_released(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend)
    tried = await command.done("rollout", "set", made.sid, "live", "--dry-run")
    assert f"{made.sid}: dualwrite -> shadow -> live\nNothing was done\n" == tried
    assert (Stage.DUALWRITE, False) == await stage_of(backend, made.sid)
    (found,) = await command.json("rollout", "set", made.sid, "shadow")
    assert (["dualwrite", "shadow"], True) == (found["way"], found["done"])
    assert (Stage.SHADOW, True) == await stage_of(backend, made.sid)
    await command.done("rollout", "set", "--release", made.sid)
    assert False is (await stage_of(backend, made.sid))[1]


async def test_a_step_that_takes_a_copy_is_refused(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    made = await room(deployment.open("off"))
    result = await command.run("rollout", "set", made.sid, "live")
    assert isinstance(result.exception, ConflictError)
    assert f"begins with a copy: twilio-compat move {made.sid} --to live" in str(result.exception)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((SID, "sideways"), "'sideways' is no stage: off, dualwrite, shadow, live, rampdown, complete"),
        (("live",), "Name the conversations, and then the stage"),
        ((), "Missing argument"),
    ],
)
async def test_what_cannot_be_set_is_said(command: CommandLine, words: tuple[str, ...], text: str) -> None:
    result = await command.run("rollout", "set", *words)
    assert 2 == result.exit_code
    assert text in result.stderr


async def test_a_rollout_is_killed_and_resumed(deployment: RolloutDeployment, command: CommandLine) -> None:
    backend = deployment.open("shadow")
    await room(backend)
    tried = await command.done("rollout", "kill", "a reason", "--dry-run")
    assert "1 conversation off from the next call on\n" in tried
    assert tried.endswith("Nothing was done\n")
    assert (await command.json("rollout", "status"))["killed"] is None
    found = await command.json("rollout", "kill", "a reason")
    assert (1, 0) == (found["conversations"]["at_once"], found["conversations"]["impossible"])
    assert "a reason" == (await command.json("rollout", "status"))["killed"]["reason"]
    refused = await command.run("move", SID, "--yes")
    assert "The rollout is killed (a reason)" in str(refused.exception)
    assert "Flags count again\nNothing was done\n" == await command.done("rollout", "resume", "--dry-run")
    assert {"was_killed": True, "done": True} == await command.json("rollout", "resume")
    assert "It was not killed\n" == await command.done("rollout", "resume")


# What is not alike


async def test_mismatches_are_listed_and_forgotten(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    assert "There are no mismatches\n" == await command.done("rollout", "mismatches")
    mismatches = deployment.open("shadow").parts.mismatches
    for each in ("body", "index"):
        await mismatches.note(SID, "messages.get", Stage.SHADOW, Side.ACS, [Difference(each, each, "a", "b")])
    newest, oldest = await command.json("rollout", "mismatches")
    assert ("index", "body") == (newest["differences"][0]["path"], oldest["differences"][0]["path"])
    assert "messages.get" in await command.done("rollout", "mismatches", "--limit", "1")
    assert "2 mismatches would be forgotten" in await command.done(
        "rollout", "mismatches", "--clear", "--dry-run"
    )
    assert 2 == (await command.json("rollout", "status"))["mismatches"]
    assert "2 mismatches forgotten" in await command.done("rollout", "mismatches", "--clear")
    assert 0 == (await command.json("rollout", "status"))["mismatches"]


# The outbox


async def given_up(backend: RolloutBackend, sid: str) -> str:
    """Have an entry that was given up, and return its key."""
    await backend.office.outbox.add(Side.ACS, Entry(what="conversation", conversation_sid=sid))
    (taken,) = await backend.errands.take(QUEUES[Side.ACS], limit=1, hold=60)
    await backend.errands.bury(taken.errand_id, error="it was refused")
    return taken.errand.key


async def test_what_was_given_up_is_listed_and_repeated(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    assert "Nothing was given up\n" == await command.done("rollout", "outbox", "--dead")
    backend = deployment.open("dualwrite")
    made = await room(backend)
    await drained(backend, made.sid)
    await backend.finish()
    key = await given_up(backend, made.sid)
    assert 1 == (await command.json("rollout", "outbox"))["acs"]["dead"]
    (found,) = await command.json("rollout", "outbox", "--dead")
    assert (key, "acs", "it was refused") == (found["key"], found["to"], found["error"])
    assert key in await command.done("rollout", "outbox", "--dead")
    tried = await command.done("rollout", "outbox", "--replay", key, "--dry-run")
    assert "1 entry to be carried out again\nNothing was done\n" == tried
    assert {"revived": 1, "done": True} == await command.json("rollout", "outbox", "--replay", key)
    assert {"revived": 0, "done": True} == await command.json("rollout", "outbox", "--replay", "--all")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--replay",), "Name the keys after --replay, or say --replay --all"),
        (("--replay", "--all", "key"), "Name the keys after --replay, or say --replay --all"),
        (("key",), "Keys are named to repeat them: say --replay"),
        (("--dead", "--deliver"), "Say one of --dead, --replay and --deliver"),
    ],
)
async def test_what_to_do_with_the_outbox_is_to_be_said(
    command: CommandLine, arguments: tuple[str, ...], text: str
) -> None:
    result = await command.run("rollout", "outbox", *arguments)
    assert 2 == result.exit_code
    assert text in result.stderr


async def test_what_waits_is_delivered_until_nothing_does(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob")
    await drained(backend, made.sid)
    await backend.finish()
    sent = await send(backend, made.sid, "what nobody carried out")
    await asyncio.sleep(0.1)
    process = await command.start("rollout", "outbox", "--deliver", "--json")
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert (0, b"") == (process.returncode, errors)
    assert 0 == json.loads(output)["acs"]["waiting"]
    acs = backend.office.sides.acs
    found = await acs.messages.get(ACCOUNT, made.sid, sent.sid)
    assert "what nobody carried out" == found.body


async def test_delivering_ends_at_a_signal(deployment: RolloutDeployment, command: CommandLine) -> None:
    backend = deployment.open("off")
    sid = await conversation(deployment.twilio.backend, 1)
    await backend.office.pins.begin_copy(sid)
    await backend.office.outbox.add(Side.ACS, Entry(what="conversation", conversation_sid=sid))
    process = await command.start("rollout", "outbox", "--deliver", "--json")
    await asyncio.sleep(3)
    assert process.returncode is None, "what is put off waits"
    process.send_signal(signal.SIGTERM)
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert (0, b"", 1) == (process.returncode, errors, json.loads(output)["acs"]["waiting"])


# Moving


async def test_a_move_is_shown_and_not_made(deployment: RolloutDeployment, command: CommandLine) -> None:
    sid = await conversation(deployment.twilio.backend, 12)
    words = await command.done("move", sid, "--to", "shadow", "--dry-run")
    assert "off -> shadow  acs" in words
    assert words.endswith("1 conversation, 13 writes; the longest takes 2 min, about\nNothing was done\n")
    assert [] == await deployment.open().office.pins.list()


async def test_a_move_is_made_and_told_line_by_line(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    sid = await conversation(deployment.twilio.backend, 12)
    output = await command.done("move", sid, "--to", "shadow", *FAST, "--json")
    lines = [json.loads(each) for each in output.splitlines()]
    assert {"plan": 11} == {"plan": lines[0]["plan"]["messages"]}
    assert {"copying", "waiting", "checking", "done"} <= {
        each["progress"]["phase"] for each in lines if "progress" in each
    }
    done = lines[-1]["moved"]
    assert (sid, "shadow", 11, 0) == (
        done["conversation"],
        done["stage"],
        done["report"]["messages"]["acs"],
        done["report"]["differences"],
    )
    assert (Stage.SHADOW, True) == await stage_of(deployment.open(), sid)
    assert f"{sid}: shadow\n" in await command.done("move", sid, "--to", "shadow", *FAST)


async def test_several_are_moved_and_one_that_cannot_be_is_said(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    sids = [(await room(deployment.open("off"), "bob")).sid for _ in range(3)]
    command.environment["TWILIO_COMPAT_ROLLOUT"] = "dualwrite"
    result = await command.run("move", *sids, SID, *FAST, "--release")
    assert 1 == result.exit_code
    assert f"twilio-compat: {SID}: " in result.stderr
    backend = deployment.open("dualwrite")
    stages = {each.conversation_sid: (each.stage, each.held) for each in await backend.office.pins.list()}
    assert dict.fromkeys(sids, (Stage.DUALWRITE, False)) == stages


async def test_a_move_is_asked_about_or_agreed_to(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    for more in ((), ("--json",)):
        result = await command.run("move", SID, *more)
        assert 2 == result.exit_code
        assert "Nobody can be asked here: say --yes, or --dry-run" in result.stderr


async def test_going_back_from_complete_copies_what_was_written_since(
    deployment: RolloutDeployment, command: CommandLine
) -> None:
    backend = deployment.open("complete")
    made = await room(backend, "bob")
    for number in range(3):
        await send(backend, made.sid, f"on ACS {number}")
    (plan,) = [
        json.loads(each)["plan"]
        for each in (
            await command.done("move", made.sid, "--to", "rampdown", "--dry-run", "--json")
        ).splitlines()
    ]
    assert ("complete", "twilio", 3) == (plan["from"], plan["copied_to"], plan["messages"])
    await command.done("move", made.sid, "--to", "rampdown", *FAST)
    assert Stage.RAMPDOWN is (await stage_of(backend, made.sid))[0]
