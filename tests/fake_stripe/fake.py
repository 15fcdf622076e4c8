"""The fake Stripe as one object: a server in a thread, and everything behind it within reach."""

import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from tests.fake_stripe.attempts import Attempt, DeliveryOptions
from tests.fake_stripe.cards import CardBehaviour
from tests.fake_stripe.clock import Clock
from tests.fake_stripe.control import DEFAULT_SECRET, Control
from tests.fake_stripe.delivery import DeliveryService
from tests.fake_stripe.errors import Json
from tests.fake_stripe.exchange import Api, Exchange
from tests.fake_stripe.faults import Faults
from tests.fake_stripe.idempotency import IdempotencyKeys
from tests.fake_stripe.personal import personal_values
from tests.fake_stripe.resources import catalog
from tests.fake_stripe.resources.events import event_body
from tests.fake_stripe.sandbox import CURRENT_VERSION, BillingSettings, Sandbox
from tests.fake_stripe.server import bind, build_app, build_server
from tests.fake_stripe.shapes import present

# A month's renewals and a dispute's answer fit between then and now.
DEFAULT_START_DAYS_AGO = 40

START_TIMEOUT = 10.0


class FakeStripe:
    """A fake Stripe account; use as a context manager to serve it over HTTP.

    Without `with`, everything but HTTP and delivery works (events are held). See the package's docstring
    for the whole interface.
    """

    api_key = "sk_test_FakeStripe0000000000000000000000"
    price = catalog.DEFAULT_PRICE
    webhook_secret = DEFAULT_SECRET

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        start: float | None = None,
        rate: float = 1.0,
        livemode: bool = False,
        api_version: str = CURRENT_VERSION,
        strict: bool = False,
        billing: BillingSettings | None = None,
        delivery: DeliveryOptions | None = None,
    ) -> None:
        lock = threading.RLock()
        begin = time.time() - DEFAULT_START_DAYS_AGO * 86400 if start is None else start
        self.clock = Clock(begin, rate, lock)
        self.sandbox = Sandbox(self.clock, lock, seed, livemode, api_version, billing or BillingSettings())
        catalog.seed(self.sandbox)
        self.faults = Faults()
        self.api = Api(self.sandbox, self.faults, IdempotencyKeys(), strict)
        self.delivery = DeliveryService(self.sandbox, delivery or DeliveryOptions())
        self.sandbox.on_events = self.delivery.accept
        self.clock.between = self.delivery.wait_until_delivered
        self.control = Control(self.sandbox, self.api, self.delivery)
        self.server = build_server(build_app(self.api, self.control))
        self._address = (host, port)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base address for the SDK's `base_addresses` and the CLI's `--api-base`."""
        return f"http://{self._address[0]}:{self._address[1]}"

    def start(self) -> Self:
        """Serve from a background thread; returns when requests are answered."""
        listening = bind(*self._address)
        self._address = listening.getsockname()
        self._thread = threading.Thread(target=self.server.run, args=([listening],), name="fake-stripe", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT
        while not self.server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the fake Stripe did not start")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Stop serving and delivering; the state stays readable."""
        self.server.should_exit = True
        if self._thread is not None:
            self._thread.join(START_TIMEOUT)

    @property
    def cards(self) -> CardBehaviour:
        """How cards behave: `cards.decline(pm, "insufficient_funds")`, `cards.accept(pm)`."""
        return self.sandbox.cards

    @property
    def state(self) -> dict[str, dict[str, Json]]:
        """Every true object by type and ID, in the modern shape (copies)."""
        return self.control.state()

    @property
    def customers(self) -> dict[str, Json]:
        """Customers by ID; deleted ones are stubs."""
        return self._table("customer")

    @property
    def payment_methods(self) -> dict[str, Json]:
        """Payment methods by ID; detached ones have no customer."""
        return self._table("payment_method")

    @property
    def subscriptions(self) -> dict[str, Json]:
        """Subscriptions by ID, ended ones too."""
        return self._table("subscription")

    @property
    def invoices(self) -> dict[str, Json]:
        """Invoices by ID."""
        return self._table("invoice")

    @property
    def charges(self) -> dict[str, Json]:
        """Charges by ID, failed ones too."""
        return self._table("charge")

    @property
    def disputes(self) -> dict[str, Json]:
        """Disputes by ID."""
        return self._table("dispute")

    @property
    def refunds(self) -> dict[str, Json]:
        """Refunds by ID."""
        return self._table("refund")

    @property
    def events(self) -> list[Json]:
        """Every event in the order of happening, in the modern shape (copies)."""
        return self.control.events()

    @property
    def deliveries(self) -> list[Attempt]:
        """The log of webhook attempts."""
        return list(self.delivery.log)

    @property
    def request_log(self) -> list[Exchange]:
        """The log of API requests and their answers."""
        return list(self.api.log)

    @property
    def spec_violations(self) -> list[str]:
        """What so far is not as Stripe's OpenAPI document says (the first look takes some seconds)."""
        return self.control.violations()

    def events_of(self, *types: str) -> list[Json]:
        """Return the events of these types in the order of happening."""
        with self.sandbox.lock:
            found = [event for event in self.sandbox.events.values() if event["type"] in types]
            return [present(event, event["api_version"]) for event in found]

    def body(self, event: Json | str, *, api_version: str | None = None, is_thin: bool = False) -> bytes:
        """Return the bytes Stripe would post for an event (by object or ID), in a version's shape."""
        event_id = event if isinstance(event, str) else event["id"]
        with self.sandbox.lock:
            return event_body(self.sandbox, self.sandbox.events[event_id], api_version, is_thin=is_thin)

    def restrict(self, permissions: Iterable[str], key: str = "rk_test_FakeStripe0000000000000000000000") -> str:
        """Make a restricted key that may do this, `rak_customer_read` and so on, and return it."""
        self.api.restricted_keys[key] = frozenset(permissions)
        return key

    def revoke(self, key: str) -> None:
        """Let a key be known no more: each request with it gets 401."""
        self.api.revoked_keys.add(key)

    def add_endpoint(self, url: str, **options: Any) -> Json:
        """Register a webhook endpoint; options as of `Control.add_endpoint`."""
        return self.control.add_endpoint(url=url, **options)

    def wait_until_delivered(self, timeout: float = 10.0) -> None:
        """Block until no delivery is in flight."""
        self.delivery.wait_until_delivered(timeout)

    def deliver(self, event_id: str) -> None:
        """Send an event again, like the dashboard's Resend."""
        self.delivery.resend(event_id)

    def personal_values(self) -> set[str]:
        """Return every personal value in the account, for privacy tests to look for."""
        with self.sandbox.lock:
            return personal_values(self.sandbox.state)

    def _table(self, kind: str) -> dict[str, Json]:
        with self.sandbox.lock:
            return self.sandbox.state.snapshot(kind)
