"""What each command takes, checked before anything is on record. docs/schemas/ has the same as JSON Schema."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from billing_core.commands.command import InvalidArguments
from billing_core.shapes import APP_KEY, USER_KEY
from billing_core.user_ids import LARGEST_USER_ID

# Stripe takes 50 keys; these are left for our own.
MOST_METADATA = 40
RESERVED = (USER_KEY, APP_KEY)
RESERVED_PREFIX = "billing_"

# The largest amount that Stripe takes has eight digits; in a few currencies twelve.
LARGEST_AMOUNT = 999_999_999_999

_CARD_NUMBER = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")


def _own_id(value: object) -> object:
    """An ID of ours may come as text, since it stands in an address."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


OwnId = Annotated[int, Field(ge=1, le=LARGEST_USER_ID)]
StripeText = Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z0-9_-]+$")]
SubscriptionId = Annotated[
    OwnId | Annotated[str, Field(max_length=255, pattern=r"^sub_[A-Za-z0-9_]+$")], BeforeValidator(_own_id)
]
InvoiceId = Annotated[
    OwnId | Annotated[str, Field(max_length=255, pattern=r"^in_[A-Za-z0-9_]+$")], BeforeValidator(_own_id)
]
PaymentMethodId = Annotated[str, Field(max_length=255, pattern=r"^(pm|card|src)_[A-Za-z0-9_]+$")]
Quantity = Annotated[int, Field(ge=1, le=999_999)]
Metadata = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\[\]]+$")],
        Annotated[str, Field(max_length=500)],
    ],
    Field(max_length=MOST_METADATA),
]


class Arguments(BaseModel):
    """Strict: a number is no text, and a field that no command knows is a typing error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class CreateSubscription(Arguments):
    """Create a subscription for a user, and the Stripe customer if there is none yet."""

    user_id: OwnId
    payment_method_id: PaymentMethodId
    price_id: StripeText | None = Field(None, description="by default the price that BILLING_DEFAULT_PRICE names")
    quantity: Quantity = 1
    trial_days: Annotated[int, Field(ge=1, le=730)] | None = None
    coupon: StripeText | None = None
    promotion_code: StripeText | None = Field(None, description="its ID, promo_…")
    metadata: Metadata = Field(default_factory=dict)

    @field_validator("metadata")
    @classmethod
    def _is_not_ours_and_no_card(cls, metadata: dict[str, str]) -> dict[str, str]:
        for key, value in metadata.items():
            if key in RESERVED or key.startswith(RESERVED_PREFIX):
                raise ValueError(f"the keys {', '.join(RESERVED)} and {RESERVED_PREFIX}… are reserved")
            if holds_card_number(key) or holds_card_number(value):
                raise ValueError("a number in it looks like a card's, which may not be stored")
            if "\0" in key + value:
                raise ValueError("it has a NUL character")
        return metadata

    @model_validator(mode="after")
    def _has_one_discount(self) -> Self:
        if self.coupon and self.promotion_code:
            raise ValueError("coupon and promotion_code: give one of them")
        return self


class UpdateSubscription(Arguments):
    """Change a subscription: what is left out stays as it is."""

    subscription_id: SubscriptionId
    price_id: StripeText | None = None
    quantity: Quantity | None = None
    proration: Literal["create_prorations", "none", "always_invoice"] | None = Field(
        None, description="what becomes of the rest of the period if price or quantity change; create_prorations"
    )
    cancel_at_period_end: bool | None = None
    default_payment_method: PaymentMethodId | None = None
    pause: Literal["void", "keep_as_draft", "mark_uncollectible"] | None = Field(
        None, description="what becomes of the invoices while it is paused"
    )
    resume: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        changes = self.model_fields_set - {"subscription_id", "proration"}
        if not any(getattr(self, name) not in (None, False) or name == "cancel_at_period_end" for name in changes):
            raise ValueError("nothing is to be changed")
        if self.pause and self.resume:
            raise ValueError("pause and resume: give one of them")
        if self.proration and self.price_id is None and self.quantity is None:
            raise ValueError("proration is for a change of price_id or quantity")
        return self


class CancelSubscription(Arguments):
    """Cancel a subscription, with or without money back."""

    subscription_id: SubscriptionId
    when: Literal["now", "period_end"] = "now"
    refund: Literal["none", "last_invoice", "prorated"] = Field(
        "none",
        description="last_invoice pays the latest paid invoice back; prorated credits the unused time to the customer, "
        "which lowers its next invoice",
    )

    @model_validator(mode="after")
    def _refunds_what_ends(self) -> Self:
        if self.when == "period_end" and self.refund != "none":
            raise ValueError("refund is for when=now: until the period's end there is nothing unused")
        return self


class RefundInvoice(Arguments):
    """Pay an invoice back, all of it or an amount."""

    invoice_id: InvoiceId
    amount: Annotated[int, Field(ge=1, le=LARGEST_AMOUNT)] | None = Field(
        None, description="in the currency's minor unit; by default what is left of the payment"
    )
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None


CommandArguments = CreateSubscription | UpdateSubscription | CancelSubscription | RefundInvoice

ARGUMENTS: dict[str, type[CommandArguments]] = {
    "create_subscription": CreateSubscription,
    "update_subscription": UpdateSubscription,
    "cancel_subscription": CancelSubscription,
    "refund_invoice": RefundInvoice,
}


def read_arguments(name: str, arguments: Mapping[str, Any]) -> CommandArguments:
    """Check and complete a command's arguments.

    Raises:
        InvalidArguments: all that is wrong with them, by field.
    """
    wanted = ARGUMENTS.get(name)
    if wanted is None:
        raise InvalidArguments([f"there is no command of this name; there are {', '.join(ARGUMENTS)}"])
    try:
        return wanted.model_validate(dict(arguments))
    except ValidationError as error:
        # Outside the except block: pydantic's error holds the values.
        problems = [_described(one) for one in error.errors(include_url=False, include_context=False)]
    raise InvalidArguments(problems)


def holds_card_number(text: str) -> bool:
    """Whether some 13 to 19 digits in the text pass the check that card numbers do (Luhn)."""
    return any(_passes_luhn(re.sub(r"\D", "", found[0])) for found in _CARD_NUMBER.finditer(text))


def _passes_luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(sum(divmod(value, 10)) for value in doubled) % 10 == 0


def _described(problem: Mapping[str, Any]) -> str:
    """Name the field and what was expected. The keys of metadata are the caller's words: they stay out."""
    location = [str(part) for part in problem["loc"]]
    if location and location[0] not in _FIELDS:
        return "a field that this command does not have"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{location[0]}: {message}" if location else message


_FIELDS = {field for arguments in ARGUMENTS.values() for field in arguments.model_fields}
