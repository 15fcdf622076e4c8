"""Who could read or change what goes to Redis and the database, on the way there?"""

from collections.abc import Iterator
from ipaddress import ip_address
from ssl import CERT_REQUIRED
from urllib.parse import urlsplit

from billing_core.dialects.encryption import database_host, encryption_problem
from billing_core.finding import Finding, ok, warn
from config.redis_tls import broker_tls
from config.settings import Settings


def examine_encryption(settings: Settings) -> Iterator[Finding]:
    """Look at the two addresses; what does not leave this machine needs no TLS."""
    yield _judged("TLS to Redis", urlsplit(settings.redis_url).hostname, _redis_problem(settings.redis_url))
    yield _judged("TLS to database", database_host(settings.database_url), encryption_problem(settings.database_url))


def _judged(check: str, host: str | None, problem: str | None) -> Finding:
    if not host or _is_here(host):
        return ok(check, "it does not leave this machine")
    if problem:
        found, do = problem.split(": ", 1)
        return warn(check, f"{found}, over the network", f"{do}; see docs/security.md")
    return ok(check, "encrypted, the other end's certificate is checked")


def _redis_problem(url: str) -> str | None:
    tls = broker_tls(url)
    if tls is None:
        return "it is plain text: write rediss:// in REDIS_URL"
    if tls["ssl_cert_reqs"] is not CERT_REQUIRED or not tls["ssl_check_hostname"]:
        return "it is encrypted, and anybody may be at the other end: take ssl_cert_reqs and ssl_check_hostname out"
    return None


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.startswith("/")  # a directory of sockets
