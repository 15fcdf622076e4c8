from billing_core.events import StripeEvent
from billing_core.records import SubscriptionRecord
from billing_core.shapes import subscription_record


def stands(event: StripeEvent) -> SubscriptionRecord:
    """The event carries the whole subscription as it stood then."""
    return subscription_record(event.data.object)
