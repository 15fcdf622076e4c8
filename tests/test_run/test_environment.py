import os
import socket
import subprocess
from pathlib import Path

import pytest

from config.loading import load_settings
from config.settings import VARIABLES
from ingest.console.operators import Operators, Role
from tests.run.environment import (
    CONSOLE_USER,
    choose_console,
    choose_parts,
    choose_ports,
    choose_token_key,
    export,
    export_surroundings,
    webhook_url,
    write_exports,
)
from tests.run.errors import CannotRun
from tests.run.run import run

REAL_LOOKING_KEY = "sk_test_51Real00000000000000"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing is set; what a test exports is forgotten after it."""
    for name in (*VARIABLES.values(), "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    return monkeypatch


def test_everything_is_embedded_where_nothing_is_set() -> None:
    parts = choose_parts(load_settings())
    assert (parts.database, parts.redis, parts.stripe) == (True, True, True)


def test_what_is_set_is_not_embedded(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATABASE_URL", "postgresql://db/billing")
    environment.setenv("REDIS_URL", "redis://redis/0")
    environment.setenv("STRIPE_SECRET_KEY", REAL_LOOKING_KEY)
    environment.setenv("STRIPE_WEBHOOK_SECRET", "whsec_real")
    parts = choose_parts(load_settings())
    assert (parts.database, parts.redis, parts.stripe) == (False, False, False)


def test_real_key_without_webhook_secret_is_refused_in_one_line(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("STRIPE_SECRET_KEY", REAL_LOOKING_KEY)
    with pytest.raises(CannotRun) as refused:
        run(tmp_path, once=False)
    message = str(refused.value)
    assert message.startswith("STRIPE_WEBHOOK_SECRET is missing")
    assert message.endswith("stripe listen --forward-to http://127.0.0.1:8000/webhooks/stripe")
    assert "\n" not in message
    assert REAL_LOOKING_KEY not in message


def test_story_is_not_played_on_a_real_account(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("STRIPE_SECRET_KEY", REAL_LOOKING_KEY)
    environment.setenv("STRIPE_WEBHOOK_SECRET", "whsec_real")
    with pytest.raises(CannotRun, match="--once plays its story through fake Stripe: unset STRIPE_SECRET_KEY"):
        run(tmp_path, once=True)


def test_production_settings_are_refused(environment: pytest.MonkeyPatch) -> None:
    for name, value in {
        "BILLING_ENV": "production",
        "DATABASE_URL": "postgresql://db/billing",
        "REDIS_URL": "redis://redis/0",
        "STRIPE_SECRET_KEY": "sk_live_x",
        "STRIPE_WEBHOOK_SECRET": "whsec_live",
    }.items():
        environment.setenv(name, value)
    with pytest.raises(CannotRun, match="for development"):
        choose_parts(load_settings())


def test_port_that_was_asked_for_and_is_taken_is_refused(environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        environment.setenv("PORT", str(port))
        with pytest.raises(CannotRun, match=f"PORT={port}: the port is taken"):
            choose_ports(load_settings())


def test_exported_settings_are_in_force() -> None:
    settings = export(port=12345, redis_url="redis://127.0.0.1:1/0")
    assert settings.port == 12345
    assert settings.redis_url == "redis://127.0.0.1:1/0"
    assert webhook_url(settings.port) == "http://127.0.0.1:12345/webhooks/stripe"


def test_loopback_goes_past_a_proxy(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NO_PROXY", "intranet.example")
    export_surroundings()
    assert os.environ["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"
    assert os.environ["no_proxy"] == "127.0.0.1,localhost"


def test_token_key_is_made_up_only_where_none_is_set(environment: pytest.MonkeyPatch) -> None:
    made_up = choose_token_key(load_settings())
    assert made_up.jwt_secret
    assert choose_token_key(made_up).jwt_secret == made_up.jwt_secret
    environment.setenv("BILLING_JWT_SECRET", "")
    environment.setenv("BILLING_JWT_JWKS_URL", "https://issuer.example/keys")
    assert choose_token_key(load_settings()).jwt_secret is None


def test_console_has_a_user_of_its_own_only_where_none_is_set(environment: pytest.MonkeyPatch) -> None:
    password = choose_console(load_settings())
    assert password
    made_up = load_settings()
    operators = Operators(made_up.console_users)
    assert operators.authenticate(CONSOLE_USER, password).role is Role.ADMIN
    assert choose_console(made_up) is None


def test_shell_that_sources_the_file_has_the_runs_settings(tmp_path: Path) -> None:
    made_up = export(jwt_secret="it's a secret of 32 bytes or more", port=8123)
    write_exports(tmp_path / "environment")
    assert (tmp_path / "environment").stat().st_mode & 0o777 == 0o600
    shell = [f". {tmp_path}/environment; env -0"]
    told = subprocess.run(["sh", "-c", *shell], env={}, check=True, capture_output=True, text=True).stdout
    variables = dict(line.split("=", 1) for line in told.split("\0") if line)
    assert made_up.jwt_secret
    assert variables["BILLING_JWT_SECRET"] == made_up.jwt_secret.get_secret_value()
    assert variables["PORT"] == "8123"
