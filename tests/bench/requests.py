"""Posts as bytes, signed before any clock starts, so that sending one costs the generator a system call."""

from collections.abc import Iterable

from tests.bench.corpus import Posted
from tests.fake_stripe import sign

SECRET = "whsec_bench"
PATH = "/webhooks/stripe"

# As Stripe sends them, but for the proxy's part.
_HEAD = (
    "POST {path} HTTP/1.1\r\n"
    "Host: 127.0.0.1\r\n"
    "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n"
    "Accept: */*; q=0.5, application/xml\r\n"
    "Cache-Control: no-cache\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: {length}\r\n"
    "Stripe-Signature: {signature}\r\n\r\n"
)


def request(posted: Posted) -> bytes:
    """Return the request that posts an event now: it is good for five minutes."""
    signature = sign(posted.body, SECRET)
    return _HEAD.format(path=PATH, length=len(posted.body), signature=signature).encode() + posted.body


def requests(events: Iterable[Posted]) -> list[bytes]:
    """Return the requests that post these events."""
    return list(map(request, events))
