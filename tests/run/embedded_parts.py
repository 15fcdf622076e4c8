from collections.abc import Iterator
from contextlib import ExitStack

from config.settings import Settings
from tests.embedded.redis_server import RedisServer
from tests.embedded.server_process import ServerProcess
from tests.run import environment
from tests.run.environment import Parts, export
from tests.run.fake_stripe_server import FakeStripeServer
from tests.run.var_directory import VarDirectory


class EmbeddedParts:
    """The servers that stand in for those that no setting names. The stack stops them."""

    def __init__(self, parts: Parts, var: VarDirectory, stack: ExitStack) -> None:
        self._parts = parts
        self._var = var
        self._stack = stack
        self._servers: dict[str, ServerProcess] = {}

    def start(self, settings: Settings) -> Settings:
        """Start them and return the settings with their addresses; every process started from now on inherits these.

        Raises:
            tests.embedded.server_process.ServerNotStarted: one does not answer.
        """
        if self._parts.database:
            settings = export(database_url=self._var.database_url)
        if "flower_db" not in settings.model_fields_set:
            settings = export(flower_db=str(self._var.flower / "tasks"))
        if self._parts.redis:
            redis = self._stack.enter_context(RedisServer(self._var.redis))
            self._servers["Redis"] = redis
            settings = export(redis_url=redis.url)
        if self._parts.stripe:
            settings = self._start_fake_stripe(settings.port)
        return settings

    def revive(self) -> Iterator[str]:
        """Start again what ended by itself, on the same port; yield what that was and what it cost."""
        for name, server in self._servers.items():
            if not server.running:
                server.start()
                kept = "with its data" if name == "Redis" else "as a new and empty account"
                yield f"{name} ended and was started again, {kept}"

    def _start_fake_stripe(self, port: int) -> Settings:
        settings = export(**environment.made_up_stripe())
        secret = settings.require_webhook_secrets()[0].get_secret_value()
        server = FakeStripeServer(
            self._var.fake_stripe, webhook_url=environment.webhook_url(port), webhook_secret=secret
        )
        fake = self._stack.enter_context(server)
        self._servers["fake Stripe"] = fake
        return export(stripe_api_base=fake.url)
