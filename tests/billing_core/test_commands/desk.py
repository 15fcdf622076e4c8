"""A desk where commands are submitted and run, over one database and one Stripe account, with real HTTP between."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from pydantic import SecretStr

from billing_core.commands import Command, Commands, CommandStatus
from billing_core.commands.execute import Executor, Postponed
from billing_core.database import Database
from billing_core.models import BillingCommand, User
from billing_core.stripe_api import StripeApi

USER = 7
LEASE = 30.0


class Account(Protocol):
    """A Stripe account, fake or real."""

    @property
    def api_key(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def price(self) -> str: ...


def account_api(account: Account) -> StripeApi:
    return StripeApi(SecretStr(account.api_key), account.url, timeout=20, max_retries=0)


class Desk:
    """Submits and runs commands as `service`."""

    def __init__(self, database: Database, account: Account, user: int = USER) -> None:
        self.database = database
        self.account = account
        self.user = user
        self.commands = Commands(database)
        self.stripe = account_api(account)
        self.executor = self.executor_with()
        with database.write() as session:
            session.add(User(user_id=user))

    def executor_with(self, **options: Any) -> Executor:
        given: dict[str, Any] = {"lease": LEASE, "longest_wait": 0.2, "default_price": self.account.price} | options
        return Executor(self.database, self.stripe, **given)

    def submit(self, name: str, **arguments: Any) -> Command:
        command, created = self.commands.submit(name, arguments, idempotency_key=None, subject="service")
        assert created
        return command

    def run(self, command: Command) -> Command:
        """Run it until it is finished, however often it is postponed."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if self.executor.run(command.command_id).final:
                    break
            except Postponed as postponed:
                time.sleep(postponed.seconds / 10)
        return self.found(command)

    def do(self, name: str, **arguments: Any) -> Command:
        return self.run(self.submit(name, **arguments))

    def do_all(self, commands: list[Command]) -> list[Command]:
        """Run them at the same time."""
        with ThreadPoolExecutor(len(commands)) as threads:
            return list(threads.map(self.run, commands))

    def create(self, **arguments: Any) -> Command:
        return self.do("create_subscription", **{"user_id": self.user, "payment_method_id": "pm_card_visa"} | arguments)

    def found(self, command: Command) -> Command:
        found = self.commands.find(command.command_id)
        assert found
        return found

    def row(self, command: Command) -> BillingCommand:
        with self.database.read() as session:
            query = sa.select(BillingCommand).where(BillingCommand.command_id == command.command_id)
            return session.scalars(query).one()

    def age(self, command: Command, age: timedelta) -> None:
        """Let every step of a command have begun so much earlier, and its lease be over."""
        steps: dict[str, Any] = self.row(command).steps or {}
        for step in steps.values():
            if "began_at" in step:
                step["began_at"] = (datetime.fromisoformat(step["began_at"]) - age).isoformat()
        with self.database.write() as session:
            session.execute(sa.update(BillingCommand).values(steps=steps, leased_until=None))


def statuses(commands: list[Command]) -> list[CommandStatus]:
    return [command.status for command in commands]
