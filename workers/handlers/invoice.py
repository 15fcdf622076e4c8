from dataclasses import replace

from billing_core.events import StripeEvent
from billing_core.facts import Query
from billing_core.kinds import INVOICE
from billing_core.records import InvoiceRecord
from billing_core.shapes import invoice_record


def deleted(event: StripeEvent) -> InvoiceRecord | Query:
    """A draft was thrown away: Stripe has no status for that, and no such object any more."""
    if event.related_id:
        return Query(f"{INVOICE.path}{event.related_id}")
    return replace(invoice_record(event.data.object), status="deleted")
