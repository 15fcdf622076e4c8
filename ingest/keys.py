"""A web process takes rotated keys from their files while it serves, and says that it lives."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from billing_core.heartbeats import Role
from billing_core.pulse import Pulse
from billing_core.stripe_api import StripeApi
from config.settings import Settings
from ingest.api.auth import TokenVerifier
from ingest.matched import MatchedSecrets
from ingest.signature import SignatureVerifier
from ingest.webhook import WebhookEndpoint

log = structlog.get_logger()


class WebKeys:
    """The keys of a web process; a request is served with those that are in force when it has come in whole."""

    def __init__(
        self,
        settings: Settings,
        endpoint: WebhookEndpoint,
        matched: MatchedSecrets,
        tokens: TokenVerifier,
        stripe: StripeApi,
    ) -> None:
        self._pulse = Pulse(Role.WEB, settings)
        self._interval = settings.heartbeat_interval
        self._endpoint, self._matched, self._tokens, self._stripe = endpoint, matched, tokens, stripe
        self._ending = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the event loop must turn."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End in order."""
        self._ending.set()
        if self._running:
            await self._running
        await asyncio.to_thread(self._pulse.end)

    async def _run(self) -> None:
        while not self._ending.is_set():
            try:
                await self._turn()
            except Exception:
                log.exception("keys.look_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._ending.wait()

    async def _turn(self) -> None:
        use = await asyncio.to_thread(self._pulse.changed_keys, self._prepared)
        if use is not None:
            use()  # here, where no request is half verified
        await asyncio.to_thread(self._pulse.beat)

    def _prepared(self, settings: Settings) -> Callable[[], None]:
        """Make everything that may fail, and return what puts it in force.

        Raises:
            SettingsError: a key is none.
        """
        secrets = settings.require_webhook_secrets()
        verifier = SignatureVerifier(secrets, settings.signature_tolerance)
        api = self._tokens.prepared(settings), self._stripe.prepared(settings.stripe_secret_key)

        def use() -> None:
            self._endpoint.use(verifier)
            self._matched.use(secrets)
            for use_of_api in api:
                use_of_api()

        return use
