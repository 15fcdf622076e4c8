"""Every object of the fake account, by type and ID, in the modern shape."""

from collections.abc import Iterator

from tests.fake_stripe.errors import Json, no_such
from tests.fake_stripe.shapes import clean, copied

# Stripe's object names, which are also the words of its "No such …" messages.
KINDS = (
    "balance_transaction",
    "charge",
    "coupon",
    "customer",
    "discount",
    "dispute",
    "invoice",
    "invoice_payment",
    "invoiceitem",
    "payment_intent",
    "payment_method",
    "price",
    "product",
    "promotion_code",
    "refund",
    "setup_intent",
    "subscription",
    "token",
    "webhook_endpoint",
)


class State:
    """The true objects. Newest last; lists answer newest first."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Json]] = {kind: {} for kind in KINDS}

    def add(self, obj: Json) -> Json:
        """Keep a new object under its own `object` name."""
        self.tables[obj["object"]][obj["id"]] = obj
        return obj

    def get(self, kind: str, object_id: str, param: str = "id") -> Json:
        """Return the live object; a missing one is Stripe's resource_missing."""
        try:
            return self.tables[kind][object_id]
        except KeyError:
            raise no_such(kind, object_id, param) from None

    def find(self, object_id: str) -> Json | None:
        """Return the object with this ID, whatever its type."""
        for table in self.tables.values():
            if object_id in table:
                return table[object_id]
        return None

    def all(self, kind: str) -> Iterator[Json]:
        """Yield objects of one type, newest first."""
        return reversed(self.tables[kind].values())

    def where(self, kind: str, **fields: object) -> list[Json]:
        """Return objects of one type whose fields have these values, oldest first."""
        wanted = fields.items()
        return [obj for obj in self.tables[kind].values() if all(obj.get(k) == v for k, v in wanted)]

    def snapshot(self, kind: str) -> dict[str, Json]:
        """Return clean copies by ID, for comparing with what others hold."""
        return {object_id: clean(copied(obj)) for object_id, obj in self.tables[kind].items()}

    def dump(self) -> dict[str, dict[str, Json]]:
        """Return clean copies of everything, by type and ID."""
        return {kind: self.snapshot(kind) for kind in KINDS}
