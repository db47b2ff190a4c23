"""Runs the Python blocks of one Markdown file: ``python -m tests.docs.runner FILE``.

The blocks run in order in one namespace, each with ``await`` at its top level, in a process of their own: what a
snippet needs it finds in the environment or makes itself, as it would at a reader's. A block marked ``output``
that follows must be what the Python blocks since the last one printed. Line numbers in a traceback are those of the file.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.docs.markdown import Block, blocks


class UnexpectedOutputError(Exception):
    """A snippet printed something other than the documentation shows."""


async def run(source: Iterable[Block], filename: str) -> int:
    """Run the blocks; return how many of them were code."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = io.StringIO()
    count = 0
    for block in source:
        if block.language == "output":
            _compare(block, printed.getvalue(), filename)
            printed = io.StringIO()
        else:
            with contextlib.redirect_stdout(printed):
                await _execute(block, filename, namespace)
            count += 1
    return count


async def _execute(block: Block, filename: str, namespace: dict[str, object]) -> None:
    tree = ast.increment_lineno(ast.parse(block.text, filename), block.line - 1)
    code = compile(tree, filename, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, namespace)
    if inspect.iscoroutine(result):
        await result


def _compare(block: Block, printed: str, filename: str) -> None:
    if printed != block.text:
        raise UnexpectedOutputError(f"{filename}:{block.line}: shown {block.text!r}, printed {printed!r}")


def main(arguments: list[str]) -> None:
    """Run the file that the command line names."""
    (filename,) = arguments
    found = blocks(Path(filename).read_text(encoding="utf-8"), "python", "output")
    count = asyncio.run(run(found, filename))
    print(f"{filename}: {count} blocks ran")


if __name__ == "__main__":
    main(sys.argv[1:])
