"""A body of each API version gives the record of its modern twin.

`tests/eras/<api version>/<event type>.json` tell one story, with the same IDs, amounts and times, as Stripe posted it
while the version was new. (To an endpoint of an old version it now posts most of what came later as well.)
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from billing_core.errors import MalformedEvent
from billing_core.events import StripeEvent, decode_event
from billing_core.facts import Query
from billing_core.kinds import CUSTOMER, DISPUTE, INVOICE, INVOICE_PAYMENT, PAYMENT_METHOD, REFUND, SUBSCRIPTION, Kind
from billing_core.records import Record, values_of
from tests.billing_core.era_story import TOLD
from tests.building import Json
from workers import handlers

ERAS = Path(__file__).parents[1] / "eras"
MODERN = "2026-10-28.endive"


@dataclass(frozen=True)
class Body:
    """One file: what Stripe posted of a type of event in an API version."""

    version: str
    type: str

    def __str__(self) -> str:
        return f"{self.version} {self.type}"

    @property
    def posted(self) -> bytes:
        return (ERAS / self.version / f"{self.type}.json").read_bytes()

    @property
    def event(self) -> StripeEvent:
        return decode_event("evt_era", self.posted)

    @property
    def told(self) -> Record | Query:
        return handlers.read(self.event)[1]

    @property
    def kind(self) -> Kind:
        return handlers.HANDLERS[self.type].kind

    def obj(self, event: StripeEvent) -> Json:
        """Return the object that becomes a row."""
        found = event.data.object
        return found["refunds"]["data"][0] if self.type == "charge.refunded" else found


BODIES = [Body(path.parent.name, path.stem) for path in sorted(ERAS.glob("*/*.json"))]
VERSIONS = sorted({body.version for body in BODIES})

# The API version that brought what the story tells.
SINCE = {
    "customer.updated": "2017",
    "customer.deleted": "2017",
    "customer.subscription.updated": "2017",
    "customer.subscription.deleted": "2017",
    "invoice.payment_succeeded": "2017",
    "invoice.payment_failed": "2017",
    "charge.dispute.created": "2017",
    "charge.refunded": "2017",
    "payment_method.attached": "2019-03-14",
    "payment_method.detached": "2019-03-14",
    "refund.created": "2024-10-28",
    "invoice_payment.paid": "2025-03-31",
}
REFUNDS_LEFT_OUT = "2022-11-15"  # https://docs.stripe.com/changelog/2022-11-15/deprecates-charges-auto-expand

# What no body before a version tells, and nothing else in it says: NULL in our row. With the reason.
UNTOLD = {
    ("SubscriptionRecord", "default_payment_method"): ("2018", "only customers had a card"),
    ("SubscriptionRecord", "latest_invoice"): ("2019-03-14", "only the invoice named the subscription"),
    ("InvoiceRecord", "billing_reason"): ("2018-06", "an invoice did not say why it was made"),
    ("InvoiceRecord", "paid_at"): ("2019-03-14", "an invoice said that it was paid, not when"),
    ("DisputeRecord", "stripe_payment_intent_id"): (
        "2019-11-05",
        "a dispute named its charge, which finds the invoice",
    ),
    ("RefundRecord", "stripe_payment_intent_id"): ("2019-11-05", "a refund named its charge, which finds the invoice"),
}

ESSENTIAL: dict[Kind, tuple[str, ...]] = {
    CUSTOMER: ("id",),
    SUBSCRIPTION: ("id", "customer", "status", "created"),
    INVOICE: ("id", "customer", "amount_due", "currency", "created"),
    INVOICE_PAYMENT: ("id", "invoice", "currency", "status", "created"),
    PAYMENT_METHOD: ("id", "type"),
    DISPUTE: ("id", "charge", "amount", "currency", "reason", "status", "created"),
    REFUND: ("id", "amount", "currency", "created"),
}
OPEN_SETS: dict[Kind, tuple[str, ...]] = {
    SUBSCRIPTION: ("status",),
    INVOICE: ("status", "billing_reason"),
    INVOICE_PAYMENT: ("status",),
    PAYMENT_METHOD: ("type",),
    DISPUTE: ("status", "reason"),
    REFUND: ("status", "reason", "failure_reason"),
}


def tells_no_refund(body: Body) -> bool:
    return body.type == "charge.refunded" and body.version >= REFUNDS_LEFT_OUT


def modern_twin(body: Body) -> Record:
    """Return what the modern body of the same change tells, less what none of the era tells."""
    told = Body(MODERN, "refund.created" if body.type == "charge.refunded" else body.type).told
    assert not isinstance(told, Query)
    names = {
        name for (record, name), (since, _) in UNTOLD.items() if record == type(told).__name__ and body.version < since
    }
    untold: Json = dict.fromkeys(names)
    return replace(told, **untold)


every_body = pytest.mark.parametrize("body", BODIES, ids=str)
every_telling_body = pytest.mark.parametrize("body", [body for body in BODIES if not tells_no_refund(body)], ids=str)


def test_every_kind_has_a_body_of_every_version_since_it_exists() -> None:
    expected = {Body(version, type_) for version in VERSIONS for type_, since in SINCE.items() if version >= since}
    assert set(BODIES) == expected
    assert {body.kind for body in BODIES if body.version == MODERN} == {
        handler.kind for handler in handlers.HANDLERS.values()
    }
    assert len(VERSIONS) == 8


@every_body
def test_body_is_of_its_version_and_type_and_names_nobody_who_lives(body: Body) -> None:
    assert (body.event.api_version, body.event.type) == (body.version, body.type)
    assert body.event.as_of == Body(MODERN, body.type).event.as_of
    text = json.dumps(body.event.data.object)
    assert text.count("@") == text.count("@example.com")


@every_telling_body
def test_body_gives_the_record_of_its_modern_twin(body: Body) -> None:
    assert body.told == modern_twin(body)


@pytest.mark.parametrize("version", [version for version in VERSIONS if version >= REFUNDS_LEFT_OUT])
def test_refunded_charge_that_leaves_its_refunds_out_makes_us_ask_for_the_newest(version: str) -> None:
    told = Body(version, "charge.refunded").told
    assert told == Query("/v1/refunds", {"charge": "ch_3QmTfHJ9uWcR7dLs0charge1", "limit": 1})


@pytest.mark.parametrize(("record", "name"), UNTOLD)
def test_what_is_untold_is_told_since(record: str, name: str) -> None:
    """The table excuses nothing that the fixtures do not need."""
    since, _ = UNTOLD[record, name]
    told = {body: body.told for body in BODIES}
    values = {body: getattr(one, name) for body, one in told.items() if type(one).__name__ == record}
    before = {value for body, value in values.items() if body.version < since}
    assert before == {None}
    assert {value for body, value in values.items() if body.version >= since} - {None}


# --- what the modern bodies tell, so that all cannot be misread alike


@pytest.mark.parametrize("type_", [type_ for type_ in SINCE if type_ != "charge.refunded"])
def test_modern_body_tells_the_story(type_: str) -> None:
    told = Body(MODERN, type_).told
    assert not isinstance(told, Query)
    assert values_of(told) == TOLD[type_]


# --- what must be there, and what may be anything


@every_telling_body
def test_missing_essential_is_named_with_its_object(body: Body) -> None:
    for name in ESSENTIAL[body.kind]:
        event = body.event
        obj = body.obj(event)
        for key in {name, "date"} if name == "created" else {name}:  # an invoice's, before 2019
            obj.pop(key, None)
        with pytest.raises(MalformedEvent, match=rf"^{obj['object']} {obj.get('id')} has no {name}"):
            handlers.read(event)


@every_telling_body
def test_unknown_word_is_stored_as_it_is(body: Body) -> None:
    for name in OPEN_SETS.get(body.kind, ()):
        event = body.event
        body.obj(event)[name] = "hibernating"
        assert getattr(handlers.read(event)[1], name) == "hibernating"


# --- details of an era that the story does not show


def old_subscription(**fields: Any) -> Record | Query:
    event = Body("2017-06-05", "customer.subscription.updated").event
    event.data.object.update(fields)
    return handlers.read(event)[1]


def test_end_of_a_subscription_that_goes_on_is_not_made_up() -> None:
    assert getattr(old_subscription(cancel_at_period_end=False), "cancel_at", "") is None


def test_end_that_stripe_says_is_not_set_is_not_made_up() -> None:
    assert getattr(old_subscription(cancel_at=None), "cancel_at", "") is None


def test_payment_method_comes_before_an_old_source() -> None:
    told = old_subscription(default_payment_method="pm_1", default_source="card_1")
    assert getattr(told, "default_payment_method", "") == "pm_1"
