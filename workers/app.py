"""The Celery application: `celery -A workers.app worker`."""

from config.collector import look_rarely, spare_what_stays

# Before the imports, which make most of a worker's start. Not switched off: beat and Flower are never ready.
look_rarely()

# ruff: noqa: E402
import sys

from celery.signals import setup_logging, worker_ready

from billing_core.dialects import require_driver
from billing_core.tracing.extra import require_tracing
from config.celery import create_celery
from config.loading import load_settings
from config.logging import configure_logging
from config.settings import SettingsError

try:
    settings = load_settings()
    require_driver(settings.database_url)
    require_tracing(settings)
except SettingsError as error:
    sys.exit(str(error))

app = create_celery(settings)
app.task_cls = "workers.traced:TracedTask" if settings.traces else "workers.task:BillingTask"
app.conf.imports = (
    "workers.tasks",
    "workers.commands",
    "workers.gaps",
    "workers.reconcile",
    "workers.heartbeat",
    "workers.watch",
    "workers.counting",
    "workers.retention",
)


@worker_ready.connect
def _spare_what_stays(**_: object) -> None:
    spare_what_stays()


@setup_logging.connect
def _log_as_json(**_: object) -> None:
    configure_logging(settings.log_level)
