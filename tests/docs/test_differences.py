"""Each difference that the documentation tells has a test, and a way that holds on both sides."""

from __future__ import annotations

import pytest
from markdown_it.token import Token

from tests.conformance.proofs import text_of
from tests.docs.markdown import ROOT, parse

PAGE = ROOT / "docs" / "differences.md"


def rows() -> list[list[Token]]:
    """Return the cells of each row of the tables that promise a proof, without the first row."""
    found: list[list[Token]] = []
    cells: list[Token] = []
    promised = False
    for token, inside in _tokens():
        if token.type == "table_open":
            promised = False
        elif token.type == "tr_open":
            cells = []
        elif token.type == "inline" and inside:
            cells.append(token)
        elif token.type == "tr_close" and cells[-1].content == "proof":
            promised = True
        elif token.type == "tr_close" and promised:
            found.append(cells)
    return found


def _tokens() -> list[tuple[Token, bool]]:
    """Return the tokens of the page, and whether each is inside a table."""
    inside, found = False, []
    for token in parse(PAGE.read_text(encoding="utf-8")):
        inside = (inside or token.type == "table_open") and token.type != "table_close"
        found.append((token, inside))
    return found


@pytest.mark.parametrize("cells", rows(), ids=lambda cells: cells[0].content)
def test_each_difference_has_a_way_around_it_and_a_test_that_exists(cells: list[Token]) -> None:
    *_, way, proof = cells
    assert way.content
    [link] = [each for each in proof.children or () if each.type == "link_open"]
    path, test = str(link.attrGet("href")).removeprefix("../"), str(link.attrGet("title"))
    assert text_of(f"{path}::{test}" if path.endswith(".py") else test)


def test_the_page_tells_differences_with_proofs() -> None:
    assert len(rows()) > 20
