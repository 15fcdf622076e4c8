"""A worker asks Stripe with the key that its file has now, and beat finds more to do once there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from billing_core.errors import StripeUnavailable
from billing_core.heartbeats import Role
from billing_core.pulse import Pulse
from billing_core.stripe_api import StripeApi
from config.celery import beat_schedule, create_celery
from config.loading import load_settings
from config.queues import FILL_GAPS_TASK, SWEEP_TASK
from config.settings import Settings
from tests.fake_stripe import FakeStripe
from workers import keys, scheduler

FIRST, SECOND = "sk_test_first", "rk_test_second"


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


@pytest.fixture
def secrets(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, value in {"BILLING_ENV": "test", "BILLING_SECRETS_DIR": str(folder), "REDIS_URL": redis_url}.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def stripe(fake: FakeStripe, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> StripeApi:
    """The door of a worker that began with the first key."""
    (secrets / "STRIPE_SECRET_KEY").write_text(FIRST)
    stripe = StripeApi(load_settings().stripe_secret_key, fake.url, timeout=5, max_retries=0)
    monkeypatch.setattr(keys, "stripe", lambda: stripe)
    return stripe


def test_calls_go_on_with_the_new_key_once_the_former_one_is_revoked(
    fake: FakeStripe, stripe: StripeApi, secrets: Path
) -> None:
    pulse = Pulse(Role.WORKER, load_settings())
    keys.follow(pulse)
    fake.revoke(FIRST)
    with pytest.raises(StripeUnavailable, match="401"):
        stripe.fetch("/v1/events")
    (secrets / "STRIPE_SECRET_KEY").write_text(SECOND)
    keys.follow(pulse)
    keys.follow(pulse)
    assert stripe.fetch("/v1/events").obj["data"] == []


def test_broken_file_leaves_the_key(fake: FakeStripe, stripe: StripeApi, secrets: Path) -> None:
    pulse = Pulse(Role.WORKER, load_settings())
    (secrets / "STRIPE_SECRET_KEY").write_text("")
    keys.follow(pulse)
    keys.follow(pulse)
    assert stripe.fetch("/v1/events").obj["data"] == []


def test_beat_has_more_to_do_once_there_is_a_key(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    beat = _ticking(settings, monkeypatch)
    assert FILL_GAPS_TASK not in beat.schedule
    (secrets / "STRIPE_SECRET_KEY").write_text(FIRST)
    beat.tick()
    beat.tick()
    assert FILL_GAPS_TASK in beat.schedule
    assert SWEEP_TASK in beat.schedule


def _ticking(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> scheduler.BeatingScheduler:
    """Return beat's scheduler, of which every tick beats and none sends anything."""
    app: Celery = create_celery(settings)
    monkeypatch.setattr(scheduler, "settings", settings.model_copy(update={"heartbeat_interval": 0.0}))
    monkeypatch.setattr("celery.beat.Scheduler.tick", lambda *_args, **_options: 1.0)
    beat = scheduler.BeatingScheduler(app)
    beat.merge_inplace(beat_schedule(settings))  # type: ignore[arg-type]  # it takes what the setting takes
    return beat
