"""Deliveries, the log of their attempts, and how they behave."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fake_stripe.errors import Json

# Stripe's live schedule, roughly: 5 min, 30 min, 2 h, 5 h, 10 h, then every 12 h for three days.
STRIPE_SCHEDULE = (300.0, 1800.0, 7200.0, 18000.0, 36000.0, *[43200.0] * 4)


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one endpoint; `attempt` counts from 1."""

    event: Json = field(repr=False)
    endpoint_id: str
    attempt: int = 1


@dataclass(frozen=True)
class Attempt:
    """The log of one HTTP attempt. `at` is fake time, `sent_at` real time; no status means no answer."""

    event_id: str
    event_type: str
    endpoint_id: str
    attempt: int
    status: int | None
    error: str | None
    at: float
    sent_at: float
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint answered 2xx."""
        return self.status is not None and 200 <= self.status < 300


@dataclass
class DeliveryOptions:
    """How deliveries behave; every field can be changed while running."""

    timeout: float = 10.0
    concurrency: int = 16
    retry_schedule: Sequence[float] = STRIPE_SCHEDULE
    retry_on_real_time: bool = False  # else retries are due on the fake clock
    paused: bool = False
    copies: int = 1  # how often each delivery is sent
    drop_next: int = 0  # how many deliveries to lose without an attempt or a retry
    drop_types: frozenset[str] = frozenset()
    shuffle_seed: int | None = None  # mixes what one request or job emits
