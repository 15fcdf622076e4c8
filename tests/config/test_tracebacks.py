"""What the log may say of an error, with errors as the libraries really raise them."""

from collections.abc import Callable

import msgspec
import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from billing_core.database import Database
from billing_core.errors import RaceLost
from billing_core.models import BillingEvent
from config.tracebacks import format_quietly

PERSON = "matilda.okonkwo"


class Form(BaseModel):
    age: int


def logged(fail: Callable[[], object]) -> str:
    with pytest.raises(Exception) as raised:  # noqa: PT011  (of any kind)
        fail()
    return format_quietly((raised.type, raised.value, raised.tb))


def raise_(error: Exception, cause: Exception | None = None) -> None:
    raise error from cause


def fail_again() -> None:
    try:
        int(PERSON)
    except ValueError:
        raise RuntimeError("no more")  # noqa: B904  (what was being handled is the point)


@pytest.mark.parametrize(
    ("fail", "named"),
    [
        (lambda: int(PERSON), "ValueError"),
        (lambda: dict[str, str]()[PERSON], "KeyError"),
        (lambda: Form.model_validate({"age": PERSON}), "pydantic_core._pydantic_core.ValidationError"),
        (lambda: msgspec.convert(PERSON, int), "msgspec.ValidationError"),
        (lambda: raise_(ExceptionGroup("two", [ValueError(PERSON)])), "ValueError"),
        (lambda: raise_(RuntimeError("no more"), ValueError(PERSON)), "RuntimeError: no more"),
        (fail_again, "RuntimeError: no more"),
    ],
)
def test_error_that_quotes_data_is_only_named(fail: Callable[[], object], named: str) -> None:
    text = logged(fail)
    assert PERSON not in text
    assert named in text
    assert 'File "' in text


@pytest.mark.parametrize(
    "error", [RaceLost("evt_1: tied again"), TypeError("'NoneType' is not callable"), OSError("away")]
)
def test_error_that_tells_only_of_itself_keeps_its_words(error: Exception) -> None:
    assert str(error) in logged(lambda: raise_(error))


def test_row_that_a_database_refused_is_not_shown(database: Database) -> None:
    """PostgreSQL's own text has the whole row: `DETAIL: Failing row contains (…)`."""

    def insert() -> None:
        with database.write() as session:
            session.execute(sa.insert(BillingEvent), [{"stripe_event_id": "evt_1", "event_data": PERSON}])

    text = logged(insert)
    assert PERSON not in text
    assert "sqlalchemy.exc." in text


def test_chain_is_told_from_its_beginning() -> None:
    text = logged(lambda: raise_(RaceLost("evt_1"), KeyError("x")))
    assert text.index("KeyError") < text.index("direct cause") < text.index("billing_core.errors.RaceLost: evt_1")
