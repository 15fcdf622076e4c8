import sys
from typing import Annotated

import typer

from billing_core.cli.options import JsonOption, YesOption, examples
from billing_core.cli.output import confirmed, show_json
from billing_core.user_ids import LARGEST_USER_ID

app = typer.Typer(no_args_is_help=True, help="What is kept of a user.")


@app.callback()
def _users() -> None:
    """Make `erase` a command of its own, as further ones will be."""


@app.command(epilog=examples("billing users erase 1", "billing users erase 2 --yes --json"))
def erase(
    user_id: Annotated[int, typer.Argument(help="Users.UserID", min=1, max=LARGEST_USER_ID)],
    yes: YesOption = False,
    force: Annotated[bool, typer.Option("--force", help="Also while a subscription lives.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a user's personal data from our tables; it does not come back.

    docs/privacy.md says what stays, and what to do at Stripe. Exit code 1 if there is no such user, or if a
    subscription is not over yet.
    """
    if not (yes or confirmed(f"Erase what is personal of user {user_id}? It cannot be undone.")):
        sys.exit("nothing was erased")
    from billing_core.actions import Source
    from billing_core.cli.audit import operator
    from billing_core.cli.runtime import runtime
    from billing_core.erasure import CannotErase, erase_user

    try:
        erased = erase_user(runtime().database, user_id, subject=operator(), source=Source.CLI, force=force).as_json()
    except CannotErase as error:
        sys.exit(str(error))
    if as_json:
        show_json({"user_id": user_id, **erased})
    else:
        typer.echo(" ".join(f"{name}={count}" for name, count in erased.items()))
