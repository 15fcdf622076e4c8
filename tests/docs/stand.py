"""The service as `make run` leaves it, and a reader before it who fills in what the pages leave open."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from billing_core.database import Database, create_engine_for
from billing_core.models import BillingCommand, BillingCustomer, BillingEvent, Subscription
from config.settings import STRIPE_API
from tests.docs.shell import Shell, lay_out, run_billing
from tests.embedded.ports import free_port
from tests.system.service import UNMEASURED
from tests.test_run.running import Running, running

_EXPORT = re.compile(r"^export (\w+)='?(.*?)'?$", re.MULTILINE)
_READER = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}


class Stand:
    """A running service, a database to look things up in, and the directory in which the reader works."""

    def __init__(self, run: Running, directory: Path) -> None:
        self.directory = directory
        lay_out(directory)
        (directory / "var").symlink_to(run.var)
        self.settings = dict(_EXPORT.findall((run.var / "environment").read_text()))
        self.database = Database(create_engine_for(self.settings["DATABASE_URL"], pool_size=1))
        self.web = f"http://127.0.0.1:{self.settings['PORT']}"

    def shell(self) -> Shell:
        """Return a terminal like the one that the pages mean: in the clone, with the service's settings."""
        path = f"{self.directory}/.venv/bin:{_READER['PATH']}"
        return Shell(self.directory, {**_READER, "HOME": str(self.directory), **self.settings, "PATH": path})

    def billing(self, *arguments: str) -> tuple[int, str, str]:
        """Run `billing` with the service's settings."""
        return run_billing(list(arguments), {**_READER, "HOME": str(self.directory), **self.settings})

    def token(self) -> str:
        """Return a token of the user of the story."""
        return self.billing("token", "--user", "1")[1].strip()

    def filled_in(self, text: str) -> str:
        """Put this service's addresses and IDs where the pages have theirs."""
        for written, meant in self._meant().items():
            if written in text:
                text = text.replace(written, meant())
        return text

    def newest(self, column: sa.orm.InstrumentedAttribute[str] | sa.orm.InstrumentedAttribute[int]) -> str:
        """Return the column of the row written last."""
        key = sa.inspect(column.class_).primary_key[0]
        with self.database.read() as session:
            return str(session.scalars(sa.select(column).order_by(key.desc()).limit(1)).one())

    def wait_for(self, column: sa.orm.InstrumentedAttribute[str], values: set[str], timeout: float = 30) -> set[str]:
        """Wait until rows have these values; return those that have by then."""
        deadline = time.monotonic() + timeout
        while True:
            with self.database.read() as session:
                found = set(session.scalars(sa.select(column).where(column.in_(values))))
            if found == values or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def wait_for_status(self, status: str, timeout: float = 30) -> None:
        """Wait until the newest subscription has this status."""
        deadline = time.monotonic() + timeout
        while (found := self.newest(Subscription.status)) != status:
            assert time.monotonic() < deadline, f"{found}, not {status}"
            time.sleep(0.1)

    def _meant(self) -> dict[str, Callable[[], str]]:
        return {
            "http://127.0.0.1:8000": lambda: self.web,
            "http://…/readyz": lambda: f"{self.web}/readyz",
            "https://…/": lambda: f"{self.web}/",
            STRIPE_API: lambda: self.settings["STRIPE_API_BASE"],
            "redis://127.0.0.1:6379/0": lambda: self.settings["REDIS_URL"],
            "cmd_J4GSLUirGqixjnsJHduKXPCV": lambda: self.newest(BillingCommand.command_id),
            "evt_…": lambda: self.newest(BillingEvent.stripe_event_id),
            "cus_… 42": lambda: f"{self.newest(BillingCustomer.stripe_customer_id)} 1",
            "sub_…": lambda: self.newest(Subscription.stripe_subscription_id),
        }


@contextmanager
def stand(run_in: Path, directory: Path) -> Iterator[Stand]:
    """Start the service, wait until it has told its story, and stop it in the end."""
    web = free_port()
    settings: dict[str, str | int] = {
        "PORT": web,
        "BILLING_FLOWER_PORT": free_port(),
        "BILLING_CONSOLE_PORT": free_port(),
        "BILLING_PUBLIC_URL": f"http://127.0.0.1:{web}/webhooks/stripe",
        **UNMEASURED,
    }
    with running(run_in, settings=settings) as run:
        run.wait_for("Ctrl-C stops everything.")
        here = Stand(run, directory)
        yield here
        here.database.dispose()
