from pydantic import SecretStr

from ingest.signature import SignatureVerifier
from tests.bench.corpus import Posted
from tests.bench.requests import SECRET, request

POSTED = Posted("evt_1", b'{\n  "id": "evt_1"\n}')


def test_request_is_signed_as_our_endpoint_wants_it() -> None:
    head, _, body = request(POSTED).partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    SignatureVerifier([SecretStr(SECRET)], tolerance=300).verify(body, headers["Stripe-Signature"])
    assert int(headers["Content-Length"]) == len(body)
    assert body == POSTED.body
