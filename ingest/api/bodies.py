"""What callers send: the commands' own arguments, without the ID that stands in the address."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing_core.commands.arguments import LARGEST_AMOUNT, PaymentMethodId, Quantity, StripeText
from billing_core.user_ids import LARGEST_USER_ID

UserId = Annotated[int, Field(ge=1, le=LARGEST_USER_ID, description="Users.UserID")]


class Body(BaseModel):
    """JSON as written: no text for numbers, and no field that would go unheard."""

    model_config = ConfigDict(strict=True, extra="forbid")

    def arguments(self) -> dict[str, Any]:
        """Return what was sent; null counts as left out."""
        return self.model_dump(exclude_none=True)


class SubscriptionChanges(Body):
    """What is to change; what is left out stays."""

    price_id: StripeText | None = Field(None, description="a user's token may name those of BILLING_USER_PRICES")
    quantity: Quantity | None = None
    proration: Literal["create_prorations", "none", "always_invoice"] | None = Field(
        None, description="how a change of price or quantity within the period is charged; `none` needs billing:admin"
    )
    cancel_at_period_end: bool | None = None
    default_payment_method: PaymentMethodId | None = None
    pause: Literal["void", "keep_as_draft", "mark_uncollectible"] | None = Field(
        None, description="what becomes of the invoices while it is paused; needs billing:admin"
    )
    resume: bool | None = Field(None, description="true ends the pause")

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.arguments().keys() - {"proration"}:
            raise ValueError("nothing is to be changed")
        return self


class RefundedAmount(Body):
    """How much of an invoice goes back, and why."""

    amount: Annotated[int, Field(ge=1, le=LARGEST_AMOUNT)] | None = Field(
        None, description="in the currency's minor unit (cents); by default all that is left of the payment"
    )
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
