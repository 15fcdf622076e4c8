"""The page that holds the results: prose stays as it is, what stands between markers is replaced."""

import re
from pathlib import Path

from tests.run.procfile import ROOT

PAGE = ROOT / "docs" / "performance.md"


class NoMarkers(Exception):
    """The page has no place for a part."""


def replaced(page: str, part: str, text: str) -> str:
    """Return the page with a part's block replaced.

    Raises:
        NoMarkers: there is no `<!-- bench:part -->` with its `<!-- /bench:part -->`.
    """
    begin, end = f"<!-- bench:{part} -->", f"<!-- /bench:{part} -->"
    made, blocks = re.subn(
        f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{text}\n{end}", page, flags=re.DOTALL
    )
    if blocks != 1:
        raise NoMarkers(f"the page needs one block {begin} … {end}, and has {blocks}")
    return made


def write(part: str, text: str, page: Path = PAGE) -> None:
    """Put a part's results on the page."""
    page.write_text(replaced(page.read_text(encoding="utf-8"), part, text), encoding="utf-8")
