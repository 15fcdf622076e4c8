"""Celery's configuration: every value that differs from Celery's default has its reason beside it."""

from typing import Any

from celery import Celery
from kombu import Queue

from config.queues import (
    CHECK_ENDPOINT_TASK,
    COMMAND_TASKS,
    COMMANDS_QUEUE,
    EXPIRE_PAYLOADS_TASK,
    FILL_GAPS_TASK,
    MAINTENANCE_QUEUE,
    QUEUES,
    RECONCILE_TASK,
    RUN_COMMAND_TASK,
    SWEEP_COMMANDS_TASK,
    SWEEP_TASK,
    WATCH_TASK,
    Family,
)
from config.redis_tls import broker_tls, without_tls_options
from config.settings import Settings

# A stuck Redis must fail a call, not hold a worker for the 40 s and more that kombu's defaults take.
SOCKET_TIMEOUT = 5.0
SOCKET_CONNECT_TIMEOUT = 3.0

# A worker killed while it restores messages keeps the mutex this long; nobody else restores meanwhile.
UNACKED_MUTEX_EXPIRE = 5

# s. Beat writes down by its own clock when a run expires, and a worker compares with its own: were they apart by more
# than that, no sweep would ever run. Beyond five minutes Stripe's signatures fail, and somebody mends the clock.
CLOCKS_APART = 600.0

# A message held for a later retry counts against memory, not against prefetch.
MAX_HELD_RETRIES = 1000

# Each message is a transaction: more in hand would only be taken away from other workers.
PREFETCH_PER_THREAD = 2

# How often it is asked whether there is a slice of the nightly reconcile to do.
RECONCILE_INTERVAL = 30.0

# s. How often payloads are looked for that are old enough to go: what goes by days is not late by an hour.
RETENTION_INTERVAL = 3600.0


def create_celery(settings: Settings) -> Celery:
    """Make the Celery application that producers, workers, beat and Flower share."""
    app = Celery("billing", broker=without_tls_options(settings.redis_url))
    app.config_from_object(celery_configuration(settings))
    return app


def celery_configuration(settings: Settings) -> dict[str, Any]:
    """Return Celery's configuration for these settings."""
    return {
        **_messages(),
        **_broker(settings),
        **_workers(settings),
        "beat_schedule": beat_schedule(settings),
        "beat_scheduler": "workers.scheduler:BeatingScheduler",  # in memory: no file that can be corrupt or stale
        "beat_max_loop_interval": 1,
    }


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return what runs on a schedule. Missed runs are not worth catching up on, so each expires."""
    intervals = {WATCH_TASK: settings.watch_interval}
    if settings.sweep_enabled:
        intervals |= dict.fromkeys((SWEEP_TASK, SWEEP_COMMANDS_TASK), settings.sweep_interval)
    if settings.stripe_secret_key and settings.public_url:
        intervals[CHECK_ENDPOINT_TASK] = settings.endpoint_check_interval
    if settings.stripe_secret_key:
        intervals[FILL_GAPS_TASK] = settings.gap_interval
    if settings.stripe_secret_key and settings.reconcile_at != "off":
        intervals[RECONCILE_TASK] = RECONCILE_INTERVAL
    if settings.event_retention:
        intervals[EXPIRE_PAYLOADS_TASK] = RETENTION_INTERVAL
    return {
        task: {"task": task, "schedule": interval, "options": {"expires": max(interval * 2, CLOCKS_APART)}}
        for task, interval in intervals.items()
    }


def _messages() -> dict[str, Any]:
    return {
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "result_backend": None,
        "task_default_queue": MAINTENANCE_QUEUE,
        "task_queues": [Queue(name, routing_key=name) for name in QUEUES],
        "task_create_missing_queues": False,
        "task_routes": {
            **{name: {"queue": name} for name in Family},
            **{name: {"queue": COMMANDS_QUEUE} for name in (RUN_COMMAND_TASK, *COMMAND_TASKS)},
            **{
                name: {"queue": MAINTENANCE_QUEUE}
                for name in (
                    SWEEP_TASK,
                    SWEEP_COMMANDS_TASK,
                    WATCH_TASK,
                    CHECK_ENDPOINT_TASK,
                    FILL_GAPS_TASK,
                    RECONCILE_TASK,
                    EXPIRE_PAYLOADS_TASK,
                )
            },
        },
        "enable_utc": True,
        "task_send_sent_event": False,  # the inbox script, not Celery, enqueues events
    }


def _broker(settings: Settings) -> dict[str, Any]:
    return {
        "broker_use_ssl": broker_tls(settings.redis_url),
        "broker_transport": "workers.transport:GuardedTransport",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # Redis comes back; a worker that gave up does not
        "broker_channel_error_retry": True,  # Redis at maxmemory must not end the worker
        "broker_transport_options": {
            "global_keyprefix": settings.queue_prefix,
            "body_encoding": None,  # plain JSON: the sweep reads the event IDs of a retry too
            "priority_steps": [0],  # one list a queue: FIFO, and the sweep can see its oldest message
            "visibility_timeout": settings.visibility_timeout,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": UNACKED_MUTEX_EXPIRE,
            "socket_timeout": SOCKET_TIMEOUT,
            "socket_connect_timeout": SOCKET_CONNECT_TIMEOUT,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
    }


def _workers(settings: Settings) -> dict[str, Any]:
    return {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_pool": "threads",  # short SQL tasks: instant shutdown, no fork trouble with pyodbc
        "worker_concurrency": settings.worker_concurrency,
        "worker_prefetch_multiplier": PREFETCH_PER_THREAD,
        "worker_eta_task_limit": MAX_HELD_RETRIES,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # the work goes on; its ack is idempotent
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": settings.task_events,
    }
