"""What the command prints, and how it ends where it can do nothing."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from billing_core.cli.output import show_json, show_rows, terminal
from tests.billing_core.cli.operator import billing
from tests.stores import PASSWORD

BILLING = Path(sys.executable).parent / "billing"
LONG = "evt_" + "x" * 200
MOMENT = datetime(2026, 9, 21, 8, 30, tzinfo=UTC)


def test_row_in_a_pipe_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"id": LONG, "at": MOMENT, "none": None}], ["id", "at", "none"], as_json=False)
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["id", "at", "none"]
    assert line.split() == [LONG, "2026-09-21", "08:30:00"]


def test_terminal_is_as_wide_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "77")
    assert terminal().width == 77


def test_json_has_iso_moments_and_the_columns_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"id": LONG, "at": MOMENT, "secret": 1}], ["id", "at"], as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"id": LONG, "at": "2026-09-21T08:30:00+00:00"}]


def test_json_of_what_json_does_not_know_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"path": Path("a")})
    assert json.loads(capsys.readouterr().out) == {"path": "a"}


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch, redis_url: str, sqlite_url: str) -> None:
    monkeypatch.setenv("BILLING_ENV", "test")
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLING_ENV", "staging"),
        ("BILLING_PORTT", "1"),
        ("REDIS_URL", "http://redis"),
        ("DATABASE_URL", "jenny:geheim@db"),
        ("DATABASE_URL", "mysql://jenny:geheim@db/billing"),
        ("DATABASE_URL", "nosuch://jenny:geheim@db/billing"),
        ("DATABASE_URL", "postgresql+nosuch://jenny:geheim@db/billing"),
        ("DATABASE_URL", "postgresql://jenny:geheim@db:port/billing"),
    ],
)
def test_bad_setting_is_one_line_without_its_value_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    answer = billing("events", "list")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(name)
    assert answer.err.count("\n") == 1
    assert "geheim" not in answer.err


COMMANDS = [["events", "list"], ["events", "show", "evt_1"], ["events", "replay", "evt_1"]]
WRITING = [["customers", "link", "cus_1", "1"], ["purge", "--older-than", "1d", "--yes"], ["customers", "list"]]


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize("arguments", [*COMMANDS, *WRITING], ids=" ".join)
def test_database_that_is_away_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, away_url: str, arguments: list[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", away_url)
    answer = billing(*arguments)
    assert (answer.code, answer.out) == (1, "")
    assert "connect" in answer.err.lower()
    assert answer.err.count("\n") == 1
    assert PASSWORD not in answer.err


@pytest.mark.usefixtures("_environment")
def test_database_without_tables_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, any_database_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", any_database_url)
    answer = billing("events", "list")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert answer.err.startswith("database: ")
    assert "billingevents" in answer.err.lower()


@pytest.mark.usefixtures("_environment")
def test_redis_that_is_away_is_one_line_and_exit_code_1(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:geheim@127.0.0.1:{closed_port}/0")
    answer = billing("status")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("Redis: ")
    assert answer.err.count("\n") == 1
    assert "geheim" not in answer.err


def test_installed_command_does_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [BILLING, "status"],
        env={**os.environ, "BILLING_ENV": "staging"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("BILLING_ENV: ")
    assert done.stderr.count("\n") == 1
