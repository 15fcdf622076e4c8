"""Every `billing` command as it is declared."""

from collections.abc import Iterator
from typing import Any

import typer

from billing_core.cli import app

ROOT: Any = typer.main.get_command(app)


def declared(group: Any = ROOT, path: tuple[str, ...] = ("billing",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command with its path; a group that does something by itself is one, too."""
    for name, command in group.commands.items():
        if not hasattr(command, "commands"):
            yield (*path, name), command
            continue
        if command.invoke_without_command:
            yield (*path, name), command
        yield from declared(command, (*path, name))


def options(command: Any) -> list[str]:
    return [name for one in command.params for name in one.opts if name.startswith("--")]


def examples(command: Any) -> list[str]:
    """Return the examples in a command's help."""
    lines = [line.strip() for line in (command.epilog or "").splitlines()]
    return [line for line in lines if line.startswith("billing ")]
