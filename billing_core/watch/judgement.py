"""Which of the numbers mean that something is wrong: failures that nobody else would notice."""

from collections.abc import Iterator

from billing_core.finding import Finding, fail, ok, warn
from billing_core.heartbeats import Role
from billing_core.watch.sight import Flow, Ledger, Sight
from config.queues import UNREADABLE
from config.settings import Settings

_NAMED = 5  # of a list, in a line


def judge(sight: Sight, settings: Settings) -> list[Finding]:
    """Return a finding for each thing that is watched."""
    return [
        *_workers(sight.flow),
        _queues(sight.flow),
        *_beat(sight.flow),
        *_web(sight.flow),
        *_keys(sight.flow),
        *_inbox(sight.flow, settings.inbox_age_limit),
        *_unreadable(sight.flow, settings.queue_prefix),
        *_database(sight.ledger),
    ]


def _workers(flow: Flow) -> Iterator[Finding]:
    for worker in flow.silent(Role.WORKER):
        found = f"{worker.name} is silent for {worker.age_s:.0f} s: it hangs, or was killed"
        yield fail("workers", found, "restart it; one that is gone is forgotten after an hour")
    living = flow.living(Role.WORKER)
    if living:
        yield ok("workers", ", ".join(worker.name for worker in living))


def _queues(flow: Flow) -> Finding:
    consumers = flow.consumers()
    if orphans := [queue for queue, number in consumers.items() if not number]:
        return fail("queues", f"no worker consumes {', '.join(orphans)}", "start a worker (Procfile)")
    return ok("queues", f"all {len(consumers)} are consumed")


def _beat(flow: Flow) -> Iterator[Finding]:
    for beat in flow.silent(Role.BEAT):
        yield fail("beat", f"{beat.name} is silent for {beat.age_s:.0f} s: it hangs, or was killed", "restart it")
    living = flow.living(Role.BEAT)
    names = ", ".join(beat.name for beat in living)
    if not living:
        yield fail("beat", "none lives: nothing is swept, filled or watched", "start beat (Procfile)")
    elif len(living) > 1:
        yield warn("beat", f"{names}: each run happens {len(living)} times", "stop all but one")
    else:
        yield ok("beat", names)


def _web(flow: Flow) -> Iterator[Finding]:
    for web in flow.silent(Role.WEB):
        found = f"{web.name} is silent for {web.age_s:.0f} s: it hangs, or was killed"
        yield warn("web", found, "restart it; one that is gone is forgotten after an hour")
    if living := flow.living(Role.WEB):
        yield ok("web", ", ".join(web.name for web in living))


def _keys(flow: Flow) -> Iterator[Finding]:
    """Tell of keys that are not in force, and of processes that do not agree."""
    telling = [(one.name, one.keys) for role in Role for one in flow.living(role) if one.keys]
    broken = {name: keys.problem for name, keys in telling if keys.problem}
    for name, problem in broken.items():
        yield fail("keys", f"{name} keeps its former keys: {problem}", "mend the files in the secrets directory")
    used = {keys.api_key for _, keys in telling}
    if len(used) > 1 and not broken:
        yield warn("keys", f"processes use {len(used)} different API keys", "billing keys; restart who stays behind")
    elif telling and not broken:
        yield ok("keys", f"all processes use API key {used.pop() or 'none'}")


def _inbox(flow: Flow, limit: float) -> Iterator[Finding]:
    late = {family: depth for family, depth in flow.depths.items() if depth.oldest_s > limit}
    for family, depth in late.items():
        found = f"{family}: {depth.inbox} events wait, the oldest for {depth.oldest_s:.0f} s"
        yield fail("inbox", found, "docs/runbooks/queue-grows.md")
    if not late:
        waiting = sum(depth.inbox for depth in flow.depths.values())
        yield ok("inbox", f"{waiting} events wait, none longer than {limit:g} s")


def _unreadable(flow: Flow, prefix: str) -> Iterator[Finding]:
    if flow.unreadable:
        found = f"{flow.unreadable} entries in Redis' list {prefix}{UNREADABLE} are no message of Celery's"
        yield fail("messages", found, "find out who sends them; what was a command is not done: send it again")


def _database(ledger: Ledger | None) -> Iterator[Finding]:
    if ledger is None:
        yield fail("database", "away: events wait in Redis", "check DATABASE_URL and the server")
        return
    yield _dead_letters(ledger)
    yield _commands(ledger)
    yield from ledger.runs.findings()


def _dead_letters(ledger: Ledger) -> Finding:
    if ledger.dead:
        return fail("dead letters", f"{ledger.dead} events", "billing events list --outcome dead")
    return ok("dead letters", "none")


def _commands(ledger: Ledger) -> Finding:
    if not ledger.stuck:
        return ok("commands", "none is stuck")
    named = ", ".join(ledger.stuck[:_NAMED]) + (", …" if len(ledger.stuck) > _NAMED else "")
    return fail("commands", f"{len(ledger.stuck)} are not finished in time: {named}", "see the log of command.* lines")
