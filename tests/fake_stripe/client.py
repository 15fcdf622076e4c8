"""Commands to a fake Stripe in another process, over `/_fake/<command>`."""

from collections.abc import Sequence
from typing import Any

import httpx

from tests.fake_stripe.errors import Json


class FakeStripeClient:
    """The same commands as `Control`, by HTTP. Errors come back as RuntimeError."""

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def run(self, command: str, **arguments: Any) -> Any:
        """Run any command of `Control` by name."""
        response = self._http.post(f"/_fake/{command}", json=arguments)
        answer = response.json()
        if response.is_error:
            raise RuntimeError(answer["error"])
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0, settle: bool = False) -> float:
        """Move the fake clock on and return its moment."""
        answer = self.run("advance", days=days, hours=hours, seconds=seconds, settle=settle)
        return float(answer["now"])

    def add_endpoint(self, url: str, **options: Any) -> Json:
        """Register a webhook endpoint: secret, events, api_version, payload."""
        return dict(self.run("add_endpoint", url=url, **options))

    def decline_card(self, payment_method: str, decline_code: str = "insufficient_funds") -> None:
        """Let every later charge of a payment method be declined."""
        self.run("decline_card", payment_method=payment_method, decline_code=decline_code)

    def accept_card(self, payment_method: str) -> None:
        """Let every later charge of a payment method succeed."""
        self.run("accept_card", payment_method=payment_method)

    def open_dispute(self, charge: str, reason: str = "fraudulent") -> Json:
        """Let the bank dispute a charge."""
        return dict(self.run("open_dispute", charge=charge, reason=reason))

    def move_dispute(self, dispute: str, status: str) -> Json:
        """Bring a dispute to a status."""
        return dict(self.run("move_dispute", dispute=dispute, status=status))

    def add_fault(self, **fault: Any) -> None:
        """Let the next matching requests fail, by `Fault`'s fields."""
        self.run("add_fault", **fault)

    def set_delivery(self, **options: Any) -> Json:
        """Set delivery options."""
        return dict(self.run("set_delivery", **options))

    def release(self, order: str | Sequence[str] | None = None) -> list[str]:
        """Send held deliveries in an order."""
        return list(self.run("release", order=order))

    def deliver(self, event: str) -> None:
        """Send an event again."""
        self.run("deliver", event=event)

    def wait_until_delivered(self, timeout: float = 10.0) -> None:
        """Block until no delivery is in flight."""
        self.run("wait_until_delivered", timeout=timeout)

    def events(self) -> list[Json]:
        """Return every event in the order of happening."""
        return list(self.run("events"))

    def deliveries(self) -> list[Json]:
        """Return the log of webhook attempts."""
        return list(self.run("deliveries"))

    def state(self) -> dict[str, dict[str, Json]]:
        """Return every object by type and ID."""
        return dict(self.run("state"))
