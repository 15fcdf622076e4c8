"""The event types we listen to, and why. Registering an endpoint at Stripe uses exactly this list.

https://docs.stripe.com/api/events/types
"""

from typing import NamedTuple

from config.queues import Family

# Thin events (https://docs.stripe.com/event-destinations#thin-events) of the same types bear this before the name.
THIN = "v1."


class EventType(NamedTuple):
    """An event type, the family whose queue it takes, and the reason we listen."""

    name: str
    family: Family
    reason: str


EVENT_TYPES = (
    EventType("customer.created", Family.CUSTOMER, "names its user, so that what follows has an owner"),
    EventType("customer.updated", Family.CUSTOMER, "may name its user or its default payment method anew"),
    EventType("customer.deleted", Family.CUSTOMER, "nothing more will come of it"),
    EventType("customer.subscription.created", Family.SUBSCRIPTION, "a subscription began"),
    EventType("customer.subscription.updated", Family.SUBSCRIPTION, "renewed, past due, changed, to be canceled"),
    EventType("customer.subscription.deleted", Family.SUBSCRIPTION, "a subscription ended for good"),
    EventType("customer.subscription.paused", Family.SUBSCRIPTION, "a trial ended without a way to pay"),
    EventType("customer.subscription.resumed", Family.SUBSCRIPTION, "a paused subscription goes on"),
    EventType("customer.subscription.trial_will_end", Family.SUBSCRIPTION, "three days before the first payment"),
    EventType("customer.subscription.pending_update_applied", Family.SUBSCRIPTION, "a change was paid and holds"),
    EventType("customer.subscription.pending_update_expired", Family.SUBSCRIPTION, "a change was never paid"),
    EventType("invoice.created", Family.INVOICE, "a draft exists"),
    EventType("invoice.finalized", Family.INVOICE, "it is due, and has its number"),
    EventType("invoice.updated", Family.INVOICE, "amounts or the next attempt changed"),
    EventType("invoice.paid", Family.INVOICE, "paid, also outside Stripe, where payment_succeeded is not sent"),
    EventType("invoice.payment_succeeded", Family.INVOICE, "an invoice was paid"),
    EventType("invoice.payment_failed", Family.INVOICE, "an attempt to pay an invoice failed"),
    EventType("invoice.payment_action_required", Family.INVOICE, "the customer must authenticate the payment"),
    EventType("invoice.voided", Family.INVOICE, "it counts as never issued"),
    EventType("invoice.marked_uncollectible", Family.INVOICE, "nobody expects payment any more"),
    EventType("invoice.deleted", Family.INVOICE, "a draft was thrown away"),
    EventType("invoice_payment.paid", Family.INVOICE, "which payment paid it: leads from a charge to its invoice"),
    EventType("payment_method.attached", Family.PAYMENT_METHOD, "a customer has a new way to pay"),
    EventType("payment_method.updated", Family.PAYMENT_METHOD, "its expiry or holder changed"),
    EventType("payment_method.automatically_updated", Family.PAYMENT_METHOD, "the bank replaced the card"),
    EventType("payment_method.detached", Family.PAYMENT_METHOD, "a way to pay can no longer be used"),
    EventType("charge.dispute.created", Family.DISPUTE, "a customer's bank questions a charge"),
    EventType("charge.dispute.updated", Family.DISPUTE, "evidence was given, or the status changed"),
    EventType("charge.dispute.closed", Family.DISPUTE, "won or lost"),
    EventType("charge.dispute.funds_withdrawn", Family.DISPUTE, "the money is gone meanwhile"),
    EventType("charge.dispute.funds_reinstated", Family.DISPUTE, "the money is back"),
    EventType("charge.refunded", Family.REFUND, "money went back; the only event of refunds in old accounts"),
    EventType("charge.refund.updated", Family.REFUND, "refund.updated of accounts older than that"),
    EventType("refund.created", Family.REFUND, "money is going back"),
    EventType("refund.updated", Family.REFUND, "it arrived, or has a reference"),
    EventType("refund.failed", Family.REFUND, "the bank did not take it: the customer still has no money"),
)

FAMILY_OF: dict[str, Family] = {event_type.name: event_type.family for event_type in EVENT_TYPES}


def family_of(name: str) -> Family | None:
    """Return the family of an event type, thin or not; None for one that we do not handle."""
    return FAMILY_OF.get(name.removeprefix(THIN))
