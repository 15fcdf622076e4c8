import pytest

from ingest.api.prefer import wait_preference


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["wait=10"], 10),
        (["Wait = 10"], 10),
        (['wait="10"'], 10),
        (["respond-async, wait=10"], 10),
        (["respond-async;foo=bar, wait=10; x=y"], 10),
        (["handling=lenient", "wait=7"], 7),
        (["wait=5, wait=10"], 5),
        (["wait=0"], 0),
        (["wait=31"], 30),
        (["wait=999999999"], 30),
        (["wait=99999999999999999999"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=\u0661"], None),
        (["wait=x"], None),
        (["wait="], None),
        (["wait"], None),
        (["waiting=3"], None),
        (["respond-async"], None),
        (["", ",,", "=3", "\x00"], None),
    ],
)
def test_wait_is_read_as_the_rfc_says(headers: list[str], seconds: int | None) -> None:
    assert wait_preference(headers) == seconds
