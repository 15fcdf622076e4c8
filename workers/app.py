"""The Celery application: `celery -A workers.app worker`."""

import sys

from celery.signals import setup_logging

from billing_core.dialects import require_driver
from config.celery import create_celery
from config.loading import load_settings
from config.logging import configure_logging
from config.settings import SettingsError

try:
    settings = load_settings()
    require_driver(settings.database_url)
except SettingsError as error:
    sys.exit(str(error))

app = create_celery(settings)
app.conf.imports = (
    "workers.tasks",
    "workers.commands",
    "workers.gaps",
    "workers.reconcile",
    "workers.heartbeat",
    "workers.watch",
)


@setup_logging.connect
def _log_as_json(**_: object) -> None:
    configure_logging(settings.log_level)
