"""Webhook delivery: signed, concurrent, unordered beyond its start, retried on Stripe's schedule."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

import httpx

from tests.fake_stripe.attempts import Attempt, Delivery, DeliveryOptions
from tests.fake_stripe.errors import Json
from tests.fake_stripe.resources.events import event_body
from tests.fake_stripe.resources.webhook_endpoints import wants
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS
from tests.fake_stripe.signature import sign


class DeliveryService:
    """Sends events from the server's loop; every public method may be called from any thread."""

    def __init__(self, sandbox: Sandbox, options: DeliveryOptions) -> None:
        self.options = options
        self.log: list[Attempt] = []
        self.held: list[Delivery] = []
        self._sandbox = sandbox
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: httpx.AsyncClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0
        self._waiting: deque[Delivery] = deque()
        self._delivered: set[tuple[str, str]] = set()
        self._open = 0
        self._settled = threading.Condition()

    async def start(self) -> None:
        """Begin to deliver, from the running loop."""
        self._client = httpx.AsyncClient(
            trust_env=False,
            limits=httpx.Limits(max_connections=None),
            headers={
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                "Content-Type": "application/json; charset=utf-8",
                "Accept": "*/*; q=0.5, application/xml",
                "Cache-Control": "no-cache",
            },
        )
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """Give up what is under way and close every connection."""
        self._loop = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def accept(self, events: Iterable[Json]) -> None:
        """Send fresh events to every endpoint that wants them (the sandbox's lock is held)."""
        batch: list[Delivery] = []
        for event in events:
            endpoints = self._sandbox.state.tables["webhook_endpoint"].values()
            wanting = [one["id"] for one in endpoints if wants(one, event["type"])]
            event["pending_webhooks"] = len(wanting)
            batch += [Delivery(event, endpoint_id) for endpoint_id in wanting]
        if self.options.shuffle_seed is not None:
            Random(self.options.shuffle_seed + len(self.log)).shuffle(batch)
        self._enqueue([one for one in batch if not self._is_dropped(one)])

    def resend(self, event_id: str) -> None:
        """Send an event again to every endpoint that wants it, like the dashboard's Resend."""
        with self._sandbox.lock:
            event = self._sandbox.events[event_id]
            endpoints = self._sandbox.state.tables["webhook_endpoint"].values()
            again = [Delivery(event, one["id"]) for one in endpoints if wants(one, event["type"])]
        self._launch(again)

    def pause(self) -> None:
        """Hold back everything that becomes due from now on."""
        self.options.paused = True

    def resume(self) -> None:
        """Deliver normally again, what was held first."""
        self.options.paused = False
        self.release()

    def release(self, order: str | Sequence[str] | None = None, *, seed: int = 0) -> list[str]:
        """Send what is held and return the event IDs in the order of sending.

        `order` is None (as it happened), "reverse", "shuffle" (by `seed`), or event IDs: then these are
        sent, in this order, and the rest stays held.
        """
        with self._settled:
            held, self.held = self.held, []
            going = held
            if order == "reverse":
                going = held[::-1]
            elif order == "shuffle":
                Random(seed).shuffle(going)
            elif order is not None:
                going = [one for event_id in order for one in held if one.event["id"] == event_id]
                self.held = [one for one in held if one not in going]
        self._launch(going)
        return [one.event["id"] for one in going]

    def wait_until_delivered(self, timeout: float = 10.0) -> None:
        """Block until nothing is in flight, queued, or waiting for a retry in real time.

        Held deliveries and retries due on the fake clock are not waited for.

        Raises:
            TimeoutError: something is still under way after `timeout` seconds.
        """
        with self._settled:
            if not self._settled.wait_for(lambda: self._open == 0, timeout):
                raise TimeoutError(f"{self._open} deliveries still under way after {timeout} s")

    def _is_dropped(self, delivery: Delivery) -> bool:
        if delivery.event["type"] in self.options.drop_types:
            return True
        if self.options.drop_next > 0:
            self.options.drop_next -= 1
            return True
        return False

    def _enqueue(self, batch: list[Delivery]) -> None:
        if self.options.paused:
            with self._settled:
                self.held += batch
            return
        self._launch(batch)

    def _launch(self, batch: list[Delivery]) -> None:
        copies = [one for one in batch for _ in range(self.options.copies)]
        loop = self._loop
        with self._settled:
            if loop is None:
                self.held += batch
                return
            self._open += len(copies)
        loop.call_soon_threadsafe(self._add, copies)

    def _add(self, batch: list[Delivery]) -> None:
        self._waiting += batch
        self._fill()

    def _fill(self) -> None:
        while self._waiting and self._running < self.options.concurrency:
            self._running += 1
            delivery = self._waiting.popleft()
            task = asyncio.ensure_future(self._deliver(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._running -= 1
        self._close(1)
        if self._loop is not None:
            self._fill()

    def _close(self, count: int) -> None:
        with self._settled:
            self._open -= count
            if self._open == 0:
                self._settled.notify_all()

    async def _deliver(self, delivery: Delivery) -> None:
        endpoint = self._sandbox.state.tables["webhook_endpoint"].get(delivery.endpoint_id)
        if endpoint is None or self._client is None:
            return
        body, secrets = self._render(delivery, endpoint)
        started = time.time()
        status, error = None, None
        try:
            response = await self._client.post(
                endpoint["url"],
                content=body,
                headers={"Stripe-Signature": sign(body, secrets)},
                timeout=self.options.timeout,
            )
            status = response.status_code
        except httpx.HTTPError as failed:
            error = f"{type(failed).__name__}: {failed}"
        self._record(delivery, status, error, started)

    def _render(self, delivery: Delivery, endpoint: Json) -> tuple[bytes, list[str]]:
        with self._sandbox.lock:
            links = endpoint[LINKS]
            is_thin = links["payload"] == "thin"
            body = event_body(self._sandbox, delivery.event, endpoint["api_version"], is_thin=is_thin)
            return body, list(links["secrets"])

    def _record(self, delivery: Delivery, status: int | None, error: str | None, started: float) -> None:
        event = delivery.event
        done = Attempt(
            event["id"],
            event["type"],
            delivery.endpoint_id,
            delivery.attempt,
            status,
            error,
            self._sandbox.clock.now(),
            started,
            time.time() - started,
        )
        with self._sandbox.lock:
            key = (done.event_id, done.endpoint_id)
            self.log.append(done)
            if done.succeeded and key not in self._delivered:
                self._delivered.add(key)
                event["pending_webhooks"] = max(event["pending_webhooks"] - 1, 0)
        if not done.succeeded:
            self._plan_retry(delivery)

    def _plan_retry(self, delivery: Delivery) -> None:
        schedule = self.options.retry_schedule
        if delivery.attempt > len(schedule):
            return
        delay = schedule[delivery.attempt - 1]
        again = replace(delivery, attempt=delivery.attempt + 1)
        if not self.options.retry_on_real_time:
            clock = self._sandbox.clock
            clock.at(clock.now() + delay, lambda: self._enqueue([again]))
        elif self._loop is not None:
            with self._settled:
                self._open += 1
            self._loop.call_later(delay, self._retry_now, again)

    def _retry_now(self, delivery: Delivery) -> None:
        self._enqueue([delivery])
        self._close(1)
