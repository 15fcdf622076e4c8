"""Deliveries that never came, found by the real processes: beat asks, the worker looks, Redis and database hold."""

from pathlib import Path

from billing_core.event_types import FAMILY_OF
from billing_core.gaps import last_run
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call
from tests.system.service import USER_ID, Service

DROPPED = 1000
FOUND_WITHIN = 60  # s; the run itself takes one or two
INTERVAL = 2  # s


def test_thousand_dropped_deliveries_are_found_by_the_next_run(tmp_path: Path, postgres_url: str) -> None:
    with FakeStripe() as fake:
        settings = {
            "STRIPE_SECRET_KEY": fake.api_key,
            "STRIPE_API_BASE": fake.url,
            "BILLING_GAP_INTERVAL": str(INTERVAL),
        }
        with Service(tmp_path, postgres_url, settings) as service:
            service.own(["cus_other"])
            for _ in range(DROPPED):  # no endpoint is registered at Stripe: nothing is ever posted
                call(fake, "POST", "/v1/customers", metadata={"user_id": str(USER_ID)})
            dropped = {event["id"] for event in fake.events if event["type"] in FAMILY_OF}
            missing = service.missing_after(dropped, FOUND_WITHIN)
            assert not missing, service.whereabouts(missing)
            assert service.recorded() == dict.fromkeys(dropped, "applied")
            run = last_run(service.database)
            assert run is not None
            assert not run.behind
