"""Celery on Redis: do our settings bring back what a dead worker held, and does that happen?"""

from collections.abc import Iterator
from typing import Any

from redis import Redis

from billing_core.finding import Finding, fail, ok, warn
from billing_core.inbox import Keys
from config.settings import Settings

# A worker may hold a message for a statement of 30 s, and should not be waited for much longer than a few minutes.
VISIBILITY = (30, 300)  # s
STRIPE_RETRIES = 3 * 24 * 3600  # s


def examine_broker(redis: Redis, settings: Settings) -> Iterator[Finding]:
    """Look at the settings, and at what workers hold."""
    yield _visibility(settings)
    yield _sweep(settings)
    yield _dedupe(settings)
    yield _held(redis, settings)


def _visibility(settings: Settings) -> Finding:
    shortest, longest = VISIBILITY
    seconds = settings.visibility_timeout
    check, found = "visibility timeout", f"{seconds} s"
    if seconds <= shortest:
        return warn(check, found, f"set BILLING_VISIBILITY_TIMEOUT above {shortest}: slow work would be done twice")
    if seconds > longest:
        return warn(check, found, f"lower BILLING_VISIBILITY_TIMEOUT to {longest}: a dead worker's work waits so long")
    return ok(check, found)


def _sweep(settings: Settings) -> Finding:
    if not settings.sweep_enabled:
        return fail("sweep", "switched off: what the queue loses stays lost", "unset BILLING_SWEEP_ENABLED")
    return ok("sweep", f"every {settings.sweep_interval:g} s, of what is older than {settings.stall_time:g} s")


def _dedupe(settings: Settings) -> Finding:
    check, found = "dedupe window", f"{settings.dedupe_window / 86400:g} days"
    if settings.dedupe_window < STRIPE_RETRIES:
        return warn(check, found, "set BILLING_DEDUPE_WINDOW to 3 days or more: Stripe retries for so long")
    return ok(check, found)


def _held(redis: Redis, settings: Settings) -> Finding:
    """Look for messages that kombu should have given to another worker long ago."""
    keys = Keys(settings.queue_prefix)
    oldest: Any = redis.zrange(keys.unacked_index, 0, 0, withscores=True)
    age = redis.time()[0] - oldest[0][1] if oldest else 0
    found = f"{redis.zcard(keys.unacked_index)} messages, the oldest for {max(age, 0):.0f} s"
    if age > 2 * settings.visibility_timeout:
        return warn("held by workers", found, "see that a worker consumes; it gives back what the dead ones held")
    return ok("held by workers", found)
