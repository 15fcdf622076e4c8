"""May our key do what we need? Asked by reads that change nothing; writing cannot be tried without doing it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from billing_core.errors import StripeForbidden, StripeRefused
from billing_core.finding import Finding, fail, ok, warn
from billing_core.keys.permissions import PERMISSIONS, Permission, form_address
from billing_core.stripe_api import StripeApi
from config.settings import Settings

CHECK = "Stripe key's rights"


class Kind(StrEnum):
    """What kind of key it is, as its first letters say."""

    RESTRICTED = "restricted"
    SECRET = "secret"  # noqa: S105  (Stripe's word for a key that may do everything)


@dataclass(frozen=True, slots=True)
class Right:
    """One permission, and what asking for it told.

    Attributes:
        permission: what we need.
        missing: Stripe's name of what the key lacks; None if it may read.
    """

    permission: Permission
    missing: str | None


def kind_of(key: SecretStr) -> Kind:
    """Tell a restricted key from one that may do everything."""
    return Kind.RESTRICTED if key.get_secret_value().startswith("rk_") else Kind.SECRET


def asked(stripe: StripeApi) -> Iterator[Right]:
    """Try to read each thing that we need, one after the other.

    Raises:
        StripeUnavailable: no answer, or the key is not known at all.
    """
    for permission in PERMISSIONS:
        yield Right(permission, _missing(stripe, permission))


def examine_rights(stripe: StripeApi, settings: Settings) -> Finding:
    """Say what the configured key lacks.

    Raises:
        StripeUnavailable: no answer, or the key is not known at all.
    """
    key = settings.stripe_secret_key
    if key is None or kind_of(key) is Kind.SECRET:
        found = "a secret key, which may do everything"
        if settings.env == "production":
            return warn(CHECK, found, f"use a restricted one (docs/keys.md): {form_address()}")
        return ok(CHECK, found)
    lacking = [right for right in asked(stripe) if right.missing]
    if lacking:
        rows = ", ".join(f"{one.permission.row}: {one.permission.level} ({one.missing})" for one in lacking)
        return fail(CHECK, f"a restricted key that lacks {rows}", f"edit it at Stripe, or make one: {form_address()}")
    return ok(CHECK, f"a restricted key that may read all {len(PERMISSIONS)} things we need; writing is not tried")


def _missing(stripe: StripeApi, permission: Permission) -> str | None:
    last = permission.probe.rpartition("/")[2]
    limit = {} if "_may_i_" in last else {"limit": 1}
    try:
        stripe.fetch(permission.probe, **limit)
    except StripeForbidden as error:
        return error.permission or permission.name
    except StripeRefused:  # no such object: we were let in to look
        return None
    return None
