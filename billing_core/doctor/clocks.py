"""Whose clock is off: leases, signatures and retries are told by clocks that should agree."""

from datetime import datetime

from billing_core.finding import Finding, fail, ok, warn

# Round trips and whole seconds explain this much.
NOTICED = 5.0  # s
# Half of what a signature may be off (BILLING_SIGNATURE_TOLERANCE, 300 s): beyond, real deliveries are soon refused.
HARMFUL = 150.0  # s


def compared(whose: str, theirs: datetime, ours: datetime) -> Finding:
    """Judge another clock by this machine's."""
    skew = (theirs - ours).total_seconds()
    check = f"{whose} clock"
    found = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    do = "synchronise both machines' clocks (NTP)"
    if abs(skew) >= HARMFUL:
        return fail(check, found, do)
    if abs(skew) >= NOTICED:
        return warn(check, found, do)
    return ok(check, "agrees with this machine's")
