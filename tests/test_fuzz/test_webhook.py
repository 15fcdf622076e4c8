import itertools
import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fake_stripe.signature import sign
from tests.fuzz.door import LIMIT, SECRET, Door
from tests.fuzz.shapes import ANYTHING, changed_events

FEW = "FUZZ_EXAMPLES" not in os.environ
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
FUZZED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=FEW,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
BODY = json.dumps({"id": "evt_1", "type": "invoice.paid", "created": 1, "livemode": False}).encode()
SIGNED = sign(BODY, SECRET)

# What is nearly right is more telling than noise.
SIGNATURES = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda t, name, value: f"t={t},{name}={value}".encode("utf-8", "replace"),
        st.integers(-(2**40), 2**70) | st.text(max_size=12),
        st.sampled_from(["v1", "v0", "t", ""]),
        st.text(max_size=70),
    ),
    st.integers(0, len(SIGNED) - 1).map(lambda at: (SIGNED[:at] + SIGNED[at + 1 :]).encode()),
    st.sampled_from([SIGNED.replace("v1=", "v0="), SIGNED + "0", SIGNED.swapcase()]).map(str.encode),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"content-length", b"content-type", b"x-forwarded-for", b"host"]), st.binary(max_size=20)
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


@FUZZED
@given(
    pieces=st.lists(st.binary(max_size=200), max_size=4) | st.just([BODY]) | st.just([b"x" * (LIMIT + 1)]),
    signature=SIGNATURES,
    headers=HEADERS,
    method=st.sampled_from(["POST", "POST", "POST", "GET", "PUT", ""]),
)
def test_nothing_unsigned_is_accepted_or_breaks_anything(
    door: Door, pieces: list[bytes], signature: bytes, headers: list[tuple[bytes, bytes]], method: str
) -> None:
    door.post_unsigned(pieces, [(b"stripe-signature", signature), *headers], method)


@FUZZED
@given(
    body=st.binary(max_size=300)
    | ANYTHING.map(lambda value: json.dumps(value).encode())
    | changed_events("evt_1")
    | st.fixed_dictionaries(dict.fromkeys(("id", "type", "created", "livemode"), ANYTHING)).map(
        lambda event: json.dumps(event).encode()
    )
)
@example(body=b"[" * 2000)
@example(body=b'{"id":"evt_1\\u0000","type":"invoice.paid","created":1,"livemode":false}')
def test_whatever_is_signed_is_accepted_or_refused(door: Door, body: bytes) -> None:
    door.post_signed(body)


@FUZZED
@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=6))
def test_body_counts_as_a_whole_however_it_is_cut(door: Door, cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(BODY)]
    pieces = [BODY[start:end] for start, end in itertools.pairwise(ends)]
    assert door.post(pieces, [(b"stripe-signature", sign(BODY, SECRET).encode())]) == (200, {"received": True})
