"""Stripe's idempotency keys of our calls: derived, so that whoever takes a command up again uses the same ones."""

import re
from datetime import timedelta

# Stripe keeps a key for at least 24 hours; clocks differ, and a call takes its time.
# https://docs.stripe.com/api/idempotent_requests
KEY_LIFETIME = timedelta(hours=23)

# The metadata key by which an object at Stripe names the command that made it, and the one that changed it last.
MADE_BY = "billing_command_id"
CHANGED_BY = "billing_changed_by"

_OF_COMMAND = re.compile(r"(cmd_[A-Za-z0-9]{24}):\w+")


def step_key(command_id: str, step: str) -> str:
    """Return the key of one step of a command."""
    return f"{command_id}:{step}"


def customer_key(user_id: int, deleted: int) -> str:
    """Return the key under which a user's customer is created, whichever command comes first.

    Args:
        user_id: whose.
        deleted: how many customers of the user were deleted: the key of a deleted one would answer with it.
    """
    return f"billing-customer-{user_id}" + (f"-{deleted}" if deleted else "")


def command_of(idempotency_key: str | None) -> str | None:
    """Return the command behind an event's `request.idempotency_key`; None for another application's key.

    A customer's key names no command: it is common to all commands of the user.
    """
    found = _OF_COMMAND.fullmatch(idempotency_key or "")
    return found[1] if found else None
