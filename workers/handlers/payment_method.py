from dataclasses import replace

from billing_core.events import StripeEvent
from billing_core.facts import Query
from billing_core.kinds import PAYMENT_METHOD
from billing_core.records import PaymentMethodRecord
from billing_core.shapes import payment_method_record


def detached(event: StripeEvent) -> PaymentMethodRecord | Query:
    """Nobody can pay with it again: the row is kept, marked, with the customer it belonged to."""
    if event.related_id:
        return Query(f"{PAYMENT_METHOD.path}{event.related_id}", ended_at=event.as_of)
    record = payment_method_record(event.data.object, detached_at=event.as_of)
    former = (event.data.previous_attributes or {}).get("customer")
    return replace(record, stripe_customer_id=record.stripe_customer_id or former)
