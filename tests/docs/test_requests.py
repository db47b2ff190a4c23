"""The requests that the migration guide shows are requests that its snippets make."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from acs_emulator import Emulator, Exchange
from tests.docs.markdown import ROOT, blocks
from tests.docs.test_snippets import run_snippets

GUIDE = ROOT / "migration_guide.md"
SHOWN = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) +(/\S+)", re.MULTILINE)
"""A request in a text block; one that goes to a storage account names that first and is left out."""


def _shown() -> set[tuple[str, str]]:
    found = (
        request for block in blocks(GUIDE.read_text("utf-8"), "text") for request in SHOWN.findall(block.text)
    )
    return {(method, target.split("?")[0]) for method, target in found}


def _made(exchange: Exchange) -> tuple[str, str]:
    path = unquote(exchange.target).split("?")[0]
    path = re.sub(r"(?<=/)(19|8):[^/]+", "{id}", path)
    return exchange.method, re.sub(r"(?<=/messages/)[^/]+", "{messageId}", path)


async def test_every_request_the_guide_shows_is_made(tmp_path: Path) -> None:
    exchanges: list[Exchange] = []
    with Emulator(observe=exchanges.append) as emulator:
        await run_snippets(GUIDE, emulator, tmp_path)
    assert _shown()
    assert set() == _shown() - {_made(each) for each in exchanges}
