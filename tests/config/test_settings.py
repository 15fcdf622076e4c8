import os
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.loading import load_settings
from config.settings import VARIABLES, Settings, SettingsError

SECRET = "whsec_5f0aZq"
LIVE_KEY = "sk_live_51Hq7"
TEST_KEY = "sk_test_51Hq7"
PRODUCTION = {
    "BILLING_ENV": "production",
    "STRIPE_SECRET_KEY": LIVE_KEY,
    "STRIPE_WEBHOOK_SECRET": SECRET,
    "DATABASE_URL": "mssql+pyodbc://billing:pw@db/billing",
    "REDIS_URL": "rediss://:pw@redis:6379/0",
}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper() in VARIABLES.values() or name.upper().startswith("BILLING_"):
            monkeypatch.delenv(name)
    empty = tmp_path / "no secrets"
    empty.mkdir()
    monkeypatch.setattr("config.loading.DEFAULT_SECRETS_DIR", empty)


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, **environment)
    return str(caught.value)


def test_development_needs_no_variable_and_holds_no_secret() -> None:
    settings = load_settings()
    assert (settings.env, settings.livemode_expected) == ("development", False)
    assert settings.database_url == "sqlite:///var/billing.db"
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.stripe_secret_key is None
    assert settings.stripe_webhook_secrets == ()


def test_production_loads_with_live_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **PRODUCTION)
    assert settings.livemode_expected
    assert settings.stripe_secret_key == SecretStr(LIVE_KEY)
    assert settings.require_webhook_secrets() == (SecretStr(SECRET),)


def test_several_webhook_secrets_are_read_for_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, STRIPE_WEBHOOK_SECRET=" whsec_new , whsec_old ")
    assert settings.stripe_webhook_secrets == (SecretStr("whsec_new"), SecretStr("whsec_old"))


@pytest.mark.parametrize("value", ["whsec_", "whsec_a,", ",", "whsec_a,,whsec_b", "secret", "whsec_a,sk_b"])
def test_webhook_secret_of_another_form_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert refusal(monkeypatch, STRIPE_WEBHOOK_SECRET=value).startswith("STRIPE_WEBHOOK_SECRET: ")


@pytest.mark.parametrize("env", ["development", "test"])
def test_ingest_without_webhook_secret_is_refused_everywhere(monkeypatch: pytest.MonkeyPatch, env: str) -> None:
    with pytest.raises(SettingsError, match=r"^STRIPE_WEBHOOK_SECRET is missing"):
        load(monkeypatch, BILLING_ENV=env).require_webhook_secrets()


@pytest.mark.parametrize("given", ["", None])
@pytest.mark.parametrize("missing", ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "DATABASE_URL", "REDIS_URL"])
def test_production_stops_at_a_missing_variable(
    monkeypatch: pytest.MonkeyPatch, missing: str, given: str | None
) -> None:
    environment = {name: value for name, value in PRODUCTION.items() if name != missing}
    if given is not None:
        environment[missing] = given
    assert refusal(monkeypatch, **environment) == (
        f"{missing} is missing, BILLING_ENV=production has no default for it"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", TEST_KEY),
        ("STRIPE_SECRET_KEY", "rk_test_51Hq7"),
        ("STRIPE_SECRET_KEY", "pk_live_51Hq7"),
        ("STRIPE_API_BASE", "http://127.0.0.1:12111"),
        ("DATABASE_URL", "sqlite:///var/billing.db"),
        ("DATABASE_URL", "sqlite+pysqlite://"),
        ("REDIS_URL", "memory://"),
        ("REDIS_URL", "redis://fakeredis:6379/0"),
    ],
)
def test_production_stops_at_a_test_or_embedded_part(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    line = refusal(monkeypatch, **(PRODUCTION | {name: value}))
    assert line.startswith(name)
    assert "\n" not in line
    assert "; " not in line
    assert value not in line


@pytest.mark.parametrize("env", ["development", "test"])
@pytest.mark.parametrize("key", [LIVE_KEY, "rk_live_51Hq7"])
def test_live_key_outside_production_stops_the_start(monkeypatch: pytest.MonkeyPatch, env: str, key: str) -> None:
    line = refusal(monkeypatch, BILLING_ENV=env, STRIPE_SECRET_KEY=key)
    assert line == f"STRIPE_SECRET_KEY is a live key, which BILLING_ENV={env} must not hold"


def test_every_problem_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    line = refusal(monkeypatch, BILLING_ENV="production", STRIPE_SECRET_KEY=TEST_KEY)
    assert [problem.split(" ")[0] for problem in line.split("; ")] == [
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "DATABASE_URL",
        "REDIS_URL",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLING_ENV", "staging"),
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("BILLING_SIGNATURE_TOLERANCE", "0"),
        ("BILLING_ACCEPT_TIMEOUT", "inf"),
        ("BILLING_MAX_DELIVERIES", "0"),
        ("BILLING_STRIPE_MAX_RETRIES", "-1"),
        ("BILLING_QUEUE_PREFIX", "billing:"),
        ("BILLING_LOG_LEVEL", "LOUD"),
        ("BILLING_SWEEP_ENABLED", "perhaps"),
        ("BILLING_SECRETS_DIR", "/nonexistent/secrets"),
        ("DATABASE_URL", "billing.db"),
    ],
)
def test_unusable_value_stops_the_start_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    line = refusal(monkeypatch, **{name: value})
    assert line.startswith(name)
    assert "\n" not in line


def test_backoff_that_could_outlast_the_visibility_timeout_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load(monkeypatch, BILLING_RETRY_BACKOFF_MAX="20", BILLING_VISIBILITY_TIMEOUT="41")
    line = refusal(monkeypatch, BILLING_VISIBILITY_TIMEOUT="40")
    assert line == "BILLING_RETRY_BACKOFF_MAX must be below half of BILLING_VISIBILITY_TIMEOUT"


def test_mistyped_billing_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, BILLING_STAL_TIME="9") == "BILLING_STAL_TIME is no setting"


def test_variable_has_one_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, BILLING_PORT="9") == "BILLING_PORT is no setting"


def test_log_level_is_read_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, BILLING_LOG_LEVEL="debug").log_level == "DEBUG"


@pytest.mark.parametrize("file_name", ["STRIPE_SECRET_KEY", "stripe_secret_key"])
def test_secret_is_read_from_the_mounted_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file_name: str
) -> None:
    (tmp_path / file_name).write_text(TEST_KEY + "\n")
    (tmp_path / "billing_max_deliveries").write_text("3")
    settings = load(monkeypatch, BILLING_SECRETS_DIR=str(tmp_path))
    assert settings.stripe_secret_key == SecretStr(TEST_KEY)
    assert settings.max_deliveries == 3


def test_default_secrets_directory_is_read_without_being_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "STRIPE_WEBHOOK_SECRET").write_text(SECRET)
    monkeypatch.setattr("config.loading.DEFAULT_SECRETS_DIR", tmp_path)
    assert load_settings().require_webhook_secrets() == (SecretStr(SECRET),)


def test_missing_default_secrets_directory_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("config.loading.DEFAULT_SECRETS_DIR", tmp_path / "away")
    assert load_settings().env == "development"


def test_environment_wins_over_the_secrets_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "STRIPE_SECRET_KEY").write_text("sk_test_file")
    settings = load(monkeypatch, BILLING_SECRETS_DIR=str(tmp_path), STRIPE_SECRET_KEY=TEST_KEY)
    assert settings.stripe_secret_key == SecretStr(TEST_KEY)


def test_mistyped_file_in_the_secrets_directory_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "billing_secret").touch()
    assert refusal(monkeypatch, BILLING_SECRETS_DIR=str(tmp_path)) == "billing_secret is no setting"


def test_dotenv_file_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings().port == 8000


@pytest.mark.parametrize(
    "environment",
    [
        {"STRIPE_WEBHOOK_SECRET": "5f0aZq-leak"},
        {"STRIPE_SECRET_KEY": "sk_live_5f0aZq-leak"},
        {"DATABASE_URL": "5f0aZq-leak"},
        {"PORT": "5f0aZq-leak"},
        {"BILLING_ENV": "production", "STRIPE_SECRET_KEY": "sk_test_5f0aZq-leak"},
    ],
)
def test_refusal_shows_no_value_through_its_whole_chain(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, **environment)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert "5f0aZq" not in "".join(traceback.format_exception(caught.value))


def test_unreadable_secret_file_shows_no_byte_of_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "STRIPE_SECRET_KEY").write_bytes(b"sk_test_\xff")
    with pytest.raises(SettingsError, match=r"^BILLING_SECRETS_DIR: ") as caught:
        load(monkeypatch, BILLING_SECRETS_DIR=str(tmp_path))
    assert caught.value.__context__ is None


def test_repr_shows_no_secret_and_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    text = repr(load(monkeypatch, **PRODUCTION))
    assert not [name for name, value in PRODUCTION.items() if name != "BILLING_ENV" and value in text]


def test_settings_cannot_be_changed_after_the_start() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load_settings(), "port", 9)  # noqa: B010 -- mypy knows that the plain form is wrong
