"""Stripe's lists: newest first, cursors by ID, `created` ranges."""

from collections.abc import Iterable

from tests.fake_stripe.errors import Json, invalid, no_such
from tests.fake_stripe.forms import Params
from tests.fake_stripe.routing import Call

COMPARISONS = {
    "gt": int.__gt__,
    "gte": int.__ge__,
    "lt": int.__lt__,
    "lte": int.__le__,
}


def listed(data: list[Json], url: str, has_more: bool = False) -> Json:
    """Return a list object holding `data`."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def page(call: Call, objects: Iterable[Json], equal: Iterable[str] = ()) -> Json:
    """Return the page the request asks for out of `objects`, newest first.

    `equal` names the parameters that filter on a field of the same name.
    """
    wanted = {key: call.params.text(key) for key in equal if call.params.text(key) is not None}
    fitting = [obj for obj in objects if all(obj.get(key) == value for key, value in wanted.items())]
    dated = [obj for obj in fitting if _in_range(obj, call.params)]
    limit = call.params.integer("limit", 10) or 0
    if not 1 <= limit <= 100:
        raise invalid("This value must be between 1 and 100.", param="limit")
    return _cut(call, dated, limit)


def _cut(call: Call, objects: list[Json], limit: int) -> Json:
    after, before = call.params.text("starting_after"), call.params.text("ending_before")
    if before is not None:
        newer = objects[: _position(objects, before)]
        return listed(newer[-limit:], call.path, len(newer) > limit)
    older = objects[_position(objects, after) + 1 :] if after is not None else objects
    return listed(older[:limit], call.path, len(older) > limit)


def _position(objects: list[Json], cursor: str) -> int:
    for index, obj in enumerate(objects):
        if obj["id"] == cursor:
            return index
    raise no_such("object", cursor, "starting_after")


def _in_range(obj: Json, params: Params) -> bool:
    bounds = params.values.get("created")
    if bounds in (None, ""):
        return True
    if isinstance(bounds, str):
        return bool(obj["created"] == int(bounds))
    return all(COMPARISONS[name](obj["created"], int(value)) for name, value in bounds.items())
