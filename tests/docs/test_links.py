"""Every relative link in the documentation leads somewhere, anchors included."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.markdown import anchors, documents, links, name


def _problem(document: Path, target: str) -> str | None:
    parts = urlsplit(target)
    if parts.scheme in ("http", "https", "mailto"):
        return None
    path = (document.parent / unquote(parts.path)) if parts.path else document
    if not path.exists():
        return f"{target}: there is no such file"
    if parts.fragment and parts.fragment not in anchors(path.read_text(encoding="utf-8")):
        return f"{target}: there is no such heading"
    return None


@pytest.mark.parametrize("document", documents(), ids=name)
def test_relative_links_resolve(document: Path) -> None:
    targets = links(document.read_text(encoding="utf-8"))
    assert [] == [problem for target in targets if (problem := _problem(document, target))]


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Top\n", encoding="utf-8")
    assert _problem(page, "#top") is None
    assert _problem(page, "#bottom") == "#bottom: there is no such heading"
    assert _problem(page, "other.md") == "other.md: there is no such file"


def test_every_page_of_the_docs_is_reached_from_the_index() -> None:
    index = next(each for each in documents() if name(each) == "docs/index.md")
    reached = {(index.parent / target).resolve() for target in links(index.read_text(encoding="utf-8"))}
    pages = {each for each in documents() if name(each).startswith("docs/") and each != index}
    assert set() == pages - reached
