from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from billing_core.database import Database
from ingest.api.answers import command_answers
from ingest.api.auth import Caller
from ingest.api.bodies import RefundedAmount
from ingest.api.parts import ApiCaller, ApiParts
from ingest.api.permissions import require_admin
from ingest.api.reading import find_invoice, refund_of
from ingest.api.route import BillingRoute
from ingest.api.rows import Accepted, InvoiceRow, RefundRow
from ingest.api.submit import COMMANDS, Fulfilled, Submit

router = APIRouter(prefix="/api/billing/invoices", tags=["invoices"], route_class=BillingRoute)

_ONE = "/{invoiceId}"


async def _found(
    parts: ApiParts,
    caller: ApiCaller,
    invoice_id: Annotated[
        str,
        Path(
            alias="invoiceId",
            pattern=r"^([1-9][0-9]{0,9}|in_[A-Za-z0-9_]{1,250})$",
            description="our ID, or Stripe's (`in_…`)",
        ),
    ],
) -> InvoiceRow:
    return await parts.in_database(_read, parts.database, caller, invoice_id)


def _read(database: Database, caller: Caller, identifier: str) -> InvoiceRow:
    with database.read() as session:
        return find_invoice(session, caller, identifier)


CallersInvoice = Annotated[InvoiceRow, Depends(_found)]

# A refund has no address of its own: its command tells of it.
_REFUNDED = Fulfilled(201, refund_of, lambda command: f"{COMMANDS}/{command.command_id}")


@router.post(
    f"{_ONE}/refund",
    status_code=202,
    response_model=Accepted,
    responses=command_answers(status=201, row=RefundRow, meaning="Refunded, or on its way"),
)
async def refund_invoice(found: CallersInvoice, submit: Submit, body: RefundedAmount | None = None) -> Response:
    """Pay an invoice back, all that is left of it or an amount. Needs `billing:admin`."""
    require_admin(submit.caller, "a refund")
    arguments = {"invoice_id": str(found.invoice_id)} | (body.arguments() if body else {})
    return await submit.answer("refund_invoice", arguments, _REFUNDED)
