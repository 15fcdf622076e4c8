import secrets
import sys
from pathlib import Path

import httpx

from tests.embedded.server_process import ServerProcess


class FakeStripeServer(ServerProcess):
    """Fake Stripe as a process of its own. It keeps everything in memory: a restart is a new, empty account."""

    def __init__(self, directory: Path, *, webhook_url: str, webhook_secret: str) -> None:
        super().__init__(directory)
        self._endpoint = ["--webhook-url", webhook_url, "--webhook-secret", webhook_secret]

    @property
    def url(self) -> str:
        """The base of its API."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self, timeout: float = 2.0) -> None:
        """End it; what it knows ends with it anyway, so it need not be waited for long."""
        super().stop(timeout)

    def _command(self) -> list[str]:
        # IDs follow from the seed, and a Redis that outlives the run knows the IDs of earlier ones.
        seed = str(secrets.randbelow(2**31))
        return [sys.executable, "-m", "tests.fake_stripe", "--port", str(self.port), "--seed", seed, *self._endpoint]

    def _answers(self) -> bool:
        try:
            return httpx.post(f"{self.url}/_fake/time", timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False
