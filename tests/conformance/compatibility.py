"""What of Twilio's client there is here, and which test proves it: ``docs/compatibility.md``, made and checked.

``surface.json`` has the names of Twilio's client. ``compatibility.toml`` has, by hand, what becomes of each name, as
the test that proves it, or as a table with that test and more::

    [Conversation.members]
    join = "measured: joining"
    attributes = { by = "store", test = "documented: ..." }
    addNonChatParticipant = { impossible = "why", test = "..." }
    getMessages = { differs = "how", test = "..." }

A test is a step of a script, as ``script: step``, or ``path::function``. A proof is only taken where the test's own text
has the name in it. Constants that are the name of an event need no line: `proofs.CONSTANTS` proves them all.

``make docs`` writes the page; the tests fail while it says something else.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tests.conformance.proofs import CONSTANTS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "compatibility.md"

Kind = Literal["members", "static", "events"]
KINDS: Final[tuple[Kind, ...]] = ("members", "static", "events")
STATUSES: Final = {
    "supported": "as at Twilio, on what ACS has",
    "by the store": "as at Twilio, kept in your database, because ACS has no place for it",
    "differs": "there, with the difference told beside it",
    "not possible": "raises an error that says why ACS cannot carry it and what to do instead",
}

Surface = Mapping[str, Mapping[Kind, list[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What becomes of one name."""

    owner: str
    kind: Kind
    name: str
    status: str
    note: str
    test: str


def surface() -> Mapping[str, Any]:
    """Return the names of Twilio's client."""
    found: Mapping[str, Any] = json.loads((HERE / "surface.json").read_text(encoding="utf-8"))
    return found


def table() -> Mapping[str, Any]:
    """Return what is kept by hand."""
    return tomllib.loads((HERE / "compatibility.toml").read_text(encoding="utf-8"))


def classes() -> Surface:
    """Return the names of Twilio's classes."""
    found: Surface = surface()["classes"]
    return found


def entries() -> list[Entry]:
    """Return what becomes of each name of Twilio's; `LookupError` where the table has too little or too much."""
    written = table()["classes"]
    if strangers := set(written) - set(classes()):
        raise LookupError(f"Twilio's client has no {', '.join(sorted(strangers))}")
    return [entry for owner in classes() for entry in _of_class(owner, written.get(owner, {}))]


def _of_class(owner: str, written: Mapping[str, Mapping[str, Any]]) -> Iterator[Entry]:
    theirs = classes()[owner]
    for kind in KINDS:
        said = {**_constants(theirs, kind), **written.get(kind, {})}
        names = theirs.get(kind, [])
        if difference := set(names) ^ set(said):
            raise LookupError(f"{owner}.{kind}: only in one of the two: {', '.join(sorted(difference))}")
        yield from (_entry(owner, kind, name, said[name]) for name in names)


def _constants(theirs: Mapping[Kind, list[str]], kind: Kind) -> Mapping[str, str]:
    """Return the proof of the constants among the names: they are names of events, or members too."""
    if kind == "events":
        return {}
    return {name: CONSTANTS for name in theirs.get(kind, []) if name in theirs.get("events", [])}


def _entry(owner: str, kind: Kind, name: str, said: str | Mapping[str, str]) -> Entry:
    fields = {"test": said} if isinstance(said, str) else said
    match fields:
        case {"impossible": note, "test": test}:
            status = "not possible"
        case {"differs": note, "test": test}:
            status = "differs"
        case {"by": "store", "test": test}:
            status, note = "by the store", fields.get("note", "")
        case {"test": test}:
            status, note = "supported", fields.get("note", "")
        case _:
            raise LookupError(f"{owner}.{name} names no test")
    return Entry(owner=owner, kind=kind, name=name, status=status, note=note, test=test)


# The page


def page() -> str:
    """Return the page."""
    told = entries()
    counts = Counter(each.status for each in told)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    twilio = surface()
    lines = [
        "<!-- Made by `make docs` from tests/conformance/compatibility.toml; do not edit. -->",
        "# Compatibility",
        "",
        f"Every class, member, static name and event of `{twilio['package']}` {' and '.join(twilio['versions'])},"
        f" and what becomes of it in `{project['name']}` {project['version']}.",
        "Behind each name stands a test; `make check` fails where one is missing, or this page is not up to date.",
        "What differs without belonging to one name is in [differences](differences.md).",
        "",
        "| status | names | means |",
        "| --- | --- | --- |",
        *(f"| {status} | {counts[status]} | {meaning} |" for status, meaning in STATUSES.items()),
    ]
    for owner in classes():
        lines += ["", f"## `{owner}`", "", *_rows([each for each in told if each.owner == owner])]
    return "\n".join([*lines, *_exports(), *_extras(), ""])


def _rows(told: list[Entry]) -> Iterator[str]:
    yield "| name | | status | proof |"
    yield "| --- | --- | --- | --- |"
    words: Mapping[Kind, str] = {"members": "", "static": "static", "events": "event"}
    for each in told:
        note = f": {each.note}" if each.note else ""
        yield f"| `{each.name}` | {words[each.kind]} | {each.status}{note} | {_link(each.test)} |"


def _link(test: str) -> str:
    if "::" in test:
        path, _, function = test.partition("::")
        return f"[{function.removeprefix('test_').replace('_', ' ')}](../{path})"
    script, _, step = test.partition(": ")
    return f"[{step}](../tests/conformance/scripts/{script}.json)"


def _exports() -> Iterator[str]:
    missing: Mapping[str, str] = table()["exports"]
    yield from ["", "## Types", ""]
    there = [name for name in surface()["exports"] if name not in missing]
    yield f"Importable from `twilio_compat` as from Twilio's package: {', '.join(f'`{name}`' for name in there)}."
    if missing:
        yield from ["", "| not there | why |", "| --- | --- |"]
        yield from (f"| `{name}` | {why} |" for name, why in missing.items())


def _extras() -> Iterator[str]:
    yield from ["", "## Beyond Twilio's client", "", "| name | what it is |", "| --- | --- |"]
    yield from (f"| `{name}` | {what} |" for name, what in table()["extras"].items())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}")
