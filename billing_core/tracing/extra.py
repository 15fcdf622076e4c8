"""Whether the extra `otel` is installed, asked without importing anything of it."""

from importlib.util import find_spec

from config.settings import Settings, SettingsError

_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def require_tracing(settings: Settings) -> None:
    """Refuse the start of a process that is to trace and cannot.

    Raises:
        SettingsError: BILLING_TRACES is on, and the extra is not installed.
    """
    if settings.traces and not all(map(_installed, _NEEDED)):
        raise SettingsError("BILLING_TRACES is on and OpenTelemetry is missing: install stripe-billing[otel]")


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False
