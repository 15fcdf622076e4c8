import io
import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from config.logging import REDACTED, configure_logging, redact


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def stdout(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    configure_logging("INFO")
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_is_json_with_event_fields_and_utc_time(stdout: io.StringIO) -> None:
    structlog.get_logger("workers").info("event.applied", event_id="evt_1", lag_s=0.4)
    (line,) = lines(stdout)
    written_at = datetime.fromisoformat(line.pop("timestamp"))
    assert written_at.tzinfo == UTC
    assert abs((datetime.now(UTC) - written_at).total_seconds()) < 60
    assert line == {
        "event": "event.applied",
        "event_id": "evt_1",
        "lag_s": 0.4,
        "level": "info",
        "logger": "workers",
    }


def test_standard_library_lines_take_the_same_form(stdout: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(event_id="evt_1"):
        logging.getLogger("celery").warning("lost %s", "whsec_5f0a")
    (line,) = lines(stdout)
    assert line["event"] == f"lost {REDACTED}"
    assert (line["logger"], line["level"], line["event_id"]) == ("celery", "warning", "evt_1")


def test_lines_below_the_level_are_dropped(stdout: io.StringIO) -> None:
    structlog.get_logger("workers").debug("event.read")
    logging.getLogger("celery").debug("chatter")
    assert stdout.getvalue() == ""


def test_second_call_replaces_the_first(monkeypatch: pytest.MonkeyPatch, stdout: io.StringIO) -> None:
    second = io.StringIO()
    monkeypatch.setattr("sys.stdout", second)
    configure_logging("DEBUG")
    structlog.get_logger("workers").debug("event.read")
    assert len(lines(second)) == 1
    assert stdout.getvalue() == ""


def test_terminal_gets_key_value_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("structlog.dev._has_colors", False)
    configure_logging("INFO")
    structlog.get_logger("workers").info("event.applied", event_id="evt_1", customer="jo@example.com")
    assert "event.applied" in terminal.getvalue()
    assert "evt_1" in terminal.getvalue()
    assert "jo@example.com" not in terminal.getvalue()


def raise_key_in_words() -> None:
    raise RuntimeError("no such key: sk_test_51Hq7")


def test_traceback_is_one_field_and_redacted(stdout: io.StringIO) -> None:
    try:
        raise_key_in_words()
    except RuntimeError:
        structlog.get_logger("workers").exception("event.failed")
    (line,) = lines(stdout)
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith(f"RuntimeError: no such key: {REDACTED}")
    assert "51Hq7" not in stdout.getvalue()


def test_message_that_celery_cannot_use_is_not_quoted(stdout: io.StringIO) -> None:
    told = "Received unregistered task of type %s.\nThe full contents of the message body was:\n%s"
    logging.getLogger("celery.worker.consumer.consumer").error(told, "'billing.x'", {"name": "Matilda"})
    (line,) = lines(stdout)
    assert line["event"] == "Received unregistered task of type 'billing.x'."


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_51Hq7",
        "sk_test_51Hq7",
        "rk_live_51Hq7",
        "rk_test_51Hq7",
        "sk_org_live_51Hq7",
        "ek_test_YWNjdF8",
        "whsec_5f0a+Zq/9=",
        "pi_3MtwBwLkd_secret_YrKJUK",
        "cs_test_a1b2_secret_fidwbEhqYWAnPydgaGdgYWFgYScpJ%2F",
        "jo.doe+stripe@mail.example.com",
    ],
)
def test_secret_is_cut_out_of_its_surroundings(secret: str) -> None:
    assert redact(None, "info", {"at": f"got '{secret}' twice: {secret}\n{secret}"}) == {
        "at": f"got '{REDACTED}' twice: {REDACTED}\n{REDACTED}"
    }


def test_password_in_an_address_is_cut_out() -> None:
    event = redact(None, "info", {"a": "redis://:pw@127.0.0.1:6379/0", "b": "mssql+pyodbc://sa:pw@db/billing"})
    assert event == {
        "a": f"redis://{REDACTED}@127.0.0.1:6379/0",
        "b": f"mssql+pyodbc://{REDACTED}@db/billing",
    }


def test_secrets_are_found_at_any_depth_and_in_any_object() -> None:
    event = redact(
        None,
        "info",
        {"a": {"whsec_1": ["whsec_2", ("whsec_3",)]}, "b": ValueError("whsec_4"), "c": b"whsec_5"},
    )
    assert event == {
        "a": {REDACTED: [REDACTED, [REDACTED]]},
        "b": f"ValueError('{REDACTED}')",
        "c": f"b'{REDACTED}'",
    }


def test_ordinary_values_stay_as_they_are() -> None:
    event = {
        "event": "settings.webhook_secret_rotated",
        "event_id": "evt_1MtHbELkd",
        "customer": "cus_NffrFeUfN",
        "task": "disk_test_2",
        "node": "celery@worker",
        "lag_s": 0.4,
        "count": 3,
        "livemode": False,
        "previous": None,
    }
    assert redact(None, "info", dict(event)) == event


@pytest.mark.parametrize("unit", ["a1", "a.", "x_secret", "://", "a@", "a_1 "])
def test_long_text_is_read_in_linear_time(unit: str) -> None:
    started = time.perf_counter()
    redact(None, "info", {"text": unit * 100_000})
    assert time.perf_counter() - started < 5  # quadratic time would be minutes
