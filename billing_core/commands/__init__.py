"""Commands: what callers ask us to do at Stripe. On record first, run by a worker, never charged twice."""

from billing_core.commands.command import Command, CommandStatus, InvalidArguments, KeyReused
from billing_core.commands.ledger import Commands

__all__ = ["Command", "CommandStatus", "Commands", "InvalidArguments", "KeyReused"]
