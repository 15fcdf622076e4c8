import sys
from typing import Annotated

import typer

from billing_core.adoption import adopt, orphans_of
from billing_core.cli.audit import note
from billing_core.cli.runtime import runtime
from billing_core.database import Database
from billing_core.links import Parents
from billing_core.owners import LARGEST_USER_ID, UnknownUser, link_customer
from billing_core.parked import redrive
from billing_core.retry import named_database_errors, retry_blips

app = typer.Typer(no_args_is_help=True, help="Which user a Stripe customer is.")


@app.command()
def link(
    customer: Annotated[str, typer.Argument(help="Stripe's ID, cus_…")],
    user_id: Annotated[int, typer.Argument(help="Users.UserID", min=1, max=LARGEST_USER_ID)],
) -> None:
    """Link a customer to a user, and apply the events that waited for it: `billing customers link cus_… 42`."""
    here = runtime()
    try:
        former = _link(here.database, customer, user_id)
    except UnknownUser as error:
        sys.exit(str(error))
    typer.echo(f"{customer} is user {user_id}" + (f" (was {former})" if former not in (None, user_id) else ""))
    event_ids = redrive(here.database, here.inbox, [customer])
    typer.echo(f"{len(event_ids)} parked events queued again")


@retry_blips
def _link(database: Database, customer: str, user_id: int) -> int | None:
    with named_database_errors(), database.write() as session:
        former = link_customer(session, customer, user_id)
        note(session, "customers.link", customer, user_id=user_id, former_user_id=former)
        session.flush()
        # Money that moved is kept without a user, too: it gets its user now.
        adopt(session, orphans_of(session, Parents(customers={customer})))
        return former
