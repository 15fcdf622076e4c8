"""Flower, where it runs on this machine."""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from billing_core.finding import Finding, ok, warn
from config.settings import Settings

TIMEOUT = 2.0  # s


def examine_flower(settings: Settings) -> Finding:
    """Ask Flower if it is well; it listens on loopback only."""
    here = f"port {settings.flower_port}"
    status = _status(settings.flower_port)
    if status == HTTPStatus.OK:
        return ok("Flower", f"answers on {here}")
    if status is None and "flower_port" not in settings.model_fields_set:
        return ok("Flower", "does not run on this machine")
    return warn(
        "Flower", f"{status or 'no answer'} on {here}", "start flower (Procfile); it only shows, it does no work"
    )


def _status(port: int) -> int | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/healthcheck")
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
