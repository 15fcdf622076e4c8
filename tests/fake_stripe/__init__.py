"""A stateful fake Stripe: HTTP API, clock, signed webhooks, faults, all on loopback.

In a test::

    with FakeStripe(seed=7) as fake:                      # serves on a free port, in a thread
        client = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.url})
        fake.add_endpoint(url, secret="whsec_x", events=["*"], api_version=None, payload="snapshot")
        ...
        fake.clock.advance(days=31)                       # renewals, retries, trial ends in time order
        fake.wait_until_delivered(timeout=10)

As a process: ``python -m tests.fake_stripe --port N [--webhook-url URL --webhook-secret whsec_x]``; control it
with ``FakeStripeClient(url)`` or ``POST /_fake/<command>`` with JSON arguments (commands: ``control.COMMANDS``).

Construction: ``FakeStripe(host, port, seed, start, rate, livemode, api_version, strict, billing, delivery)``.
`start` is Unix seconds (default: 40 days ago), `rate` fake seconds per real second (0 stands still);
``BillingSettings(retry_days=(3, 5, 7), after_last_retry="cancel", draft_seconds=3600, …)``;
``DeliveryOptions(timeout, concurrency, retry_schedule, retry_on_real_time, paused, copies, drop_next, …)``.

Truth: ``fake.customers / payment_methods / subscriptions / invoices / charges / disputes / refunds`` (ID -> copy,
modern shape), ``fake.state`` (all by type), ``fake.events`` (history in order), ``fake.events_of(type, …)``,
``fake.body(event, api_version=…, is_thin=…)`` (bytes as posted), ``fake.personal_values()``.
Time: ``fake.clock.now() / timestamp() / advance(days=, hours=, minutes=, seconds=, settle=False)``. The API's
`Date` header is fake time; signatures' `t` is real time.
Delivery: ``fake.deliveries`` (attempts), ``fake.delivery.options.<field> = …``, ``fake.delivery.pause() / resume() /
release("reverse" | "shuffle" | [event IDs])``, ``fake.deliver(event_id)``, ``fake.control.rotate_secret(...)``.
An endpoint whose `api_version` is before 2025-03-31 is sent the old shape; `payload="thin"` v2 thin events.
Faults: ``fake.faults.add(status=503, times=2, method="POST", path="/v1/subscriptions*", retry_after=1,
should_retry=True, latency_before=0, latency_after=0, drop=False)``, ``fake.faults.down = True``, ``.clear()``.
Cards: ``pm_card_visa``, ``pm_card_chargeCustomerFail``, … (see `cards.CARDS`), and for a card at hand
``fake.cards.decline(pm_id, "insufficient_funds")`` / ``.accept(pm_id)``.
3D Secure: ``fake.control.authenticate(payment_intent=…)``.
Disputes: ``fake.control.open_dispute(charge=)``, ``fake.control.move_dispute(dispute=, status="won")``.
Keys: any of the account's mode is known. ``fake.restrict({"rak_customer_read", …})`` returns a restricted one;
``fake.revoke(key)``.
Checks: ``fake.request_log``, ``fake.spec_violations`` (against Stripe's OpenAPI document), ``strict=True``.
Without HTTP: `tests.fake_stripe.builders`. Signing by hand: ``signature.sign(payload, secret, t=None)``.
The account starts with our product: ``fake.price`` costs 10 AUD a month.
"""

from tests.fake_stripe.attempts import Attempt, DeliveryOptions
from tests.fake_stripe.client import FakeStripeClient
from tests.fake_stripe.fake import FakeStripe
from tests.fake_stripe.faults import Fault
from tests.fake_stripe.sandbox import BillingSettings
from tests.fake_stripe.signature import sign

__all__ = [
    "Attempt",
    "BillingSettings",
    "DeliveryOptions",
    "FakeStripe",
    "FakeStripeClient",
    "Fault",
    "sign",
]
