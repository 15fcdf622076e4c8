from billing_core.events import StripeEvent
from billing_core.records import DisputeRecord
from billing_core.shapes import dispute_record


def stands(event: StripeEvent) -> DisputeRecord:
    """The event carries the whole dispute as it stood then."""
    return dispute_record(event.data.object)
