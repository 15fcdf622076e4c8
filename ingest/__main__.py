"""Serve the endpoint: `python -m ingest`."""

import gc

# Until all is there that stays (config/collector.py): it would look through what is imported again and again.
gc.disable()

# ruff: noqa: E402
import sys

import uvicorn

from billing_core.dialects import require_driver
from billing_core.tracing.extra import require_tracing
from config.loading import load_settings
from config.settings import SettingsError
from ingest.serving import server_options


def main() -> None:
    """Run uvicorn with the configured port; a bad setting ends the start with one line."""
    try:
        settings = load_settings()
        settings.require_webhook_secrets()
        require_driver(settings.database_url)
        require_tracing(settings)
    except SettingsError as error:
        sys.exit(str(error))
    uvicorn.run(
        "ingest.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.web_processes,
        timeout_graceful_shutdown=5,
        **server_options(settings),
    )


if __name__ == "__main__":
    main()
