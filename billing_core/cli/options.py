"""Options that several commands have, and what their help has in common.

No command imports what it works with before it runs: help and completion are asked for far more often.
"""

from collections.abc import Iterator
from typing import Annotated

import typer

from billing_core.event_types import EVENT_TYPES
from billing_core.user_ids import LARGEST_USER_ID

EXIT_CODES = """\b
Exit codes:
  0    done, and nothing is wrong
  1    something failed, or was found: the output says what
  2    wrong usage or settings, and nothing was done; `reconcile` also: there is drift
  130  interrupted by Ctrl-C
  141  whoever read the output has closed it (| head)
"""


def examples(*commands: str) -> str:
    """Return what a command's help ends with. `tests/billing_core/cli/test_help.py` runs each of them."""
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


def _event_types(incomplete: str) -> Iterator[tuple[str, str]]:
    return ((one.name, one.reason) for one in EVENT_TYPES if one.name.startswith(incomplete))


JsonOption = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]
TypeOption = Annotated[
    str | None, typer.Option("--type", help="Only events of this Stripe type.", autocompletion=_event_types)
]
ErrorOption = Annotated[str | None, typer.Option("--error", help="Only events whose reason contains this text.")]
SinceOption = Annotated[str | None, typer.Option(help="Only events received since then: 30m, 24h, 7d.")]
ObjectOption = Annotated[
    str | None, typer.Option("--object", help="Only events of this object, by Stripe's ID: sub_…, in_…, pm_….")
]
CustomerOption = Annotated[str | None, typer.Option(help="Only events of this customer: cus_….")]
UserOption = Annotated[
    int | None, typer.Option("--user", help="Only events of this user: Users.UserID.", min=1, max=LARGEST_USER_ID)
]
UrlOption = Annotated[
    str | None, typer.Option("--url", help="https://…/webhooks/stripe, as Stripe calls it; else BILLING_PUBLIC_URL.")
]
RestartOption = Annotated[bool, typer.Option("--restart", help="Do not go on with an interrupted run.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
