"""Pictures of what flowed, drawn as SVG in the page: no script, and no style but that of our own file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing_core.event_rates import Interval
from billing_core.ordering import Outcome

WIDTH, HEIGHT = 720, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 10, 24

# From the bottom of a bar to its top: what is well first, so that the rest stands out above it.
STACKED = (Outcome.APPLIED, Outcome.STALE, Outcome.TIE, Outcome.FOREIGN, Outcome.PARKED, Outcome.DEAD)

_LINES = 4
_LABELS = 6


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time that can be looked at, in so many intervals."""

    name: str
    label: str
    width: timedelta
    count: int

    def begin(self, now: datetime) -> datetime:
        """Return the first moment: intervals begin at whole multiples of their width."""
        width = int(self.width.total_seconds())
        end = math.floor(now.timestamp() / width) * width + width
        return datetime.fromtimestamp(end - width * self.count, now.tzinfo)


WINDOWS = (
    Window("1h", "hour", timedelta(minutes=1), 60),
    Window("6h", "6 hours", timedelta(minutes=10), 36),
    Window("24h", "day", timedelta(minutes=30), 48),
    Window("7d", "week", timedelta(hours=4), 42),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of a chart."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws."""

    title: str
    bars: Sequence[Bar]
    lines: Sequence[tuple[str, str]]
    across: Sequence[Tick]
    up: Sequence[Tick]
    legend: Sequence[str]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def throughput(intervals: Sequence[Interval], window: Window) -> Chart:
    """Draw how many events ended in each interval, by outcome."""
    top = _round_up(max([one.total for one in intervals], default=0) or 1)
    bars = [bar for number, one in enumerate(intervals) for bar in _stack(number, one, len(intervals), top)]
    seen = [outcome for outcome in STACKED if any(one.outcomes.get(outcome) for one in intervals)]
    up = [Tick(_y(value, top), f"{value:,.0f}") for value in _marks(top) if value == int(value)]
    return Chart(f"Events per {_words(window.width)}", bars, [], _times(intervals), up, seen)


def lag(intervals: Sequence[Interval], window: Window) -> Chart:
    """Draw the seconds from accepted to applied that half, and 95 %, of the events stayed below."""
    shares = {"p95": 0.95, "p50": 0.5}
    top = _round_up(max([one.lag(0.95) or 0 for one in intervals], default=0) or 0.1)
    lines = [
        (name, points)
        for name, share in shares.items()
        for points in _polylines([one.lag(share) for one in intervals], top)
    ]
    up = [Tick(_y(value, top), _seconds(value)) for value in _marks(top)]
    return Chart(
        f"Lag from accepted to applied, per {_words(window.width)}", [], lines, _times(intervals), up, list(shares)
    )


def _stack(number: int, one: Interval, count: int, top: float) -> list[Bar]:
    bars, below = list[Bar](), 0
    step = (WIDTH - _LEFT - _RIGHT) / count
    for outcome in STACKED:
        if events := one.outcomes.get(outcome, 0):
            y, bottom = _y(below + events, top), _y(below, top)
            title = f"{one.begin:%d %b %H:%M}: {events:,} {outcome}"
            bars.append(Bar(_x(number, count) + step * 0.1, y, step * 0.8, max(bottom - y, 0.75), outcome, title))
            below += events
    return bars


def _polylines(values: Sequence[float | None], top: float) -> list[str]:
    """Return the points of each unbroken run of values; one alone becomes a short stroke."""
    runs, step = list[list[str]]([[]]), (WIDTH - _LEFT - _RIGHT) / max(len(values), 1)
    for number, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        x, y = _x(number, len(values)) + step / 2, _y(value, top)
        runs[-1].append(f"{x:.1f},{y:.1f}")
    return [" ".join(run) if len(run) > 1 else _stroke(run[0]) for run in runs if run]


def _stroke(point: str) -> str:
    x, _, y = point.partition(",")
    return f"{float(x) - 2:.1f},{y} {float(x) + 2:.1f},{y}"


def _times(intervals: Sequence[Interval]) -> list[Tick]:
    count = len(intervals)
    return [
        Tick(_x(number, count), f"{intervals[number].begin:{'%H:%M' if _one_day(intervals) else '%d %b'}}")
        for number in range(0, count, max(1, math.ceil(count / _LABELS)))
    ]


def _one_day(intervals: Sequence[Interval]) -> bool:
    return intervals[-1].begin - intervals[0].begin <= timedelta(days=1)


def _x(number: int, count: int) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * number / count, 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(value / top, 1), 1)


def _marks(top: float) -> list[float]:
    return [top * number / _LINES for number in range(_LINES + 1)]


def _round_up(value: float) -> float:
    """Return the next 1, 2, 4 or 8 times a power of ten, so that quarters are round, too."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)


def _seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.0f} s" if value == int(value) else f"{value:.1f} s"


def _words(width: timedelta) -> str:
    minutes = int(width.total_seconds() // 60)
    hours = minutes // 60
    if hours:
        return f"{hours} hours"
    return "minute" if minutes == 1 else f"{minutes} minutes"
