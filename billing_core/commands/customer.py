"""A user's Stripe customer: created once, however many commands need it at the same time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from billing_core.commands.answers import CommandAnswers
from billing_core.commands.keys import KEY_LIFETIME, customer_key
from billing_core.commands.work import Call, Work
from billing_core.database import Database
from billing_core.guard import ABSENT
from billing_core.kinds import CUSTOMER
from billing_core.models import BillingCustomer
from billing_core.retry import named_database_errors, retry_blips
from billing_core.shapes import APP_KEY, USER_KEY
from billing_core.stripe_api import Fetched, StripeApi

STEP = "customer"


class Customers:
    """Finds or creates the customer of a user."""

    def __init__(self, database: Database, stripe: StripeApi, answers: CommandAnswers, app: str | None) -> None:
        self._database = database
        self._stripe = stripe
        self._answers = answers
        self._app = app

    def of(self, work: Work, user_id: int) -> str:
        """Return the user's customer; create it at Stripe if there is none.

        All commands of a user send the same request with the same key, so that Stripe makes one customer of them.

        Raises:
            StripeUnavailable: it is not known whether it was created.
        """
        living, deleted = self._known(user_id)
        if living:
            return living
        metadata = {USER_KEY: str(user_id)} | ({APP_KEY: self._app} if self._app else {})
        call = Call("post", CUSTOMER.path.rstrip("/"), {"metadata": metadata}, customer_key(user_id, deleted))
        written = work.call(STEP, call, lambda since: self._look_up(user_id, since))
        answer = self._answers.of_write(CUSTOMER, ABSENT, written)
        self._answers.save(work, [answer])
        return answer.stripe_id

    @retry_blips
    def _known(self, user_id: int) -> tuple[str | None, int]:
        """Return the user's oldest customer that is not deleted, and how many are."""
        query = select(BillingCustomer).where(BillingCustomer.user_id == user_id)
        with named_database_errors(), self._database.read() as session:
            rows = list(session.scalars(query.order_by(BillingCustomer.billing_customer_id)))
        living = [row.stripe_customer_id for row in rows if row.deleted_at is None]
        return living[0] if living else None, len(rows) - len(living)

    def _look_up(self, user_id: int, since: datetime) -> Fetched | None:
        """Find the customer by its metadata among those made while the key was good."""
        for customer in created_in(self._stripe, CUSTOMER.path, since, {}):
            if (customer.get("metadata") or {}).get(USER_KEY) == str(user_id):
                return self._stripe.fetch(f"{CUSTOMER.path}{customer['id']}")
        return None


# Our clock, by which a step began, and Stripe's, by which an object was created, differ.
_SKEW = timedelta(minutes=10)


def created_in(stripe: StripeApi, path: str, since: datetime, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """List the objects that a call may have made which was first sent at `since`, page by page, newest first."""
    first, last = since - _SKEW, since + KEY_LIFETIME + 2 * _SKEW
    window = {"gte": int(first.timestamp()), "lte": int(last.timestamp())}
    more: dict[str, Any] = {}
    while True:
        page = stripe.fetch(path.rstrip("/"), created=window, limit=100, **params, **more).obj
        yield from page["data"]
        if not page["has_more"] or not page["data"]:
            return
        more = {"starting_after": page["data"][-1]["id"]}
