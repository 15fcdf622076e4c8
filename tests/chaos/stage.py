"""Where faults strike: servers on disks of their own, the service, fake Stripe, and the life there."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Self

import psutil
import sqlalchemy as sa

from billing_core.models import User
from billing_core.owners import link_customer
from billing_core.retry import named_database_errors, retry_blips
from tests.chaos.database import ChaosDatabase, Struck
from tests.chaos.disk import SmallDisk
from tests.chaos.life import Life, users
from tests.chaos.proxied_service import ProxiedService
from tests.convergence.history import USERS
from tests.fake_stripe import DeliveryOptions, FakeStripe
from tests.system.mortal.order import Order
from tests.system.mortal.protections import STATEMENTS, environment_without
from tests.system.service import WEBHOOK_SECRET

# As Stripe does, but sooner, and for longer than any fault lasts.
RETRIES = (0.3, 0.5, 1.0, *[2.0] * 60)  # s
BACKLOG = 3.0  # s at most, of events
MARK = "CHAOS_STAGE"  # in the environment of each of our processes and of whatever they start


class Stage:
    """Everything in one `with`."""

    service: ProxiedService
    fake: FakeStripe
    life: Life

    def __init__(
        self, directory: Path, random: Random, database: ChaosDatabase, *, lasting: float, without: str | None = None
    ) -> None:
        """Set up.

        Args:
            directory: for logs and data.
            random: what chance decides.
            database: under the service; it lives as long as the stage.
            lasting: seconds of a fault that is not over at once.
            without: a protection to take away from the service.
        """
        self.random = random
        self.lasting = lasting
        self.order = Order(directory)
        self.database = database
        self.redis_disk = SmallDisk(directory / "redis")
        self.linked: dict[str, int] = {}
        self._directory = directory
        self._mark = {MARK: uuid.uuid4().hex}
        self._without = without or ""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # A process ends with the thread that started it, so these live as long as the stage.
            self._starters = stack.enter_context(ThreadPoolExecutor())
            stack.enter_context(self.database)
            delivery = DeliveryOptions(retry_on_real_time=True, retry_schedule=RETRIES, timeout=3.0)
            seed = self.random.getrandbits(32)
            self.fake = stack.enter_context(FakeStripe(seed=seed, start=time.time(), delivery=delivery))
            self.service = ProxiedService(self._directory, self.database, self.fake.url, self._settings())
            stack.enter_context(self.redis_disk)
            stack.enter_context(self.service)
            self._begin()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def processes(self) -> dict[str, Struck]:
        """Everything that can be killed, by name."""
        return {"redis": self.service.redis, "database": self.database.server, **self.service.processes}

    @property
    def workers(self) -> list[Struck]:
        """Both of them."""
        return [self.processes[name] for name in ("worker", "second_worker")]

    def revive(self) -> None:
        """Do a supervisor's work: start what is not running, the servers first and then all at once."""
        for server in (self.service.redis, self.database.server):
            if not server.running:
                server.start()
        gone = [process for process in self.service.processes.values() if not process.running]
        list(self._starters.map(lambda process: process.start(), gone))

    def restart_with(self, name: str, **environment: str) -> None:
        """Start one of the service's processes anew, with other variables in its environment."""
        process = self.service.processes[name]
        process.environment = {**(process.environment or {}), **environment}
        process.restart()

    @contextmanager
    def backlog(self) -> Iterator[None]:
        """Let events wait in Redis for the block, as nobody takes them up."""
        for worker in self.workers:
            worker.pause()
        time.sleep(min(self.lasting, BACKLOG))
        yield
        for worker in self.workers:
            worker.resume()

    def link_strangers(self) -> None:
        """Link by hand the customers whom Stripe does not name."""
        for customer in self.life.history.unnamed:
            if customer not in self.linked:
                self.linked[customer] = self.random.choice(USERS)
                self._link(customer)

    @retry_blips  # as `billing customers link` does: a worker may store the customer at the same moment
    def _link(self, customer: str) -> None:
        with named_database_errors(), self.service.database.write() as session:
            link_customer(session, customer, self.linked[customer])

    def leaked(self) -> list[str]:
        """Return the service's processes that nobody looks after any more."""
        looked_after = {one.pid for process in self.service.processes.values() for one in process.tree()}
        return [str(one) for one in psutil.process_iter() if one.pid not in looked_after and self._is_ours(one)]

    def _settings(self) -> dict[str, str]:
        stripe = {"STRIPE_SECRET_KEY": self.fake.api_key, "BILLING_DEFAULT_PRICE": self.fake.price}
        return stripe | self.order.environment | self._mark | environment_without(self._without)

    def _begin(self) -> None:
        with self.service.database.write() as session:
            session.execute(sa.insert(User), [{"user_id": user} for user in users()])
            if statement := STATEMENTS.get(self._without):
                session.execute(sa.text(statement))
        self.fake.add_endpoint(self.service.webhook_url, secret=WEBHOOK_SECRET, events=["*"])
        self.life = Life(self.random, self.fake, self.service.redis.url)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self._mark[MARK] and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False
