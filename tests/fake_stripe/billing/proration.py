"""Changing a subscription in the middle of a period: credit for the old, charge for the new."""

from tests.fake_stripe.billing.lifecycle import first_item
from tests.fake_stripe.errors import Json
from tests.fake_stripe.resources.invoice_items import new_item
from tests.fake_stripe.sandbox import Sandbox


def prorate(sandbox: Sandbox, sub: Json, before: list[Json]) -> None:
    """Make pending invoice items for what changed between `before` and the items as they are."""
    share, period = _rest(sandbox, first_item(sub))
    old = {item["id"]: item for item in before}
    new = {item["id"]: item for item in sub["items"]["data"]}
    for item_id in [*old, *(one for one in new if one not in old)]:
        if _same(old.get(item_id), new.get(item_id)):
            continue
        if item_id in old:
            _item(sandbox, sub, old[item_id], -share, period)
        if item_id in new:
            _item(sandbox, sub, new[item_id], share, period)


def credit_unused(sandbox: Sandbox, sub: Json, before: list[Json]) -> None:
    """Make pending credits for the rest of the period that `before` was billed for."""
    share, period = _rest(sandbox, before[0])
    for item in before:
        _item(sandbox, sub, item, -share, period)


def _rest(sandbox: Sandbox, item: Json) -> tuple[float, tuple[int, int]]:
    """Return how much of the item's period is left, as a share and as a period."""
    start, end = item["current_period_start"], item["current_period_end"]
    now = sandbox.clock.timestamp()
    return ((end - now) / (end - start) if end > start else 0.0), (now, end)


def _same(old: Json | None, new: Json | None) -> bool:
    if old is None or new is None:
        return False
    return bool(old["price"]["id"] == new["price"]["id"] and old["quantity"] == new["quantity"])


def _item(sandbox: Sandbox, sub: Json, item: Json, share: float, period: tuple[int, int]) -> None:
    price = item["price"]
    name = sandbox.state.get("product", price["product"])["name"]
    words = "Unused time on" if share < 0 else "Remaining time on"
    details = {"subscription": sub["id"], "subscription_item": item["id"], "proration": True}
    new_item(
        sandbox,
        customer=sub["customer"],
        amount=round(price["unit_amount"] * item["quantity"] * share),
        currency=sub["currency"],
        description=f"{words} {item['quantity']} x {name}",
        price=dict(price),
        quantity=item["quantity"],
        period=period,
        subscription_details=details,
    )
