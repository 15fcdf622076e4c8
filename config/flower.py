"""Flower's options, by its own names: `celery -A workers.app flower --conf=config/flower.py`.

Flower runs this file as a script and takes from it the variables that are called like its options.
"""

import sys
from pathlib import Path

from flower.views import BaseHandler
from flower.views.monitor import Metrics
from tornado.web import authenticated

from config.flower_queues import Queues
from config.flower_tasks import shown
from config.loading import load_settings
from config.settings import SettingsError

try:
    _settings = load_settings()
    _settings.require_closed_flower()
except SettingsError as error:
    sys.exit(str(error))

port = _settings.flower_port
address = _settings.flower_address
url_prefix = _settings.flower_root.strip("/") or None

# One of the two, or none on a developer's machine.
basic_auth = [user.get_secret_value() for user in _settings.flower_basic_auth]
if _settings.flower_oauth_provider:
    _providers = {"google": "GoogleAuth2", "github": "Github", "gitlab": "GitLab"}
    auth_provider = f"flower.views.auth.{_providers[_settings.flower_oauth_provider]}LoginHandler"
    auth = _settings.flower_oauth_emails
    oauth2_key = _settings.flower_oauth_key
    oauth2_secret = _settings.flower_oauth_secret and _settings.flower_oauth_secret.get_secret_value()
    oauth2_redirect_uri = _settings.flower_oauth_redirect_uri

# Flower's own counters are open to everybody, whatever is asked of others. /healthcheck stays open; it says "OK".
Metrics.get = authenticated(Metrics.get)

BaseHandler.get_broker = lambda _handler: Queues(_settings)

# Flower's own 100,000 tasks would take hundreds of MB of memory. It is a view of the last minutes, never the record.
max_tasks = 10_000

# It would switch on what workers were told to leave, again and again.
enable_events = _settings.task_events

# What it saw outlives it. Writing takes a tenth of a second, in the loop that answers.
persistent = True
db = _settings.flower_db
Path(db).parent.mkdir(parents=True, exist_ok=True)
state_save_interval = 60_000  # ms

tasks_columns = "name,state,args,result,received,runtime,worker"
format_task = shown
