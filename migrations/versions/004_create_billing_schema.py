"""Create the billing schema.

001 to 003 are the host platform's and run by its own tool, so that this one has no predecessor here.

Revision ID: 004
Revises:
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from billing_core.dialects import (
    EventKey,
    JsonObject,
    JsonText,
    LongText,
    StripeId,
    UtcDateTime,
    UtcNow,
    create_table_unless_exists,
    only_where,
)

revision = "004"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _adopt_or_create_users()
    _create_billing_customers()
    _create_subscriptions()
    _create_payment_methods()
    _create_invoices()
    _create_invoice_payments()
    _create_disputes()
    _create_refunds()
    _create_billing_events()
    _create_billing_commands()
    _create_billing_checkpoints()
    _create_billing_actions()


def downgrade() -> None:
    # Users stays: it is the host platform's, and one that we created may be in use by now.
    for table in (
        "BillingActions",
        "BillingCheckpoints",
        "BillingCommands",
        "BillingEvents",
        "Refunds",
        "Disputes",
        "InvoicePayments",
        "Invoices",
        "PaymentMethods",
        "Subscriptions",
        "BillingCustomers",
    ):
        op.drop_table(table)


def _adopt_or_create_users() -> None:
    users = sa.Table(
        "Users",
        sa.MetaData(),
        sa.Column("UserID", sa.Integer(), sa.Identity(), nullable=False),
        sa.PrimaryKeyConstraint("UserID", name="PK_Users"),
    )
    op.execute(create_table_unless_exists(users, op.get_context().dialect))


def _create_billing_customers() -> None:
    _create_table(
        "BillingCustomers",
        _key("BillingCustomerID"),
        _stripe_id("StripeCustomerID", nullable=False),
        _number("UserID"),
        _text("App", 500, nullable=True),
        _text("NamedUser", 500, nullable=True),
        _stripe_id("DefaultPaymentMethod"),
        _moment("DeletedAt"),
        _moment("ErasedAt"),
        _moment("AsOf", nullable=False),
        *_state(),
        unique="StripeCustomerID",
        refers={"UserID": "Users"},
        indexes=["UserID"],
    )


def _create_subscriptions() -> None:
    _create_table(
        "Subscriptions",
        _key("SubscriptionID"),
        _number("UserID", nullable=False),
        _stripe_id("StripeSubscriptionID", nullable=False),
        _stripe_id("StripeCustomerID", nullable=False),
        _stripe_id("StripePriceID"),
        _text("Status", 50),
        _number("Quantity"),
        _moment("CurrentPeriodStart", nullable=False),
        _moment("CurrentPeriodEnd", nullable=False),
        _flag("CancelAtPeriodEnd"),
        _moment("CancelAt"),
        _moment("CanceledAt"),
        _moment("EndedAt"),
        _moment("TrialEnd"),
        _stripe_id("DefaultPaymentMethod"),
        _stripe_id("LatestInvoice"),
        _moment("StripeCreatedAt", nullable=False),
        _moment("AsOf", nullable=False),
        *_state(),
        unique="StripeSubscriptionID",
        refers={"UserID": "Users"},
        indexes=["UserID", "StripeCustomerID", "StripeCreatedAt"],
    )


def _create_payment_methods() -> None:
    _create_table(
        "PaymentMethods",
        _key("PaymentMethodID"),
        _number("UserID", nullable=False),
        _stripe_id("StripePaymentMethodID", nullable=False),
        _stripe_id("StripeCustomerID"),
        _text("Type", 50),
        _text("Last4", 4, nullable=True),
        _text("Brand", 50, nullable=True),
        _number("ExpMonth"),
        _number("ExpYear"),
        _flag("IsDefault"),
        _moment("DetachedAt"),
        _moment("AsOf", nullable=False),
        *_state(),
        unique="StripePaymentMethodID",
        refers={"UserID": "Users"},
        indexes=["UserID", "StripeCustomerID"],
    )


def _create_invoices() -> None:
    _create_table(
        "Invoices",
        _key("InvoiceID"),
        _number("UserID", nullable=False),
        _stripe_id("StripeInvoiceID", nullable=False),
        _stripe_id("StripeCustomerID", nullable=False),
        _stripe_id("StripeSubscriptionID"),
        _number("SubscriptionID"),
        _text("Number", 100, nullable=True),
        _text("BillingReason", 50, nullable=True),
        _amount("Amount"),
        _amount("AmountDue"),
        _amount("AmountPaid"),
        _amount("AmountRemaining"),
        sa.Column("Currency", sa.Unicode(3), server_default="AUD", nullable=False),
        _text("Status", 50),
        _count("AttemptCount", 0),
        _moment("NextPaymentAttempt"),
        _moment("PeriodStart"),
        _moment("PeriodEnd"),
        _moment("DueDate"),
        _moment("PaidAt"),
        _moment("StripeCreatedAt", nullable=False),
        _moment("AsOf", nullable=False),
        *_state(),
        unique="StripeInvoiceID",
        refers={"UserID": "Users", "SubscriptionID": "Subscriptions"},
        indexes=["UserID", "StripeCustomerID", "StripeSubscriptionID", "SubscriptionID", "StripeCreatedAt"],
    )


def _create_invoice_payments() -> None:
    _create_table(
        "InvoicePayments",
        _key("InvoicePaymentID"),
        _number("UserID"),
        _stripe_id("StripeInvoicePaymentID", nullable=False),
        _stripe_id("StripeInvoiceID", nullable=False),
        _number("InvoiceID"),
        _number("SubscriptionID"),
        _stripe_id("StripePaymentIntentID"),
        _stripe_id("StripeChargeID"),
        _amount("AmountPaid", nullable=True),
        _amount("AmountRequested", nullable=True),
        _text("Currency", 3),
        _text("Status", 50),
        _moment("PaidAt"),
        _moment("StripeCreatedAt", nullable=False),
        _moment("AsOf", nullable=False),
        *_state(),
        unique="StripeInvoicePaymentID",
        refers={"UserID": "Users", "InvoiceID": "Invoices", "SubscriptionID": "Subscriptions"},
        indexes=["UserID", "StripeInvoiceID", "StripePaymentIntentID", "StripeCreatedAt"],
    )


def _create_disputes() -> None:
    _create_table(
        "Disputes",
        _key("DisputeID"),
        _number("UserID"),
        _stripe_id("StripeDisputeID", nullable=False),
        _stripe_id("StripeChargeID", nullable=False),
        _stripe_id("StripePaymentIntentID"),
        _stripe_id("StripeInvoiceID"),
        _stripe_id("StripeCustomerID"),
        _number("SubscriptionID"),
        _number("InvoiceID"),
        _amount("Amount"),
        _text("Currency", 3),
        _text("Reason", 100),
        _text("Status", 50),
        _moment("EvidenceDueBy"),
        _moment("StripeCreatedAt", nullable=False),
        _moment("AsOf", nullable=False),
        *_state(),
        unique="StripeDisputeID",
        refers={"UserID": "Users", "SubscriptionID": "Subscriptions", "InvoiceID": "Invoices"},
        indexes=["UserID", "StripePaymentIntentID", "StripeInvoiceID", "StripeCustomerID", "StripeCreatedAt"],
    )


def _create_refunds() -> None:
    _create_table(
        "Refunds",
        _key("RefundID"),
        _number("UserID"),
        _stripe_id("StripeRefundID", nullable=False),
        _stripe_id("StripeChargeID"),
        _stripe_id("StripePaymentIntentID"),
        _stripe_id("StripeInvoiceID"),
        _stripe_id("StripeCustomerID"),
        _number("SubscriptionID"),
        _number("InvoiceID"),
        _amount("Amount"),
        _text("Currency", 3),
        _text("Status", 50),
        _text("Reason", 100, nullable=True),
        _text("FailureReason", 100, nullable=True),
        _moment("StripeCreatedAt", nullable=False),
        _moment("AsOf", nullable=False),
        *_state(),
        unique="StripeRefundID",
        refers={"UserID": "Users", "SubscriptionID": "Subscriptions", "InvoiceID": "Invoices"},
        indexes=["UserID", "StripePaymentIntentID", "StripeInvoiceID", "StripeCustomerID", "StripeCreatedAt"],
    )


def _create_billing_events() -> None:
    _create_table(
        "BillingEvents",
        sa.Column("EventID", EventKey, sa.Identity(), primary_key=True),
        _stripe_id("StripeEventID", nullable=False),
        _text("EventType", 100),
        _stripe_id("ObjectID"),
        _stripe_id("StripeCustomerID"),
        _number("UserID"),
        _number("SubscriptionID"),
        _number("InvoiceID"),
        _text("ApiVersion", 50, nullable=True),
        sa.Column("Livemode", sa.Boolean(), nullable=False),
        _stripe_id("RequestID"),
        _stripe_id("IdempotencyKey"),
        sa.Column("EventData", JsonText()),
        _moment("StripeCreatedAt", nullable=False),
        _moment("ReceivedAt", nullable=False),
        _now("ProcessedAt"),
        _text("Outcome", 20),
        _text("Reason", 500, nullable=True),
        sa.Column("Error", LongText),
        _count("Attempts", 1),
        sa.Column("Changes", JsonObject()),
        unique="StripeEventID",
        refers={"UserID": "Users", "SubscriptionID": "Subscriptions", "InvoiceID": "Invoices"},
        indexes=[
            "ObjectID",
            "StripeCustomerID",
            "StripeCreatedAt",
            "Outcome ProcessedAt",
            "UserID ProcessedAt",
        ],
    )
    keyed = sa.column("IdempotencyKey").is_not(None)
    op.create_index(
        "IX_BillingEvents_IdempotencyKey",
        "BillingEvents",
        ["IdempotencyKey"],
        **only_where(keyed),
    )


def _create_billing_commands() -> None:
    _create_table(
        "BillingCommands",
        _key("BillingCommandID"),
        _stripe_id("CommandID", nullable=False),
        _text("Name", 50),
        _text("Subject", 255),
        _stripe_id("IdempotencyKey", nullable=False),
        sa.Column("Arguments", JsonObject(), nullable=False),
        _number("UserID"),
        _number("SubscriptionID"),
        _number("InvoiceID"),
        _text("Status", 20),
        _count("Attempts", 0),
        _moment("LeasedUntil"),
        _moment("DueAt", nullable=False),
        sa.Column("Steps", JsonObject()),
        _stripe_id("StripeRequestID"),
        sa.Column("Result", JsonObject()),
        sa.Column("Error", JsonObject()),
        _moment("FinishedAt"),
        _count("Revision", 1),
        _now("CreatedAt"),
        _now("UpdatedAt"),
        unique="CommandID IdempotencyKey",
        refers={"UserID": "Users", "SubscriptionID": "Subscriptions", "InvoiceID": "Invoices"},
        indexes=["UserID", "Status DueAt"],
    )


def _create_billing_checkpoints() -> None:
    _create_table(
        "BillingCheckpoints",
        _key("BillingCheckpointID"),
        _text("Name", 100),
        sa.Column("Value", JsonObject(), nullable=False),
        _now("UpdatedAt"),
        unique="Name",
        refers={},
        indexes=[],
    )


def _create_billing_actions() -> None:
    _create_table(
        "BillingActions",
        _key("BillingActionID"),
        _text("Subject", 255),
        _text("Source", 20),
        _text("Action", 50),
        _stripe_id("Target"),
        sa.Column("Details", JsonObject()),
        _now("CreatedAt"),
        unique="",
        refers={},
        indexes=["Target"],
    )


def _create_table(name: str, *columns: sa.Column[Any], unique: str, refers: dict[str, str], indexes: list[str]) -> None:
    """The first column is the primary key; a foreign key's column has the same name in both tables.

    Each word of `unique` is a column, unique on its own; each of `indexes` an index of its words.
    """
    op.create_table(
        name,
        *columns,
        sa.PrimaryKeyConstraint(columns[0].name, name=f"PK_{name}"),
        *(sa.UniqueConstraint(column, name=f"UQ_{name}_{column}") for column in unique.split()),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.{column}"], name=f"FK_{name}_{column}")
            for column, table in refers.items()
        ),
    )
    for index in indexes:
        indexed = index.split()
        op.create_index("_".join(["IX", name, *indexed]), name, indexed)


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), sa.Identity(), primary_key=True)


def _state() -> tuple[sa.Column[Any], ...]:
    return _count("Revision", 1), _stripe_id("LastEventID"), _now("CreatedAt"), _now("UpdatedAt")


def _stripe_id(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, StripeId(), nullable=nullable)


def _moment(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, UtcDateTime(), nullable=nullable)


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, UtcDateTime(), server_default=UtcNow(), nullable=False)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Unicode(length), nullable=nullable)


def _number(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _count(name: str, start: int) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=sa.text(str(start)), nullable=False)


def _amount(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
