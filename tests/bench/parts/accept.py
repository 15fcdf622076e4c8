"""Accepting: how many posts a second are answered with 200, next to what the same machine could do at the very most."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from billing_core.inbox import Keys
from config.queues import Family
from tests.bench.bench import Bench
from tests.bench.contenders import asgi, ordinary
from tests.bench.corpus import Posted, customers_for, events_of
from tests.bench.findings import Bar, Findings, Goal, Table, shown
from tests.bench.generator import Answers, Generator
from tests.bench.percentiles import percentile
from tests.bench.processes import Contender, Web
from tests.bench.requests import requests
from tests.bench.stage import PREFIX, Stage
from tests.embedded.server_process import ServerProcess

LIMIT = "pipeline"
OURS = "ours"
WARM_UP = 300
CHUNK = 1000


@dataclass
class Turns:
    """A contender's results, one of each turn."""

    per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def add(self, answers: Answers) -> None:
        """Note a turn."""
        self.per_s.append(answers.per_s)
        self.p50_ms.append(percentile(answers.latencies, 0.5) * 1000)
        self.p99_ms.append(percentile(answers.latencies, 0.99) * 1000)


@dataclass(frozen=True)
class Entrant:
    """Who takes part.

    Attributes:
        name: of the contender's module entry.
        does: what it does, for the table.
        key: of an event in Redis, where it stores them; such an entrant dedupes, so that every post must be new.
    """

    name: str
    does: str
    key: Callable[[str], str] | None = None


ENTRANTS = (
    Entrant("constant", "the generator's own ceiling: a loop that answers with a constant"),
    Entrant("raw", "raw ASGI application: reads the body, answers 200"),
    Entrant("hmac", "+ signature verified"),
    Entrant("script", "+ one Redis script for each request (SET NX, LPUSH)", lambda event_id: asgi.EVENT + event_id),
    Entrant(LIMIT, "+ requests in flight share one pipeline: **the limit**", lambda event_id: asgi.EVENT + event_id),
    Entrant("batch", "or share one script call", lambda event_id: asgi.EVENT + event_id),
    Entrant("fastapi", "a FastAPI route that reads the body, answers 200"),
    Entrant("ordinary", "construct_event, SET NX, `.delay`", lambda event_id: ordinary.SEEN + event_id),
    Entrant(OURS, "**ours**", Keys(PREFIX).event),
)


def measure(bench: Bench, entrants: Sequence[Entrant] = ENTRANTS) -> Findings:
    """Let the entrants take turns over one Redis."""
    found, turns = Findings(), {entrant: Turns() for entrant in entrants}
    events = list(events_of(range(1, customers_for(bench.size.accept_events + WARM_UP) + 1)))
    with Stage() as stage, ExitStack() as stack:
        servers = {entrant: stack.enter_context(_server(stage, entrant)) for entrant in entrants}
        for turn in range(bench.size.rounds):
            for entrant in entrants if turn % 2 == 0 else reversed(entrants):
                answers = _turn(bench, stage, entrant, servers[entrant].port, events)
                turns[entrant].add(answers)
                found.problems += _problems(stage, entrant, events, answers)
                bench.say(f"accept, round {turn + 1}: {entrant.name} {answers.per_s:.0f}/s")
        found.problems += _problems_after_kill(bench, stage, servers, events)
    _report(found, turns)
    return found


def _server(stage: Stage, entrant: Entrant) -> ServerProcess:
    environment = stage.environment(stage.postgres.url())  # none of them touches the database
    if entrant.name == OURS:
        return Web(stage.folder(OURS), environment=environment)
    return Contender(stage.folder(entrant.name), entrant.name, environment)


def _turn(bench: Bench, stage: Stage, entrant: Entrant, port: int, events: Sequence[Posted]) -> Answers:
    stage.empty_redis()
    signed, generator = requests(events), Generator(port)
    generator.flood(signed[:WARM_UP])
    with bench.measuring():
        return generator.flood(signed[WARM_UP:], bench.size.accept_seconds, again=entrant.key is None)


def _problems_after_kill(
    bench: Bench, stage: Stage, servers: Mapping[Entrant, ServerProcess], events: Sequence[Posted]
) -> list[str]:
    """Let ours accept once more, and kill Redis: what was answered must be on disk."""
    [entrant] = [entrant for entrant in servers if entrant.name == OURS]
    answers = _turn(bench, stage, entrant, servers[entrant].port, events)
    stage.redis_server.kill()
    stage.redis_server.start()
    return [f"after kill -9 of Redis: {problem}" for problem in _problems(stage, entrant, events, answers)]


def _problems(stage: Stage, entrant: Entrant, events: Sequence[Posted], answers: Answers) -> list[str]:
    """Say what is wrong with a turn: an answer that is no 200, or an accepted event that Redis does not hold."""
    problems = []
    if refused := len(answers.numbers) - len(answers.accepted):
        problems.append(f"{entrant.name}: {refused} answers were no 200")
    accepted = [events[WARM_UP + number].event_id for number in answers.accepted] if entrant.key else []
    if entrant.key and (lost := _lost(stage, [entrant.key(event_id) for event_id in accepted])):
        problems.append(f"{entrant.name}: Redis does not hold {lost} of {len(accepted)} accepted events")
    if entrant.name == OURS and (adrift := _adrift(stage, accepted)):
        problems.append(f"{OURS}: {adrift} accepted events are not in the inbox or not in a queue")
    return problems


def _lost(stage: Stage, keys: Sequence[str]) -> int:
    held: int = sum(stage.redis.exists(*keys[start : start + CHUNK]) for start in range(0, len(keys), CHUNK))
    return len(keys) - held


def _adrift(stage: Stage, event_ids: Sequence[str]) -> int:
    """Return how many of ours are missing from the inbox or from Celery's messages."""
    keys, inbox, queued = Keys(PREFIX), set[bytes](), b""
    for family in Family:
        inbox.update(stage.redis.zrange(keys.inbox(family), 0, -1))
        queued += b"".join(stage.redis.lrange(keys.queue(family), 0, -1))
    return len({event_id.encode() for event_id in event_ids} - (inbox & set(re.findall(rb"evt_\w+", queued))))


def _report(found: Findings, turns: dict[Entrant, Turns]) -> None:
    per_s = {entrant.name: median(turn.per_s) for entrant, turn in turns.items()}
    p99 = {entrant.name: median(turn.p99_ms) for entrant, turn in turns.items()}
    rows = [
        (
            entrant.does,
            f"{per_s[entrant.name]:,.0f}",
            f"{per_s[entrant.name] / per_s[LIMIT]:.2f}",
            shown(median(turn.p50_ms)),
            shown(p99[entrant.name]),
        )
        for entrant, turn in turns.items()
    ]
    found.text.append(Table(("accepting", "per s", "of the limit", "p50 ms", "p99 ms"), rows).markdown())
    found.bars["accepted per s"] = [Bar(name, value, name == OURS) for name, value in per_s.items()]
    found.goals += [
        Goal(
            "accept at least 60 % of the limit", f"{per_s[OURS] / per_s[LIMIT]:.0%}", per_s[OURS] >= 0.6 * per_s[LIMIT]
        ),
        Goal("accept: p99 under 25 ms", f"{p99[OURS]:.1f} ms", p99[OURS] < 25),
    ]
    found.figures |= {
        "accept_per_s": per_s[OURS],
        "accept_of_limit": per_s[OURS] / per_s[LIMIT],
        "accept_p99_ms": p99[OURS],
    }
