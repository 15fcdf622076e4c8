"""Commands on record as an operator looks through them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing_core.models import BillingCommand


@dataclass(frozen=True, slots=True)
class Asked:
    """Which commands: all conditions together; None asks nothing."""

    status: str | None = None
    name: str | None = None
    before: int | None = None


def list_commands(session: Session, asked: Asked, limit: int) -> Sequence[BillingCommand]:
    """Return the newest commands that fit."""
    query = select(BillingCommand).order_by(BillingCommand.billing_command_id.desc()).limit(limit)
    if asked.status:
        query = query.where(BillingCommand.status == asked.status)
    if asked.name:
        query = query.where(BillingCommand.name == asked.name)
    if asked.before is not None:
        query = query.where(BillingCommand.billing_command_id < asked.before)
    return session.scalars(query).all()


def find_command(session: Session, command_id: str) -> BillingCommand | None:
    """Return the command's row, with the steps that its callers are not told."""
    return session.scalar(select(BillingCommand).where(BillingCommand.command_id == command_id))
