"""Signed events posted over real HTTP, many at a time, each remembered if it was answered with 200."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx

from tests.fake_stripe import sign
from tests.system.service import WEBHOOK_SECRET, Service

CUSTOMER = "cus_load"
SENDERS = 4
PAUSE = 0.1  # s between two posts of a sender: the worker is busy, and keeps up on a loaded machine too


class Load:
    """A stream of subscription events, each of a subscription of its own."""

    def __init__(self, service: Service) -> None:
        self._url = f"{service.web.url}/webhooks/stripe"
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self.accepted: set[str] = set()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Post without a pause until the block ends."""
        self._stop.clear()
        with ThreadPoolExecutor(SENDERS) as senders:
            sending = [senders.submit(self._send) for _ in range(SENDERS)]
            try:
                yield self
            finally:
                self._stop.set()
            for one in sending:
                one.result()

    def _send(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self._stop.is_set():
                event = subscription_event(next(self._numbers))
                try:
                    answer = post(client, self._url, event)
                except httpx.TransportError:
                    continue
                if answer.status_code == httpx.codes.OK:
                    self.accepted.add(event["id"])
                time.sleep(PAUSE)


def post(client: httpx.Client, url: str, event: dict[str, Any]) -> httpx.Response:
    """Post an event as Stripe does, pretty-printed and signed."""
    body = json.dumps(event, indent=2).encode()
    return client.post(url, content=body, headers={"Stripe-Signature": sign(body, WEBHOOK_SECRET)})


def subscription_event(number: int) -> dict[str, Any]:
    """Return the first event of subscription `number`, in today's shape."""
    now = int(time.time())
    item = {"current_period_start": now, "current_period_end": now + 2_592_000, "price": {"id": "price_1"}}
    subscription = {
        "id": f"sub_{number}",
        "object": "subscription",
        "customer": CUSTOMER,
        "status": "active",
        "created": now,
        "items": {"data": [item | {"quantity": 1}]},
    }
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": "customer.subscription.created",
        "api_version": "2026-10-28.endive",
        "created": now,
        "livemode": False,
        "data": {"object": subscription},
    }
