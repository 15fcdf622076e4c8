"""Who fails to prove who they are, how often, and when that is enough. Who proves it is always let in.

A limit that refused before looking would let a stranger behind the same proxy lock Stripe, or a user, out. So nothing
is saved of the looking, which takes microseconds: what is kept small is the log, and what a failure costs after it.
"""

import math
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog
from starlette.types import Scope

from billing_core import metrics
from config.settings import Settings

log = structlog.get_logger()

Network = IPv4Network | IPv6Network

# Addresses remembered; beyond, the one that failed longest ago is forgotten. A few MB at most.
MOST = 10_000
# All addresses together may fail so many times as often as one: many senders must not flood the log either.
ALL = 10
_EVERYBODY = "everybody"

# The owner of one IPv6 address has at least all of this network.
_V6_SUBSCRIBER = 64
# What the log names instead of the address, which is personal data.
_LOGGED = {4: 24, 6: 48}


class Failures:
    """Counts failures by the sender's address: one token bucket each, in this process's memory."""

    def __init__(
        self, per_minute: int, trusted: Sequence[Network], door: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Make it for one door.

        Args:
            per_minute: failures that an address may have at once, and that come back in a minute.
            trusted: proxies whose X-Forwarded-For is believed.
            door: the label of the metric.
            clock: in seconds.
        """
        self._per_minute = per_minute
        self._trusted = trusted
        self._door = door
        self._clock = clock
        self._limited = metrics.FAILURES_LIMITED.labels(door)
        self._buckets = dict[str, _Bucket]()

    @classmethod
    def at(cls, door: str, settings: Settings) -> "Failures":
        """Make it with the limit of the settings."""
        return cls(settings.failures_per_minute, settings.trusted_proxies, door)

    def note(self, scope: Scope) -> int | None:
        """Note that this request failed. Return None, or after how many seconds the next failure is let pass."""
        now = self._clock()
        address = address_of(scope, self._trusted)
        wait = max(self._take(_sender(address), self._per_minute, now, address), self._take_of_all(now))
        if not wait:
            return None
        self._limited.inc()
        return math.ceil(wait)

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._buckets) - (_EVERYBODY in self._buckets)

    def _take_of_all(self, now: float) -> float:
        return self._take(_EVERYBODY, self._per_minute * ALL, now, _EVERYBODY)

    def _take(self, key: str, per_minute: int, now: float, address: str) -> float:
        bucket = self._buckets.pop(key, None) or _Bucket(per_minute, now)
        self._buckets[key] = bucket  # the last, so that the first is the one to forget
        if len(self._buckets) > MOST:
            del self._buckets[next(iter(self._buckets))]
        wait = bucket.take(now)
        if bucket.to_be_told(wait):
            log.warning("failures.limited", door=self._door, network=_logged(address), per_minute=per_minute)
        return wait


class _Bucket:
    __slots__ = ("at", "per_minute", "tokens", "told")

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self.tokens = float(per_minute)
        self.at = now
        self.told = False

    def take(self, now: float) -> float:
        """Take a token; return 0, or how many seconds until there is one."""
        rate = self.per_minute / 60
        self.tokens = min(self.tokens + (now - self.at) * rate, self.per_minute)
        self.at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / rate

    def to_be_told(self, wait: float) -> bool:
        """Whether this is the moment at which the limit is reached; again only after half a minute of peace."""
        if wait and not self.told:
            self.told = True
            return True
        self.told = self.told and self.tokens < self.per_minute / 2
        return False


def address_of(scope: Scope, trusted: Sequence[Network]) -> str:
    """Return the address that sent the request: the last one that no proxy of ours reported of another of ours."""
    client = scope.get("client")
    address = str(client[0]) if client else ""
    for hop in reversed(_forwarded(scope)):
        if not _is_trusted(address, trusted):
            break
        address = hop
    return address


def _forwarded(scope: Scope) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [hop.strip() for value in values for hop in value.split(",")]


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)


def _sender(address: str) -> str:
    """Return what is counted: of IPv6 the subscriber's network; whatever is no address is one sender."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and not parsed.ipv4_mapped:
        return str(ip_network((int(parsed), _V6_SUBSCRIBER), strict=False))
    return str(parsed)


def _logged(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address if address == _EVERYBODY else "unknown"
    return str(ip_network(f"{parsed}/{_LOGGED[parsed.version]}", strict=False))
