"""Every command of every page is run on the service that `make run` starts, or stands in `NOT_RUN` with the reason."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
import typer

from billing_core.cli import app
from billing_core.models import BillingCommand
from tests.docs.commands import Command, commands_in_text, commands_of
from tests.docs.not_run import NOT_RUN
from tests.docs.pages import ROOT, Page, pages
from tests.docs.stand import Stand

pytestmark = pytest.mark.timeout(300)  # a loaded machine starts eight processes slowly

# 1: something failed or waits for somebody, which is true of the service in this state; 2 would be a wrong usage.
BILLING_ENDS = (0, 1)
DRIFT_ENDS = {"reconcile": (2,)}
ASSIGNED = re.compile(r"^(\w+=\S*\s+)+")
# `[--json]` or `EVENT`: how a command is used, not one to be typed. tests/billing_core/cli/test_help.py has those.
SYNOPSIS = re.compile(r"\[|\b[A-Z]{3,}\b")
STATUS = re.compile(r"^\[(\d{3})\]$", re.MULTILINE)
KEYS = re.compile(r'"(\w+)":')
SHOWN_STATUS = re.compile(r"^HTTP/1.1 (\d{3})", re.MULTILINE)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

WITH_BLOCKS = [page for page in pages() if any(commands_of(block) for block in page.blocks())]
WITH_CODE = [page for page in pages() if commands_in_text(page)]


def reason_not_to_run(command: Command) -> str | None:
    return next((why for pattern, why in NOT_RUN.items() if fnmatchcase(command.text, pattern)), None)


def checked_only(command: Command) -> bool:
    """Whether it is enough that there is such a target of make, or such a module."""
    program, *rest = (ASSIGNED.sub("", command.text) or command.text).split()
    if program == "make":
        assert TARGETS.intersection(rest), f"{command.page}: no target of the Makefile: {command.text}"
        return True
    if program.startswith("python") and rest[:1] == ["-m"]:
        assert importlib.util.find_spec(rest[1]), f"{command.page}: no such module: {command.text}"
        return True
    return False


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: page.name)
def test_commands_in_blocks_do_what_the_page_says(here: Stand, page: Page) -> None:
    with here.shell() as shell:
        for command in (one for block in page.blocks() for one in commands_of(block)):
            if reason_not_to_run(command) or checked_only(command):
                continue
            typed = here.filled_in(command.text)
            assert "…" not in typed, f"{page.name}: nobody knows what to put in: {typed}"
            done = shell.run(typed)
            told = f"{page.name}:{command.line}: {typed}\n{done.code}: {done.output}"
            assert done.code in (BILLING_ENDS if typed.startswith("billing ") else (0,)), told
            assert list(untrue(command.shown, done.output)) == [], told


def untrue(shown: str, output: str) -> Iterator[str]:
    """Yield what the page shows and the answer lacks: its status, and the names of JSON."""
    expected = SHOWN_STATUS.findall(shown)
    for status in STATUS.findall(output):
        if status not in expected and int(status) >= 400:
            yield f"status {status}"
    if expected and expected != SHOWN_STATUS.findall(output):
        yield f"not status {expected}"
    yield from sorted(set(KEYS.findall(shown)) - set(KEYS.findall(output)))


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_commands_in_sentences_are_understood(here: Stand, page: Page) -> None:
    for command in commands_in_text(page):
        if reason_not_to_run(command) or checked_only(command):
            continue
        program, *arguments = shlex.split(here.filled_in(command.text))
        assert program == "billing", f"{page.name}: neither run nor in NOT_RUN: {command.text}"
        if only_named(arguments) or SYNOPSIS.search(command.text):
            continue
        code, out, err = here.billing(*arguments)
        assert "--help" not in err, f"{page.name}: {command.text}\n{err}"
        assert code in (*BILLING_ENDS, *DRIFT_ENDS.get(arguments[0], ())), f"{command}\n{code}: {out}{err}"


def only_named(arguments: list[str]) -> bool:
    """Whether these are the words of a command, or of a group of commands, that there is, and nothing else."""
    commands: dict[str, Any] = {"billing": typer.main.get_command(app)}
    for word in ["billing", *arguments]:
        if not commands or word.startswith("-") or SYNOPSIS.search(word):
            return False
        assert word in commands, f"there is no billing {' '.join(arguments)}"
        commands = getattr(commands[word], "commands", {})
    return True


def test_python_puts_its_commands_on_record(here: Stand) -> None:
    page = next(page for page in pages() if page.name == "docs/celery.md")
    program = next(block.text for block in page.blocks() if block.language == "python")
    exec(compile(here.filled_in(program), page.name, "exec"), {})
    keys = set(re.findall(r'idempotency_key="([\w-]+)"', program))
    assert here.wait_for(BillingCommand.idempotency_key, keys) == keys


def test_every_reason_not_to_run_a_command_is_needed() -> None:
    texts = [one.text for page in pages() for block in page.blocks() for one in commands_of(block)]
    texts += [one.text for page in pages() for one in commands_in_text(page)]
    assert [pattern for pattern in NOT_RUN if not any(fnmatchcase(text, pattern) for text in texts)] == []
