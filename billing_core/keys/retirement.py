"""Which endpoint secret may be removed, and why, or why not yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# Stripe delivers again for so long, and a delivery is signed when it is sent: https://docs.stripe.com/webhooks
RETRY_HORIZON = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class EndpointSecret:
    """One endpoint secret.

    Attributes:
        fingerprint: what it is called.
        configured: whether we verify with it.
        last_matched_at: when it verified a delivery last, to the minute.
        removable: whether it may be removed; None of one that is.
        why: the reason.
    """

    fingerprint: str
    configured: bool
    last_matched_at: datetime | None
    removable: bool | None
    why: str


def judged(configured: Sequence[str], matched: Mapping[str, datetime], now: datetime) -> list[EndpointSecret]:
    """Judge the configured secrets, and name those that matched once and are configured no more.

    Args:
        configured: fingerprints.
        matched: when each secret verified a delivery last, by fingerprint.
        now: by our clock.
    """
    found = [_configured(name, configured, matched, now) for name in configured]
    former = sorted(matched.keys() - set(configured), key=lambda name: matched[name], reverse=True)
    return [*found, *(_former(name, matched[name]) for name in former)]


def _configured(name: str, configured: Sequence[str], matched: Mapping[str, datetime], now: datetime) -> EndpointSecret:
    removable, why = _removable(name, configured, matched, now)
    return EndpointSecret(name, configured=True, last_matched_at=matched.get(name), removable=removable, why=why)


def _former(name: str, at: datetime) -> EndpointSecret:
    return EndpointSecret(name, configured=False, last_matched_at=at, removable=None, why="removed here")


def _removable(
    name: str, configured: Sequence[str], matched: Mapping[str, datetime], now: datetime
) -> tuple[bool, str]:
    others = [other for other in configured if other != name]
    if not others:
        return False, "it is the only one"
    last = matched.get(name)
    if last is None:
        return False, "it never matched: a new one, whose turn comes, or another endpoint's"
    idle = now - last
    if idle <= RETRY_HORIZON:
        until = last + RETRY_HORIZON
        return False, f"Stripe may deliver again what it signed with it until {until:%Y-%m-%d %H:%M} UTC"
    successor = max((other for other in others if other in matched), key=lambda other: matched[other], default=None)
    if successor is None or matched[successor] <= last:
        return False, "no other secret matched since"
    return True, f"not matched for {idle.days} days, while {successor} matched since"
