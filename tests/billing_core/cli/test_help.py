"""What the command says of itself is true: every example runs, docs/cli.md lists all of it, and it is told quickly."""

import re
import shlex
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core.cli.options import EXIT_CODES
from billing_core.cli.reconcile import KindName
from billing_core.database import Database
from billing_core.models import BillingCustomer, BillingEvent
from billing_core.reconcile.findings import ORDER
from tests.billing_core.cli.commands import declared, examples, options
from tests.billing_core.cli.operator import Operation, billing
from tests.billing_core.test_watch.watched import Watched
from tests.building import moment
from tests.fake_stripe import FakeStripe

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
COMMANDS = dict(declared())

# What takes long to import, and what no help text needs.
HEAVY = ("sqlalchemy", "redis", "stripe", "celery", "pydantic", "rich", "structlog", "alembic")


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One kind of database will do: what the commands do on others, their own tests tell."""
    return sqlite


@pytest.fixture
def service(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operation]:
    """A sound service with two events on record, and its account at Stripe."""
    with FakeStripe() as fake:
        for name, value in {
            "STRIPE_SECRET_KEY": fake.api_key,
            "STRIPE_API_BASE": fake.url,
            "STRIPE_WEBHOOK_SECRET": "whsec_ours",
            "BILLING_PUBLIC_URL": "https://pay.example.com/webhooks/stripe",
            "BILLING_JWT_SECRET": "s" * 32,
            "BILLING_RECONCILE_SETTLE": "0.001",
            "BILLING_EVENT_DATA_KEYS": b64encode(bytes(32)).decode(),
        }.items():
            monkeypatch.setenv(name, value)
        Watched(operation.redis, operation.here.database).live()
        with operation.here.database.write() as session:
            session.execute(sa.delete(BillingCustomer))
            session.execute(sa.insert(BillingEvent), [_event("evt_1"), _event("evt_2")])
        yield operation


def _event(event_id: str) -> dict[str, Any]:
    at = dict.fromkeys(("stripe_created_at", "received_at", "processed_at"), moment())
    named = {"stripe_event_id": event_id, "event_type": "invoice.paid", "livemode": False, "outcome": "applied"}
    return named | at


def _order(example: str) -> int:
    """Put first what others need, and last what makes drift."""
    return ("endpoint create" in example) * -1 + ("customers link" in example)


@pytest.mark.usefixtures("service")
def test_every_example_does_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = list[str]()
    for example in sorted((one for command in COMMANDS.values() for one in examples(command)), key=_order):
        monkeypatch.setattr("sys.stdin", StringIO("y\n"))
        _, *arguments = shlex.split(re.split(r"[|>]", example)[0])
        answer = billing(*arguments)
        assert (example, answer.code, "Traceback" in answer.err) == (example, 0, False), answer
        if "--json" in arguments:
            answer.json()
        ran.append(example)
    assert len(ran) >= 2 * len(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_examples_and_json(path: tuple[str, ...]) -> None:
    assert examples(COMMANDS[path])
    assert all(example.startswith(" ".join(path)) for example in examples(COMMANDS[path]))
    assert "--json" in options(COMMANDS[path])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_reference_lists_every_command_with_every_option(path: tuple[str, ...]) -> None:
    [row] = re.findall(rf"^\| `{' '.join(path)}(?:`| [^a-z]).*$", PAGE, re.MULTILINE)
    usage, *_ = re.findall(r"`([^`]*)`", row)
    assert sorted(re.findall(r"--[a-z-]+", usage)) == sorted(set(options(COMMANDS[path])) - {"--help"})


def test_reference_lists_nothing_else() -> None:
    rows = re.findall(r"^\| `(billing(?: [a-z]+(?:-[a-z]+)*)+)", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(" ".join(path) for path in COMMANDS)


def test_exit_codes_are_in_the_help_and_in_the_reference() -> None:
    codes = re.findall(r"^  (\d+)", EXIT_CODES, re.MULTILINE)
    assert EXIT_CODES.strip("\b\n").splitlines()[-1].strip() in billing("--help").out
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == codes == ["0", "1", "2", "130", "141"]


def test_kinds_are_those_of_reconcile() -> None:
    assert [str(kind) for kind in KindName] == list(ORDER)


def test_version_is_told() -> None:
    assert re.fullmatch(r"billing \d+\.\d+\.\d+\n", billing("--version").out)


def test_help_and_completion_load_nothing_heavy() -> None:
    loaded = f"import sys, billing_core.cli; print(*set({HEAVY!r}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
