"""Measure: `python -m tests.bench [--quick] [accept apply lag …]`."""

import argparse
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from tests.bench import machine, page, plot
from tests.bench.bench import Bench
from tests.bench.findings import Findings, last_line
from tests.bench.parts import accept, apply, backlog, cost, lag, memory, scale, startup, task_events
from tests.bench.size import QUICK, full
from tests.run.environment import export_surroundings

PARTS: dict[str, Callable[[Bench], Findings]] = {
    "accept": accept.measure,
    "apply": apply.measure,
    "lag": lag.measure,
    "backlog": backlog.measure,
    "startup": startup.measure,
    "scale": scale.measure,
    "memory": memory.measure,
    "cost": cost.measure,
    "task_events": task_events.measure,
}
IN_A_HURRY = ("accept", "apply", "lag")
PATIENCE = 120.0  # s for the machine to become quiet


def main() -> int:
    """Measure the parts; 1 if any of their numbers must not be believed."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--quick", action="store_true", help="little of some parts, and nothing is written")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    export_surroundings()
    # Whoever fills databases here asks fake Stripe thousands of times, each with a line.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(machine.describe())
    bench = Bench(QUICK if options.quick else full())
    parts = options.parts or (IN_A_HURRY if options.quick else PARTS)
    problems = [problem for name in parts for problem in _measure(bench, name, write=not options.quick)]
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    print(last_line(bench.figures))
    return 1 if problems else 0


def _measure(bench: Bench, name: str, *, write: bool) -> list[str]:
    seen = machine.wait_until_quiet(PATIENCE if write else 0, bench.say)
    bench.others.clear()
    found = PARTS[name](bench)
    bench.figures |= found.figures
    text = _text(name, found, f"Just before, {seen}{_disturbance(bench)}.")
    print(f"\n{text}\n")
    if write:
        if found.bars:
            plot.draw(found.bars, page.PAGE.with_suffix("") / name)
        page.write(name, text)
    return found.problems


def _disturbance(bench: Bench) -> str:
    if not bench.others:
        return ""
    worst = max(bench.others)
    warning = f": **more than {machine.BUSY:.0%}, measure again**" if worst > machine.BUSY else ""
    return f"; meanwhile they used at most {worst:.0%}{warning}"


def _text(name: str, found: Findings, quietness: str) -> str:
    goals = [
        f"- {'reached' if goal.reached else '**missed**'}: {goal.wanted} ({goal.measured})" for goal in found.goals
    ]
    images = [f"![{', '.join(found.bars)}](performance/{name}.svg)"] if found.bars else []
    measured = f"*{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine.describe()}. {quietness}*"
    return "\n\n".join(["\n".join(goals), *found.text, *images, measured])


if __name__ == "__main__":
    sys.exit(main())
