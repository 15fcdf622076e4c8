"""Products and prices."""

from typing import Any

from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.forms import Params
from tests.fake_stripe.listing import page
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox

# What every fake account starts with: our product, 10 AUD a month.
DEFAULT_PRICE = "price_1FakeStripeMonthlyAud1000"
DEFAULT_PRODUCT = "prod_FakeResumePlan"


def seed(sandbox: Sandbox) -> None:
    """Put our product and its price into a new account, without events."""
    product = _product(sandbox, name="AI resume and job tracking") | {"id": DEFAULT_PRODUCT}
    sandbox.state.add(product)
    recurring = _recurring(Params({"interval": "month"}))
    price = _price(sandbox, product=DEFAULT_PRODUCT, currency="aud", amount=1000, recurring=recurring)
    product["default_price"] = DEFAULT_PRICE
    sandbox.state.add(price | {"id": DEFAULT_PRICE, "lookup_key": "monthly_aud"})


def create_product(sandbox: Sandbox, call: Call) -> Json:
    """Create a product."""
    params = call.params
    product = _product(sandbox, name=params.required("name"))
    product |= {"description": params.text("description"), "metadata": params.metadata()}
    sandbox.state.add(product)
    sandbox.emit("product.created", product)
    return product


def _product(sandbox: Sandbox, name: str) -> Json:
    return sandbox.new(
        "product",
        "prod",
        active=True,
        default_price=None,
        description=None,
        images=[],
        marketing_features=[],
        metadata={},
        name=name,
        package_dimensions=None,
        shippable=None,
        statement_descriptor=None,
        tax_code=None,
        unit_label=None,
        updated=sandbox.clock.timestamp(),
        url=None,
    )


def update_product(sandbox: Sandbox, call: Call) -> Json:
    """Change a product's name, description, activity or metadata."""
    product = sandbox.state.get("product", call.id)
    with sandbox.changing(product):
        for key in ("name", "description"):
            if key in call.params:
                product[key] = call.params.text(key)
        product["active"] = call.params.boolean("active", product["active"])
        product["metadata"] = call.params.metadata(product["metadata"])
    return product


def create_price(sandbox: Sandbox, call: Call) -> Json:
    """Create a price, with its product if the request brings one."""
    price = price_from(sandbox, call.params)
    price["lookup_key"] = call.params.text("lookup_key")
    price["nickname"] = call.params.text("nickname")
    sandbox.emit("price.created", price)
    return price


def price_from(sandbox: Sandbox, params: Params) -> Json:
    """Return a new price from `price` or `price_data` parameters."""
    currency = params.required("currency").lower()
    amount = params.integer("unit_amount")
    if amount is None and "unit_amount_decimal" in params:
        amount = int(float(params.required("unit_amount_decimal")))
    if amount is None:
        raise invalid("One of `unit_amount` or `unit_amount_decimal` is required.", param="unit_amount")
    recurring = _recurring(params.nested("recurring")) if "recurring" in params else None
    product = _product_of(sandbox, params)
    price = _price(sandbox, product=product["id"], currency=currency, amount=amount, recurring=recurring)
    price["metadata"] = params.metadata()
    return sandbox.state.add(price)


def _product_of(sandbox: Sandbox, params: Params) -> Json:
    if "product_data" in params:
        return sandbox.state.add(_product(sandbox, name=params.nested("product_data").required("name")))
    return sandbox.state.get("product", params.required("product"), "product")


def _recurring(params: Params) -> Json:
    interval = params.required("interval")
    if interval not in {"day", "week", "month", "year"}:
        raise invalid("Invalid interval: must be one of day, week, month or year", param=params.name("interval"))
    return {
        "interval": interval,
        "interval_count": params.integer("interval_count", 1),
        "meter": None,
        "usage_type": "licensed",
    }


def _price(sandbox: Sandbox, *, product: str, currency: str, amount: int, recurring: Json | None) -> Json:
    return sandbox.new(
        "price",
        "price",
        active=True,
        billing_scheme="per_unit",
        currency=currency,
        custom_unit_amount=None,
        lookup_key=None,
        metadata={},
        nickname=None,
        product=product,
        recurring=recurring,
        tax_behavior="unspecified",
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )


def plan_of(price: Json) -> Json:
    """Return the plan object that stands beside a recurring price."""
    recurring = price["recurring"] or {}
    kept: dict[str, Any] = {key: price[key] for key in ("id", "active", "created", "currency", "livemode")}
    return kept | {
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"),
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def update_price(sandbox: Sandbox, call: Call) -> Json:
    """Change a price's activity, nickname, lookup key or metadata."""
    price = sandbox.state.get("price", call.id)
    with sandbox.changing(price):
        for key in ("nickname", "lookup_key"):
            if key in call.params:
                price[key] = call.params.text(key)
        price["active"] = call.params.boolean("active", price["active"])
        price["metadata"] = call.params.metadata(price["metadata"])
    return price


def list_prices(sandbox: Sandbox, call: Call) -> Json:
    """List prices by product, currency or lookup key."""
    keys = call.params.strings("lookup_keys")
    fitting = [price for price in sandbox.state.all("price") if not keys or price["lookup_key"] in keys]
    return page(call, fitting, equal=["product", "currency", "type"])


ROUTES = [
    Route("POST", "/v1/products", create_product),
    Route("GET", "/v1/products", lambda sandbox, call: page(call, sandbox.state.all("product"))),
    Route("GET", "/v1/products/{id}", lambda sandbox, call: sandbox.state.get("product", call.id)),
    Route("POST", "/v1/products/{id}", update_product),
    Route("POST", "/v1/prices", create_price),
    Route("GET", "/v1/prices", list_prices),
    Route("GET", "/v1/prices/{id}", lambda sandbox, call: sandbox.state.get("price", call.id)),
    Route("POST", "/v1/prices/{id}", update_price),
]
