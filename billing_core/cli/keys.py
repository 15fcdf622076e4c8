import sys
from typing import TYPE_CHECKING, Any

import typer

from billing_core.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from billing_core.cli.runtime import Runtime
    from billing_core.heartbeats import Seen
    from billing_core.keys.retirement import EndpointSecret

app = typer.Typer()

SECRETS = ("fingerprint", "last_matched_at", "safe_to_remove", "why")
PROCESSES = ("process", "api_key", "endpoint_secrets", "problem")
RIGHTS = ("row", "level", "permission", "read", "reason")


@app.callback(invoke_without_command=True, epilog=examples("billing keys", "billing keys --json"))
def show(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show which keys are in use, by fingerprint, and which may go.

    Which endpoint secret matched when, and which keys each process uses. Never shows a key. Exit code 1 if a process
    keeps its former keys because those in its files cannot be used.
    """
    if ctx.invoked_subcommand:
        return
    from datetime import UTC, datetime

    from billing_core.cli.runtime import runtime
    from billing_core.keys.in_use import endpoint_secret_names
    from billing_core.keys.retirement import judged
    from billing_core.watch.sight import look_at_redis
    from billing_core.webhook_secrets import last_matches

    here = runtime()
    matched = last_matches(here.redis, here.settings.queue_prefix)
    secrets = judged(endpoint_secret_names(here.settings), matched, datetime.now(UTC))
    flow = look_at_redis(here.redis, here.inbox, here.settings)
    telling = [one for one in flow.processes if one.keys and one.age_s <= flow.silent_after]
    _show(here, secrets, telling, as_json=as_json)
    if any(one.keys and one.keys.problem for one in telling):
        sys.exit(1)


@app.command(epilog=examples("billing keys check", "billing keys check --json"))
def check(as_json: JsonOption = False) -> None:
    """Try what our API key may do at Stripe, and name what it lacks.

    Reads each thing that we need once. What must be written is not tried, since that would do it. Exit code 1 if the
    key lacks anything.
    """
    from billing_core.cli.output import show_json, show_rows
    from billing_core.cli.runtime import runtime
    from billing_core.keys.permissions import form_address
    from billing_core.keys.rights import asked, kind_of
    from config.settings import SettingsError

    here = runtime()
    key = here.settings.stripe_secret_key
    if key is None:
        raise SettingsError("STRIPE_SECRET_KEY is not set: there is no key to check")
    rows = [
        {
            "row": one.permission.row,
            "level": one.permission.level,
            "permission": one.permission.name,
            "read": "missing" if one.missing else "ok",
            "reason": one.permission.reason,
        }
        for one in asked(here.stripe)
    ]
    lacking = [row["row"] for row in rows if row["read"] == "missing"]
    if as_json:
        show_json({"kind": kind_of(key), "ok": not lacking, "rights": rows, "form": form_address()})
    else:
        show_rows(rows, RIGHTS, as_json=False)
        typer.echo(f"\nIt is a {kind_of(key)} key. Whether it may write was not tried. A new one with just these:")
        typer.echo(form_address())
    if lacking:
        sys.exit(f"the key lacks {', '.join(lacking)}: edit it at Stripe (docs/keys.md)")


def _show(here: "Runtime", secrets: "Sequence[EndpointSecret]", telling: "Sequence[Seen]", *, as_json: bool) -> None:
    from billing_core.cli.output import show_json, show_rows
    from billing_core.keys.in_use import api_key_name

    api_key = api_key_name(here.settings.stripe_secret_key)
    if as_json:
        show_json(
            {
                "api_key": api_key,
                "endpoint_secrets": [_secret(one, telling) for one in secrets],
                "processes": list(_processes(telling)),
            }
        )
        return
    show_rows([_secret(one, telling) for one in secrets], SECRETS, as_json=False)
    typer.echo(f"\nAPI key here: {api_key or 'none'}\n")
    named = [one | {"endpoint_secrets": " ".join(one["endpoint_secrets"])} for one in _processes(telling)]
    show_rows(named, PROCESSES, as_json=False)


def _secret(one: "EndpointSecret", telling: "Sequence[Seen]") -> dict[str, Any]:
    return {
        "fingerprint": one.fingerprint,
        "configured": one.configured,
        "last_matched_at": one.last_matched_at,
        "safe_to_remove": {True: "yes", False: "no", None: "removed"}[one.removable],
        "why": one.why,
        "processes": [seen.name for seen in telling if seen.keys and one.fingerprint in seen.keys.endpoint_secrets],
    }


def _processes(telling: "Iterable[Seen]") -> "Iterable[dict[str, Any]]":
    for one in telling:
        if one.keys:
            yield {
                "process": one.name,
                "api_key": one.keys.api_key,
                "endpoint_secrets": one.keys.endpoint_secrets,
                "problem": one.keys.problem,
            }
