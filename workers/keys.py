"""A worker takes a rotated API key from its file while it works."""

from billing_core.pulse import Pulse
from workers.runtime import stripe


def follow(pulse: Pulse) -> None:
    """Ask Stripe with the key that the files have now."""
    if use := pulse.changed_keys(lambda settings: stripe().prepared(settings.stripe_secret_key)):
        use()
