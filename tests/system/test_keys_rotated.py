"""docs/keys.md, step by step on real processes under load: nothing is refused, nothing is lost."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis

from billing_core.heartbeats import Heartbeats, Role
from billing_core.keys.in_use import KeysInUse, api_key_name
from billing_core.webhook_secrets import fingerprint
from tests.fake_stripe import FakeStripe, sign
from tests.fake_stripe.builders import call
from tests.needed_rights import NEEDED
from tests.system.load import subscription_event
from tests.system.service import PREFIX, USER_ID, Service

OLD, NEW = "whsec_system_old", "whsec_system_new"
OLD_KEY, NEW_KEY = "rk_test_SystemOld", "rk_test_SystemNew"
PATIENCE = 60  # s, on a loaded machine


class Deliveries:
    """A stream of events, signed as Stripe signs at the time, each of a customer whom Stripe must be asked for."""

    def __init__(self, service: Service, fake: FakeStripe) -> None:
        self._url = f"{service.web.url}/webhooks/stripe"
        self._fake = fake
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self.secrets: tuple[str, ...] = (OLD,)
        self.posted = list[str]()
        self.refused = list[tuple[int, tuple[str, ...]]]()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def some_more(self, number: int = 10) -> None:
        """Return when so many more were posted."""
        until = len(self.posted) + number
        wait_for(lambda: len(self.posted) >= until)

    def _run(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self._stop.wait(0.02):
                event = subscription_event(next(self._numbers))
                event["data"]["object"]["customer"] = self._customer()
                body, secrets = json.dumps(event).encode(), self.secrets
                answer = client.post(self._url, content=body, headers={"Stripe-Signature": sign(body, list(secrets))})
                if answer.status_code != httpx.codes.OK:
                    self.refused.append((answer.status_code, secrets))
                self.posted.append(event["id"])

    def _customer(self) -> str:
        made: str = call(self._fake, "POST", "/v1/customers", metadata={"user_id": str(USER_ID)})["id"]
        return made


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def write(file: Path, text: str) -> None:
    """Rename over it, as docs/keys.md says."""
    new = file.parent.with_name("new")
    new.write_text(text)
    new.rename(file)


def keys_of(service: Service, role: Role) -> KeysInUse | None:
    with Redis.from_url(service.redis.url) as redis:
        return next((one.keys for one in Heartbeats(redis, PREFIX).seen() if one.role is role), None)


def wait_for_secrets(service: Service, *secrets: str) -> None:
    names = tuple(map(fingerprint, secrets))
    wait_for(lambda: (keys := keys_of(service, Role.WEB)) and keys.endpoint_secrets == names)


def wait_for_api_key(service: Service, key: str) -> None:
    name = api_key_name(SecretStr(key))
    for role in (Role.WEB, Role.WORKER):
        wait_for(lambda role=role: (keys := keys_of(service, role)) and keys.api_key == name)


@pytest.mark.timeout(300)
def test_secret_and_api_key_are_rotated_under_load(tmp_path: Path, sqlite_url: str) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    write(secrets / "STRIPE_WEBHOOK_SECRET", OLD)
    write(secrets / "STRIPE_SECRET_KEY", OLD_KEY)
    with FakeStripe(rate=0) as fake:
        for key in (OLD_KEY, NEW_KEY):
            fake.restrict(NEEDED, key)
        settings = {
            "STRIPE_WEBHOOK_SECRET": "",
            "BILLING_SECRETS_DIR": str(secrets),
            "STRIPE_API_BASE": fake.url,
            "BILLING_HEARTBEAT_INTERVAL": "0.2",
            "BILLING_STRIPE_RATE": "1000",
        }
        with Service(tmp_path / "service", sqlite_url, settings) as service:
            service.own(["cus_none"])
            deliveries = Deliveries(service, fake)
            with deliveries.running():
                _rotate_secret(service, deliveries, secrets)
                _rotate_api_key(service, deliveries, secrets, fake)
            assert deliveries.refused == []
            assert service.missing_after(deliveries.posted, PATIENCE) == set()
            assert set(service.recorded().values()) == {"applied"}
        assert [one.path for one in fake.request_log if one.status in {401, 403}] == []


def _rotate_secret(service: Service, deliveries: Deliveries, secrets: Path) -> None:
    wait_for_secrets(service, OLD)
    deliveries.some_more()
    write(secrets / "STRIPE_WEBHOOK_SECRET", f"{NEW},{OLD}")
    wait_for_secrets(service, NEW, OLD)
    deliveries.secrets = (NEW, OLD)  # while the overlap lasts, Stripe signs with both
    deliveries.some_more()
    deliveries.secrets = (NEW,)
    deliveries.some_more()
    write(secrets / "STRIPE_WEBHOOK_SECRET", NEW)
    wait_for_secrets(service, NEW)
    deliveries.some_more()


def _rotate_api_key(service: Service, deliveries: Deliveries, secrets: Path, fake: FakeStripe) -> None:
    wait_for_api_key(service, OLD_KEY)
    write(secrets / "STRIPE_SECRET_KEY", "broken by somebody")
    wait_for(lambda: (keys := keys_of(service, Role.WORKER)) and keys.problem)
    deliveries.some_more()
    write(secrets / "STRIPE_SECRET_KEY", NEW_KEY)
    wait_for_api_key(service, NEW_KEY)
    deliveries.some_more(1)  # what was asked with the former key has its answer
    fake.revoke(OLD_KEY)
    deliveries.some_more()
