"""Everything that can go wrong, named for the fact, in two families: retry later, and never retry."""


class BillingError(Exception):
    """Base of every error that this service raises on purpose."""


class RetryLater(BillingError):
    """Trouble of the infrastructure: the same work will succeed later. It never becomes a dead letter."""


class NeverRetry(BillingError):
    """The same work would fail again however often it is tried: it becomes a dead letter at once."""


class StripeUnavailable(RetryLater):
    """Stripe's API did not answer, answered 5xx, asked us to slow down, or does not know our key."""


class StripeRefused(NeverRetry):
    """Stripe's API refused the request for good: a bad parameter, a declined card."""


class StripeObjectMissing(StripeRefused):
    """Stripe knows no object with this ID (404 `resource_missing`)."""


class DatabaseUnavailable(RetryLater):
    """The database is away, busy beyond its timeouts, or chose our transaction as a deadlock's victim."""


class RaceLost(RetryLater):
    """Another writer changed the same row between our read and our write, more often than we start over."""


class MalformedEvent(NeverRetry):
    """The event or its object lacks something that our tables cannot do without."""


class WorkerKilled(NeverRetry):
    """The worker died each time it took this event up; it is set aside so that its neighbours can pass."""
