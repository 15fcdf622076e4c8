"""Lag: from the moment a post was due to the commit of its event, at a gentle rate and at half of the maximum."""

from itertools import islice

from tests.bench.bench import Bench
from tests.bench.corpus import customers_for, events_of
from tests.bench.findings import Findings, Goal, Table, shown
from tests.bench.percentiles import percentile
from tests.bench.stage import Stage
from tests.bench.systems import Applied, ours, post_and_apply

GENTLE = 50.0  # events a second
WARM_UP = 1000


def measure(bench: Bench) -> Findings:
    """Post evenly, and ask PostgreSQL afterwards when each event was committed."""
    seconds, found, rows = bench.size.lag_seconds, Findings(), list[tuple[str, ...]]()
    with Stage() as stage:
        most = customers_for(WARM_UP + int(bench.size.apply_events + GENTLE * seconds))
        with ours(stage, stage.billing_database(most)) as system:
            events = events_of(range(1, most + 1))
            warm = post_and_apply(system, list(islice(events, WARM_UP)))
            maximum = bench.figures.get("apply_per_s", warm.per_s)
            for name, rate in (("a gentle rate", GENTLE), ("half of the maximum", maximum / 2)):
                posted = list(islice(events, int(rate * seconds)))
                with bench.measuring():
                    applied = post_and_apply(system, posted, rate)
                rows.append(_row(name, rate, applied))
                found.problems += applied.problems
                found.figures |= _figures(applied) if rate == GENTLE else {}
                found.goals += _goals(name, applied)
                bench.say(f"lag at {rate:.0f}/s: p99 {percentile(applied.lags, 0.99) * 1000:.0f} ms")
            flush = system.commits.mean_flush() * 1000
    header = ("from when a post was due to its commit", "per s", "p50 ms", "p99 ms", "longest ms", "events")
    found.text.append(Table(header, rows).markdown())
    found.text.append(
        f"The flush of PostgreSQL's log, which follows the moment counted, took {flush:.2f} ms on average."
    )
    return found


def _row(name: str, rate: float, applied: Applied) -> tuple[str, ...]:
    lags = [shown(percentile(applied.lags, share) * 1000) for share in (0.5, 0.99, 1)]
    return (name, f"{rate:,.0f}", *lags, f"{len(applied.moments):,}")


def _figures(applied: Applied) -> dict[str, float]:
    return {f"lag_p{share}_ms": percentile(applied.lags, share / 100) * 1000 for share in (50, 99)}


def _goals(name: str, applied: Applied) -> list[Goal]:
    allowed = {"a gentle rate": {0.5: 20, 0.99: 100}, "half of the maximum": {0.99: 1000}}[name]
    measured = {share: percentile(applied.lags, share) * 1000 for share in allowed}
    return [
        Goal(f"lag at {name}: p{share * 100:.0f} under {allowed[share]} ms", f"{lag:.1f} ms", lag < allowed[share])
        for share, lag in measured.items()
    ]
