"""A release whose handler fails on one event of a thousand, the release that mends it, and the replay between."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from billing_core.models import BillingEvent, Subscription
from tests.stores import count, row
from tests.system import broken_worker
from tests.system.load import CUSTOMER, post, subscription_event
from tests.system.service import BIN, Service, Worker

EVENTS = 1000
POISON = 500
AT_ONCE = 32  # posts: a burst, so that the poison has neighbours in its batch
APPLIED = 180  # s, far more than it takes


class BrokenWorker(Worker):
    """The worker of the release before the fix."""

    def _command(self) -> list[str]:
        _, *arguments = super()._command()
        return [sys.executable, broken_worker.__file__, *arguments[2:]]


@pytest.mark.timeout(120 + APPLIED)
def test_poison_among_a_thousand_is_the_only_dead_letter_and_replay_applies_it_after_the_fix(
    tmp_path: Path, server_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.system.service.Worker", BrokenWorker)
    events = [subscription_event(number) for number in range(EVENTS)]
    poison = events[POISON]
    _give_old_shape(poison["data"]["object"])
    with Service(tmp_path, server_database_url) as service:
        service.own([CUSTOMER])
        _post_all(service, events)
        assert service.missing_after([event["id"] for event in events], APPLIED) == set()
        assert service.recorded() == {event["id"]: "applied" for event in events} | {poison["id"]: "dead"}
        letter = row(service.database, BillingEvent, outcome="dead")
        assert json.loads(letter.event_data) == poison
        assert letter.reason.startswith(f"MalformedEvent: {poison['id']}: {poison['type']} has an object of no shape")
        assert "KeyError: 'current_period_start'" in letter.error

        service.worker.stop()
        with Worker(_folder(tmp_path), environment=service.worker.environment):
            done = _billing(service, "events", "replay", "--outcome", "dead")
        assert (done.returncode, done.stdout.splitlines()) == (0, [f"{poison['id']}: applied", "replayed=1 failed=0"])
        assert set(service.recorded().values()) == {"applied"}
        mended = row(service.database, BillingEvent, stripe_event_id=poison["id"])
        assert (mended.event_id, mended.error, mended.reason) == (letter.event_id, None, None)
        assert mended.processed_at > letter.processed_at
        assert count(service.database, BillingEvent) == count(service.database, Subscription) == EVENTS


def _give_old_shape(subscription: dict[str, Any]) -> None:
    """Move the period from the item to the subscription, where it was before 2025-03-31.basil."""
    item = subscription["items"]["data"][0]
    for name in ("current_period_start", "current_period_end"):
        subscription[name] = item.pop(name)


def _folder(directory: Path) -> Path:
    folder = directory / "mended_worker"
    folder.mkdir()
    return folder


def _post_all(service: Service, events: Sequence[dict[str, Any]]) -> None:
    url = f"{service.web.url}/webhooks/stripe"

    def send(part: Sequence[dict[str, Any]]) -> list[int]:
        # A client for each thread: one that threads share now and then closes a connection that another has just taken.
        with httpx.Client(timeout=30) as client:
            return [post(client, url, event).status_code for event in part]

    with ThreadPoolExecutor(AT_ONCE) as senders:
        answers = senders.map(send, [events[number::AT_ONCE] for number in range(AT_ONCE)])
        assert {status for part in answers for status in part} == {httpx.codes.OK}


def _billing(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an operator does."""
    environment = {**os.environ, **(service.worker.environment or {})}
    return subprocess.run(
        [BIN / "billing", *arguments],
        env=environment,
        cwd=service.directory,
        capture_output=True,
        text=True,
        check=False,
    )
