"""How long a backfill of a large account takes: `python -m tests.backfill_scale --customers 1500`.

About seven objects a customer; 14,000 customers are 100,000 objects. Fake Stripe answers in this process, without
the network's way to Stripe and back: what is measured is our part and, mostly, the fake's.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr

import migrations
from billing_core.database import Database, create_engine_for
from billing_core.models import User
from billing_core.reconcile.reconcile import Reconcile, new_run
from billing_core.reconcile.run import Run
from billing_core.stripe_api import StripeApi
from tests.embedded.postgres_server import PostgresServer
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.sql_server import KIND, given_url
from tests.sql_server.databases import databases_at

EACH = 10  # of so many customers one is refunded, and another disputes


def populate(fake: FakeStripe, customers: int) -> None:
    """Give users 1, 2, … a subscription each, renewed once, with refunds and disputes among them."""
    for user in range(1, customers + 1):
        subscription(fake, customer_with_card(fake, metadata={"user_id": str(user)})[0])
    fake.clock.advance(days=32)
    paid = [charge["id"] for charge in fake.charges.values() if charge["paid"]]
    for charge in paid[::EACH]:
        call(fake, "POST", "/v1/refunds", charge=charge, amount=100)
    for charge in paid[1::EACH]:
        fake.control.open_dispute(charge=charge)


def main() -> int:
    """Make the account, fill the database, compare, and print what each took."""
    parser = argparse.ArgumentParser(prog="tests.backfill_scale", description=__doc__)
    parser.add_argument("--customers", type=int, default=14_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", *KIND), default="postgresql")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.database == "sqlite":
            return _measure(options.customers, f"sqlite:///{Path(folder) / 'scale.db'}")
        if options.database == "mssql":
            with databases_at(given_url()) as sql_server, sql_server.empty() as url:
                return _measure(options.customers, url)
        with PostgresServer() as server:
            return _measure(options.customers, server.create_database("scale"))


def _measure(customers: int, url: str) -> int:
    migrations.upgrade(url)
    database = Database(create_engine_for(url, pool_size=1))
    with database.write() as session:
        session.execute(sa.insert(User), [{"user_id": user} for user in range(1, customers + 1)])
    with FakeStripe(seed=1, rate=0) as fake:
        began = time.monotonic()
        populate(fake, customers)
        print(f"account made in {time.monotonic() - began:.0f} s", flush=True)
        stripe = StripeApi(SecretStr(fake.api_key), fake.url, timeout=60, max_retries=2)
        reconcile = Reconcile(database, stripe, settle=0)
        ran = [
            _timed(fake, reconcile, name, new_run(repair=fill, fill=fill))
            for name, fill in (("backfill", True), ("reconcile", False))
        ]
    database.dispose()
    print(f"memory_mb={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} (with the fake)")
    return 0 if all(run.complete and not any(run.drift.values()) for run in ran) else 1


def _timed(fake: FakeStripe, reconcile: Reconcile, name: str, run: Run) -> Run:
    asked, began = len(fake.request_log), time.monotonic()
    while run.finished_at is None:
        reconcile.step(run)
    took, objects = time.monotonic() - began, sum(tally.rows for tally in run.tallies.values())
    requests = len(fake.request_log) - asked
    print(f"{name}: objects={objects} requests={requests} seconds={took:.1f} complete={run.complete}", flush=True)
    print("  " + " ".join(f"{kind}={tally.rows}" for kind, tally in run.tallies.items()), flush=True)
    return run


if __name__ == "__main__":
    sys.exit(main())
