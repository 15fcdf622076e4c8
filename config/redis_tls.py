"""TLS to Redis, said once, in REDIS_URL's options, for all who connect: redis-py, Celery's kombu, Flower.

redis-py checks the server's certificate and name unless told otherwise. kombu does not, where a `rediss://` URL says
nothing about it; so it is told, in Celery's own setting, what redis-py would have done.
"""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_CHECKS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_OPTIONS = {*_FILES, "ssl_cert_reqs", "ssl_check_hostname"}


def broker_tls(url: str) -> dict[str, Any] | None:
    """Return what Celery calls broker_use_ssl; None without TLS."""
    if not url.startswith("rediss://"):
        return None
    options = _options(url)
    checked = _CHECKS[options.get("ssl_cert_reqs", "required")]
    return {
        **{name: options[name] for name in _FILES if name in options},
        "ssl_cert_reqs": checked,
        "ssl_check_hostname": checked is not ssl.CERT_NONE and _is_on(options.get("ssl_check_hostname", "true")),
    }


def without_tls_options(url: str) -> str:
    """Return the URL for Celery, which takes them from broker_use_ssl."""
    parts = urlsplit(url)
    others = [(name, value) for name, value in parse_qsl(parts.query) if name not in _OPTIONS]
    return urlunsplit(parts._replace(query=urlencode(others)))


def tls_problem(url: str) -> str | None:
    """Return what is wrong with the options, without their values; None if nothing is."""
    options = _options(url)
    if options and not url.startswith("rediss://"):
        return "has options for TLS, and begins with redis://: write rediss://"
    if unknown := sorted(options.keys() - _OPTIONS):
        return f"has the option {unknown[0]}; known are {', '.join(sorted(_OPTIONS))}"
    if options.get("ssl_cert_reqs", "required") not in _CHECKS:
        return f"has an ssl_cert_reqs that is none of {', '.join(_CHECKS)}"
    unreadable = [name for name in _FILES if name in options and not Path(options[name]).is_file()]
    return f"names a file in {unreadable[0]} that is not there" if unreadable else None


def _options(url: str) -> dict[str, str]:
    return {name: value for name, value in parse_qsl(urlsplit(url).query) if name.startswith("ssl_")}


def _is_on(value: str) -> bool:
    return value.lower() not in {"0", "f", "false", "n", "no"}  # redis-py's own words
