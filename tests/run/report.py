"""What the person at the terminal sees."""

import sys
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from billing_core.database import Database
from billing_core.kinds import KINDS, Kind
from config.settings import Settings
from tests.run.environment import CONSOLE_USER, Parts, listen_command, webhook_url
from tests.run.trail import Footprint, Trail, Verdict, describe
from tests.run.var_directory import VarDirectory

_WIDTH_OF_TABLE = 160  # where no terminal limits it: in files, and in the logs of scripts


def make_console() -> Console:
    """Return a console that writes to stdout and, into a file, does not fold the table to 80 columns."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_TABLE)


def table_of_footprints(chapters: Sequence[Sequence[Footprint]]) -> Table:
    """Return each event's way; the story's chapters are numbered from 1."""
    columns = ("", "at Stripe (UTC)", "event type", "event", "received", "outcome", "lag ms", "row after it")
    table = Table(title="Each event's way", title_justify="left", box=box.SIMPLE)
    for name in columns:
        table.add_column(name, justify="right" if name == "lag ms" else "left", overflow="fold")
    for number, footprints in enumerate(chapters, start=1):
        table.add_section()
        for footprint in footprints:
            table.add_row(str(number), *_cells(footprint))
    return table


def _cells(footprint: Footprint) -> list[str]:
    return [
        f"{footprint.happened:%d %b %H:%M:%S}",
        footprint.event_type,
        footprint.event_id,
        f"{footprint.received:%H:%M:%S.%f}"[:-3],
        footprint.outcome,
        f"{footprint.lag * 1000:.0f}",
        footprint.row,
    ]


def table_of_rows(database: Database, user_id: int) -> Table:
    """Return the rows that the story left behind."""
    table = Table(
        "row",
        "state",
        "Stripe's ID",
        "as of (UTC)",
        "revision",
        title="The rows now",
        title_justify="left",
        box=box.SIMPLE,
    )
    with database.read() as session:
        for kind in KINDS:
            of_user = kind.attribute("user_id") == user_id
            for row in session.scalars(select(kind.model).where(of_user).order_by(kind.attribute(kind.primary_key))):
                table.add_row(*_row_cells(kind, row))
    return table


def _row_cells(kind: Kind, row: object) -> list[str]:
    values = {name: getattr(row, name) for name in kind.model.__mapper__.columns.keys()}  # noqa: SIM118  (no dict)
    own_id = f"{kind.model.__tablename__} #{values[kind.primary_key]}"
    as_of = f"{values['as_of']:%d %b %H:%M:%S}"
    return [own_id, describe(kind, values), values[kind.stripe_key], as_of, str(values["revision"])]


def unhandled_line(trail: Trail) -> str:
    """Sum up what was acknowledged and dropped."""
    counts = trail.unhandled_types()
    types = ", ".join(f"{event_type} {count}" for event_type, count in sorted(counts.items()))
    return f"Acknowledged and dropped, of types that we do not handle: {counts.total()} ({types})"


def shortfalls(verdict: Verdict) -> Iterator[str]:
    """Say what is missing from a good run."""
    for event_type in verdict.missing_types:
        yield f"missing: no {event_type} was applied"
    for event in verdict.lost:
        yield f"lost: {event['id']} {event['type']} has no settled row in BillingEvents"


def whereabouts(settings: Settings, parts: Parts, var: VarDirectory, user_id: int | None, password: str | None) -> str:
    """Return where everything is, and what to do now."""
    lines = [f"  {name:9} {address}" for name, address in _addresses(settings, parts, var, password)]
    if not parts.stripe:
        lines += ["", *_how_to_listen(settings, user_id)]
    return "\n".join(["", *lines, "", "Ctrl-C stops everything."])


def _addresses(settings: Settings, parts: Parts, var: VarDirectory, password: str | None) -> Iterator[tuple[str, str]]:
    web = f"http://127.0.0.1:{settings.port}"
    yield "webhook", webhook_url(settings.port)
    yield "API", f"{web}/docs"
    yield "ready?", f"{web}/readyz"
    yield "metrics", f"{web}/metrics"
    yield "Flower", f"{settings.flower_url}/"
    login = f"   user {CONSOLE_USER}, password {password}" if password else ""
    yield "console", f"http://127.0.0.1:{settings.console_port}/console/{login}"
    yield "Stripe", f"{settings.stripe_api_base} (fake)" if parts.stripe else "your account, in test mode"
    yield "database", str(var.database) if parts.database else "as in DATABASE_URL"
    yield "Redis", settings.redis_url if parts.redis else "as in REDIS_URL"
    yield "logs", f"{var.logs}/"
    yield "settings", f". {var.exports}   for `billing status`, `billing token` and curl in another terminal"


def _how_to_listen(settings: Settings, user_id: int | None) -> Iterator[str]:
    whose = f"user_id={user_id}" if user_id else "user_id=<a UserID of yours>"
    yield "Let Stripe's CLI forward your account's events, in another terminal:"
    yield f"  {listen_command(settings.port)}"
    yield f"An event has an effect once the metadata of its customer say whose it is: {whose}."
