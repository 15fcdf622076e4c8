"""Ways to break a row through SQL, and what reconcile must say of each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from billing_core.database import Database
from billing_core.kinds import KINDS, Kind
from billing_core.models import Dispute, Invoice, InvoicePayment, PaymentMethod, Refund, Subscription
from billing_core.ordering import jsonable
from billing_core.reconcile.findings import NAME_OF, PRIVATE, WITHHELD

# Ours alone, or what makes it another row: tested elsewhere.
# Of an erasure Stripe knows nothing, and what is erased is compared otherwise.
NEVER = {"revision", "last_event_id", "created_at", "updated_at", "as_of", "erased_at"}

LINKS = {"subscription_id", "invoice_id"}


@dataclass(frozen=True)
class Target:
    """A row that can be broken: `family` are the rows of one customer, `columns` what Stripe can contradict."""

    kind: Kind
    stripe_id: str
    family: str
    values: dict[str, Any]
    columns: tuple[str, ...]
    removable: bool


@dataclass(frozen=True)
class Break:
    """What is done to one row: no columns means that it is removed."""

    target: Target
    columns: tuple[str, ...]

    @property
    def expected(self) -> tuple[str, str, str, dict[str, Any]]:
        what = "differs" if self.columns else "missing"
        return (
            NAME_OF[self.target.kind],
            self.target.stripe_id,
            what,
            {name: self._shown(name) for name in self.columns},
        )

    def do(self, database: Database) -> None:
        kind, mine = self.target.kind, self.target.kind.attribute(self.target.kind.stripe_key)
        with database.write() as session:
            if self.columns:
                new = {name: broken(kind, name, self.target.values[name]) for name in self.columns}
                session.execute(sa.update(kind.model).where(mine == self.target.stripe_id).values(new))
                return
            _orphan(session, self.target)
            session.execute(sa.delete(kind.model).where(mine == self.target.stripe_id))

    def _shown(self, name: str) -> list[Any]:
        value = self.target.values[name]
        new = broken(self.target.kind, name, value)
        return [WITHHELD, WITHHELD] if name in PRIVATE else [jsonable(new), jsonable(value)]


def broken(kind: Kind, name: str, value: Any) -> Any:
    """Return something else that the column can hold."""
    column = kind.column(name)
    if name in LINKS or (name == "user_id" and column.nullable):
        return None
    if name == "user_id":
        return value % 6 + 1
    if column.nullable and value is not None:
        return None
    return _other(column, value)


def _other(column: sa.Column[Any], value: Any) -> Any:
    if isinstance(column.type, sa.Boolean):
        return not value
    if isinstance(column.type, sa.Integer):
        return (value or 0) + 7
    if isinstance(value, datetime) or "DateTime" in type(column.type).__name__:
        return (value or datetime.fromisoformat("2026-01-01T00:00:00+00:00")) + timedelta(days=11)
    return "canceled" if column.name == "Status" and value != "canceled" else "broken"[: _length(column)]


def _length(column: sa.Column[Any]) -> int:
    return getattr(column.type, "length", None) or 255


def targets(database: Database) -> list[Target]:
    found = list[Target]()
    with database.read() as session:
        for kind in KINDS:
            for row in session.scalars(sa.select(kind.model)):
                values = {name: getattr(row, name) for name in _columns(kind)}
                columns = tuple(name for name in values if _contradicted(kind, name, values))
                # An invoice payment names no customer; its invoice does.
                payer: Any = session.get_one(Invoice, row.invoice_id) if isinstance(row, InvoicePayment) else row
                removable = not values.get("deleted_at") and not values.get("detached_at")
                removable = removable and values.get("status") != "deleted"
                stripe_id = getattr(row, kind.stripe_key)
                found.append(Target(kind, stripe_id, payer.stripe_customer_id, values, columns, removable))
    gone = {one.family for one in found if one.values.get("deleted_at")}
    return [one for one in found if one.family not in gone and one.values.get("status") != "deleted"]


def _columns(kind: Kind) -> list[str]:
    return [
        name
        for name in list(kind.model.__mapper__.columns.keys())
        if name not in {*NEVER, kind.primary_key, kind.stripe_key}
    ]


def _contradicted(kind: Kind, name: str, values: dict[str, Any]) -> bool:
    """Whether Stripe, or another row, can say that something else is true."""
    if name in LINKS:
        return values[name] is not None
    if kind.model is PaymentMethod and values["detached_at"]:
        return name not in {"stripe_customer_id", "detached_at"}
    return True


def breaks(of: list[Target]) -> st.SearchStrategy[list[Break]]:
    """Draw what to break: in each family one row, so that each finding has one cause."""
    return st.lists(st.sampled_from(of), min_size=1, max_size=4, unique_by=lambda one: one.family).flatmap(
        lambda chosen: st.tuples(*map(_break, chosen)).map(list)
    )


def _break(target: Target) -> st.SearchStrategy[Break]:
    changes = st.lists(st.sampled_from(target.columns), min_size=1, max_size=4, unique=True).map(tuple)
    drawn = st.one_of(st.just(()), changes) if target.removable else changes
    return drawn.map(lambda columns: Break(target, columns))


def _orphan(session: sa.orm.Session, target: Target) -> None:
    """Take the links away that would keep the row from being removed."""
    children: dict[Any, tuple[Any, ...]] = {
        Subscription: (Invoice, InvoicePayment, Dispute, Refund),
        Invoice: (InvoicePayment, Dispute, Refund),
    }
    name = target.kind.primary_key
    own_id = sa.select(getattr(target.kind.model, name)).where(
        target.kind.attribute(target.kind.stripe_key) == target.stripe_id
    )
    for model in children.get(target.kind.model, ()):
        statement = sa.update(model).where(getattr(model, name) == own_id.scalar_subquery()).values({name: None})
        session.execute(statement, execution_options={"synchronize_session": False})
