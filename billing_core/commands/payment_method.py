"""A payment method becomes the customer's before anything is paid with it."""

from billing_core.commands.tools import Tools
from billing_core.commands.work import Call, Work
from billing_core.errors import StripeRefused
from billing_core.kinds import PAYMENT_METHOD
from billing_core.stripe_api import Fetched

ATTACH = "payment_method"


def attached(work: Work, tools: Tools, method: str, customer: str) -> str:
    """Save the payment method to the customer, and return its ID: Stripe's test cards get one of their own.

    Raises:
        StripeRefused: the bank lets nobody save it, or it is somebody else's.
    """
    if done := work.done(ATTACH):
        return done
    held = tools.answers.held(PAYMENT_METHOD, method)
    call = Call("post", f"{PAYMENT_METHOD.path}{method}/attach", {"customer": customer})
    try:
        written = work.call(ATTACH, call, lambda _since: _if_attached(tools, method, customer))
    except StripeRefused:
        if _if_attached(tools, method, customer) is None:
            raise
        return method
    answer = tools.answers.of_write(PAYMENT_METHOD, held, written)
    tools.answers.save(work, [answer])
    return answer.stripe_id


def _if_attached(tools: Tools, method: str, customer: str) -> Fetched | None:
    try:
        fetched = tools.stripe.fetch(f"{PAYMENT_METHOD.path}{method}")
    except StripeRefused:
        return None
    return fetched if fetched.obj.get("customer") == customer else None
