from billing_core.events import StripeEvent
from billing_core.facts import Query
from billing_core.records import RefundRecord
from billing_core.shapes import refund_record


def of_charge(event: StripeEvent) -> RefundRecord | Query:
    """The charge carries its newest refund first, or since 2022-11-15 none: then Stripe is asked for it."""
    charge = event.data.object
    if refunds := (charge.get("refunds") or {}).get("data"):
        return refund_record(refunds[0])
    return Query("/v1/refunds", {"charge": event.related_id or charge["id"], "limit": 1})
