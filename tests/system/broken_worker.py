"""The worker of a release with a bug: its subscription handler reads fields that objects before 2025-03-31 lack.

python tests/system/broken_worker.py worker …          like `celery -A workers.app worker …`
"""

import sys

from celery.__main__ import main

from billing_core.events import StripeEvent
from billing_core.records import SubscriptionRecord
from billing_core.shapes import subscription_record
from workers.handlers import HANDLERS


def short_sighted(event: StripeEvent) -> SubscriptionRecord:
    """Believe that every subscription's period is in its items."""
    item = event.data.object["items"]["data"][0]
    assert item["current_period_start"] < item["current_period_end"]
    return subscription_record(event.data.object)


if __name__ == "__main__":
    HANDLERS["customer.subscription.created"] = HANDLERS["customer.subscription.created"]._replace(told=short_sighted)
    sys.argv[1:1] = ["-A", "workers.app"]
    main()
