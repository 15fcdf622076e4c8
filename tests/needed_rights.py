"""The permissions that we say a restricted key needs, by Stripe's names."""

from billing_core.keys.permissions import PERMISSIONS

NEEDED = [permission.name for permission in PERMISSIONS]
