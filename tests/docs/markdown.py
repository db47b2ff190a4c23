"""Reading the repository's Markdown: its code blocks, links and headings. Nothing here does anything with them.

Besides fenced blocks, an HTML comment that opens with ``<!-- python`` holds a block too. A reader does not see
it; it sets up what a snippet takes for granted, such as a token, so that the snippet can stay short and still run.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]

_HIDDEN = re.compile(r"<!-- python\n(?P<code>.*?)^-->", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A code block: its language, its text, and the line of the file on which the text starts, from 1."""

    language: str
    text: str
    line: int


def documents() -> list[Path]:
    """Return every Markdown file that readers see, in a fixed order."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def name(path: Path) -> str:
    """Return the path as a reader writes it: relative to the repository."""
    return path.relative_to(ROOT).as_posix()


def parse(text: str) -> list[Token]:
    """Return the tokens of *text*."""
    return MarkdownIt("commonmark").enable("table").parse(text)


def blocks(text: str, *languages: str) -> list[Block]:
    """Return the code blocks of *text* in *languages*, hidden ones included, in order."""
    return [block for token in parse(text) if (block := _block(token)) and block.language in languages]


def _block(token: Token) -> Block | None:
    first = (token.map or [0])[0]
    if token.type == "fence":
        return Block(language=token.info.strip().lower(), text=token.content, line=first + 2)
    if token.type == "html_block" and (hidden := _HIDDEN.match(token.content)):
        return Block(language="python", text=hidden["code"], line=first + 2)
    return None


def links(text: str) -> Iterator[str]:
    """Yield the targets of all links and images."""
    for token in _inline(text):
        target = token.attrGet({"link_open": "href", "image": "src"}.get(token.type, ""))
        if target is not None:
            yield str(target)


def _inline(text: str) -> Iterator[Token]:
    for token in parse(text):
        yield from token.children or ()


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    tokens = parse(text)
    titles = [inline for heading, inline in itertools.pairwise(tokens) if heading.type == "heading_open"]
    seen: dict[str, int] = {}
    return {_anchor("".join(each.content for each in title.children or ()), seen) for title in titles}


def _anchor(title: str, seen: dict[str, int]) -> str:
    kept = "".join(each for each in title.lower() if each in " -_" or unicodedata.category(each)[0] in "LN")
    slug = kept.replace(" ", "-")
    seen[slug] = seen.get(slug, -1) + 1
    return f"{slug}-{seen[slug]}" if seen[slug] else slug
