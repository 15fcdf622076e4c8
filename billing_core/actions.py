"""BillingActions: who did what by hand. An action is on record before its effect, or commits together with it."""

from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing_core.models import BillingAction

_LONGEST_SUBJECT = 255  # of the column; a token's `sub` may be longer

LISTED = ("created_at", "subject", "source", "action", "target", "details")


class Source(StrEnum):
    """By which way an action came."""

    CLI = "cli"
    CONSOLE = "console"
    API = "api"
    SYSTEM = "system"


def record_action(
    session: Session,
    action: str,
    *,
    subject: str,
    source: str,
    target: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Put an action on record, in the transaction of its effect if it has one.

    Args:
        session: of the transaction that the caller commits.
        action: what was done: `events.replay`, `customers.link`, …
        subject: who did it: a token's subject, a user of the console, `cli:<user of the system>`, `system`.
        source: a value of `Source`.
        target: the one thing it was done to: `evt_…`, `cus_…`, a user's ID as text.
        details: IDs and counts. Nothing personal: rows are never deleted, not by an erasure either.
    """
    session.add(
        BillingAction(
            subject=subject[:_LONGEST_SUBJECT],
            source=Source(source),
            action=action,
            target=target,
            details=details,
        )
    )


def list_actions(
    session: Session,
    *,
    action: str | None = None,
    subject: str | None = None,
    target: str | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return the newest actions to which all that is given applies, the newest first."""
    wanted = {"action": action, "subject": subject, "target": target}
    query = select(*(getattr(BillingAction, name) for name in LISTED))
    query = query.filter_by(**{name: value for name, value in wanted.items() if value is not None})
    newest = query.order_by(BillingAction.billing_action_id.desc()).limit(limit)
    return [dict(row) for row in session.execute(newest).mappings()]
