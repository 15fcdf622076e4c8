"""The event types we listen to, and why. Registering an endpoint at Stripe uses exactly this list.

https://docs.stripe.com/api/events/types
"""

from typing import NamedTuple

from config.queues import Family


class EventType(NamedTuple):
    """An event type, the family whose queue it takes, and the reason we listen."""

    name: str
    family: Family
    reason: str


EVENT_TYPES = (
    EventType("customer.subscription.created", Family.SUBSCRIPTION, "a subscription began"),
    EventType("customer.subscription.updated", Family.SUBSCRIPTION, "renewed, past due, changed, to be canceled"),
    EventType("customer.subscription.deleted", Family.SUBSCRIPTION, "a subscription ended for good"),
    EventType("invoice.payment_succeeded", Family.INVOICE, "an invoice was paid"),
    EventType("invoice.payment_failed", Family.INVOICE, "an attempt to pay an invoice failed"),
    EventType("payment_method.attached", Family.PAYMENT_METHOD, "a customer has a new way to pay"),
    EventType("payment_method.detached", Family.PAYMENT_METHOD, "a way to pay can no longer be used"),
    EventType("charge.dispute.created", Family.DISPUTE, "a customer's bank questions a charge"),
)

FAMILY_OF: dict[str, Family] = {event_type.name: event_type.family for event_type in EVENT_TYPES}
