import pytest

from billing_core.tracing import extra
from config.settings import Settings, SettingsError


@pytest.mark.parametrize("missing", extra._NEEDED)
def test_traces_without_the_extra_stop_the_start(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(SettingsError, match=r"^BILLING_TRACES is on .* install stripe-billing\[otel\]$"):
        extra.require_tracing(Settings(env="test", traces=True))
    extra.require_tracing(Settings(env="test"))


def test_traces_without_any_of_opentelemetry_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "_NEEDED", ("no_such_package.sdk",))
    with pytest.raises(SettingsError):
        extra.require_tracing(Settings(env="test", traces=True))


def test_extra_that_is_installed_lets_it_start() -> None:
    extra.require_tracing(Settings(env="test", traces=True))
