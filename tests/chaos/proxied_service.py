"""The service in its test build, with two workers, behind a proxy for each of its connections."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import make_url

from tests.chaos.database import ChaosDatabase
from tests.chaos.proxy import TcpProxy
from tests.embedded.server_process import ServerProcess
from tests.sql_server import moved, with_password
from tests.system.mortal.processes import MortalBeat, MortalWeb, MortalWorker
from tests.system.service import Service

# Faster than in production, in the same order.
FAST = {
    "BILLING_ACCEPT_TIMEOUT": "1",
    "BILLING_VISIBILITY_TIMEOUT": "6",
    "BILLING_RETRY_BACKOFF_MAX": "1",
    "BILLING_COMMAND_LEASE": "5",
    "BILLING_STALL_TIME": "2",
    "BILLING_SWEEP_INTERVAL": "1",
    # Gap fill would mend what another protection lets through: it runs where it alone can help (faults.losses).
    "BILLING_GAP_INTERVAL": "86400",
    "BILLING_STRIPE_TIMEOUT": "3",
    "BILLING_STRIPE_MAX_RETRIES": "0",
    "BILLING_STRIPE_CIRCUIT_PAUSE": "1",
    "BILLING_STRIPE_RATE": "500",
    "BILLING_WORKER_CONCURRENCY": "4",
}


class ProxiedService(Service):
    """Endpoint, two workers and beat; `proxies` lead to Redis, the database, Stripe and the endpoint."""

    def __init__(self, directory: Path, database: ChaosDatabase, stripe_url: str, settings: Mapping[str, str]) -> None:
        super().__init__(directory, database.url, {**FAST, **settings})
        self._own_proxies = {
            "redis": TcpProxy(lambda: self.redis.port),
            "stripe": TcpProxy(lambda: make_url(stripe_url).port or 0),
            "web": TcpProxy(lambda: self.web.port),
        }
        self.proxies = {"database": database.proxy, **self._own_proxies}

    @property
    def processes(self) -> dict[str, ServerProcess]:
        """Its own processes, by name."""
        return {"web": self.web, "worker": self.worker, "second_worker": self.second_worker, "beat": self.beat}

    @property
    def webhook_url(self) -> str:
        return f"http://127.0.0.1:{self.proxies['web'].port}/webhooks/stripe"

    def _addresses(self) -> dict[str, str]:
        database = moved(make_url(self.database_url), "127.0.0.1", self.proxies["database"].port)
        return {
            "REDIS_URL": f"redis://127.0.0.1:{self.proxies['redis'].port}/0",
            "DATABASE_URL": with_password(database),
            "STRIPE_API_BASE": f"http://127.0.0.1:{self.proxies['stripe'].port}",
        }

    def _start(self, stack: ExitStack, environment: Mapping[str, str]) -> None:
        for proxy in self._own_proxies.values():
            stack.enter_context(proxy)
        self.web = stack.enter_context(MortalWeb(self._folder("web"), environment=environment))
        self.worker = stack.enter_context(MortalWorker(self._folder("worker"), environment=environment))
        self.second_worker = stack.enter_context(MortalWorker(self._folder("second_worker"), environment=environment))
        self.beat = stack.enter_context(MortalBeat(self._folder("beat"), environment=environment))
