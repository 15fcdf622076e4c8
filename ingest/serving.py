"""How uvicorn serves the application, wherever it listens."""

from typing import Any

from config.settings import Settings
from ingest.security_headers import security_headers


def server_options(settings: Settings) -> dict[str, Any]:
    """Return uvicorn's options."""
    return {
        "loop": "uvloop",
        "http": "httptools",
        "access_log": False,  # one line an event would cost more than accepting it; metrics count
        "log_config": None,
        "server_header": False,
        "proxy_headers": False,  # read where they matter, for failures only: ingest/failures.py
        "headers": security_headers(settings),
    }
