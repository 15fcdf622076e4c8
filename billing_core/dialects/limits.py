"""How much one statement takes: SQL Server's 2,100 parameters are the tightest limit of the three."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

# Of an IN list: a statement has other parameters beside it, and may name the list twice.
IN_LIST = 1000


def in_chunks(values: Iterable[T], size: int = IN_LIST) -> Iterator[list[T]]:
    """Split into parts that are few enough for one statement."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
