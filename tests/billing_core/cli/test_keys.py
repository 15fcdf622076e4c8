"""`billing keys`: which key is in use where, which may go, and what ours may do; never a key itself."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from pydantic import SecretStr

from billing_core.heartbeats import Role
from billing_core.keys.in_use import KeysInUse, api_key_name
from billing_core.keys.permissions import PERMISSIONS
from billing_core.webhook_secrets import fingerprint, key
from tests.billing_core.cli.operator import Operation, billing
from tests.fake_stripe import FakeStripe
from tests.needed_rights import NEEDED

NEW, OLD = "whsec_5f0aNew", "whsec_5f0aOld"
API_KEY = "sk_test_5f0aKey"
DAY = 86_400


@pytest.fixture
def rotated(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> Operation:
    """Two secrets: the new one matched a minute ago, the old one four days ago."""
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", f"{NEW},{OLD}")
    monkeypatch.setenv("STRIPE_SECRET_KEY", API_KEY)
    matched(operation, NEW, seconds_ago=60)
    matched(operation, OLD, seconds_ago=4 * DAY)
    return operation


def matched(operation: Operation, secret: str, *, seconds_ago: float) -> None:
    operation.redis.hset(
        key(operation.here.settings.queue_prefix), fingerprint(secret), str(int(time.time() - seconds_ago))
    )


def lives(operation: Operation, role: Role, pid: int, keys: KeysInUse) -> None:
    prefix, name = operation.here.settings.queue_prefix, f"{role}:host:{pid}"
    details = {"role": role, "host": "host", "pid": pid, "queues": [], "keys": asdict(keys)}
    operation.redis.set(f"{prefix}heartbeat:{name}", json.dumps(details))
    operation.redis.zadd(f"{prefix}heartbeats", {name: time.time() * 1000})


def test_old_secret_may_go_once_the_new_one_has_taken_over(rotated: Operation) -> None:
    answer = billing("keys")
    assert answer.code == 0
    _, new, old = (line.split() for line in answer.lines[:3])
    assert (new[0], new[3]) == (fingerprint(NEW), "no")
    assert (old[0], old[3]) == (fingerprint(OLD), "yes")
    assert f"while {fingerprint(NEW)} matched since" in answer.lines[2]
    assert "5f0a" not in answer.out + answer.err


def test_each_process_is_shown_with_its_keys(rotated: Operation) -> None:
    ours = api_key_name(SecretStr(API_KEY))
    lives(rotated, Role.WEB, 1, KeysInUse(ours, (fingerprint(NEW), fingerprint(OLD))))
    lives(rotated, Role.WORKER, 2, KeysInUse("former", ()))
    told = billing("keys", "--json").json()
    assert told["api_key"] == ours
    assert {one["process"]: one["api_key"] for one in told["processes"]} == {
        "web host:1": ours,
        "worker host:2": "former",
    }
    assert [one["processes"] for one in told["endpoint_secrets"]] == [["web host:1"]] * 2
    assert "processes use 2 different API keys" in billing("status").out


def test_process_that_cannot_use_its_files_is_told_with_exit_code_1(rotated: Operation) -> None:
    lives(rotated, Role.WEB, 1, KeysInUse("former", (fingerprint(OLD),), "STRIPE_WEBHOOK_SECRET is gone"))
    answer = billing("keys")
    assert answer.code == 1
    assert "STRIPE_WEBHOOK_SECRET is gone" in answer.out
    assert "web host:1 keeps its former keys: STRIPE_WEBHOOK_SECRET is gone" in billing("status").out


@pytest.fixture
def restricted(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what gives our key permissions."""
    with FakeStripe() as fake:
        monkeypatch.setenv("STRIPE_API_BASE", fake.url)
        monkeypatch.setenv("STRIPE_SECRET_KEY", fake.restrict([]))
        yield fake.restrict


def test_check_is_content_with_a_key_that_may_do_what_we_need(restricted: Any) -> None:
    restricted(NEEDED)
    answer = billing("keys", "check")
    assert answer.code == 0
    assert "It is a restricted key. Whether it may write was not tried." in answer.out
    told = billing("keys", "check", "--json").json()
    assert (told["ok"], told["kind"], len(told["rights"])) == (True, "restricted", len(PERMISSIONS))


def test_check_names_what_the_key_lacks(restricted: Any) -> None:
    restricted(set(NEEDED) - {"rak_dispute_read", "rak_event_read"})
    answer = billing("keys", "check", "--json")
    assert (answer.code, answer.json()["ok"]) == (1, False)
    assert answer.err.startswith("the key lacks Disputes, Events: edit it at Stripe")


def test_doctor_names_what_the_key_lacks(restricted: Any) -> None:
    restricted(set(NEEDED) - {"rak_event_read"})
    answer = billing("doctor")
    assert answer.code == 1
    assert "a restricted key that lacks Events: Read (rak_event_read)" in answer.out


def test_check_without_a_key_is_a_matter_of_settings(operation: Operation) -> None:
    answer = billing("keys", "check")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("STRIPE_SECRET_KEY is not set")
