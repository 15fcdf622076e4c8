"""What can be seen of the pages without running anything."""

import ast
import re
from pathlib import Path

import pytest
import sqlglot

from tests.docs.commands import CONSOLE, PROGRAMS, SHELL, SHOWN, SQL
from tests.docs.pages import ROOT, Page, pages

# A page that nobody reads to its end tells nobody anything.
LONGEST = 150
# Written by `make bench`, whose tables are as long as what it measures.
MEASURED = {"docs/performance.md"}

PAGES = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


@PAGES
def test_page_is_short(page: Page) -> None:
    assert page.name in MEASURED or len(page.text.splitlines()) < LONGEST


@PAGES
def test_links_lead_somewhere(page: Page) -> None:
    assert [target for target in page.targets() if not _exists(page, target)] == []


def _exists(page: Page, target: str) -> bool:
    if target.startswith(("http://", "https://")):
        return True
    file, _, anchor = target.partition("#")
    path = (page.path.parent / file).resolve() if file else page.path
    if not path.exists() or not path.is_relative_to(ROOT):
        return False
    return not anchor or anchor in Page(path).anchors()


@PAGES
def test_every_block_says_what_it_is(page: Page) -> None:
    known = {SHELL, CONSOLE, SQL, *PROGRAMS, *SHOWN}
    assert [(block.line, block.language) for block in page.blocks() if block.language not in known] == []


@PAGES
def test_python_and_sql_parse(page: Page) -> None:
    for block in page.blocks():
        if block.language == "python":
            ast.parse(block.text)
        if block.language == SQL:
            for part in re.split(r"^GO$", block.text, flags=re.MULTILINE):
                assert all(sqlglot.parse(part, dialect="tsql"))


def test_every_page_is_linked() -> None:
    linked = {
        (page.path.parent / target.partition("#")[0]).resolve()
        for page in pages()
        for target in page.targets()
        if not target.startswith("http")
    }
    folders = {path for path in linked if path.is_dir()}
    unlinked = [page.name for page in pages() if page.path not in linked and page.path.parent not in folders]
    assert unlinked == ["README.md"]


def test_pages_named_in_text_exist() -> None:
    named = {
        (page.name, name)
        for page in pages()
        for name in re.findall(
            r"`((?:docs|config|tests|billing_core|workers|ingest|migrations)/[\w./-]*\w/?)`", page.text
        )
    }
    assert [(page, name) for page, name in sorted(named) if not Path(ROOT, name).exists()] == []
