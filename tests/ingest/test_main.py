"""`python -m ingest`, as the Procfile runs it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.embedded.ports import free_port
from tests.ingest.deliveries import PATH, SECRET

ROOT = Path(__file__).parents[2]


def started(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ingest"],
        cwd=ROOT,
        env=os.environ | {"STRIPE_WEBHOOK_SECRET": SECRET, "BILLING_ENV": "test"} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("variable", "value"), [("PORT", "eighty"), ("STRIPE_WEBHOOK_SECRET", ""), ("STRIPE_SECRET_KEY", "sk_live_51Hq7")]
)
def test_bad_setting_ends_the_start_with_one_line_that_names_it(variable: str, value: str) -> None:
    with started(**{variable: value}) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(variable)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_endpoint_listens_on_the_configured_port_until_it_is_told_to_stop(redis_url: str, processes: str) -> None:
    port = free_port()
    with started(PORT=str(port), REDIS_URL=redis_url, BILLING_WEB_PROCESSES=processes) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/livez", process)
            answer = httpx.post(f"http://127.0.0.1:{port}{PATH}", content=b"{}")
        finally:
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
    assert answer.status_code == 400
    assert "server" not in answer.headers
    assert process.returncode in {0, -signal.SIGTERM}
    assert "webhook.refused" in out
    assert err == ""


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60  # a loaded machine starts slowly
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url)
            return
        time.sleep(0.05)
    raise AssertionError("it does not answer")
