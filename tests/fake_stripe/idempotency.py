"""Stripe's rule for idempotency keys: same key and request, same answer."""

from dataclasses import dataclass, field

from tests.fake_stripe.errors import StripeFailure

# Stripe forgets a v1 key after at least this long.
KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Answer:
    """What goes back to the client."""

    status: int
    body: bytes
    request_id: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class _Entry:
    fingerprint: str
    since: float
    answer: Answer | None = None


class IdempotencyKeys:
    """Keys in use and the answers they stand for."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def begin(self, key: str, fingerprint: str, now: float) -> Answer | None:
        """Claim a key, or return the answer it already has.

        Raises:
            StripeFailure: 400 for another request under the same key, 409 while the first is under way.
        """
        entry = self._entries.get(key)
        if entry is None or now - entry.since > KEPT_SECONDS:
            self._entries[key] = _Entry(fingerprint, now)
            return None
        if entry.fingerprint != fingerprint:
            raise StripeFailure(
                400,
                "idempotency_error",
                "Keys for idempotent requests can only be used with the same parameters they were first used "
                f"with. Try using a key other than '{key}' if you meant to execute a different request.",
            )
        if entry.answer is None:
            raise StripeFailure(
                409,
                "idempotency_error",
                "There is currently another in-progress request using this Stripe-Idempotency-Key (that "
                f"probably means you submitted twice, and the other request is still going through): {key}. "
                "If you want to create a new request, please use a different key.",
                code="idempotency_key_in_use",
            )
        return entry.answer

    def finish(self, key: str, answer: Answer) -> None:
        """Keep the answer for whoever comes with this key again."""
        self._entries[key].answer = answer

    def release(self, key: str) -> None:
        """Forget a key whose request was refused before it began to execute."""
        self._entries.pop(key, None)
