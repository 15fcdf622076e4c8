"""Which commands a page tells its reader to give, and what they are said to answer."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.docs.pages import Block, Page

# A block of commands; one of commands after `$` with what they print between them; programs that are run as they stand.
SHELL, CONSOLE, PROGRAMS = "sh", "console", ("python", "js")
# Shown, not typed: what a server answers, a file's content, a picture.
SHOWN = ("http", "ini", "json", "lua", "nginx", "text", "toml", "yaml")
SQL = "sql"

# Code in the text is a command if it begins with one of these.
_PROGRAM = re.compile(
    r"(alembic|apt-get|billing|celery|curl|docker|git|journalctl|make|npm|openssl|pip|python3?|redis-cli|sqlcmd|stripe"
    r"|systemctl|systemd-creds|promtool|prometheus|uv) [^`]+"
)


class Command(NamedTuple):
    """A command as it is written, placeholders included.

    Attributes:
        page: where.
        line: the block's first line there; 0 for code in the text.
        text: the command.
        shown: what the page shows of its answer.
    """

    page: str
    line: int
    text: str
    shown: str = ""


def commands_of(block: Block) -> list[Command]:
    """Return a block's commands."""
    if block.language == CONSOLE:
        return [Command(block.page, block.line, *_typed_and_shown(part)) for part in _split_console(block.text)]
    if block.language == SHELL:
        return [Command(block.page, block.line, text) for text in _split_shell(block.text)]
    return []


def commands_in_text(page: Page) -> list[Command]:
    """Return the commands that the page's sentences and tables name, each once."""
    found = (" ".join(code.split()) for code in page.code())
    return [Command(page.name, 0, text) for text in dict.fromkeys(found) if _PROGRAM.fullmatch(text)]


def _split_shell(text: str) -> Iterator[str]:
    """Yield one command after the other: continued lines, and what stands in quotes or braces, belong together."""
    whole = ""
    for line in map(_without_comment, text.splitlines()):
        whole += line if not whole else f"\n{line}"
        if _complete(whole):
            if whole.strip():
                yield whole
            whole = ""
    if whole.strip():
        yield whole


def _complete(text: str) -> bool:
    return not text.endswith("\\") and all(text.count(quote) % 2 == 0 for quote in "'\"")


def _without_comment(text: str) -> str:
    return re.sub(r"(^|\s{2,})#.*$", "", text)


def _split_console(text: str) -> list[str]:
    return [part for part in re.split(r"^\$ ", text, flags=re.MULTILINE) if part.strip()]


def _typed_and_shown(part: str) -> tuple[str, str]:
    typed = next(_split_shell(part))
    return typed, part[part.index("\n", len(typed)) :].strip() if "\n" in part[len(typed) :] else ""
