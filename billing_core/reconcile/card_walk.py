"""Through the payment methods: Stripe lists those of a customer, so we go from one of our customers to the next."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import exists, select

from billing_core.database import Database
from billing_core.errors import StripeObjectMissing
from billing_core.kinds import CUSTOMER, PAYMENT_METHOD, Kind
from billing_core.models import BillingCustomer, PaymentMethod
from billing_core.reconcile.seen import Seen, expansions, readable
from billing_core.reconcile.walks import PAGE, Place, Step
from billing_core.retry import named_database_errors, retry_blips
from billing_core.stripe_api import StripeApi

# Customers in one step, and asked about at the same time: one request each, and Stripe takes its time to answer.
CUSTOMERS = 20
AT_ONCE = 4


class CardWalk:
    """A step is some customers, and in the end rows whose customer is not among ours any more.

    Places: `{customer}` stands behind the customer with this ID of ours, `{stray}` behind such a row.
    """

    kind = PAYMENT_METHOD

    def __init__(self, database: Database, stripe: StripeApi) -> None:
        self._database = database
        self._stripe = stripe

    def step(self, place: Place) -> Step:
        """Look at the payment methods of some customers, or at stray rows."""
        return self._strays(place["stray"]) if "stray" in place else self._of_customers(place.get("customer", 0))

    def _of_customers(self, after: int) -> Step:
        customers = self._customers(after)
        if not customers:
            return Step([], [], {"stray": 0})
        ids = [stripe_id for _, stripe_id in customers]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = dict(zip(ids, threads.map(self._of_customer, ids), strict=True))
        seen = [one for methods in found.values() for one in methods or ()]
        unknown: list[tuple[Kind, str]] = [
            (CUSTOMER, stripe_id) for stripe_id, methods in found.items() if methods is None
        ]
        unseen = sorted(self._rows_of(ids) - {one.stripe_id for one in seen})
        return Step(seen, unknown + [(PAYMENT_METHOD, one) for one in unseen], {"customer": customers[-1][0]})

    def _of_customer(self, customer: str) -> list[Seen] | None:
        """Return the customer's payment methods, or None if Stripe has no such customer (any more)."""
        seen = list[Seen]()
        asked = expansions(PAYMENT_METHOD, "data.") | {"limit": PAGE}
        while True:
            try:
                answer = self._stripe.fetch(f"{CUSTOMER.path}{customer}/payment_methods", **asked)
            except StripeObjectMissing:
                return None
            seen += readable(PAYMENT_METHOD, answer.obj["data"], answer)
            if not answer.obj["has_more"]:
                return seen
            asked["starting_after"] = answer.obj["data"][-1]["id"]

    @retry_blips
    def _customers(self, after: int) -> list[tuple[int, str]]:
        own_id = BillingCustomer.billing_customer_id
        query = select(own_id, BillingCustomer.stripe_customer_id).where(own_id > after, *_OWNED)
        with named_database_errors(), self._database.read() as session:
            rows = session.execute(query.order_by(own_id).limit(CUSTOMERS))
            return [(number, stripe_id) for number, stripe_id in rows]

    @retry_blips
    def _rows_of(self, customers: list[str]) -> set[str]:
        query = select(PaymentMethod.stripe_payment_method_id).where(PaymentMethod.stripe_customer_id.in_(customers))
        with named_database_errors(), self._database.read() as session:
            return set(session.scalars(query))

    @retry_blips
    def _strays(self, after: int) -> Step:
        own_id = PaymentMethod.payment_method_id
        owned = exists().where(BillingCustomer.stripe_customer_id == PaymentMethod.stripe_customer_id, *_OWNED)
        query = select(own_id, PaymentMethod.stripe_payment_method_id).where(own_id > after, ~owned)
        with named_database_errors(), self._database.read() as session:
            rows = [(number, stripe_id) for number, stripe_id in session.execute(query.order_by(own_id).limit(PAGE))]
        unseen: list[tuple[Kind, str]] = [(PAYMENT_METHOD, stripe_id) for _, stripe_id in rows]
        return Step([], unseen, {"stray": rows[-1][0]} if len(rows) == PAGE else None)


_OWNED = (BillingCustomer.user_id.is_not(None), BillingCustomer.deleted_at.is_(None))
