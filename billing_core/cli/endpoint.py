import sys
from contextlib import suppress
from typing import Annotated

import typer

from billing_core import webhook_endpoint
from billing_core.cli.audit import note_first
from billing_core.cli.doctor import JsonOption, report
from billing_core.cli.runtime import Runtime, runtime
from billing_core.doctor.stripe_account import deliveries
from billing_core.errors import DatabaseUnavailable, StripeRefused
from billing_core.watch.endpoint import put_down
from billing_core.webhook_endpoint import EndpointExists

app = typer.Typer(no_args_is_help=True, help="Our webhook endpoint as it is registered at Stripe.")

UrlOption = Annotated[
    str | None, typer.Option("--url", help="https://…/webhooks/stripe, as Stripe calls it; else BILLING_PUBLIC_URL.")
]


@app.command()
def create(url: UrlOption = None) -> None:
    """Register our URL at Stripe, for the event types that we handle. Prints its secret, which Stripe shows once."""
    here = runtime()
    asked = _url(here, url)
    note_first(here.database, "endpoint.create", url=asked)
    try:
        created = webhook_endpoint.create(here.stripe, asked)
    except (EndpointExists, StripeRefused) as error:
        sys.exit(str(error))
    # The secret alone on stdout, for a pipe into a vault; it is neither logged nor stored.
    typer.echo(f"{created.endpoint_id} is registered. Put its secret into STRIPE_WEBHOOK_SECRET:", err=True)
    typer.echo(created.secret)


@app.command()
def check(url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Compare what Stripe has of our endpoint with what we need. Exit code 1 if deliveries fail or are missing."""
    here = runtime()
    asked = _url(here, url)
    try:
        compared = webhook_endpoint.check(here.stripe, asked)
    except StripeRefused as error:
        sys.exit(str(error))
    if asked == here.settings.public_url:
        with suppress(DatabaseUnavailable):  # `billing status` need not wait for beat's next check
            put_down(here.database, compared)
    report([*compared, *deliveries(here.redis, here.settings)], as_json=as_json)


def _url(here: Runtime, url: str | None) -> str:
    if found := url or here.settings.public_url:
        return found
    raise typer.BadParameter("give --url, or set BILLING_PUBLIC_URL")
