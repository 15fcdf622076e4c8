"""Flower, where it runs on this machine."""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from billing_core.finding import Finding, ok, warn
from config.settings import Settings

TIMEOUT = 2.0  # s


def examine_flower(settings: Settings) -> Finding:
    """Ask Flower if it is well."""
    here = f"port {settings.flower_port}"
    status = _status(settings.flower_url)
    if status == HTTPStatus.OK:
        return ok("Flower", f"answers on {here}")
    if status is None and "flower_port" not in settings.model_fields_set:
        return ok("Flower", "does not run on this machine")
    return warn(
        "Flower", f"{status or 'no answer'} on {here}", "start flower (Procfile); it only shows, it does no work"
    )


def _status(url: str) -> int | None:
    where = urlsplit(url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT)
    try:
        connection.request("GET", f"{where.path}/healthcheck")  # open to everybody, whatever Flower asks of others
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
