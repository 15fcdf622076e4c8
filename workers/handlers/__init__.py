"""What each event type tells us: the registry reads as a table of contents."""

from collections.abc import Callable
from typing import NamedTuple

from billing_core.errors import MalformedEvent
from billing_core.events import StripeEvent
from billing_core.facts import Query
from billing_core.kinds import (
    CUSTOMER,
    DISPUTE,
    INVOICE,
    INVOICE_PAYMENT,
    PAYMENT_METHOD,
    REFUND,
    SUBSCRIPTION,
    Kind,
)
from billing_core.records import Record
from workers.handlers import customer, invoice, payment_method, refund


class Handler(NamedTuple):
    """Which kind of object the event is about, and how the event tells its state; by default as it carries it."""

    kind: Kind
    told: Callable[[StripeEvent], Record | Query] | None = None


HANDLERS: dict[str, Handler] = {
    "customer.created": Handler(CUSTOMER),
    "customer.updated": Handler(CUSTOMER),
    "customer.deleted": Handler(CUSTOMER, customer.deleted),
    "customer.subscription.created": Handler(SUBSCRIPTION),
    "customer.subscription.updated": Handler(SUBSCRIPTION),
    "customer.subscription.deleted": Handler(SUBSCRIPTION),
    "customer.subscription.paused": Handler(SUBSCRIPTION),
    "customer.subscription.resumed": Handler(SUBSCRIPTION),
    "customer.subscription.trial_will_end": Handler(SUBSCRIPTION),
    "customer.subscription.pending_update_applied": Handler(SUBSCRIPTION),
    "customer.subscription.pending_update_expired": Handler(SUBSCRIPTION),
    "invoice.created": Handler(INVOICE),
    "invoice.finalized": Handler(INVOICE),
    "invoice.updated": Handler(INVOICE),
    "invoice.paid": Handler(INVOICE),
    "invoice.payment_succeeded": Handler(INVOICE),
    "invoice.payment_failed": Handler(INVOICE),
    "invoice.payment_action_required": Handler(INVOICE),
    "invoice.voided": Handler(INVOICE),
    "invoice.marked_uncollectible": Handler(INVOICE),
    "invoice.deleted": Handler(INVOICE, invoice.deleted),
    "invoice_payment.paid": Handler(INVOICE_PAYMENT),
    "payment_method.attached": Handler(PAYMENT_METHOD),
    "payment_method.updated": Handler(PAYMENT_METHOD),
    "payment_method.automatically_updated": Handler(PAYMENT_METHOD),
    "payment_method.detached": Handler(PAYMENT_METHOD, payment_method.detached),
    "charge.dispute.created": Handler(DISPUTE),
    "charge.dispute.updated": Handler(DISPUTE),
    "charge.dispute.closed": Handler(DISPUTE),
    "charge.dispute.funds_withdrawn": Handler(DISPUTE),
    "charge.dispute.funds_reinstated": Handler(DISPUTE),
    "charge.refunded": Handler(REFUND, refund.of_charge),
    "charge.refund.updated": Handler(REFUND),
    "refund.created": Handler(REFUND),
    "refund.updated": Handler(REFUND),
    "refund.failed": Handler(REFUND),
}


def read(event: StripeEvent) -> tuple[Kind, Record | Query]:
    """Return the state that the event tells, or what to ask Stripe if it tells none.

    Raises:
        MalformedEvent: the event's object lacks what our row needs, or has what no Stripe object has.
    """
    handler = HANDLERS.get(event.type)
    if handler is None:
        raise MalformedEvent(f"{event.id}: no handler for {event.type}; add one and replay the event")
    try:
        return handler.kind, _told(handler, event)
    except (TypeError, AttributeError, LookupError, ValueError, OverflowError, OSError) as error:
        raise MalformedEvent(f"{event.id}: {event.type} has an object of no shape that Stripe sends") from error


def _told(handler: Handler, event: StripeEvent) -> Record | Query:
    if handler.told:
        return handler.told(event)
    if event.related_id:
        return Query(f"{handler.kind.path}{event.related_id}")
    return handler.kind.read(event.data.object)
