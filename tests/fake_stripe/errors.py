"""Stripe's error answers, raised where they arise and rendered by the server."""

from typing import Any

Json = dict[str, Any]

DOCS = "https://stripe.com/docs/error-codes/"


class StripeFailure(Exception):
    """An answer that is an error: HTTP status and Stripe's error object."""

    def __init__(self, status: int, kind: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error: Json = {"message": message, "type": kind}
        self.error.update({key: value for key, value in fields.items() if value is not None})
        if "code" in self.error:
            self.error["doc_url"] = DOCS + self.error["code"].replace("_", "-")

    def body(self, request_id: str) -> Json:
        """Return the JSON body, pointing at the request as Stripe's dashboard does."""
        log_url = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": self.error | {"request_log_url": log_url}}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeFailure:
    """A request Stripe refuses before doing anything."""
    return StripeFailure(400, "invalid_request_error", message, param=param, code=code)


def missing_parameter(param: str) -> StripeFailure:
    """A required parameter is absent."""
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def no_such(kind: str, object_id: str, param: str = "id") -> StripeFailure:
    """The object is not in this account: 404 in the path, 400 in a parameter."""
    status = 404 if param == "id" else 400
    message = f"No such {kind.replace('_', ' ')}: '{object_id}'"
    return StripeFailure(status, "invalid_request_error", message, param=param, code="resource_missing")


DECLINE_MESSAGES = {
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "insufficient_funds": "Your card has insufficient funds.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}

# These three are error codes of their own; any other decline is a card_declined with a decline_code.
CODES_OF_THEIR_OWN = frozenset({"expired_card", "incorrect_cvc", "processing_error", "authentication_required"})


def decline_error(decline_code: str, **fields: Any) -> StripeFailure:
    """The card's bank said no (HTTP 402)."""
    code = decline_code if decline_code in CODES_OF_THEIR_OWN else "card_declined"
    message = DECLINE_MESSAGES.get(decline_code, "Your card was declined.")
    return StripeFailure(402, "card_error", message, code=code, decline_code=decline_code, **fields)
