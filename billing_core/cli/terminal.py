"""The console that tables are printed on."""

from typing import NoReturn

from rich.console import Console


class Terminal(Console):
    """A console that leaves it to the command's end what becomes of a reader who has gone."""

    def on_broken_pipe(self) -> NoReturn:
        """Pass on what rich would end with exit code 1."""
        raise BrokenPipeError
