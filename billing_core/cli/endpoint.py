from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from billing_core.cli.options import JsonOption, UrlOption, examples

if TYPE_CHECKING:
    from billing_core.cli.runtime import Runtime

app = typer.Typer(no_args_is_help=True, help="Our webhook endpoint as it is registered at Stripe.")


@app.command(
    epilog=examples(
        "billing endpoint create",
        "billing endpoint create --url https://billing.example.com/webhooks/stripe > whsec.txt",
    )
)
def create(url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Register our URL at Stripe, and print its secret.

    For the event types that we handle. Stripe shows the secret this once.
    """
    from billing_core import webhook_endpoint
    from billing_core.cli.audit import note_first
    from billing_core.cli.output import show_json
    from billing_core.cli.runtime import runtime

    here = runtime()
    asked = _url(here, url)
    note_first(here.database, "endpoint.create", url=asked)
    created = webhook_endpoint.create(here.stripe, asked)
    # The secret alone on stdout, for a pipe into a vault; it is neither logged nor stored.
    typer.echo(f"{created.endpoint_id} is registered. Put its secret into STRIPE_WEBHOOK_SECRET:", err=True)
    if as_json:
        show_json({"endpoint_id": created.endpoint_id, "secret": created.secret})
    else:
        typer.echo(created.secret)


@app.command(epilog=examples("billing endpoint check", "billing endpoint check --json"))
def check(url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Compare what Stripe has of our endpoint with our needs.

    Exit code 1 if deliveries fail or are missing.
    """
    from billing_core import webhook_endpoint
    from billing_core.cli.doctor import report
    from billing_core.cli.runtime import runtime
    from billing_core.doctor.stripe_account import deliveries
    from billing_core.errors import DatabaseUnavailable
    from billing_core.watch.endpoint import put_down

    here = runtime()
    asked = _url(here, url)
    compared = webhook_endpoint.check(here.stripe, asked)
    if asked == here.settings.public_url:
        with suppress(DatabaseUnavailable):  # `billing status` need not wait for beat's next check
            put_down(here.database, compared)
    report([*compared, *deliveries(here.redis, here.settings)], as_json=as_json)


def _url(here: "Runtime", url: str | None) -> str:
    if found := url or here.settings.public_url:
        return found
    raise typer.BadParameter("give --url, or set BILLING_PUBLIC_URL")
