"""A backfill killed with -9 in its middle and run again, while webhooks of the same objects come in; and drift.

For a large account: CUSTOMERS=10000 KILLS=3 CHANGED=50. It takes minutes then.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from billing_core import checkpoints
from billing_core.event_types import FAMILY_OF
from billing_core.models import Subscription, User
from billing_core.reconcile.findings import ORDER
from billing_core.reconcile.run import Run
from tests.backfill_scale import populate
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.system.service import BIN, WEBHOOK_SECRET, Service

CUSTOMERS = int(os.environ.get("CUSTOMERS", "140"))  # some 1,000 objects
KILLS = int(os.environ.get("KILLS", "1"))
CHANGED = int(os.environ.get("CHANGED", "5"))  # rows, by hand
PATIENCE = 120 + CUSTOMERS / 10  # s
# Where it is killed, the first KILLS of them in their order.
MIDDLES = ("invoice", "subscription", "invoice_payment")
FAST = {
    "BILLING_STRIPE_RATE": "5000",
    "BILLING_RECONCILE_SETTLE": "1",
    "BILLING_STRIPE_MAX_RETRIES": "0",
    # By the fake's clock the whole past of the account happened a moment ago: all of it would be a gap.
    "BILLING_GAP_INTERVAL": "86400",
}


class Scene:
    """An account that goes on living, a service that hears of it, and an operator."""

    def __init__(self, service: Service, fake: FakeStripe, settings: dict[str, str]) -> None:
        self.service, self.fake = service, fake
        addresses = {"REDIS_URL": service.redis.url, "DATABASE_URL": service.database_url, "BILLING_ENV": "test"}
        self.environment = {**os.environ, **settings, **addresses}
        self.before = len(fake.events)  # of which nobody was told
        fake.add_endpoint(f"{service.web.url}/webhooks/stripe", secret=WEBHOOK_SECRET, events=["*"])

    def happen(self) -> None:
        """Let an old subscription end and a new one begin."""
        active = [one["id"] for one in self.fake.subscriptions.values() if one["status"] == "active"]
        call(self.fake, "DELETE", f"/v1/subscriptions/{active[0]}")
        subscription(self.fake, customer_with_card(self.fake, metadata={"user_id": "1"})[0])

    def start(self, *command: str) -> subprocess.Popen[str]:
        command = (str(BIN / "billing"), *command, "--json")
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)

    def told(self, *command: str) -> tuple[int, dict[str, Any]]:
        """Run a command to its end, and return its exit code and what it says."""
        with self.start(*command) as running:
            out, _ = running.communicate(timeout=PATIENCE)
        return running.returncode, json.loads(out)

    def kill_backfill_in(self, kind: str) -> None:
        """Start it, or go on with it, and kill it in the middle of that kind."""
        self.fake.faults.add(path=f"/v1/{kind}s", times=1_000, latency_before=0.5)
        deadline = time.monotonic() + PATIENCE
        with self.start("backfill") as running:
            while (run := self.progress()) is None or run.stage < list(ORDER).index(kind):
                assert time.monotonic() < deadline, f"the backfill did not come to {kind}"
                assert running.poll() is None, "the backfill ended"
                self.happen()
                time.sleep(1)  # a busy account, and no flood
            running.kill()
        self.fake.faults.clear()

    def change_by_hand(self, rows: int) -> set[str]:
        """Write to the tables what Stripe did not say; return the IDs of the subscriptions."""
        with self.service.database.write() as session:
            ours = session.scalars(sa.select(Subscription).order_by(Subscription.subscription_id).limit(rows)).all()
            for row in ours:
                row.quantity = 99
            return {row.stripe_subscription_id for row in ours}

    def progress(self) -> Run | None:
        value = checkpoints.read(self.service.database, "backfill")
        return Run.from_json(value) if value else None


@pytest.fixture
def scene(tmp_path: Path, server_database_url: str) -> Iterator[Scene]:
    with FakeStripe(seed=3, start=time.time() - 40 * 86_400) as fake:
        populate(fake, CUSTOMERS)
        settings = FAST | {"STRIPE_API_BASE": fake.url, "STRIPE_SECRET_KEY": fake.api_key}
        with Service(tmp_path, server_database_url, settings) as service:
            with service.database.write() as session:
                session.execute(sa.insert(User), [{"user_id": user} for user in range(1, CUSTOMERS + 1)])
            yield Scene(service, fake, settings)


@pytest.mark.timeout(300 + CUSTOMERS)
def test_backfill_killed_in_its_middle_is_gone_on_with_and_drift_after_it_is_told_and_mended(scene: Scene) -> None:
    for kind in sorted(MIDDLES[:KILLS], key=list(ORDER).index):
        scene.kill_backfill_in(kind)
    run = scene.progress()
    assert run is not None
    scene.happen()
    code, told = scene.told("backfill")
    assert code == 0, told
    assert {name: kind["rows"] for name, kind in told["kinds"].items()} == {
        name: kind["at_stripe"] for name, kind in told["kinds"].items()
    }
    assert sum(kind["rows"] for kind in told["kinds"].values()) >= 7 * CUSTOMERS
    assert told["began_at"] == run.as_json()["began_at"].replace("Z", "+00:00")
    scene.fake.wait_until_delivered(timeout=60)
    delivered = {event["id"] for event in scene.fake.events[scene.before :] if event["type"] in FAMILY_OF}
    assert scene.service.missing_after(delivered, PATIENCE) == set()
    assert {"dead", "parked"}.isdisjoint(scene.service.recorded().values())

    changed = scene.change_by_hand(CHANGED)
    code, told = scene.told("reconcile")
    assert (code, {one["stripe_id"] for one in told["findings"]}, told["drift"]) == (2, changed, CHANGED)
    code, told = scene.told("reconcile", "--repair", "--kind", "subscription")
    assert (code, told["kinds"]["subscription"]["repaired"]) == (0, CHANGED)
    assert scene.told("reconcile", "--kind", "subscription")[0] == 0
