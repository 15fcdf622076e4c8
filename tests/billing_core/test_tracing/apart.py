"""OpenTelemetry's SDK, which `make test` puts beside .venv, because redis-py imports it wherever it is installed."""

import sys
from importlib.util import find_spec

import pytest

from tests.run.procfile import ROOT

OTEL = ROOT / ".cache" / "otel"

if (OTEL / ".installed").exists() and str(OTEL) not in sys.path:
    sys.path.append(str(OTEL))
if find_spec("opentelemetry.proto") is None or find_spec("opentelemetry.sdk") is None:
    pytest.skip("OpenTelemetry's SDK is not there: make test installs it", allow_module_level=True)
