"""How a command ends: in our words. Stripe's messages can quote what a customer typed, so none of them is kept."""

from dataclasses import dataclass, field
from typing import Any

from billing_core.commands.command import CommandStatus
from billing_core.errors import BillingError, StripeRefused

AUTHENTICATE = "authenticate"
ANOTHER_PAYMENT_METHOD = "use_another_payment_method"
CORRECT_CARD = "correct_the_card_details"
TRY_LATER = "try_again_later"
CORRECT_REQUEST = "correct_the_request"
SUBMIT_AGAIN = "submit_again"
ASK_OPERATOR = "ask_an_operator"

# What the customer can do about a decline; about any other code, pay with something else.
# https://docs.stripe.com/declines/codes
_NEXT_STEPS = {
    "authentication_required": AUTHENTICATE,
    "authentication_not_handled": AUTHENTICATE,
    "expired_card": CORRECT_CARD,
    "incorrect_address": CORRECT_CARD,
    "incorrect_cvc": CORRECT_CARD,
    "incorrect_number": CORRECT_CARD,
    "incorrect_zip": CORRECT_CARD,
    "invalid_cvc": CORRECT_CARD,
    "invalid_expiry_month": CORRECT_CARD,
    "invalid_expiry_year": CORRECT_CARD,
    "invalid_number": CORRECT_CARD,
    "approve_with_id": TRY_LATER,
    "card_velocity_exceeded": TRY_LATER,
    "issuer_not_available": TRY_LATER,
    "processing_error": TRY_LATER,
    "reenter_transaction": TRY_LATER,
    "try_again_later": TRY_LATER,
}

_PAYMENT_REQUIRED = 402


class NotPossible(BillingError):
    """We refuse the command ourselves, before Stripe would: `code` says why, the message in a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Outcome:
    """The last status of a command, with what its row says beside it."""

    status: CommandStatus
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    rows: dict[str, int] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Return the columns to write beside the status."""
        return {"result": self.result, "error": self.error, **self.rows}


def error_of(
    code: str | None,
    message: str,
    next_step: str,
    *,
    decline_code: str | None = None,
    param: str | None = None,
    request_id: str | None = None,
) -> dict[str, Any]:
    """Return what a command's row, and the caller, are told of an error."""
    return {
        "code": code,
        "decline_code": decline_code,
        "param": param,
        "message": message,
        "next_step": next_step,
        "request_id": request_id,
    }


def decline(code: str | None, decline_code: str | None, request_id: str | None) -> dict[str, Any]:
    """Return the error of a declined payment."""
    reason = decline_code or code
    return error_of(
        code,
        "The bank declined the payment.",
        _NEXT_STEPS.get(reason or "", ANOTHER_PAYMENT_METHOD),
        decline_code=decline_code,
        request_id=request_id,
    )


def refused(error: StripeRefused) -> Outcome:
    """Return how a command ends that Stripe refused: by the bank, or because the request is wrong."""
    if error.status == _PAYMENT_REQUIRED:
        return Outcome(CommandStatus.DECLINED, error=decline(error.code, error.decline_code, error.request_id))
    told = error_of(
        error.code,
        f"Stripe refused the request for its parameter {error.param}."
        if error.param
        else "Stripe refused the request.",
        CORRECT_REQUEST,
        param=error.param,
        request_id=error.request_id,
    )
    return Outcome(CommandStatus.REFUSED, error=told)


def not_possible(error: NotPossible) -> Outcome:
    """Return how a command ends that we refused."""
    return Outcome(CommandStatus.REFUSED, error=error_of(error.code, str(error), CORRECT_REQUEST))


def never_happened(request_id: str | None = None) -> Outcome:
    """Return how a command ends that Stripe did not answer for a day, and did not do."""
    message = "Stripe did not answer within a day. It was not done, and will not be done later."
    return Outcome(CommandStatus.FAILED, error=error_of("not_done", message, SUBMIT_AGAIN, request_id=request_id))


def broken(error: Exception) -> Outcome:
    """Return how a command ends that met an error of ours; only its name is told, its text is in the log."""
    message = f"An error of ours: {type(error).__name__}."
    return Outcome(CommandStatus.FAILED, error=error_of("internal_error", message, ASK_OPERATOR))
