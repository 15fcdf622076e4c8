from pathlib import Path

import pytest

from tests.bench import page
from tests.bench.__main__ import PARTS

BEFORE = "# Title\n\nProse.\n\n<!-- bench:accept -->\nold\n<!-- /bench:accept -->\n\nMore prose.\n"


def test_block_is_replaced_and_prose_stays(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(BEFORE)
    page.write("accept", r"new \1 | € |", file)
    assert file.read_text() == BEFORE.replace("old", r"new \1 | € |")


@pytest.mark.parametrize("text", ["no markers", BEFORE + BEFORE, BEFORE.replace("<!-- /bench:accept -->", "")])
def test_page_without_one_place_for_the_part_is_refused(text: str) -> None:
    with pytest.raises(page.NoMarkers, match="bench:accept"):
        page.replaced(text, "accept", "new")


@pytest.mark.parametrize("part", PARTS)
def test_our_page_has_a_place_for_every_part(part: str) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.replaced(text, part, "new") != text
