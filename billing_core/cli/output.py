"""Tables for people, JSON for scripts, and progress for whoever watches."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

# Wider than any line of ours: what goes into a pipe or a file is for grep and must not be wrapped.
UNWRAPPED = 100_000


def terminal() -> "Console":
    """Return the console as it is now: as wide as the terminal, or without lines' ends if there is none."""
    from billing_core.cli.terminal import Terminal

    # Reasons and payloads are others' words: brackets in them are no markup.
    return Terminal(width=None if sys.stdout.isatty() else UNWRAPPED, markup=False, highlight=False)


def watching() -> "Console":
    """Return the console beside the output, where progress is shown if somebody sits there."""
    from rich.console import Console

    return Console(stderr=True)


def progress(*columns: "ProgressColumn") -> "Progress":
    """Return a progress display on stderr; it shows nothing where that is no terminal, and leaves nothing behind."""
    from rich.progress import Progress

    console = watching()
    shown = console.is_terminal
    return Progress(*columns, console=console, disable=not shown, transient=True, redirect_stdout=False)


def confirmed(question: str) -> bool:
    """Ask whoever sits there, beside the output; no answer is a no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows with these columns."""
    if as_json:
        show_json([{name: row[name] for name in columns} for row in rows])
        return
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_text(row[name]) for name in columns))
    terminal().print(table)


def show_json(value: Any) -> None:
    """Print a value as JSON; moments are ISO 8601."""
    sys.stdout.write(json.dumps(value, default=_plain, indent=2) + "\n")


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return "" if value is None else str(value)
