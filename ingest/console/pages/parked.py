"""Customers without a user: whose events wait, and the link that sets them free."""

import re
from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from billing_core.owners import UnknownUser, link_customer
from billing_core.parked import redrive, waiting_customers
from billing_core.retry import named_database_errors, retry_blips
from billing_core.user_ids import LARGEST_USER_ID
from ingest.console.desk import Desk, Visit, record
from ingest.console.errors import BadForm
from ingest.console.templating import render

# Longest waiting first: who looks at more has another trouble.
MOST = 200

_CUSTOMER = re.compile(r"cus_\w{1,250}", re.ASCII)


def parked(desk: Desk, visit: Visit) -> Response:
    """List the customers for whom events wait."""
    with desk.reading() as session:
        waiting = waiting_customers(session, MOST)
    return render(visit, "parked.html", waiting=waiting, most=MOST)


def link(desk: Desk, visit: Visit) -> Response:
    """Link a customer to a user, and apply what waited for it."""
    customer, user_id = visit.path("customer"), _user_id(visit.form.get("user_id", ""))
    if not _CUSTOMER.fullmatch(customer):
        raise BadForm("a customer's ID begins with cus_")
    try:
        _link(desk, visit, customer, user_id)
    except UnknownUser as error:
        raise BadForm(str(error)) from None
    with named_database_errors():
        queued = redrive(desk.database, desk.inbox, [customer], payloads=desk.payloads)
    return RedirectResponse(f"/console/users/{user_id}?done=linked&number={len(queued)}", HTTPStatus.SEE_OTHER)


@retry_blips
def _link(desk: Desk, visit: Visit, customer: str, user_id: int) -> None:
    with desk.writing() as session:
        former = link_customer(session, customer, user_id)
        record(session, visit, "customers.link", customer, user_id=user_id, former_user_id=former)


def _user_id(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= LARGEST_USER_ID:
        return int(text)
    raise BadForm("a UserID is a whole number")
