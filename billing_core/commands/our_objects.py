"""Which object at Stripe a command means: by our ID or Stripe's, and only if it is one of our users'."""

from sqlalchemy import select

from billing_core.answers import Answer
from billing_core.commands.outcome import NotPossible
from billing_core.commands.tools import Tools
from billing_core.kinds import Kind
from billing_core.retry import named_database_errors


def our_object(tools: Tools, kind: Kind, asked: int | str) -> Answer:
    """Ask Stripe for the object.

    Raises:
        NotPossible: no user of ours owns it.
        StripeObjectMissing: Stripe has none.
        StripeUnavailable: no answer.
    """
    stripe_id = asked if isinstance(asked, str) else _stripe_id(tools, kind, asked)
    answer = tools.answers.look(kind, stripe_id)
    if answer.held.own_id is None and tools.answers.owner(answer.state.record.stripe_customer_id) is None:
        raise NotPossible("not_ours", f"{stripe_id} belongs to no user here.")
    return answer


def _stripe_id(tools: Tools, kind: Kind, own_id: int) -> str:
    query = select(kind.attribute(kind.stripe_key)).where(kind.attribute(kind.primary_key) == own_id)
    with named_database_errors(), tools.database.read() as session:
        stripe_id: str | None = session.scalar(query)
    if stripe_id is None:
        raise NotPossible("not_found", f"We have no object with the ID {own_id}.")
    return stripe_id
