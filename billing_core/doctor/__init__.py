"""`billing doctor`: everything that the service stands on, looked at from this machine."""

from collections.abc import Iterator

from redis import Redis

from billing_core.database import Database
from billing_core.doctor.broker import examine_broker
from billing_core.doctor.database import examine_database
from billing_core.doctor.encryption import examine_encryption
from billing_core.doctor.flower import examine_flower
from billing_core.doctor.redis_server import examine_redis
from billing_core.doctor.stripe_account import deliveries, examine_stripe
from billing_core.finding import Finding, failed, warn
from billing_core.inbox import WorkingInbox
from billing_core.stripe_api import StripeApi
from billing_core.watch import judge, look
from config.settings import Settings


def examine(
    redis: Redis, inbox: WorkingInbox, database: Database, stripe: StripeApi, settings: Settings
) -> list[Finding]:
    """Look at everything. What is away is a finding, no error.

    Raises:
        redis.RedisError: Redis went away meanwhile.
    """
    at_redis = examine_redis(redis, production=settings.env == "production")
    findings = [
        *at_redis,
        *examine_database(database, settings.database_url),
        *examine_stripe(stripe, settings),
        *examine_encryption(settings),
        examine_flower(settings),
    ]
    if failed(at_redis[:1]):
        return [*findings, warn("workers", "not known while Redis is away", "see to Redis first")]
    findings += [*examine_broker(redis, settings), *deliveries(redis, settings)]
    return [*findings, *_others(findings, judge(look(redis, inbox, database, settings), settings))]


def _others(findings: list[Finding], watched: list[Finding]) -> Iterator[Finding]:
    """Leave out what was just looked at afresh: the watch knows the last check's answer."""
    known = {finding.check for finding in findings}
    return (finding for finding in watched if finding.check not in known)
