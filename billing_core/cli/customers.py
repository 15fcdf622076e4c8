import sys
from typing import TYPE_CHECKING, Annotated

import typer

from billing_core.cli.options import JsonOption, examples
from billing_core.user_ids import LARGEST_USER_ID

if TYPE_CHECKING:
    from billing_core.database import Database

app = typer.Typer(no_args_is_help=True, help="Which user a Stripe customer is.")


@app.command("list", epilog=examples("billing customers list", "billing customers list --limit 500 --json"))
def list_(
    limit: Annotated[int, typer.Option(help="At most so many, those that wait longest.", min=1)] = 50,
    as_json: JsonOption = False,
) -> None:
    """List the customers without a user whose events wait.

    They are parked until the customer's metadata at Stripe names a user, or until `link`.
    """
    from billing_core.cli.output import show_rows
    from billing_core.cli.runtime import runtime
    from billing_core.parked import WAITING, waiting_customers

    with runtime().database.read() as session:
        rows = waiting_customers(session, limit)
    show_rows(rows, WAITING, as_json=as_json)


@app.command(epilog=examples("billing customers link cus_1 1", "billing customers link cus_2 2 --json"))
def link(
    customer: Annotated[str, typer.Argument(help="Stripe's ID, cus_…")],
    user_id: Annotated[int, typer.Argument(help="Users.UserID", min=1, max=LARGEST_USER_ID)],
    as_json: JsonOption = False,
) -> None:
    """Link a customer to a user, and apply the events that waited for it."""
    from billing_core.cli.output import show_json
    from billing_core.cli.runtime import runtime
    from billing_core.owners import UnknownUser
    from billing_core.parked import redrive

    here = runtime()
    try:
        former = _link(here.database, customer, user_id)
    except UnknownUser as error:
        sys.exit(str(error))
    event_ids = redrive(here.database, here.inbox, [customer], payloads=here.payloads)
    if as_json:
        show_json({"customer": customer, "user_id": user_id, "former_user_id": former, "queued_again": event_ids})
        return
    typer.echo(f"{customer} is user {user_id}" + (f" (was {former})" if former not in (None, user_id) else ""))
    typer.echo(f"{len(event_ids)} parked events queued again")


def _link(database: "Database", customer: str, user_id: int) -> int | None:
    from billing_core.cli.audit import note
    from billing_core.owners import link_customer
    from billing_core.retry import named_database_errors, retry_blips

    @retry_blips
    def linked() -> int | None:
        with named_database_errors(), database.write() as session:
            former = link_customer(session, customer, user_id)
            note(session, "customers.link", customer, user_id=user_id, former_user_id=former)
            return former

    return linked()
