"""What a part of the benchmark hands over: figures for the last line, tables for the page, bars for the plot."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

# What the last line of a run names, in its order.
FIGURES = (
    "accept_per_s",
    "accept_of_limit",
    "accept_p99_ms",
    "apply_per_s",
    "apply_of_ordinary",
    "lag_p50_ms",
    "lag_p99_ms",
)


@dataclass(frozen=True)
class Table:
    """Text in rows and columns."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Render it; all columns but the first are numbers, to the right."""
        rule = ["---", *["---:"] * (len(self.header) - 1)]
        return "\n".join("| " + " | ".join(row) + " |" for row in (self.header, rule, *self.rows))


class Bar(NamedTuple):
    """One bar of the plot."""

    label: str
    value: float
    ours: bool = False


class Goal(NamedTuple):
    """What was to be reached, what was measured, and whether that is enough."""

    wanted: str
    measured: str
    reached: bool


@dataclass
class Findings:
    """Of one part.

    Attributes:
        figures: by the names of FIGURES.
        text: Markdown for the page: tables, and a sentence where one is needed.
        bars: for the plot, with their title; no bars, no plot.
        goals: of the issue, as far as this part measures them.
        problems: why a number must not be believed, such as an accepted event that is nowhere.
    """

    text: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def last_line(figures: dict[str, float]) -> str:
    """Return the line that a run ends with; what was not measured is `-`."""
    return " ".join(f"{name}={shown(figures[name]) if name in figures else '-'}" for name in FIGURES)


def shown(value: float) -> str:
    """Return a number with three digits that count, and without an exponent."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
