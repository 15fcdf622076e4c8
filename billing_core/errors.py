"""Everything that can go wrong, named for the fact, in two families: retry later, and never retry."""


class BillingError(Exception):
    """Base of every error that this service raises on purpose."""


class RetryLater(BillingError):
    """Trouble of the infrastructure: the same work will succeed later. It never becomes a dead letter."""


class NeverRetry(BillingError):
    """The same work would fail again however often it is tried: it becomes a dead letter at once."""


class StripeUnavailable(RetryLater):
    """Stripe's API did not answer, answered 5xx, asked us to slow down, or does not know our key.

    Attributes:
        retry_after: seconds, if it is known when to try again.
        replayed: whether it is what Stripe answered to an earlier request with the same idempotency key, and will
            answer for as long as it keeps the key.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, replayed: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.replayed = replayed


class StripeForbidden(StripeUnavailable):
    """Our restricted key lacks a permission (403): a person grants it while the work waits.

    Attributes:
        permission: Stripe's name of it, `rak_customer_read`, if it told.
    """

    def __init__(self, message: str, *, permission: str | None = None) -> None:
        super().__init__(message)
        self.permission = permission


class StripeRefused(NeverRetry):
    """Stripe's API refused the request for good: a bad parameter, a declined card.

    Attributes:
        status: HTTP's, 402 for a declined card.
        code: Stripe's error code.
        decline_code: the bank's reason.
        param: the parameter at fault.
        request_id: Stripe's ID of the request.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        decline_code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.decline_code = decline_code
        self.param = param
        self.request_id = request_id


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
