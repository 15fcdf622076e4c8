from billing_core.events import StripeEvent
from billing_core.records import InvoiceRecord
from billing_core.shapes import invoice_record


def stands(event: StripeEvent) -> InvoiceRecord:
    """The event carries the whole invoice as it stood then."""
    return invoice_record(event.data.object)
