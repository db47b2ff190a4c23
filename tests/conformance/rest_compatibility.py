"""What of Twilio's REST API there is here, and which test proves it: ``docs/rest-compatibility.md``, made and checked.

`operations.json` (tests/rest) has the operations of Twilio's description. ``rest_compatibility.toml`` has, by hand, the
scenario that proves each of them; `twilio_compat.rest.support` says how far each one goes.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.rest.surface import TheirOperation, operations
from twilio_compat.rest.operation_table import OPERATIONS
from twilio_compat.rest.operations import Operation
from twilio_compat.rest.support import Support, support

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "rest-compatibility.md"
SCENARIOS = ROOT / "tests" / "rest" / "contract" / "scenarios"
STATUSES: Final = {
    "supported": "as at Twilio",
    "kept": "taken, kept and returned as at Twilio, and not acted on, since nothing on ACS could",
    "refused": "raises an error that says why, since to pretend would lose something",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What becomes of one operation. ``module`` and ``scenario`` are where its proof is."""

    theirs: TheirOperation
    operation: Operation
    support: Support
    module: str
    scenario: str


def proofs() -> dict[str, str]:
    """Return what is kept by hand: the proof of each operation, ``module: scenario``."""
    text = (HERE / "rest_compatibility.toml").read_text(encoding="utf-8")
    found: dict[str, str] = tomllib.loads(text)["operations"]
    return found


def entries() -> list[Entry]:
    """Return what becomes of each operation of Twilio's; `LookupError` where the table has too little or too much."""
    written = proofs()
    named = {name: each.name if each.name in written else each.default for name, each in operations().items()}
    if difference := set(written) ^ set(named.values()):
        raise LookupError(f"Only in one of the two: {', '.join(sorted(difference))}")
    ours = {(each.method, template): each for each in OPERATIONS.values() for template in each.templates()}
    found = [
        _entry(each, ours[each.method, each.path], written[named[name]])
        for name, each in operations().items()
    ]
    order = list(OPERATIONS)
    return sorted(found, key=lambda each: (order.index(each.operation.key), len(each.theirs.path)))


def _entry(theirs: TheirOperation, operation: Operation, proof: str) -> Entry:
    module, _, scenario = proof.partition(": ")
    return Entry(
        theirs=theirs, operation=operation, support=support(operation.key), module=module, scenario=scenario
    )


def text_of(entry: Entry) -> str:
    """Return the source of the scenario that proves it. `LookupError` where there is none."""
    return _scenarios()[f"{entry.module}: {entry.scenario}"]


@cache
def _scenarios() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in SCENARIOS.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                found[f"{path.stem}: {node.name}"] = ast.get_source_segment(source, node) or ""
    return found


# The page


def page() -> str:
    """Return the page."""
    told = entries()
    counts = Counter(each.support.status for each in told)
    lines = [
        "<!-- Made by `make docs` from tests/conformance/rest_compatibility.toml; do not edit. -->",
        "# REST compatibility",
        "",
        "Every operation of Twilio's Conversations API v1, and what becomes of it with `twilio_compat.rest`.",
        "Behind each stands a scenario that is played on the client in process and over HTTP; `make check` fails"
        " where one is missing, or this page is not up to date.",
        "What differs without belonging to one operation is in [differences](differences.md#the-rest-api).",
        "",
        "| status | operations | means |",
        "| --- | --- | --- |",
        *(f"| {status} | {counts[status]} | {meaning} |" for status, meaning in STATUSES.items()),
    ]
    for resource in dict.fromkeys(each.operation.resource for each in told):
        lines += [
            "",
            f"## `{resource}`",
            "",
            *_rows([each for each in told if each.operation.resource == resource]),
        ]
    return "\n".join([*lines, ""])


def _rows(told: list[Entry]) -> Iterator[str]:
    yield "| operation | request | status | proof |"
    yield "| --- | --- | --- | --- |"
    for each in told:
        reason = f": {each.support.reason}" if each.support.reason else ""
        proof = f"[{each.scenario.replace('_', ' ')}](../tests/rest/contract/scenarios/{each.module}.py)"
        request = f"{each.theirs.method} /v1{each.theirs.path}"
        yield f"| `{each.theirs.name}` | `{request}` | {each.support.status}{reason} | {proof} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}")
