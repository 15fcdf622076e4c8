"""A user's personal data is erased on request, and does not come back: docs/privacy.md says what stays, and why."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, func, or_, select, update
from sqlalchemy.orm import Session

from billing_core.actions import record_action
from billing_core.database import Database
from billing_core.errors import BillingError
from billing_core.models import BillingCommand, BillingCustomer, BillingEvent, PaymentMethod, Subscription, User
from billing_core.models.declarative import utc_now
from billing_core.records import ENDED_SUBSCRIPTION
from billing_core.retry import named_database_errors, retry_blips

# A transaction of so many rows ends within the statement timeout and lets the workers write in between.
ERASED_AT_ONCE = 500

# Whose changes may name a card, or what a customer's metadata said.
_TELLING = ("payment_method.%", "customer.created", "customer.updated", "customer.deleted")


class CannotErase(BillingError):
    """The user's data is needed, or there is no such user."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of the user's lost something."""

    customers: int
    payment_methods: int
    commands: int
    events: int

    def as_json(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def erase_user(database: Database, user_id: int, *, subject: str, source: str, force: bool = False) -> Erased:
    """Erase what is personal of a user, from all tables. It can be done again: what came meanwhile is erased, too.

    Args:
        database: with our rows.
        user_id: whose.
        subject: who does it.
        source: by which way.
        force: also while a subscription lives.

    Raises:
        CannotErase: there is no such user, or a subscription lives.
        DatabaseUnavailable: the database is away or busy; do it again.
    """
    customers, methods, commands = _erase_rows(database, user_id, subject, source, force=force)
    events = 0
    while count := _erase_events(database, user_id):
        events += count
    return Erased(customers, methods, commands, events)


@retry_blips
def _erase_rows(database: Database, user_id: int, subject: str, source: str, *, force: bool) -> tuple[int, int, int]:
    """From here on, nothing personal of the user's is written: what is, asks BillingCustomers first."""
    with named_database_errors(), database.write() as session:
        if session.get(User, user_id) is None:
            raise CannotErase(f"Users has no UserID {user_id}: nothing was erased")
        if (living := _living(session, user_id)) and not force:
            raise CannotErase(f"{', '.join(living)}: not over yet; cancel first, or use --force. Nothing was erased")
        record_action(
            session,
            "users.erase",
            subject=subject,
            source=source,
            target=str(user_id),
            details={"living_subscriptions": living},
        )
        return (
            _changed(session, _forget_customers(user_id)),
            _changed(session, _forget_cards(user_id)),
            _forget_commands(session, user_id),
        )


def _living(session: Session, user_id: int) -> list[str]:
    query = select(Subscription.stripe_subscription_id).where(
        Subscription.user_id == user_id, Subscription.status.not_in(ENDED_SUBSCRIPTION)
    )
    return list(session.scalars(query.order_by(Subscription.subscription_id)))


def _changed(session: Session, statement: Update) -> int:
    return session.connection().execute(statement).rowcount


def _forget_customers(user_id: int) -> Update:
    # The revision moves in SQL: who read the row before writes nothing any more.
    return (
        update(BillingCustomer)
        .where(BillingCustomer.user_id == user_id)
        .values(
            named_user=None,
            erased_at=func.coalesce(BillingCustomer.erased_at, utc_now()),
            revision=BillingCustomer.revision + 1,
        )
    )


def _forget_cards(user_id: int) -> Update:
    nothing = dict.fromkeys(("last4", "brand", "exp_month", "exp_year"))
    return (
        update(PaymentMethod)
        .where(PaymentMethod.user_id == user_id)
        .values(**nothing, revision=PaymentMethod.revision + 1)
    )


def _forget_commands(session: Session, user_id: int) -> int:
    """What is still to be done needs its arguments; erase again afterwards."""
    query = select(BillingCommand).where(BillingCommand.user_id == user_id, BillingCommand.finished_at.is_not(None))
    found = 0
    for command in session.scalars(query):
        found += 1
        if command.arguments.get("metadata"):
            command.arguments = command.arguments | {"metadata": {}}
        command.steps = None
    return found


@retry_blips
def _erase_events(database: Database, user_id: int) -> int:
    """Erase some events: payload and error of all, and the changes of those that tell of cards and of the customer."""
    tells = or_(*(BillingEvent.event_type.like(pattern) for pattern in _TELLING))
    holds = or_(
        BillingEvent.event_data.is_not(None),
        BillingEvent.error.is_not(None),
        tells & BillingEvent.changes.is_not(None),
    )
    with named_database_errors(), database.write() as session:
        events = session.execute(_events(user_id, holds)).all()
        if events:
            chunk = [event_id for event_id, _ in events]
            _erase(session, BillingEvent.event_id.in_(chunk), {"event_data": None, "error": None})
            _erase(session, BillingEvent.event_id.in_(chunk) & tells, {"changes": None})
        return len(events)


def _events(user_id: int, holds: ColumnElement[bool]) -> Select[int, str]:
    """Of his customers' events some have no user: they were parked, or another application's."""
    customers = select(BillingCustomer.stripe_customer_id).where(BillingCustomer.user_id == user_id)
    his = or_(BillingEvent.user_id == user_id, BillingEvent.stripe_customer_id.in_(customers))
    query = select(BillingEvent.event_id, BillingEvent.stripe_event_id).where(his, holds)
    return query.order_by(BillingEvent.event_id).limit(ERASED_AT_ONCE)


def _erase(session: Session, condition: ColumnElement[bool], values: dict[str, Any]) -> None:
    statement = update(BillingEvent).where(condition).values(values)
    session.execute(statement, execution_options={"synchronize_session": False})
