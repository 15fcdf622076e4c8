"""What each event type tells us: the registry reads as a table of contents."""

from collections.abc import Callable

from billing_core.errors import MalformedEvent
from billing_core.events import StripeEvent
from billing_core.records import Record
from workers.handlers import dispute, invoice, payment_method, subscription

Handler = Callable[[StripeEvent], Record]

HANDLERS: dict[str, Handler] = {
    "customer.subscription.created": subscription.stands,
    "customer.subscription.updated": subscription.stands,
    "customer.subscription.deleted": subscription.stands,
    "invoice.payment_succeeded": invoice.stands,
    "invoice.payment_failed": invoice.stands,
    "payment_method.attached": payment_method.attached,
    "payment_method.detached": payment_method.detached,
    "charge.dispute.created": dispute.stands,
}


def read(event: StripeEvent) -> Record:
    """Return the state that the event tells.

    Raises:
        MalformedEvent: the event's object lacks what our row needs, or has what no Stripe object has.
    """
    handler = HANDLERS.get(event.type)
    if handler is None:
        raise MalformedEvent(f"{event.id}: no handler for {event.type}; add one and replay the event")
    try:
        return handler(event)
    except (TypeError, AttributeError, ValueError, OverflowError, OSError) as error:
        raise MalformedEvent(f"{event.id}: {event.type} has an object of no shape that Stripe sends") from error
