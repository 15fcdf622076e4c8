from billing_core.events import StripeEvent
from billing_core.facts import Query
from billing_core.kinds import CUSTOMER
from billing_core.records import CustomerRecord
from billing_core.shapes import customer_record


def deleted(event: StripeEvent) -> CustomerRecord | Query:
    """Nothing will change it again; the row and its user stay, for what is still on the way."""
    if event.related_id:
        return Query(f"{CUSTOMER.path}{event.related_id}", ended_at=event.as_of)
    return customer_record(event.data.object, deleted_at=event.as_of)
