"""Many unique events as Stripe posts them: one customer's month as fake Stripe tells it, with IDs for each."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from billing_core.event_types import FAMILY_OF
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import call, customer_with_card, subscription
from tests.fake_stripe.errors import Json
from tests.fake_stripe.ids import IdGenerator
from tests.fake_stripe.resources.events import event_body

# An invoice's events arrive among those of so many other customers', as on the first of a month.
COHORT = 250
# One customer in so many has a dispute; real accounts have fewer.
DISPUTING = 50
# Stripe takes a moment to charge a card, the fake none: both states of an invoice would be of one second, a tie, and
# ours would have to ask Stripe.
CHARGING_SECONDS = 2
# What applications hang on their subscriptions; Stripe repeats it on every invoice and its lines.
METADATA = {
    "app": "resume-builder",
    "plan": "monthly",
    "checkout_session": "signup-flow-2026-b",
    "campaign": "search-brand-au-2026q3",
    "landing_page": "https://www.example.com/resume/templates/modern",
    "referrer": "https://www.example.com/blog/how-to-write-a-resume",
    "terms_accepted": "2026-07-01",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0",
    "utm": "source=search&medium=cpc&campaign=brand-au-2026q3&term=resume+builder+australia&content=headline-b",
    "experiment": "pricing-page-2026-07:variant-c,onboarding-2026-06:control,templates-2026-05:variant-a",
    "first_document": "https://www.example.com/resume/drafts/modern-two-column-australia",
    "notice": "shown at checkout: renews monthly at 10.00 AUD until canceled, refunds within 14 days",
    "device": "desktop, 1920x1080, en-AU, Australia/Perth, returning visitor, third session in 24 hours",
    "sales_channel": "self-service web, no agent involved, no discount asked for",
}

DIGITS = 8
FIRST = "1".zfill(DIGITS)
_SHORTEST_TAIL = 14
_BEGAN = time.time() - 40 * 86400


class Posted(NamedTuple):
    """An event's ID, and the body that Stripe posts."""

    event_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Template:
    """An event from which the customer's number is left out."""

    event_type: str
    event_id: tuple[str, ...]
    body: tuple[bytes, ...]

    def posted(self, customer: int) -> Posted:
        """Return the event of the customer with this number."""
        number = number_of(customer)
        return Posted(number.join(self.event_id), number.encode().join(self.body))


@dataclass(frozen=True)
class Month:
    """What a month brings to every customer, and to those who dispute a payment."""

    everybody: tuple[Template, ...]
    disputing: tuple[Template, ...]


class _NumberedIds(IdGenerator):
    """IDs that end in the first customer's number."""

    def new(self, prefix: str) -> str:
        made = super().new(prefix)
        return made[:-DIGITS] + FIRST if len(made) - len(prefix) > _SHORTEST_TAIL else made


def number_of(customer: int) -> str:
    """Return what all IDs of a customer's objects end in."""
    return str(customer).zfill(DIGITS)


def signed_up() -> FakeStripe:
    """Return an account in which customer 1 of user 1 has a row in every table that events write."""
    fake = FakeStripe(seed=7, rate=0, start=_BEGAN)
    fake.sandbox.ids = _NumberedIds(7)
    customer, _ = customer_with_card(fake, metadata={"user_id": "1"})
    subscription(fake, customer, metadata=METADATA)
    fake.clock.advance(days=7)
    for charge in fake.charges:
        call(fake, "POST", "/v1/refunds", charge=charge, amount=100)
        fake.control.open_dispute(charge=charge)
    return fake


def handled(fake: FakeStripe) -> list[Json]:
    """Return the events that our service has a handler for, in the order of happening."""
    return [event for event in fake.events if event["type"] in FAMILY_OF]


@cache
def month() -> Month:
    """Return the month after the sign-up: the renewal, a card that is renewed, and the evidence for the dispute."""
    fake = signed_up()
    before = len(handled(fake))
    fake.clock.advance(days=25)
    for card in fake.payment_methods:
        call(fake, "POST", f"/v1/payment_methods/{card}", card={"exp_month": 11, "exp_year": 2034})
    everybody = len(handled(fake))
    fake.clock.advance(hours=1)
    for dispute in fake.disputes:
        fake.control.move_dispute(dispute=dispute, status="under_review")
    templates = [_template(fake, event) for event in handled(fake)]
    return Month(tuple(templates[before:everybody]), tuple(templates[everybody:]))


def events_of(customers: range) -> Iterator[Posted]:
    """Yield these customers' month, mixed within each cohort."""
    told = month()
    for start in customers[::COHORT]:
        cohort = range(start, min(start + COHORT, customers.stop))
        for template in told.everybody:
            yield from map(template.posted, cohort)
        for template in told.disputing:
            yield from (template.posted(customer) for customer in cohort if customer % DISPUTING == 0)


def customers_for(events: int) -> int:
    """Return the number of customers, in whole cohorts, whose months are at least so many events."""
    return -(-events // (COHORT * len(month().everybody))) * COHORT


def _template(fake: FakeStripe, event: Json) -> Template:
    body = event_body(fake.sandbox, _charged_later(event))
    return Template(event["type"], tuple(event["id"].split(FIRST)), tuple(body.split(FIRST.encode())))


def _charged_later(event: Json) -> Json:
    obj = event["data"]["object"]
    charged = obj["object"] == "invoice_payment" or (obj["object"] == "invoice" and obj["status"] == "paid")
    return event | {"created": event["created"] + CHARGING_SECONDS * charged}
