import re
from collections import defaultdict

from tests.config.logged import ROOT, lines_of_the_code

PAGE = ROOT / "docs" / "logs.md"
# A row of the lines' table has five cells; the line's name is alone in the first.
ROW = re.compile(r"^\| `([a-z_]+\.[a-z_]+)` \| ([a-z, ]+) \| ([^|]*) ?\| [^|]+ \| [^|]+ \|$", re.MULTILINE)


def words(cell: str) -> set[str]:
    return {word.strip("` ") for word in cell.split(",") if word.strip()}


def test_page_lists_every_line_with_its_levels_and_fields() -> None:
    levels, fields = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for line in lines_of_the_code():
        levels[line.event].add(line.level)
        fields[line.event] |= line.fields
    rows = {event: (words(level), words(named)) for event, level, named in ROW.findall(PAGE.read_text())}
    assert rows == {event: (levels[event], fields[event]) for event in levels}
    assert list(rows) == sorted(rows)


def test_every_line_is_a_past_tense_fact_about_a_thing() -> None:
    for event, _level, _fields, place in lines_of_the_code():
        thing, _, fact = event.partition(".")
        assert re.fullmatch("[a-z]+", thing), place
        assert re.search("(ed|found|lost)$|^found_|^not_|_aside$", fact), f"{place}: {event}"
