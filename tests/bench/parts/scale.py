"""Scale: events a second with more worker processes, and with more rows on record; and whether any plan scans."""

from itertools import islice

from tests.bench.bench import Bench
from tests.bench.corpus import customers_for, events_of
from tests.bench.findings import Findings, Goal, Table
from tests.bench.plans import scanning_statements
from tests.bench.stage import Stage
from tests.bench.systems import drained_per_s, ours

WORKERS = (1, 2, 4)
DIALECTS = ("postgresql", "sqlite")
WARM_UP = 1000
EXPLAINED = 100  # customers


def measure(bench: Bench) -> Findings:
    """Let backlogs drain."""
    found = Findings()
    _by_workers(bench, found)
    _by_history(bench, found)
    return found


def _by_workers(bench: Bench, found: Findings) -> None:
    rows = []
    with Stage() as stage:
        customers = customers_for((WARM_UP + bench.size.scale_events) * len(WORKERS))
        url = stage.billing_database(customers)
        events = events_of(range(1, customers + 1))
        for workers in WORKERS:
            with ours(stage, url, workers) as system:
                drained_per_s(system, list(islice(events, WARM_UP)))
                with bench.measuring():
                    per_s = drained_per_s(system, list(islice(events, bench.size.scale_events)))
            rows.append((str(workers), f"{per_s:,.0f}"))
            bench.say(f"scale: {workers} workers {per_s:.0f}/s")
    found.text.append(Table(("worker processes", "drained per s"), rows).markdown())


def _by_history(bench: Bench, found: Findings) -> None:
    rows, scanning, largest = [], list[str](), max(bench.size.history)
    for dialect in DIALECTS:
        for history in bench.size.history:
            per_s, plans = _with_history(bench, dialect, history)
            rows.append((f"{history:,} in {dialect}", f"{per_s:,.0f}"))
            bench.say(f"scale: {history:,} rows in {dialect} {per_s:.0f}/s")
            # With few rows, PostgreSQL scans because it is cheaper.
            if history == largest:
                scanning += [
                    f"- {dialect} reads all of {' and '.join(tables)}: `{text}`" for text, tables in plans.items()
                ]
    found.text.append(Table(("rows of BillingEvents before", "drained per s"), rows).markdown())
    found.text += scanning
    found.goals.append(Goal(f"no plan scans, with {largest:,} events on record", f"{len(scanning)} do", not scanning))


def _with_history(bench: Bench, dialect: str, history: int) -> tuple[float, dict[str, list[str]]]:
    """Return what drains in a second, and the statements whose plans scan."""
    posting = customers_for(WARM_UP + bench.size.scale_events)
    with Stage() as stage:
        url = stage.billing_database(posting + EXPLAINED, history, dialect)
        events = events_of(range(1, posting + 1))
        with ours(stage, url) as system:
            drained_per_s(system, list(islice(events, WARM_UP)))
            with bench.measuring():
                per_s = drained_per_s(system, list(islice(events, bench.size.scale_events)))
        return per_s, scanning_statements(url, range(posting + 1, posting + EXPLAINED + 1))
