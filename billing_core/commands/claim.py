"""Who works on a command: a lease by compare-and-set. And which commands nobody works on, though somebody should."""

from datetime import timedelta

from sqlalchemy import or_, select, update

from billing_core.commands.command import CommandStatus
from billing_core.commands.work import Work
from billing_core.database import Database
from billing_core.errors import NeverRetry, RaceLost
from billing_core.models import BillingCommand
from billing_core.models.declarative import utc_now
from billing_core.retry import named_database_errors, retry_blips
from billing_core.stripe_api import StripeApi

UNFINISHED = (CommandStatus.PENDING, CommandStatus.RUNNING)

# So many a sweep: each is one message.
SWEEP_BATCH = 100


class UnknownCommand(NeverRetry):
    """There is no command with this ID."""


@retry_blips
def claim(database: Database, stripe: StripeApi, command_id: str, lease: timedelta) -> Work | CommandStatus:
    """Take a command up, or return its status if it is finished or in another worker's hands.

    Raises:
        UnknownCommand: the ledger does not have it.
        RaceLost: another worker takes it up at this moment.
    """
    now = utc_now()
    with named_database_errors(), database.write() as session:
        row = session.scalar(select(BillingCommand).where(BillingCommand.command_id == command_id))
        if row is None:
            raise UnknownCommand(f"{command_id}: no such command")
        if row.status not in UNFINISHED or (row.leased_until and row.leased_until > now):
            return CommandStatus(row.status)
        claimed = (
            update(BillingCommand)
            .where(BillingCommand.command_id == command_id, BillingCommand.revision == row.revision)
            .values(
                status=CommandStatus.RUNNING,
                attempts=row.attempts + 1,
                leased_until=now + lease,
                due_at=now + lease,
                revision=row.revision + 1,
                updated_at=now,
            )
        )
        if session.connection().execute(claimed).rowcount != 1:
            raise RaceLost(f"{command_id}: another worker takes it up")
        session.refresh(row)
        return Work(database, stripe, row, lease)


@retry_blips
def stalled(database: Database, stall_time: float) -> list[str]:
    """Return commands that are due and in nobody's hands, to be queued again; each comes once in a stall time.

    Args:
        database: with the ledger.
        stall_time: seconds that a command may wait for a worker before it counts as lost on the way.
    """
    now = utc_now()
    with named_database_errors(), database.write() as session:
        due = (
            BillingCommand.status.in_(UNFINISHED),
            BillingCommand.due_at < now - timedelta(seconds=stall_time),
            or_(BillingCommand.leased_until.is_(None), BillingCommand.leased_until < now),
        )
        query = select(BillingCommand.command_id).where(*due).order_by(BillingCommand.due_at).limit(SWEEP_BATCH)
        command_ids = list(session.scalars(query))
        if command_ids:
            # The revision stays: who has just taken one up keeps it.
            again = update(BillingCommand).where(BillingCommand.command_id.in_(command_ids), *due).values(due_at=now)
            session.connection().execute(again)
    return command_ids
