"""Keys follow their files: written in place, renamed over, or swapped as Kubernetes does it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.key_files import KeyFiles
from config.loading import load_settings
from config.settings import Settings, SettingsError

OLD, NEW = "whsec_5f0aOld", "whsec_5f0aNew"
API_OLD, API_NEW = "sk_test_5f0aOld", "rk_test_5f0aNew"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A secrets directory with one webhook secret and one API key."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("BILLING_SECRETS_DIR", str(folder))
    (folder / "STRIPE_WEBHOOK_SECRET").write_text(OLD)
    (folder / "stripe_secret_key").write_text(f"{API_OLD}\n")
    return folder


@pytest.fixture
def files(secrets: Path) -> KeyFiles:
    return KeyFiles(load_settings())


def webhook_secrets(settings: Settings) -> list[str]:
    return [secret.get_secret_value() for secret in settings.stripe_webhook_secrets]


def looked_twice(files: KeyFiles, prepare: Callable[[Settings], object] = webhook_secrets) -> object:
    assert files.look(prepare) is None  # whoever writes may not be done
    return files.look(prepare)


def test_files_that_stay_as_they_are_are_not_read_again(files: KeyFiles) -> None:
    assert [files.look(webhook_secrets) for _ in range(3)] == [None] * 3


def test_file_written_anew_is_taken_at_the_second_look(files: KeyFiles, secrets: Path) -> None:
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text(f"{NEW},{OLD}")
    assert looked_twice(files) == [NEW, OLD]
    assert webhook_secrets(files.settings) == [NEW, OLD]
    assert files.look(webhook_secrets) is None


def test_file_that_is_being_written_is_not_taken(files: KeyFiles, secrets: Path) -> None:
    for length in (8, 10, 13):
        (secrets / "STRIPE_WEBHOOK_SECRET").write_text(NEW[:length])
        assert files.look(webhook_secrets) is None
    assert files.look(webhook_secrets) == [NEW]


def test_file_renamed_over_the_former_one_is_taken(files: KeyFiles, secrets: Path, tmp_path: Path) -> None:
    (tmp_path / "new").write_text(API_NEW)
    (tmp_path / "new").rename(secrets / "stripe_secret_key")
    assert looked_twice(files)
    key = files.settings.stripe_secret_key
    assert key is not None
    assert key.get_secret_value() == API_NEW


def test_swapped_link_of_kubernetes_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = tmp_path / "volume"
    for name, secret in (("..2026_1", OLD), ("..2026_2", NEW)):
        (volume / name).mkdir(parents=True)
        (volume / name / "STRIPE_WEBHOOK_SECRET").write_text(secret)
    (volume / "..data").symlink_to("..2026_1")
    (volume / "STRIPE_WEBHOOK_SECRET").symlink_to("..data/STRIPE_WEBHOOK_SECRET")
    monkeypatch.setenv("BILLING_SECRETS_DIR", str(volume))
    files = KeyFiles(load_settings())
    (volume / "..data_tmp").symlink_to("..2026_2")
    (volume / "..data_tmp").rename(volume / "..data")
    assert looked_twice(files) == [NEW]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("STRIPE_WEBHOOK_SECRET", "5f0aNew", "STRIPE_WEBHOOK_SECRET"),
        ("STRIPE_WEBHOOK_SECRET", "", "STRIPE_WEBHOOK_SECRET"),
        ("STRIPE_WEBHOOK_SECRET", None, "STRIPE_WEBHOOK_SECRET is gone"),
        ("stripe_secret_key", None, "STRIPE_SECRET_KEY is gone"),
        ("stripe_secret_key", "sk_live_5f0aNew", "STRIPE_SECRET_KEY is a live key"),
        ("stripe_secret_key", "5f0aNew", "STRIPE_SECRET_KEY is no key of Stripe's API"),
    ],
)
def test_broken_file_keeps_the_former_keys_and_is_told_without_its_text(
    files: KeyFiles, secrets: Path, name: str, text: str | None, told: str
) -> None:
    (secrets / name).unlink()
    if text is not None:
        (secrets / name).write_text(text)
    with capture_logs() as logged:
        assert looked_twice(files) is None
    assert webhook_secrets(files.settings) == [OLD]
    assert files.problem is not None
    assert told in files.problem
    assert "5f0a" not in files.problem
    assert [(line["event"], line["log_level"]) for line in logged] == [("keys.refused", "error")]


def test_mended_file_ends_the_problem(files: KeyFiles, secrets: Path) -> None:
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text("broken")
    looked_twice(files)
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text(NEW)
    assert looked_twice(files) == [NEW]
    assert files.problem is None


def test_what_cannot_be_used_is_refused(files: KeyFiles, secrets: Path) -> None:
    def refuse(_: Settings) -> None:
        raise SettingsError("BILLING_JWT_PUBLIC_KEY is none")

    (secrets / "STRIPE_WEBHOOK_SECRET").write_text(NEW)
    assert looked_twice(files, refuse) is None
    assert files.problem == "BILLING_JWT_PUBLIC_KEY is none"
    assert webhook_secrets(files.settings) == [OLD]


def test_directory_that_goes_and_comes_back_leaves_the_keys(files: KeyFiles, secrets: Path) -> None:
    away = secrets.with_name("away")
    secrets.rename(away)
    assert looked_twice(files) is None
    assert files.problem == "BILLING_SECRETS_DIR is no directory"
    away.rename(secrets)
    files.look(webhook_secrets)
    files.look(webhook_secrets)
    assert webhook_secrets(files.settings) == [OLD]


def test_variable_of_the_environment_goes_before_its_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", OLD)
    files = KeyFiles(load_settings())
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text(NEW)
    assert looked_twice(files) == [OLD]


def test_pem_file_that_a_variable_names_is_followed(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = tmp_path / "public.pem"
    pem.write_text("one")
    monkeypatch.setenv("BILLING_JWT_PUBLIC_KEY", str(pem))
    files = KeyFiles(load_settings())
    pem.write_text("another")
    assert looked_twice(files, lambda settings: settings.jwt_public_key) == str(pem)


def test_other_settings_stay_as_they_were_at_the_start(files: KeyFiles, secrets: Path) -> None:
    (secrets / "BILLING_LOG_LEVEL").write_text("DEBUG")
    (secrets / "STRIPE_WEBHOOK_SECRET").write_text(NEW)
    looked_twice(files)
    assert files.settings.log_level == "INFO"
