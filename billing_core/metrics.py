"""What is counted and measured. IDs and personal data never become labels. docs/metrics.md explains each.

What processes count for themselves, COUNTED, is added up over all of them by `billing_core/totals.py`. What is seen of
the whole service, SEEN, is set by whoever is asked, at that moment.
"""

from functools import partial

import prometheus_client
from prometheus_client import CollectorRegistry

from billing_core.histogram import Histogram
from config.queues import QUEUES, Family

# Of ours alone: Flower, which imports us, shows the client's default registry to everybody.
COUNTED, SEEN = CollectorRegistry(), CollectorRegistry()

Counter = partial(prometheus_client.Counter, registry=COUNTED)
Gauge = partial(prometheus_client.Gauge, registry=SEEN)

# s. An answer takes milliseconds, and is given up after BILLING_ACCEPT_TIMEOUT, 2 s unless set.
_ANSWER = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# s. Stripe's clock ticks in seconds, and Stripe sends again for three days.
_DELIVERY = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 6 * 3600.0, 86400.0)
# s. A worker that is not behind takes some 10 ms; what was parked waits until its customer has a user.
_APPLYING = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0)
# s. One attempt, up to BILLING_STRIPE_TIMEOUT.
_CALL = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)

# The endpoint.
ACCEPTED = Counter("billing_events_accepted", "Events stored and queued by the endpoint.", ["family"])
DUPLICATES = Counter("billing_events_duplicate", "Deliveries of events seen before.", ["family"])
REFUSED = Counter("billing_webhooks_refused", "Requests answered 4xx.", ["code"])
FAILURES_LIMITED = Counter("billing_failures_limited", "Failures beyond an address's limit, answered 429.", ["door"])
UNAVAILABLE = Counter("billing_webhooks_unavailable", "Requests answered 503 because Redis was away or slow.")
UNHANDLED = Counter("billing_events_unhandled", "Events of types outside the registry, acknowledged and dropped.")
WRONG_MODE = Counter("billing_events_wrong_mode", "Events whose livemode does not fit the environment.")
SECRETS_MATCHED = Counter("billing_secrets_matched", "Deliveries by the secret that verified them.", ["fingerprint"])
ACCEPT_SECONDS = Histogram(
    "billing_accept_seconds", "From a verified delivery to Redis' word that it is durable.", _ANSWER, registry=COUNTED
)

# The workers.
OUTCOMES = Counter("billing_events_settled", "Events worked off, by what became of them.", ["family", "outcome"])
RETRIES = Counter("billing_events_retried", "Events given back for a later try.", ["family"])
DELIVERY_SECONDS = Histogram(
    "billing_delivery_seconds",
    "From an event's creation at Stripe to its acceptance here.",
    _DELIVERY,
    label="family",
    values=Family,
    registry=COUNTED,
)
APPLY_SECONDS = Histogram(
    "billing_apply_seconds",
    "From an event's acceptance to the commit of its outcome.",
    _APPLYING,
    label="family",
    values=Family,
    registry=COUNTED,
)
SWEEPS = Counter("billing_sweeps", "Sweeps that were run to their end.", ["kind"])
SWEPT = Counter("billing_swept", "What sweeps found stranded and queued again, by queue.", ["queue"])
UNPARKED = Counter("billing_events_unparked", "Parked events taken up again: their customer has a user now.")
GAPS_FOUND = Counter("billing_gaps_found", "Events that Stripe had and we lacked, and that were overdue.", ["type"])
GAP_FILLS = Counter("billing_gap_fills", "Runs of gap fill.", ["result"])
COMMANDS = Counter("billing_commands_ended", "Commands by how they ended.", ["name", "result"])
COMMAND_RETRIES = Counter("billing_commands_postponed", "Attempts that did not end their command.", ["name"])
STRIPE_CALLS = Counter("billing_stripe_calls", "Attempts of calls to Stripe.", ["method", "endpoint", "status"])
STRIPE_SECONDS = Histogram(
    "billing_stripe_call_seconds",
    "What an attempt that Stripe answered took.",
    _CALL,
    label="endpoint",
    registry=COUNTED,
)

# What is seen of the whole service: set by `billing_core/watch/gauges.py` whenever somebody asks for the metrics.
REDIS_UP = Gauge("billing_redis_up", "Whether Redis answers; if not, the gauges below are of earlier.")
DATABASE_UP = Gauge("billing_database_up", "Whether the database answers; if not, its gauges are of earlier.")

INBOX_EVENTS = Gauge("billing_inbox_events", "Events accepted and not applied.", ["family"])
INBOX_OLDEST = Gauge("billing_inbox_oldest_seconds", "Age of the oldest event not applied.", ["family"])
INBOX_AGE_LIMIT = Gauge("billing_inbox_age_limit_seconds", "BILLING_INBOX_AGE_LIMIT: how old it may become.")
QUEUE_MESSAGES = Gauge("billing_queue_messages", "Messages that no worker has taken yet.", ["queue"])
QUEUE_OLDEST = Gauge("billing_queue_oldest_seconds", "How long the family's oldest message waits.", ["family"])
QUEUE_CONSUMERS = Gauge("billing_queue_consumers", "Living workers that consume a queue.", ["queue"])
UNREADABLE_MESSAGES = Gauge("billing_unreadable_messages", "What was found in queues and is no message.")
PROCESSES = Gauge("billing_processes", "Processes heard of in the last hour.", ["role", "state"])
KEYS_REFUSED = Gauge("billing_keys_refused", "Processes whose files have keys that cannot be used.")

DEAD_LETTERS = Gauge("billing_dead_letters", "Events that failed for good and wait for a person.")
PARKED = Gauge("billing_parked_events", "Events whose customer has no user.")
COMMANDS_STUCK = Gauge("billing_commands_stuck", "Commands not finished in time, up to 100.")
ENDPOINT_PROBLEMS = Gauge("billing_endpoint_problems", "Differences of our endpoint at Stripe, at the last check.")
GAPS_LAST_FOUND = Gauge("billing_gaps_last_found", "Events that the last gap fill found to be lacking.")
DRIFT = Gauge("billing_drift", "Rows that are not as Stripe says, at the end of the last reconcile.", ["kind"])
GAPS_HOLE = Gauge("billing_gaps_hole", "Whether there is a time that only a backfill can mend.")

# A counter that is there before its first event lets Prometheus see that one too.
for _family in Family:
    for _counter in (ACCEPTED, DUPLICATES, RETRIES):
        _counter.labels(_family)
for _queue in QUEUES:
    SWEPT.labels(_queue)
for _kind in ("events", "commands"):
    SWEEPS.labels(_kind)
for _result in ("done", "postponed"):
    GAP_FILLS.labels(_result)
