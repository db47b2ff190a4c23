"""Finding the text of a test by the name under which the compatibility table and the documentation cite it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Final

from tests.conformance.script import SCRIPTS, load

ROOT = Path(__file__).parents[2]

CONSTANTS: Final = "tests/conformance/test_surface.py::test_each_event_has_a_constant_of_its_name"
"""Proves every constant that holds the name of an event."""


def text_of(test: str) -> str:
    """Return the source of ``path::function``, or of the step in ``script: step``. `LookupError` where there is none."""
    found = _functions() if "::" in test else _steps()
    if test not in found:
        raise LookupError(f"There is no test {test}")
    return found[test]


@cache
def _steps() -> dict[str, str]:
    scripts = [load(path) for path in SCRIPTS]
    return {f"{script.name}: {step.name}": step.text for script in scripts for step in script.steps}


@cache
def _functions() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                key = f"{path.relative_to(ROOT).as_posix()}::{node.name}"
                found[key] = ast.get_source_segment(source, node) or ""
    return found
