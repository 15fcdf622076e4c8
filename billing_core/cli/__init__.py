"""`billing`: what operators do by hand. docs/cli.md has every command, and the JSON of each."""

import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError  # typer.BadParameter is one of several
from typer.core import TyperGroup

from billing_core.cli import (
    console_password,
    customers,
    doctor,
    endpoint,
    events,
    gaps,
    keys,
    purge,
    reconcile,
    status,
    token,
    users,
)
from billing_core.cli.options import EXIT_CODES, examples

INTERRUPTED = 130
PIPE_CLOSED = 141


class Commands(TyperGroup):
    """The commands; whoever reads the output may stop reading at any time."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            done = super().invoke(ctx)
            sys.stdout.flush()  # else it would fail only at the interpreter's end
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None
        return done


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Look after the billing service. Settings are the service's own (docs/configuration.md).",
    epilog=EXIT_CODES,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich takes longer than all the rest of a help text
)
app.command("status", epilog=examples("billing status", "billing status --hours 1 --json"))(status.show)
app.command("doctor", epilog=examples("billing doctor", "billing doctor --json"))(doctor.examine)
app.add_typer(events.app, name="events")
app.command("gaps", epilog=examples("billing gaps", "billing gaps --since 24h --dry-run"))(gaps.fill)
app.command(
    "reconcile", epilog=examples("billing reconcile", "billing reconcile --kind invoice --kind refund --repair")
)(reconcile.reconcile)
app.command("backfill", epilog=examples("billing backfill", "billing backfill --restart --json"))(reconcile.backfill)
app.add_typer(customers.app, name="customers")
app.add_typer(users.app, name="users")
app.add_typer(endpoint.app, name="endpoint")
app.add_typer(keys.app, name="keys")
app.command("token", epilog=examples("billing token --user 7", "billing token --admin --minutes 5"))(token.make)
app.command(
    "console-password", epilog=examples("billing console-password jo --admin", "billing console-password lee --json")
)(console_password.make)
app.command("purge", epilog=examples("billing purge --older-than 400d", "billing purge --older-than 400d --yes"))(
    purge.purge
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"billing {version('stripe-billing')}")
        raise typer.Exit


@app.callback()
def _everywhere(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; what it cannot help ends it with one line on stderr that says what to do."""
    try:
        code = app(prog_name="billing", standalone_mode=False)
    except NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except UsageError as error:
        command = error.ctx.command_path if error.ctx else "billing"
        _end(2, f"{command}: {error.format_message().rstrip('.')}; see {command} --help")
    except Exception as error:
        from billing_core.cli.trouble import told

        if (end := told(error)) is None:
            raise
        _end(*end)
    if code == INTERRUPTED:
        sys.stderr.write("\n")  # a question may stand there
        _end(INTERRUPTED, "interrupted")
    sys.exit(code or 0)


def _end(code: int, text: str) -> None:
    sys.stderr.write(" ".join(text.split()) + "\n")
    sys.exit(code)
