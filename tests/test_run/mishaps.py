"""What goes wrong in a service's life with a person's data in its hands."""

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt

from config.celery import create_celery
from config.queues import MAINTENANCE_QUEUE
from config.settings import Settings
from tests.building import event_body, invoice
from tests.fake_stripe.signature import sign

PERSON = {"name": "Ngaire Wurundjeri", "email": "ngaire.wurundjeri@example.com", "line1": "77 Banksia Parade"}
CARD = "4242424242424242"


class Mishaps:
    """Makes them happen to a service."""

    def __init__(self, url: str, settings: Mapping[str, str], customer: str) -> None:
        self._url = url
        self._customer = customer
        self._webhook_secret = settings["STRIPE_WEBHOOK_SECRET"]
        token = jwt.encode({"sub": "1", "exp": time.time() + 600}, settings["BILLING_JWT_SECRET"], algorithm="HS256")
        self.secrets = {token}
        self._headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=20"}

    def deliver(self, event_id: str, **fields: Any) -> None:
        """Deliver an event about an invoice of the person."""
        of_person = {"customer_name": PERSON["name"], "customer_email": PERSON["email"], "customer_address": PERSON}
        obj = invoice(f"in_{event_id}", of=None, customer=self._customer, **of_person, **fields)
        assert self._post(event_body(obj, id=event_id)).is_success

    def deliver_what_no_database_takes(self) -> None:
        """An event that fails with an SQL error, whose parameters are the person's data."""
        self.deliver("evt_poison", amount_due=2**80)

    def deliver_what_nobody_can_read(self) -> None:
        """An event that becomes a dead letter with a traceback."""
        body = {"id": "evt_odd", "type": "invoice.updated", "created": 1, "livemode": False, "data": PERSON}
        assert self._post(json.dumps(body).encode()).is_success

    def deliver_with_a_false_signature(self) -> None:
        """A request that is refused."""
        body = json.dumps(PERSON).encode()
        assert self._post(body, sign(body, "whsec_of_somebody_else")).status_code == 400

    def be_declined(self) -> None:
        """A command that the bank declines."""
        answer = self._create("pm_card_chargeCustomerFail")
        assert answer.status_code == 402, answer.text

    def ask_for_what_is_refused(self) -> None:
        """Requests with the person's words, and a card's number, where none belong."""
        assert self._create(CARD).status_code == 422
        assert self._create("pm_card_visa", metadata={"note": CARD}, **PERSON).status_code == 422
        answer = httpx.get(f"{self._url}/api/billing/subscriptions/{PERSON['email']}", headers=self._headers)
        assert answer.status_code == 422

    def send_by_celery(self, redis_url: str) -> None:
        """Messages with the person's data that name no task of ours, or are no command."""
        sender = create_celery(Settings(env="test", redis_url=redis_url))
        for name in ("billing.of_another_release", "billing.create_subscription"):
            sender.send_task(name, kwargs={"user_id": 1, "metadata": PERSON, **PERSON}, queue=MAINTENANCE_QUEUE)
        sender.close()

    def _create(self, card: str, **fields: Any) -> httpx.Response:
        body = {"user_id": 1, "payment_method_id": card, **fields}
        return httpx.post(f"{self._url}/api/billing/subscriptions", json=body, headers=self._headers, timeout=30)

    def _post(self, body: bytes, signature: str | None = None) -> httpx.Response:
        headers = {"Stripe-Signature": signature or sign(body, self._webhook_secret)}
        return httpx.post(f"{self._url}/webhooks/stripe", content=body, headers=headers, timeout=10)
