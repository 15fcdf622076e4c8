"""What an operator finds on a bad morning: user 1's month, a dead letter, a customer whom nobody linked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from billing_core.commands import Commands
from billing_core.commands.keys import step_key
from config.queues import Family
from tests.billing_core.cli.operator import Operation
from tests.building import dispute, event_body, invoice, payment_method, subscription
from workers.handlers import HANDLERS, Handler

PAID = "invoice.payment_succeeded"
DEAD, PARKED, UPDATED = "evt_dead", "evt_parked", "evt_updated"
STRANGER = "cus_9"

# What stands in a payload is whatever somebody typed at Stripe.
HOSTILE = "</pre><script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"


@contextmanager
def bug() -> Iterator[None]:
    """The release whose handler fails."""

    def fail(_event: object) -> Any:
        raise KeyError("period <b>")

    with patch.dict(HANDLERS, {PAID: Handler(HANDLERS[PAID].kind, fail)}):
        yield


def play(operation: Operation) -> str:
    """Let it all happen; return the ID of the command that the subscription's update came from."""
    handle = operation.handle
    command, _ = Commands(operation.here.database).submit(
        "create_subscription", {"user_id": 1, "payment_method_id": "pm_1"}, idempotency_key="order-7", subject="user:1"
    )
    request = {"id": "req_7", "idempotency_key": step_key(command.command_id, "subscription")}
    handle({"evt_card": event_body(payment_method(), id="evt_card")}, Family.PAYMENT_METHOD)
    created = event_body(subscription(status="incomplete"), id="evt_created", type="customer.subscription.created")
    handle({"evt_created": created}, Family.SUBSCRIPTION)
    handle({UPDATED: event_body(subscription(), id=UPDATED, at=3, request=request)}, Family.SUBSCRIPTION)
    handle({"evt_paid": event_body(invoice(), id="evt_paid", at=4)})
    operation.stripe.holds(
        "/v1/charges/ch_1", {"id": "ch_1", "object": "charge", "customer": "cus_1", "invoice": "in_1"}
    )
    handle({"evt_dispute": event_body(dispute(), id="evt_dispute", at=90)}, Family.DISPUTE)
    with bug():
        handle({DEAD: event_body(invoice("in_2", number="A-0002", collection_method=HOSTILE), id=DEAD, at=100)})
    operation.stripe.holds(f"/v1/customers/{STRANGER}", {"id": STRANGER, "metadata": {}})
    handle({PARKED: event_body(invoice("in_9", customer=STRANGER, of=None), id=PARKED, at=200)})
    return command.command_id
