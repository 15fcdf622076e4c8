"""Stripe: does our key work, is our endpoint in order, and do deliveries arrive?"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from redis import Redis

from billing_core import webhook_endpoint
from billing_core.doctor.clocks import compared
from billing_core.errors import StripeForbidden, StripeRefused, StripeUnavailable
from billing_core.finding import Finding, Level, fail, ok, warn
from billing_core.keys.rights import examine_rights
from billing_core.stripe_api import StripeApi
from billing_core.webhook_secrets import fingerprint, last_matches
from config.settings import STRIPE_API, Settings

# A business day without a single event is possible, but worth a look.
QUIET = timedelta(days=1)

_TWO_HOURS = 120  # min


def examine_stripe(stripe: StripeApi, settings: Settings) -> list[Finding]:
    """Ask Stripe what it knows of us."""
    if not stripe.configured:
        found = "no key: what needs an answer of Stripe's waits"
        return [warn("Stripe's key", found, "set STRIPE_SECRET_KEY")]
    try:
        return list(_asked(stripe, settings))
    except (StripeUnavailable, StripeRefused) as error:
        return [fail("Stripe's API", str(error), "check STRIPE_SECRET_KEY, its permissions, and status.stripe.com")]


def endpoint(stripe: StripeApi, settings: Settings) -> list[Finding]:
    """Compare our endpoint at Stripe with what we need.

    Raises:
        StripeUnavailable: no answer.
    """
    if settings.public_url is None:
        return [warn("endpoint", "which one is ours is not known", "set BILLING_PUBLIC_URL to its URL")]
    return webhook_endpoint.check(stripe, settings.public_url)


def deliveries(redis: Redis, settings: Settings) -> Iterator[Finding]:
    """Tell how long ago each secret verified a delivery.

    Raises:
        redis.RedisError: Redis is away.
    """
    matched = last_matches(redis, settings.queue_prefix)
    secrets = [fingerprint(secret.get_secret_value()) for secret in settings.stripe_webhook_secrets]
    if not secrets:
        yield fail("endpoint secrets", "there is none: nothing can be verified", "set STRIPE_WEBHOOK_SECRET")
    for name in secrets:
        yield ok("endpoint secrets", f"{name} matched {_ago(matched.get(name))}")
    yield _last(max(matched.values(), default=None))


def _asked(stripe: StripeApi, settings: Settings) -> Iterator[Finding]:
    try:
        answer = stripe.fetch("/v1/events", limit=1)
    except StripeForbidden:
        lacking = examine_rights(stripe, settings)
        if lacking.level is not Level.FAIL:
            raise
        yield lacking
        return
    mode = "live" if settings.livemode_expected else "test"
    yield ok("Stripe's key", f"{mode} mode, as BILLING_ENV={settings.env} needs")
    yield ok("Stripe's API", "answers")
    if settings.stripe_api_base == STRIPE_API:  # a fake Stripe lives in another time
        yield compared("Stripe's", answer.as_of, datetime.now(UTC))
    rights = examine_rights(stripe, settings)
    yield rights
    if rights.level is not Level.FAIL:
        yield from endpoint(stripe, settings)


def _last(at: datetime | None) -> Finding:
    check, do = "last delivery", "compare with the endpoint's deliveries in Stripe's dashboard"
    if at is None or datetime.now(UTC) - at > QUIET:
        return warn(check, _ago(at), do)
    return ok(check, _ago(at))


def _ago(at: datetime | None) -> str:
    if at is None:
        return "never"
    minutes = max(int((datetime.now(UTC) - at).total_seconds() / 60), 0)
    return f"{minutes} min ago" if minutes < _TWO_HOURS else f"{minutes // 60} h ago"
