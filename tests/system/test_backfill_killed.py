"""A backfill killed with -9 in its middle and run again, while webhooks of the same objects come in."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from billing_core import checkpoints
from billing_core.models import User
from billing_core.reconcile.findings import ORDER
from billing_core.reconcile.reconcile import Reconcile, new_run
from billing_core.reconcile.run import Run
from billing_core.stripe_api import StripeApi
from tests.backfill_scale import populate
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.system.service import BIN, WEBHOOK_SECRET, Service

CUSTOMERS = 140  # some 1,000 objects
FAST = {"BILLING_STRIPE_RATE": "5000", "BILLING_RECONCILE_SETTLE": "1", "BILLING_STRIPE_MAX_RETRIES": "0"}


class Scene:
    """An account that goes on living, a service that hears of it, and an operator."""

    def __init__(self, service: Service, fake: FakeStripe, settings: dict[str, str]) -> None:
        self.service, self.fake = service, fake
        addresses = {"REDIS_URL": service.redis.url, "DATABASE_URL": service.database_url, "BILLING_ENV": "test"}
        self.environment = {**os.environ, **settings, **addresses}
        fake.add_endpoint(f"{service.web.url}/webhooks/stripe", secret=WEBHOOK_SECRET, events=["*"])

    def happen(self) -> None:
        """Let an old subscription end and a new one begin."""
        active = [one["id"] for one in self.fake.subscriptions.values() if one["status"] == "active"]
        call(self.fake, "DELETE", f"/v1/subscriptions/{active[0]}")
        subscription(self.fake, customer_with_card(self.fake, metadata={"user_id": "1"})[0])

    def backfill(self) -> subprocess.Popen[str]:
        command = [str(BIN / "billing"), "backfill", "--json"]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)

    def progress(self) -> Run | None:
        value = checkpoints.read(self.service.database, "backfill")
        return Run.from_json(value) if value else None

    def left(self) -> list[str]:
        """Return what still differs when everything on the way has come."""
        stripe = StripeApi(SecretStr(self.fake.api_key), self.fake.url, timeout=20, max_retries=0)
        run = new_run()
        while run.finished_at is None:
            Reconcile(self.service.database, stripe, settle=0).step(run)
        incomplete = [] if run.complete else [str(run.tallies)]
        return [f"{one.kind} {one.stripe_id} {one.what} {one.fields}" for one in run.findings] + incomplete


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    with FakeStripe(seed=3, start=time.time() - 40 * 86_400) as fake:
        populate(fake, CUSTOMERS)
        settings = FAST | {"STRIPE_API_BASE": fake.url, "STRIPE_SECRET_KEY": fake.api_key}
        with Service(tmp_path, database_url, settings) as service:
            with service.database.write() as session:
                session.execute(sa.insert(User), [{"user_id": user} for user in range(1, CUSTOMERS + 1)])
            yield Scene(service, fake, settings)


@pytest.mark.timeout(300)
def test_backfill_killed_in_its_middle_is_gone_on_with(scene: Scene) -> None:
    scene.fake.faults.add(path="/v1/invoices", times=1_000, latency_before=0.5)
    with scene.backfill() as first:
        deadline = time.monotonic() + 120
        while (run := scene.progress()) is None or list(ORDER)[run.stage] != "invoice":
            assert time.monotonic() < deadline, "the backfill did not come to the invoices"
            assert first.poll() is None, "the backfill ended"
            scene.happen()
            time.sleep(1)  # a busy account, and no flood
        first.kill()
    scene.fake.faults.clear()
    with scene.backfill() as second:
        scene.happen()
        out, _ = second.communicate(timeout=120)
    told = json.loads(out)
    assert second.returncode == 0, told
    assert {name: kind["rows"] for name, kind in told["kinds"].items()} == {
        name: kind["at_stripe"] for name, kind in told["kinds"].items()
    }
    assert sum(kind["rows"] for kind in told["kinds"].values()) >= 1_000
    assert told["began_at"] == run.as_json()["began_at"].replace("Z", "+00:00")
    scene.fake.wait_until_delivered(timeout=60)
    deadline = time.monotonic() + 60
    while left := scene.left():
        assert time.monotonic() < deadline, left
    assert {"dead", "parked"}.isdisjoint(scene.service.recorded().values())
