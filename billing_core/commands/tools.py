"""What running commands work with."""

from dataclasses import dataclass

from billing_core.commands.answers import CommandAnswers
from billing_core.commands.customer import Customers
from billing_core.database import Database
from billing_core.stripe_api import StripeApi


@dataclass(frozen=True)
class Tools:
    """One of each, for all commands.

    Attributes:
        database: with our rows.
        stripe: to ask.
        answers: writes what Stripe answered.
        customers: finds or creates a user's customer.
        default_price: of a subscription whose command names none.
        app: which of several applications in the Stripe account we are, if there are several.
    """

    database: Database
    stripe: StripeApi
    answers: CommandAnswers
    customers: Customers
    default_price: str | None
    app: str | None

    @classmethod
    def over(cls, database: Database, stripe: StripeApi, default_price: str | None, app: str | None) -> "Tools":
        """Put them together."""
        answers = CommandAnswers(database, stripe, app)
        return cls(database, stripe, answers, Customers(database, stripe, answers, app), default_price, app)
