import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billing_core.database import Database
from billing_core.dialects import StripeId, ids_compared_loosely
from billing_core.models import (
    NEVER,
    BillingCustomer,
    BillingEvent,
    Invoice,
    InvoicePayment,
    Model,
    Refund,
    Subscription,
)

NOW = datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def test_attributes_are_the_columns_in_snake_case() -> None:
    for mapper in Model.registry.mappers:
        for attribute in mapper.column_attrs:
            assert attribute.key == snake_case(attribute.columns[0].name)


def test_every_stripe_id_that_identifies_a_row_is_unique() -> None:
    unique = {
        f"{table.name}.{next(iter(constraint.columns)).name}"
        for table in Model.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    }
    assert unique == {
        "BillingCheckpoints.Name",
        "BillingCommands.CommandID",
        "BillingCommands.IdempotencyKey",
        "BillingCustomers.StripeCustomerID",
        "BillingEvents.StripeEventID",
        "Disputes.StripeDisputeID",
        "InvoicePayments.StripeInvoicePaymentID",
        "Invoices.StripeInvoiceID",
        "PaymentMethods.StripePaymentMethodID",
        "Refunds.StripeRefundID",
        "Subscriptions.StripeSubscriptionID",
    }


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as session:
        yield session


def an_event(**fields: Any) -> BillingEvent:
    defaults = {
        "stripe_event_id": "evt_1",
        "event_type": "invoice.payment_succeeded",
        "livemode": False,
        "stripe_created_at": NOW,
        "received_at": NOW,
        "outcome": "applied",
    }
    return BillingEvent(**{**defaults, **fields})


def an_invoice(**fields: Any) -> Invoice:
    defaults = {
        "user_id": 1,
        "stripe_invoice_id": "in_1",
        "stripe_customer_id": "cus_1",
        "amount": 1000,
        "amount_due": 1000,
        "amount_paid": 0,
        "amount_remaining": 1000,
        "status": "open",
        "stripe_created_at": NOW,
        "as_of": NOW,
    }
    return Invoice(**{**defaults, **fields})


def store(session: Session, *events: BillingEvent) -> None:
    """Insert one by one: several at once the ORM inserts by a statement that Babelfish does not know."""
    for event in events:
        session.add(event)
        session.flush()


def test_stripe_ids_differ_by_case_alone(session: Session) -> None:
    store(session, an_event(stripe_event_id="evt_1a"), an_event(stripe_event_id="evt_1A"))
    found = session.scalars(sa.select(BillingEvent.stripe_event_id).where(BillingEvent.stripe_event_id == "evt_1A"))
    assert found.all() == ["evt_1A"]


def test_stripe_ids_sort_by_their_bytes(session: Session) -> None:
    store(session, *(an_event(stripe_event_id=event_id) for event_id in ("evt_a", "evt_B", "evt_A", "evt_b")))
    found = session.scalars(sa.select(BillingEvent.stripe_event_id).order_by(BillingEvent.stripe_event_id))
    assert found.all() == ["evt_A", "evt_B", "evt_a", "evt_b"]


def test_stripe_id_is_stored_once(session: Session) -> None:
    store(session, an_event())
    with pytest.raises(IntegrityError):
        store(session, an_event())


def test_columns_of_stripe_ids_have_the_binary_collation(database: Database) -> None:
    with database.read() as session:
        assert ids_compared_loosely(session.connection(), Model.metadata.sorted_tables) == []


def test_columns_of_stripe_ids_and_no_others_have_it_on_sqlite(sqlite: Database) -> None:
    """SQLAlchemy reads no collations there."""
    modeled = {
        (table.name, column.name)
        for table in Model.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, StripeId)
    }
    assert set(_collated_on_sqlite(sqlite)) == modeled


def _collated_on_sqlite(database: Database) -> Iterator[tuple[str, str]]:
    with database.read() as session:
        for name, ddl in session.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")):
            yield from ((name, column) for column in re.findall(r'"(\w+)" VARCHAR\(255\) COLLATE "BINARY"', ddl))


def test_moment_comes_back_to_the_microsecond_and_in_utc(session: Session) -> None:
    in_sydney = NOW.astimezone(timezone(timedelta(hours=11)))
    event = an_event(stripe_created_at=in_sydney)
    session.add(event)
    session.flush()
    session.expire(event)
    assert event.stripe_created_at == NOW
    assert event.stripe_created_at.tzinfo is UTC


def test_moments_are_found_and_sorted_across_zones(session: Session) -> None:
    session.add(an_event(stripe_created_at=NOW))
    session.flush()
    in_sydney = (NOW - timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=11)))
    query = sa.select(BillingEvent.stripe_event_id).where(BillingEvent.stripe_created_at > in_sydney)
    assert session.scalars(query).all() == ["evt_1"]


def test_server_defaults_hold_for_a_writer_without_models(session: Session) -> None:
    session.execute(
        sa.text(
            'INSERT INTO "Invoices" ("UserID", "StripeInvoiceID", "StripeCustomerID", "Amount", "AmountDue", '
            '"AmountPaid", "AmountRemaining", "Status", "StripeCreatedAt", "AsOf") '
            "VALUES (1, 'in_1', 'cus_1', 1, 1, 0, 1, 'open', :now, :now)"
        ),
        {"now": "2026-11-23 10:00:00.000000"},
    )
    invoice = session.scalars(sa.select(Invoice)).one()
    assert (invoice.currency, invoice.attempt_count, invoice.revision) == ("AUD", 0, 1)
    assert abs(invoice.created_at - datetime.now(UTC)) < timedelta(seconds=10)
    # As text, on SQLite, the server's moments sort among Python's.
    earlier = sa.select(Invoice).where(Invoice.created_at < datetime.now(UTC) - timedelta(minutes=1))
    assert session.scalars(earlier).all() == []


def test_amount_beyond_32_bits_is_kept(session: Session) -> None:
    rupiah = 999_999_999_999  # the most that Stripe takes
    invoice = an_invoice(amount=rupiah)
    session.add(invoice)
    session.flush()
    session.expire(invoice)
    assert invoice.amount == rupiah


def test_update_moves_updated_at_alone(session: Session) -> None:
    invoice = an_invoice(created_at=NOW, updated_at=NOW)
    session.add(invoice)
    session.flush()
    invoice.status = "paid"
    session.flush()
    session.expire(invoice)
    assert invoice.created_at == NOW
    assert invoice.updated_at > NOW - timedelta(days=365)
    assert invoice.updated_at != NOW


def test_event_data_is_kept_letter_for_letter(session: Session) -> None:
    raw = '{\n  "amount": 1.10,  "name": "Zoë \\ud83d 履歴書 😀", "amount": 1e400\n}'
    event = an_event(event_data=raw)
    session.add(event)
    session.flush()
    session.expire(event)
    assert event.event_data == raw


def test_changes_come_back_as_the_object_they_were(session: Session) -> None:
    changes = {"status": ["active", "past_due"], "name": "lone \ud83d surrogate", "ended_at": None}
    store(session, an_event(changes=changes), an_event(stripe_event_id="evt_2", changes=None))
    session.expire_all()
    found = session.scalars(sa.select(BillingEvent.changes).order_by(BillingEvent.stripe_event_id))
    assert found.all() == [changes, None]


def test_row_needs_a_user_that_exists(session: Session) -> None:
    session.add(an_invoice(user_id=404))
    with pytest.raises(IntegrityError):
        session.flush()


def test_customer_may_be_known_before_its_user(session: Session) -> None:
    session.add(BillingCustomer(stripe_customer_id="cus_new"))
    session.flush()
    session.expire_all()
    customer = session.scalars(sa.select(BillingCustomer).filter_by(stripe_customer_id="cus_new")).one()
    assert (customer.user_id, customer.named_user, customer.as_of, customer.revision) == (None, None, NEVER, 1)


def test_customers_without_a_state_go_in_beside_one_that_has_it(session: Session) -> None:
    session.execute(sa.delete(BillingCustomer))
    rows: list[dict[str, Any]] = [
        {"stripe_customer_id": "cus_1", "user_id": 1},
        {"stripe_customer_id": "cus_2", "named_user": "zoë@example.org", "as_of": NOW},
        {"stripe_customer_id": "cus_3", "deleted_at": NOW},
    ]
    session.execute(sa.insert(BillingCustomer), rows)
    found = session.execute(sa.select(BillingCustomer.stripe_customer_id, BillingCustomer.as_of))
    assert dict(found.all()) == {"cus_1": NEVER, "cus_2": NOW, "cus_3": NEVER}


def test_only_a_customer_may_be_stored_without_a_state() -> None:
    models = {mapper.class_: mapper.columns["as_of"] for mapper in Model.registry.mappers if "as_of" in mapper.columns}
    assert {column.nullable for column in models.values()} == {False}
    assert [model for model, column in models.items() if column.default is not None] == [BillingCustomer]


def test_refund_and_payment_may_come_before_all_that_they_belong_to(session: Session) -> None:
    shared = {"currency": "AUD", "stripe_created_at": NOW, "as_of": NOW}
    session.add_all(
        [
            Refund(stripe_refund_id="re_1", amount=1000, status="succeeded", **shared),
            InvoicePayment(stripe_invoice_payment_id="inpay_1", stripe_invoice_id="in_1", status="open", **shared),
        ]
    )
    session.flush()
    session.expire_all()
    refund = session.scalars(sa.select(Refund)).one()
    payment = session.scalars(sa.select(InvoicePayment)).one()
    assert (refund.user_id, refund.subscription_id, refund.invoice_id) == (None, None, None)
    assert (payment.user_id, payment.subscription_id, payment.invoice_id) == (None, None, None)
    assert (payment.amount_paid, payment.amount_requested, payment.paid_at) == (None, None, None)


def test_events_of_one_request_share_its_key(session: Session) -> None:
    keys = {"evt_1": "key_1", "evt_2": "key_1", "evt_3": None, "evt_4": None}
    store(session, *(an_event(stripe_event_id=event, idempotency_key=key) for event, key in keys.items()))
    found = session.scalars(sa.select(BillingEvent.stripe_event_id).where(BillingEvent.idempotency_key == "key_1"))
    assert set(found) == {"evt_1", "evt_2"}


def test_index_of_keys_leaves_out_events_without_one(database: Database) -> None:
    indexes = {index["name"]: index for index in sa.inspect(database.engine).get_indexes("BillingEvents")}
    index = indexes.get("IX_BillingEvents_IdempotencyKey")
    if index is None and database.engine.dialect.name == "mssql":
        pytest.skip("this server tells indexes under names of its own, and no filters (Babelfish)")
    options = index["dialect_options"] if index else {}
    assert "IS NOT NULL" in str(options[f"{database.engine.dialect.name}_where"])


def test_keys_number_themselves(session: Session) -> None:
    periods = {"current_period_start": NOW, "current_period_end": NOW + timedelta(days=30)}
    subscription = Subscription(
        user_id=1,
        stripe_subscription_id="sub_1",
        stripe_customer_id="cus_1",
        status="active",
        stripe_created_at=NOW,
        as_of=NOW,
        **periods,
    )
    session.add(subscription)
    session.flush()
    invoice = an_invoice(subscription_id=subscription.subscription_id)
    session.add(invoice)
    session.flush()
    session.add(an_event(subscription_id=subscription.subscription_id, invoice_id=invoice.invoice_id))
    session.flush()
    assert session.scalars(sa.select(BillingEvent.event_id)).one() > 0
