"""What stands in README.md and docs/: blocks, code in the text, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]

_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: the page's path below the repository's root.
        line: where it begins there.
        language: what its fence says; empty for none.
        text: what is in it.
    """

    page: str
    line: int
    language: str
    text: str


class Page:
    """One page, read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.text = path.read_text(encoding="utf-8")
        self._tokens = _PARSER.parse(self.text)

    def blocks(self) -> list[Block]:
        """Return the blocks of code, fenced or indented."""
        return [
            Block(self.name, token.map[0] + 1, token.info.strip(), token.content)
            for token in self._tokens
            if token.type in {"fence", "code_block"} and token.map
        ]

    def code(self) -> list[str]:
        """Return what is marked as code within the text."""
        return [token.content for token in self._inline() if token.type == "code_inline"]

    def targets(self) -> list[str]:
        """Return where links and pictures lead."""
        found = [token.attrGet("href") or token.attrGet("src") for token in self._inline()]
        return [str(target) for target in found if target]

    def anchors(self) -> set[str]:
        """Return the anchors that GitHub gives to the headings."""
        return {_anchor(text.content) for before, text in pairwise(self._tokens) if before.type == "heading_open"}

    def _inline(self) -> Iterator[Token]:
        for token in self._tokens:
            yield from token.children or ()


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.replace("`", "")).strip().lower().replace(" ", "-")


@cache
def pages() -> list[Page]:
    """Return every page that a reader is led to."""
    return [Page(path) for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]]
