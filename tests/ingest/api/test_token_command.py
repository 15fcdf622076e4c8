"""`billing token` makes what the API of the same settings accepts."""

import sys

import pytest

from billing_core.cli import main
from config.loading import load_settings
from ingest.api.auth import TokenVerifier
from tests.ingest.api.tokens import AUDIENCE, ISSUER, SECRET

SETTINGS = {"BILLING_JWT_SECRET": SECRET, "BILLING_JWT_ISSUER": ISSUER, "BILLING_JWT_AUDIENCE": AUDIENCE}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["billing", "token", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize(
    ("arguments", "subject", "user_id"),
    [
        (["--user", "7"], "user:7", 7),
        (["--user", "7", "--minutes", "1"], "user:7", 7),
        (["--user", "7", "--admin"], "service:7", None),
        (["--admin"], "service:billing-cli", None),
    ],
)
def test_token_is_accepted_by_the_api(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    subject: str,
    user_id: int | None,
) -> None:
    assert not run(monkeypatch, *arguments)
    caller = TokenVerifier.from_settings(load_settings()).caller(f"Bearer {capsys.readouterr().out.strip()}")
    assert (caller.subject, caller.user_id) == (subject, user_id)


def test_without_the_secret_there_is_no_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BILLING_JWT_SECRET")
    assert run(monkeypatch, "--user", "7") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("BILLING_JWT_SECRET is missing")


def test_there_are_no_tokens_for_production(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    production = {
        "BILLING_ENV": "production",
        "STRIPE_SECRET_KEY": "sk_live_x",
        "STRIPE_WEBHOOK_SECRET": "whsec_x",
        "DATABASE_URL": "postgresql://db/billing",
        "REDIS_URL": "redis://redis/0",
    }
    for name, value in production.items():
        monkeypatch.setenv(name, value)
    assert run(monkeypatch, "--admin") == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments", [[], ["--user", "0"], ["--user", "x"], ["--admin", "--minutes", "0"]])
def test_wrong_usage_makes_no_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert capsys.readouterr().out == ""
