"""A worker of the simplest kind: a command ends, in the thread that queues it, as the test has said it should."""

from typing import Any

import sqlalchemy as sa

from billing_core.apply import apply_facts
from billing_core.commands import CommandStatus
from billing_core.database import Database
from billing_core.models import BillingCommand, Invoice, Refund, Subscription
from billing_core.models.declarative import utc_now
from tests.building import fact, invoice, moment, payment_method, subscription
from tests.stores import row

DECLINED = {
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "message": "the bank declined the payment",
    "next_step": "use_another_payment_method",
    "request_id": "req_1",
}
REFUSED = {"code": "resource_missing", "message": "Stripe knows no such price", "request_id": "req_2"}


class StandIn:
    """Ends commands; `idle` leaves them pending until `end`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.queued: list[str] = []
        self.idle = False
        self.status = CommandStatus.SUCCEEDED
        self.error: dict[str, Any] | None = None

    def declines(self) -> None:
        self.status, self.error = CommandStatus.DECLINED, DECLINED

    def refuses(self) -> None:
        self.status, self.error = CommandStatus.REFUSED, REFUSED

    def enqueue(self, command_id: str) -> None:
        self.queued.append(command_id)
        if not self.idle:
            self.end(command_id)

    def end(self, command_id: str) -> None:
        with self._database.write() as session:
            command = session.scalars(sa.select(BillingCommand).filter_by(command_id=command_id)).one()
            command.status, command.error = self.status, self.error
            command.attempts, command.finished_at = 1, utc_now()
            if self.status is CommandStatus.SUCCEEDED:
                command.subscription_id = session.scalar(sa.select(Subscription.subscription_id))
                command.result = {"stripe_refund_id": "re_1"}


def seed(database: Database) -> None:
    """Give user 1 the subscription `sub_1` with invoice, card and refund; and user 2 `sub_2` with the same."""
    with database.write() as session:
        for number in (1, 2):
            customer = f"cus_{number}"
            apply_facts(
                session,
                [
                    fact(payment_method(f"pm_{number}", customer=customer)),
                    fact(subscription(f"sub_{number}", customer=customer)),
                    fact(invoice(f"in_{number}", of=f"sub_{number}", customer=customer)),
                ],
            )
        session.add(
            Refund(
                user_id=1,
                stripe_refund_id="re_1",
                amount=1000,
                currency="AUD",
                status="succeeded",
                stripe_created_at=moment(),
                as_of=moment(),
            )
        )


def subscription_id(database: Database, stripe_id: str = "sub_1") -> int:
    found: int = row(database, Subscription, stripe_subscription_id=stripe_id).subscription_id
    return found


def invoice_id(database: Database, stripe_id: str = "in_1") -> int:
    found: int = row(database, Invoice, stripe_invoice_id=stripe_id).invoice_id
    return found
