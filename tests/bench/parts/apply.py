"""Applying: from the first post to the last commit in PostgreSQL, everything on this one machine."""

from contextlib import ExitStack
from itertools import islice
from statistics import median

from tests.bench.bench import Bench
from tests.bench.corpus import customers_for, events_of
from tests.bench.findings import Bar, Findings, Goal, Table
from tests.bench.stage import Stage
from tests.bench.systems import Applied, ordinary, ours, post_and_apply

WARM_UP = 100


def measure(bench: Bench) -> Findings:
    """Let ours and the ordinary stack take turns; every turn has customers of its own."""
    size, found = bench.size, Findings()
    per_turn = customers_for(size.apply_events)
    turns: dict[str, list[Applied]] = {"ours": [], "ordinary": []}
    with Stage() as stage, ExitStack() as stack:
        url = stage.billing_database(per_turn * size.rounds + customers_for(WARM_UP))
        systems = {"ours": stack.enter_context(ours(stage, url)), "ordinary": stack.enter_context(ordinary(stage))}
        events = events_of(range(1, per_turn * size.rounds + customers_for(WARM_UP) + 1))
        warm = list(islice(events, WARM_UP))
        for system in systems.values():
            post_and_apply(system, warm)
        for turn in range(size.rounds):
            posted = list(islice(events, size.apply_events))
            for name in systems if turn % 2 == 0 else reversed(systems):
                amount = size.apply_events if name == "ours" else size.ordinary_events
                stage.empty_redis()
                with bench.measuring():
                    applied = post_and_apply(systems[name], posted[:amount])
                turns[name].append(applied)
                found.problems += [f"{name}: {problem}" for problem in applied.problems]
                bench.say(f"apply, round {turn + 1}: {name} {applied.per_s:.0f}/s")
    _report(found, turns)
    return found


def _report(found: Findings, turns: dict[str, list[Applied]]) -> None:
    per_s = {name: median(one.per_s for one in applied) for name, applied in turns.items()}
    labels = {"ours": "**ours**", "ordinary": "the ordinary stack: construct_event, SET NX, `.delay`, one row a task"}
    rows = [
        (
            labels[name],
            f"{per_s[name]:,.0f}",
            f"{per_s[name] / per_s['ordinary']:.2f}",
            f"{median(one.answers.per_s for one in applied):,.0f}",
            f"{len(applied[0].moments):,}",
        )
        for name, applied in turns.items()
    ]
    header = (
        "from the first post to the last commit",
        "per s",
        "of the ordinary",
        "accepted meanwhile per s",
        "events",
    )
    found.text.append(Table(header, rows).markdown())
    found.bars["applied per s, end to end"] = [Bar(name, value, name == "ours") for name, value in per_s.items()]
    ratio = per_s["ours"] / per_s["ordinary"]
    found.goals.append(Goal("apply at least 8 times the ordinary stack", f"{ratio:.1f} times", ratio >= 8))
    found.figures |= {"apply_per_s": per_s["ours"], "apply_of_ordinary": ratio}
