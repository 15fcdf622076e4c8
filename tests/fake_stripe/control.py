"""What a test can do to the fake, from Python or as `POST /_fake/<command>` with JSON arguments."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from tests.fake_stripe.billing import disputing
from tests.fake_stripe.delivery import DeliveryService
from tests.fake_stripe.errors import Json
from tests.fake_stripe.exchange import Api
from tests.fake_stripe.openapi import violations_of
from tests.fake_stripe.personal import personal_values
from tests.fake_stripe.resources import payments, webhook_endpoints
from tests.fake_stripe.sandbox import Sandbox
from tests.fake_stripe.shapes import LINKS, present

# What a fake endpoint signs with unless told otherwise.
DEFAULT_SECRET = "whsec_fakestripe0000000000000000000000"

COMMANDS = frozenset(
    {
        "accept_card",
        "add_endpoint",
        "add_fault",
        "advance",
        "authenticate",
        "bring_down",
        "bring_up",
        "clear_faults",
        "decline_card",
        "deliver",
        "deliveries",
        "events",
        "move_dispute",
        "open_dispute",
        "personal",
        "release",
        "requests",
        "rotate_secret",
        "set_delivery",
        "state",
        "time",
        "violations",
        "wait_until_delivered",
    }
)


@dataclass
class Control:
    """Commands over one sandbox, its API and its deliveries. Each returns something JSON can say."""

    sandbox: Sandbox
    api: Api
    delivery: DeliveryService

    def run(self, name: str, arguments: dict[str, Any]) -> Any:
        """Run a command by its name.

        Raises:
            ValueError: there is no such command.
        """
        if name not in COMMANDS:
            raise ValueError(f"no command {name}; there are: {', '.join(sorted(COMMANDS))}")
        return getattr(self, name)(**arguments)

    def time(self) -> Json:
        """Return the fake moment in Unix seconds."""
        return {"now": self.sandbox.clock.now()}

    def advance(
        self,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        settle: bool = False,
    ) -> Json:
        """Move the clock on, doing what falls due; see `Clock.advance`."""
        clock = self.sandbox.clock
        return {"now": clock.advance(days=days, hours=hours, minutes=minutes, seconds=seconds, settle=settle)}

    def add_endpoint(
        self,
        *,
        url: str,
        secret: str = DEFAULT_SECRET,
        events: Sequence[str] = ("*",),
        api_version: str | None = None,
        payload: str = "snapshot",
    ) -> Json:
        """Register a webhook endpoint; an `api_version` before 2025-03-31 is sent the old shape."""
        with self.sandbox.lock:
            endpoint = webhook_endpoints.register(
                self.sandbox,
                url,
                secret=secret,
                events=list(events),
                api_version=api_version,
                payload=payload,
            )
        return present(endpoint, self.sandbox.api_version)

    def rotate_secret(self, *, endpoint: str, secret: str, keep_old: bool = True) -> None:
        """Sign with a new secret, beside the old ones while they live."""
        links = self.sandbox.state.get("webhook_endpoint", endpoint)[LINKS]
        links["secrets"] = [secret, *(links["secrets"] if keep_old else [])]

    def set_delivery(self, **options: Any) -> Json:
        """Set any of `DeliveryOptions`' fields; `paused: false` releases what was held."""
        known = {one.name for one in fields(self.delivery.options)}
        if unknown := set(options) - known:
            raise ValueError(f"no delivery option {', '.join(sorted(unknown))}")
        if "drop_types" in options:
            options["drop_types"] = frozenset(options["drop_types"])
        for name, value in options.items():
            setattr(self.delivery.options, name, value)
        if options.get("paused") is False:
            self.delivery.release()
        return asdict(self.delivery.options) | {"drop_types": sorted(self.delivery.options.drop_types)}

    def release(self, *, order: str | Sequence[str] | None = None, seed: int = 0) -> list[str]:
        """Send held deliveries in the chosen order; see `DeliveryService.release`."""
        return self.delivery.release(order, seed=seed)

    def deliver(self, *, event: str) -> None:
        """Send an event again, like the dashboard's Resend."""
        self.delivery.resend(event)

    def wait_until_delivered(self, *, timeout: float = 10.0) -> None:
        """Block until nothing is in flight."""
        self.delivery.wait_until_delivered(timeout)

    def add_fault(self, **fault: Any) -> None:
        """Let the next matching requests fail; the fields are those of `Fault`."""
        self.api.faults.add(**fault)

    def clear_faults(self) -> None:
        """Forget every fault and bring the API up."""
        self.api.faults.clear()

    def bring_down(self) -> None:
        """Sever every API connection from now on."""
        self.api.faults.down = True

    def bring_up(self) -> None:
        """Answer again."""
        self.api.faults.down = False

    def decline_card(self, *, payment_method: str, decline_code: str = "insufficient_funds") -> None:
        """Let every later charge of a payment method be declined."""
        self.sandbox.cards.decline(payment_method, decline_code)

    def accept_card(self, *, payment_method: str) -> None:
        """Let every later charge of a payment method succeed."""
        self.sandbox.cards.accept(payment_method)

    def authenticate(self, *, payment_intent: str) -> Json:
        """Let the customer pass 3D Secure for an intent that waits for it."""
        with self.sandbox.acting():
            return self._shown(payments.authenticate(self.sandbox, payment_intent))

    def open_dispute(
        self,
        *,
        charge: str,
        reason: str = "fraudulent",
        amount: int | None = None,
        inquiry: bool = False,
    ) -> Json:
        """Let the bank dispute a charge."""
        with self.sandbox.acting():
            return self._shown(disputing.open_dispute(self.sandbox, charge, reason, amount, inquiry))

    def move_dispute(self, *, dispute: str, status: str) -> Json:
        """Bring a dispute to a status: under_review, won, lost, warning_closed, …"""
        with self.sandbox.acting():
            found = self.sandbox.state.get("dispute", dispute)
            return self._shown(disputing.move(self.sandbox, found, status))

    def state(self) -> dict[str, dict[str, Json]]:
        """Return every object by type and ID."""
        with self.sandbox.lock:
            return self.sandbox.state.dump()

    def events(self) -> list[Json]:
        """Return every event in the order of happening."""
        with self.sandbox.lock:
            return [self._shown(event) for event in self.sandbox.events.values()]

    def deliveries(self) -> list[Json]:
        """Return the log of delivery attempts."""
        return [asdict(attempt) for attempt in self.delivery.log]

    def requests(self) -> list[Json]:
        """Return the log of API requests and their answers."""
        return [asdict(exchange) for exchange in self.api.log]

    def violations(self) -> list[str]:
        """Return whatever in requests, answers and events is not as Stripe's specification says."""
        return violations_of(self.api.log, self.events())

    def personal(self) -> list[str]:
        """Return every personal value in the account."""
        with self.sandbox.lock:
            return sorted(personal_values(self.sandbox.state))

    def _shown(self, obj: Json) -> Json:
        return present(obj, self.sandbox.api_version)
