"""What Microsoft calls transient is so here, in either driver's words. The other codes are in test_dialects.py."""

import pytest

from billing_core.dialects import is_transient, is_unique_violation

# What pyodbc raises; the class is told by its module, since the real one needs unixODBC to be imported.
PyodbcError: type[Exception] = type("Error", (Exception,), {"__module__": "pyodbc"})
DRIVERS = ["[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]", "[FreeTDS][SQL Server]"]


def error(driver: str, number: int, sqlstate: str = "42000", function: str = "SQLExecDirectW") -> Exception:
    return PyodbcError(sqlstate, f"[{sqlstate}] {driver}Whatever it says. ({number}) ({function})")


# https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues, and resource governance
AZURE = [615, 926, 4060, 4221, 10928, 10929, 10936, 40197, 40501, 40613, 49918, 49919, 49920]
VICTIMS = [1205, 1222, 3960]
AWAY = [233, 596, 921, 922, 927, 976, 978, 983, 3906, 6005, 9002, 10053, 10054, 10060]


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("number", [*(one for one in AZURE if one != 4060), *VICTIMS, *AWAY])
def test_number_is_transient(driver: str, number: int) -> None:
    assert is_transient(error(driver, number))
    assert not is_unique_violation(error(driver, number))


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("number", [911, 4060, 17142, 18401, 18456, 33557097])
def test_whatever_refuses_a_connection_is_transient(driver: str, number: int) -> None:
    """No event is at fault when there is no connection: not the login's, nor the server's way up or down."""
    assert is_transient(error(driver, number, function="SQLDriverConnect"))


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("number", [2627, 2601])
def test_row_that_is_there_already_is_told_from_other_violations(driver: str, number: int) -> None:
    assert is_unique_violation(error(driver, number, "23000"))
    assert not is_transient(error(driver, number, "23000"))
    assert not is_unique_violation(error(driver, 547, "23000"))


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("number", [102, 245, 515, 547, 2628, 8134])
def test_fault_of_the_work_itself_is_not_transient(driver: str, number: int) -> None:
    assert not is_transient(error(driver, number))


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("canceling statement due to lock timeout", True),
        ('relation "billingevents" does not exist', True),
        ('column "outcome" does not exist', True),
        ("division by zero", False),
    ],
)
def test_babelfish_has_words_where_it_has_no_number(driver: str, words: str, expected: bool) -> None:
    told = PyodbcError("42000", f"[42000] {driver}{words} (33557097) (SQLExecDirectW)")
    assert is_transient(told) == expected


def test_number_inside_a_value_is_none_of_the_servers() -> None:
    text = "[23000] [FreeTDS][SQL Server]Cannot insert NULL; the value was (1205). (515) (SQLExecDirectW)"
    assert not is_transient(PyodbcError("23000", text))


@pytest.mark.parametrize("sqlstate", ["HYT00", "HYT01", "HY008", "08S01", "08001", "08004"])
def test_driver_that_waited_in_vain_or_lost_the_way_is_transient(sqlstate: str) -> None:
    assert is_transient(
        PyodbcError(sqlstate, f"[{sqlstate}] [FreeTDS][SQL Server]Timeout expired (0) (SQLExecDirectW)")
    )
