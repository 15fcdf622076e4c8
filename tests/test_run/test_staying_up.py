"""The run that stays: processes come back, Ctrl-C and kill -9 leave nothing."""

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from redis import Redis

from billing_core.event_types import FAMILY_OF
from tests.embedded.ports import free_port
from tests.fake_stripe.builders import EIGHT_TYPES
from tests.fake_stripe.client import FakeStripeClient
from tests.system.service import UNMEASURED
from tests.test_run.leaks import PAYLOADS, exported, found, logs_in, secrets_in, values_in
from tests.test_run.mishaps import CARD, PERSON, Mishaps
from tests.test_run.running import Running, running, wait_until

pytestmark = pytest.mark.timeout(300)  # a loaded machine starts eight processes slowly

WORKER = ("-A", "workers.app", "worker")
FAMILIES = {FAMILY_OF[event_type] for event_type in EIGHT_TYPES}
PROGRAMS = (("-m", "ingest"), ("-m", "ingest.console"), WORKER, ("workers.app", "beat"), ("workers.app", "flower"))


def own_ports() -> dict[str, str | int]:
    ports = ("PORT", "BILLING_FLOWER_PORT", "BILLING_CONSOLE_PORT")
    return {**UNMEASURED, **{name: free_port() for name in ports}}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("up"), settings=own_ports()) as run:
        run.wait_for("Ctrl-C stops everything.")
        yield run


def address(run: Running, name: str) -> str:
    found = re.search(rf"^  {re.escape(name)} +(\S+)", run.output, re.MULTILINE)
    assert found, run.output
    return found[1]


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=10, trust_env=False, follow_redirects=True)


def test_addresses_shown_answer(up: Running) -> None:
    assert get(address(up, "ready?")).json()["ready"] is True
    assert "billing_events_accepted_total" in get(address(up, "metrics")).text
    assert get(address(up, "webhook")).status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert get(f"{address(up, 'Stripe')}/_fake/time").is_success
    assert Path(address(up, "database")).is_file()


def test_console_lets_in_whom_the_run_names(up: Running) -> None:
    password = re.search(r"user operator, password (\S+)", up.output)
    assert password
    with httpx.Client(trust_env=False, headers={"Sec-Fetch-Site": "same-origin"}, timeout=10) as client:
        form = client.get(address(up, "console"), follow_redirects=True)
        token = re.search(r'name="csrf" value="([^"]+)"', form.text)
        assert token
        fields = {"csrf": token[1], "name": "operator", "password": password[1]}
        status = client.post(form.url, data=fields, follow_redirects=True)
    assert "console:operator" in status.text
    assert "all 8 are consumed" in status.text


def test_everything_listens_on_loopback_only(up: Running) -> None:
    listening = {
        connection.laddr.ip
        for process in up.living()
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1"}
    assert listening


def test_flower_shows_our_tasks(up: Running) -> None:
    flower = address(up, "Flower")

    def seen() -> bool:
        # What the page of tasks loads: among them the story's, by the names of their families, and what came of them.
        rows = get(f"{flower}tasks/datatable?draw=1&start=0&length=100&order[0][column]=0").json()["data"]
        return {row["name"] for row in rows if "applied=" in (row["result"] or "")} >= FAMILIES

    wait_until(seen, 60)


def test_metrics_tell_what_the_worker_counted(up: Running) -> None:
    counted = [f'billing_events_settled_total{{family="{family}",outcome="applied"}} 0.0' for family in FAMILIES]

    def told() -> bool:
        text = get(address(up, "metrics")).text
        return "billing_stripe_calls_total" in text and not any(nothing in text for nothing in counted)

    wait_until(told, 30)


@contextlib.contextmanager
def paused(run: Running, *words: str) -> Iterator[None]:
    processes = run.named(*words)
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def test_nothing_that_operators_see_has_personal_data_or_secrets(up: Running) -> None:
    """After the story, and after everything that goes wrong with a person's data in it."""
    given = exported(up.var / "environment")
    with contextlib.closing(FakeStripeClient(address(up, "Stripe"))) as stripe:
        customer, personal = next(iter(stripe.state()["customer"])), set(stripe.run("personal"))
    mishaps = Mishaps(address(up, "ready?").removesuffix("/readyz"), given, customer)
    mishaps.deliver_what_no_database_takes()
    mishaps.deliver_what_nobody_can_read()
    mishaps.deliver_with_a_false_signature()
    mishaps.be_declined()
    mishaps.ask_for_what_is_refused()
    mishaps.send_by_celery(given["REDIS_URL"])
    logs = up.var / "log"
    marks = ("evt_poison", "evt_odd", "webhook.refused", '"declined"', "billing.of_another_release", "command.refused")
    wait_until(lambda: all(mark in str(logs_in(logs)) for mark in marks), 60, lambda: logs_in(logs))
    with Redis.from_url(given["REDIS_URL"]) as redis, paused(up, *WORKER):
        mishaps.deliver("evt_waiting")
        values = values_in(redis)
    flower, metrics = address(up, "Flower"), address(up, "metrics")
    tasks = get(f"{flower}tasks/datatable?draw=1&start=0&length=1000&order[0][column]=0").json()["data"]
    pages = {f"Flower's {task['uuid']}": get(f"{flower}task/{task['uuid']}").text for task in tasks[:50]}
    seen = {
        **logs_in(logs),
        **pages,
        "run": up.output,
        "metrics": get(metrics).text,
        "Flower": json.dumps(tasks, ensure_ascii=False),
        **{key: value for key, value in values.items() if not key.startswith(PAYLOADS)},
    }
    wanted = personal | {*PERSON.values(), CARD}
    secrets = secrets_in(given) | mishaps.secrets
    assert found(wanted | secrets, seen) == {}
    # The search finds what is there: the one payload that waits has the person.
    assert found(wanted, values).keys() == {f"{PAYLOADS}evt_waiting"}
    assert found(secrets, {"settings": str(given)})
    assert len(secrets) > len(mishaps.secrets)
    assert personal
    assert {task["name"] for task in tasks} >= {*FAMILIES, "billing.create_subscription"}
    assert "evt_waiting" in str(seen)


def test_killed_worker_is_started_again(up: Running) -> None:
    (killed,) = up.named(*WORKER)
    killed.kill()
    wait_until(lambda: [one for one in up.named(*WORKER) if one.pid != killed.pid], 30, lambda: up.output)
    up.wait_for("worker ended (terminated by SIGKILL; not expected) and is started again", 10)


def test_killed_redis_is_started_again_on_its_port(up: Running) -> None:
    port = address(up, "Redis").rpartition(":")[2].partition("/")[0]
    (server,) = [one for one in up.living() if f":{port}" in " ".join(one.cmdline())]
    server.kill()
    up.wait_for("Redis ended and was started again, with its data", 30)
    wait_until(lambda: get(address(up, "ready?")).is_success, 30)


def test_ctrl_c_stops_everything_within_10_seconds(up: Running) -> None:
    # The promise is for a machine that is not overloaded by other tests.
    seconds = 10 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    began = time.monotonic()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(seconds) == 0
    assert up.living() == []
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 130)])
def test_run_that_is_ended_while_it_starts_leaves_no_process(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with running(tmp_path, settings=own_ports()) as run:
        wait_until(lambda: all(run.named(*words) for words in PROGRAMS), 120, lambda: run.output)
        run.process.send_signal(number)
        assert run.process.wait(30) == code
        wait_until(lambda: not run.living(), 30, run.living)
