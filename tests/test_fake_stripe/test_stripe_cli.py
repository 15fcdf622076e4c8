"""The real Stripe CLI, pointed at the fake, triggers each of the eight event types."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.builders import EIGHT_TYPES
from tests.test_fake_stripe.receiver import Receiver

ROOT = Path(__file__).parents[2]

CLI = Path(os.environ.get("STRIPE_CLI", ROOT / ".cache/stripe-cli/node_modules/.bin/stripe"))

pytestmark = pytest.mark.skipif(
    not CLI.exists(), reason=f"no Stripe CLI at {CLI} (it comes from npm, which needs node)"
)

Trigger = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def trigger(fake: FakeStripe, tmp_path: Path) -> Trigger:
    # The CLI looks for newer versions of itself; a proxy that refuses keeps it off the network.
    nowhere = "http://127.0.0.1:9"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
        "HTTPS_PROXY": nowhere,
        "HTTP_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1",
    }

    def run(event_type: str) -> subprocess.CompletedProcess[str]:
        command = [str(CLI), "trigger", event_type, "--api-base", fake.url, "--api-key", fake.api_key]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.mark.parametrize("event_type", EIGHT_TYPES)
def test_trigger_causes_the_event(fake: FakeStripe, receiver: Receiver, trigger: Trigger, event_type: str) -> None:
    fake.add_endpoint(receiver.url, events=[event_type], secret="whsec_cli")
    result = trigger(event_type)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Trigger succeeded" in result.stdout
    fake.wait_until_delivered()
    assert event_type in receiver.types
    receiver.verify_all("whsec_cli")
    assert fake.spec_violations == []
