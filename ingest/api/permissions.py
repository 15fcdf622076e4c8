"""Who may ask for what. A service with `billing:admin` may ask for anything."""

from collections.abc import Mapping
from typing import Any

from ingest.api.auth import ADMIN_SCOPE, Caller
from ingest.api.errors import NotAllowed


def require_user(caller: Caller, user_id: int) -> None:
    """Refuse what is named as another user's. 403, not 404: the caller wrote the ID, nothing is given away.

    Raises:
        NotAllowed: the caller is another user.
    """
    if not caller.owns(user_id):
        raise NotAllowed(f"this is user {user_id}'s; the token is another user's")


def require_admin(caller: Caller, what: str) -> None:
    """Refuse a user what is the seller's to give.

    Raises:
        NotAllowed: the caller is a user.
    """
    if not caller.admin:
        raise NotAllowed(f"{what} needs the scope {ADMIN_SCOPE}")


def require_sellers_consent(caller: Caller, arguments: Mapping[str, Any], user_prices: frozenset[str]) -> None:
    """Refuse a user's own choice of what costs the seller money: prices, trials, coupons, refunds, free periods.

    A promotion code is made to be handed to customers, so that a user may use one.

    Raises:
        NotAllowed: the caller is a user and asks for such a thing.
    """
    for what in ("trial_days", "coupon", "pause"):
        if arguments.get(what):
            require_admin(caller, what)
    if arguments.get("proration") == "none":
        require_admin(caller, "a change without proration")
    if arguments.get("refund", "none") != "none":
        require_admin(caller, "a refund")
    if (price := arguments.get("price_id")) and price not in user_prices:
        require_admin(caller, "a price outside BILLING_USER_PRICES")
