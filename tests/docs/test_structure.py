"""The documentation says what the code has: settings, commands, errors, and the first screen of the README."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import tomllib
from collections.abc import Iterator

import click
import pytest

from acs_backend.message_codec import OWN_KEYS
from acs_emulator.cli import main as acs_emulator
from acs_emulator.operations import OPERATIONS, Operation
from acs_emulator.options import Options
from tests.docs.markdown import ROOT
from twilio_compat import (
    Client,
    Conversation,
    Media,
    Message,
    MessageBuilder,
    Paginator,
    Participant,
    UnsentMessage,
    User,
    errors,
    message_update,
    participant,
    standing,
    user,
)
from twilio_compat.cli import commands as twilio_compat
from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.settings import ENVIRONMENT, Settings


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def commands(command: click.Command, called: str) -> Iterator[tuple[str, click.Command]]:
    """Yield each command that can be run, with the words that call it."""
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, f"{called} {name}")
    else:
        yield called, command


ALL_COMMANDS = [*commands(twilio_compat, "twilio-compat"), *commands(acs_emulator, "acs-emulator")]


@pytest.mark.parametrize(
    "promise",
    [
        "ACS Chat retires on 30 September 2028",
        "23 October 2026",
        "make demo",
        "make test",
        "from twilio_compat import",
    ],
)
def test_the_first_screen_of_the_readme_has(promise: str) -> None:
    assert promise in " ".join(read("README.md").splitlines()[:40])


@pytest.mark.parametrize("variable", ENVIRONMENT.values())
def test_every_environment_variable_is_in_the_readme(variable: str) -> None:
    assert f"| `{variable}` |" in read("README.md")


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_in_the_reference_with_its_default(field: dataclasses.Field[object]) -> None:
    row = re.search(
        rf"^\| `{field.name}` \| `(.*?)` \|", read("docs/reference/configuration.md"), re.MULTILINE
    )
    assert row is not None
    assert row[1] == str(field.default)


@pytest.mark.parametrize("field", dataclasses.fields(Options), ids=lambda field: field.name)
def test_every_option_of_the_emulator_is_in_the_reference(field: dataclasses.Field[object]) -> None:
    assert f"| `{field.name}` |" in read("docs/reference/emulator.md")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_of_the_emulator_is_in_the_reference(operation: Operation) -> None:
    row = f"| `{operation.name}` | `{operation.method} {operation.path}` |"
    assert row in read("docs/reference/emulator.md").splitlines()


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_in_the_reference(name: str) -> None:
    assert f"`{name}`" in read("docs/reference/errors.md")


@pytest.mark.parametrize(("called", "command"), ALL_COMMANDS, ids=[called for called, _ in ALL_COMMANDS])
def test_every_command_is_documented_with_all_its_options(called: str, command: click.Command) -> None:
    section = re.search(
        rf"^## `{called}`\n(.*?)(?=^## |\Z)", read("docs/reference/commands.md"), re.DOTALL | re.MULTILINE
    )
    assert section is not None, f"docs/reference/commands.md has no section for {called}"
    flags = {flag for each in command.params if isinstance(each, click.Option) for flag in each.opts}
    assert set() == {flag for flag in flags - {"--help"} if f"`{flag}" not in section[1]}


CLASSES: list[type] = [
    *(Client, Conversation, Participant, Message, MessageBuilder, UnsentMessage, Media, User, Paginator)
]


def members(cls: type) -> dict[str, set[str]]:
    """Return the public members of one of Twilio's classes, by kind; what every emitter has is left out."""
    found = {name: inspect.getattr_static(cls, name) for name in dir(cls) if not name.startswith("_")}
    own = {name: value for name, value in found.items() if name not in dir(ReplayEventEmitter)}
    kinds = {
        "properties": {name for name, value in own.items() if isinstance(value, property)},
        "events": {name for name, value in own.items() if isinstance(value, str) and name == value},
    }
    methods = {name for name, value in own.items() if callable(value) or isinstance(value, classmethod)}
    return {**kinds, "methods": methods}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_reference_has_exactly_the_members_there_are(cls: type) -> None:
    page = read("docs/reference/client.md")
    section = page.split(f"\n## `{cls.__name__}`\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| (properties|events|methods) \| (.*) \|$", section, re.MULTILINE))
    listed = {kind: set(re.findall(r"`(\w+)`", names)) for kind, names in rows.items()}
    assert {kind: names for kind, names in members(cls).items() if names} == listed


SURFACE: dict[str, dict[str, list[str]]] = json.loads(read("tests/conformance/surface.json"))["classes"]


@pytest.mark.parametrize(("cls", "kinds"), SURFACE.items(), ids=SURFACE)
def test_the_reference_has_every_name_of_twilios_client(cls: str, kinds: dict[str, list[str]]) -> None:
    page = read("docs/reference/client.md")
    names = {cls, *(name for names in kinds.values() for name in names)}
    assert set() == names - set(re.findall(r"`(\w+)`", page))


REASONS: dict[str, set[str]] = {
    "conversation": {*standing._REASONS},
    "message": {*message_update._ASPECTS},
    "participant": {*participant._REASONS},
    "user": {name for group in user._REASONS for name in group},
}


@pytest.mark.parametrize(("what", "reasons"), REASONS.items(), ids=REASONS)
def test_the_reference_has_the_update_reasons_that_are_told(what: str, reasons: set[str]) -> None:
    row = re.search(rf"^\| an? {what} \| (.*) \|$", read("docs/reference/client.md"), re.MULTILINE)
    assert row is not None
    assert reasons == set(re.findall(r"`(\w+)`", row[1]))


def codes_in_the_source() -> set[int]:
    """Return every integer in the library's source that is one of Twilio's error codes by its range."""
    files = [*(ROOT / "twilio_compat").rglob("*.py"), *(ROOT / "acs_backend").rglob("*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    numbers = {node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is int}
    return {number for number in numbers if number in range(20001, 20600) or number in range(50001, 51300)}


def test_the_error_codes_in_the_reference_are_those_in_the_source() -> None:
    listed = re.findall(r"^\| (\d{5}) \|", read("docs/reference/errors.md"), re.MULTILINE)
    assert codes_in_the_source() == {int(code) for code in listed}


@pytest.mark.parametrize("key", sorted(OWN_KEYS))
def test_every_metadata_key_is_told_to_native_clients(key: str) -> None:
    assert f"| `{key}` |" in read("docs/how-to/sign-in-natively.md")


@pytest.mark.parametrize(
    ("adapter", "other"), [("acs_backend", "twilio_backend"), ("twilio_backend", "acs_backend")]
)
def test_an_adapter_is_kept_from_every_module_that_is_not_the_port(adapter: str, other: str) -> None:
    face = ROOT / "twilio_compat"
    packages = {each.parent.name for each in face.glob("*/__init__.py")} - {
        "jwt"
    }  # whose tokens may be anybody's
    modules = {each.stem for each in face.glob("*.py")} - {"__init__"} | packages
    row = re.search(r"\| `acs_backend` \| the port: (.*?) \|", read("docs/explanation/architecture.md"))
    assert row is not None
    port = set(re.findall(r"`(\w+)`", row[1]))
    (contract,) = [
        each
        for each in tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
        if each["source_modules"] == [adapter]
    ]
    faces = {f"twilio_compat.{each}" for each in modules - port}
    assert faces | {"acs_emulator", other} == set(contract["forbidden_modules"])


@pytest.mark.parametrize(
    ("adapter", "heading"),
    [("acs_backend", "Rooms of the adapter"), ("twilio_backend", "The adapter over Twilio")],
)
def test_every_room_of_an_adapter_is_in_the_architecture(adapter: str, heading: str) -> None:
    package = ROOT / adapter
    modules = {each.stem for each in package.glob("*.py")} - {"__init__"}
    packages = {f"{each.parent.name}/" for each in package.glob("*/__init__.py")}
    section = read("docs/explanation/architecture.md").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))
    assert set() == (modules | packages) - set(re.findall(r"`([\w/]+)`", rows))


def test_changelog_fragments_have_a_known_type() -> None:
    config = tomllib.loads(read("pyproject.toml"))["tool"]["towncrier"]
    types = {each["directory"] for each in config["type"]}
    names = [
        each.name
        for each in (ROOT / config["directory"]).iterdir()
        if each.name not in (".gitignore", "README.md")
    ]
    assert names
    assert [] == [name for name in names if not re.fullmatch(rf"\+[a-z0-9-]+\.({'|'.join(types)})\.md", name)]


def test_the_wheel_has_every_typed_package() -> None:
    wheel = tomllib.loads(read("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert sorted(marker.parent.name for marker in ROOT.glob("*/py.typed")) == sorted(wheel["packages"])


def test_constraints_name_versions_and_no_addresses() -> None:
    lines = read("constraints.txt").splitlines()
    assert lines
    assert [] == [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)]
