"""The ways through an account, in steps short enough to stop after any of them. A place is JSON: where to go on."""

from dataclasses import dataclass
from typing import Any, Protocol

from billing_core.kinds import Kind
from billing_core.reconcile.seen import Seen

Place = dict[str, Any]

# The most that Stripe gives at a time, and as many rows: https://docs.stripe.com/api/pagination
PAGE = 100


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to.

    Attributes:
        seen: objects of one kind that Stripe listed.
        unseen: kind and ID of rows that ought to have been among them.
        next: where to go on, None at the end.
        unreadable: how many objects had no shape that we know.
    """

    seen: list[Seen]
    unseen: list[tuple[Kind, str]]
    next: Place | None
    unreadable: int = 0


class Walk(Protocol):
    """One way. It begins at the place `{}`."""

    @property
    def kind(self) -> Kind:
        """What is seen on it."""
        ...

    def step(self, place: Place) -> Step:
        """Take a step from a place.

        Raises:
            StripeUnavailable: no answer; take it again.
            DatabaseUnavailable: the same.
        """
        ...
