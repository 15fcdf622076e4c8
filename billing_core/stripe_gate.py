"""One rate and one circuit breaker before Stripe's API, shared by all processes through Redis.

Stripe limits an account, not a process: https://docs.stripe.com/rate-limits. And while Stripe is down, a call that
waits for its timeout holds a thread that could apply events.
"""

import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import structlog
from redis import Redis
from redis.exceptions import RedisError

from billing_core.errors import StripeUnavailable
from config.settings import Settings

log = structlog.get_logger()

# A call waits here for its turn at most so long; beyond, the whole command or event waits, and its thread is free.
LONGEST_WAIT = 2.0
# The part of a second's calls that may go out at once after a quiet time.
BURST = 0.5
# Stripe's 429 does not always say how long.
DEFAULT_PAUSE = 1.0
LONGEST_PAUSE = 60.0
# A probe that did not come back: its process died. Longer than the SDK's timeout of one attempt.
PROBE_SECONDS = 30


class Left(StrEnum):
    """What became of a call."""

    ANSWERED = "answered"
    FAILED = "failed"  # no answer, or 5xx
    LIMITED = "limited"  # 429


class StripeGate:
    """Lets calls out at the configured rate, and none while Stripe is down."""

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        *,
        rate: int,
        failures: int,
        pause: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the shared Redis and its keys' prefix.

        Args:
            redis: shared by all processes. While it is away calls go out unlimited.
            prefix: of the keys.
            rate: calls per second of all processes together.
            failures: so many in a row open the circuit.
            pause: seconds that the circuit stays open before one call tries again.
            sleep: waits for a call's turn.
        """
        names = {name: f"{prefix}stripe:{name}" for name in ("rate", "pause", "circuit", "probe")}
        self._entering = [names["rate"], names["pause"], names["circuit"], names["probe"]]
        self._leaving = [names["pause"], names["circuit"], names["probe"]]
        self._rate, self._failures, self._pause = rate, failures, pause
        self._sleep = sleep
        folder = Path(__file__).parent / "lua"
        self._enter = redis.register_script((folder / "stripe_enter.lua").read_text())
        self._left = redis.register_script((folder / "stripe_left.lua").read_text())

    def enter(self) -> None:
        """Return when a call may go out.

        Raises:
            StripeUnavailable: the circuit is open, or too many wait already.
        """
        apart = 1000 / self._rate
        burst = (max(1, int(self._rate * BURST)) - 1) * apart
        try:
            verdict, wait = self._enter(
                keys=self._entering, args=[apart, burst, int(LONGEST_WAIT * 1000), PROBE_SECONDS * 1000]
            )
        except RedisError as error:
            log.warning("stripe.gate_bypassed", reason=type(error).__name__)
            return
        seconds = max(int(wait), 0) / 1000
        match verdict.decode() if isinstance(verdict, bytes) else verdict:
            case "open":
                raise StripeUnavailable("Stripe is down: the circuit is open", retry_after=seconds)
            case "busy":
                raise StripeUnavailable("too many calls wait for Stripe", retry_after=seconds)
        if seconds:
            self._sleep(seconds)

    def left(self, outcome: Left, retry_after: float | None = None) -> None:
        """Tell what became of the call; `retry_after` is what a 429 asked for, in seconds."""
        asked = DEFAULT_PAUSE if retry_after is None else retry_after
        pause = int(min(max(asked, 0.001), LONGEST_PAUSE) * 1000)
        try:
            opened = self._left(keys=self._leaving, args=[outcome, self._failures, int(self._pause * 1000), pause])
        except RedisError as error:
            log.warning("stripe.gate_bypassed", reason=type(error).__name__)
            return
        if opened:
            log.error("stripe.circuit_opened", pause_s=self._pause)


def gate_over(redis: Redis, settings: Settings) -> StripeGate:
    """Make the gate that the settings describe: every process that calls Stripe stands behind the same one."""
    return StripeGate(
        redis,
        settings.queue_prefix,
        rate=settings.stripe_requests_per_second,
        failures=settings.stripe_circuit_failures,
        pause=settings.stripe_circuit_pause,
    )
