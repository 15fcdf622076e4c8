"""Serve the console: `python -m ingest.console`."""

import sys

import uvicorn

from billing_core.dialects import require_driver
from config.loading import load_settings
from config.settings import SettingsError
from ingest.console.app import create_console
from ingest.serving import server_options


def main() -> None:
    """Run uvicorn with the configured port; a bad setting, or none, ends the start with one line."""
    try:
        settings = load_settings()
        require_driver(settings.database_url)
        app = create_console(settings)
    except SettingsError as error:
        sys.exit(str(error))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.console_port,
        timeout_graceful_shutdown=5,
        **server_options(settings) | {"headers": []},  # protection.py has those of pages
    )


if __name__ == "__main__":
    main()
