"""What is counted and measured. IDs and personal data never become labels."""

from prometheus_client import Counter, Gauge

ACCEPTED = Counter("billing_events_accepted", "Events stored and queued by the endpoint.", ["family"])
DUPLICATES = Counter("billing_events_duplicate", "Deliveries of events seen before.", ["family"])
REFUSED = Counter("billing_webhooks_refused", "Requests answered 4xx.", ["code"])
UNAVAILABLE = Counter("billing_webhooks_unavailable", "Requests answered 503 because Redis was away or slow.")
UNHANDLED = Counter("billing_events_unhandled", "Events of types outside the registry, acknowledged and dropped.")
WRONG_MODE = Counter("billing_events_wrong_mode", "Events whose livemode does not fit the environment.")
GAPS_FOUND = Counter("billing_gaps_found", "Events that Stripe had and we lacked, and that were overdue.", ["type"])

# What is seen of the whole service: set by `billing_core/watch/gauges.py` whenever somebody asks for the metrics.
REDIS_UP = Gauge("billing_redis_up", "Whether Redis answers; if not, the gauges below are of earlier.")
DATABASE_UP = Gauge("billing_database_up", "Whether the database answers; if not, its gauges are of earlier.")

INBOX_EVENTS = Gauge("billing_inbox_events", "Events accepted and not applied.", ["family"])
INBOX_OLDEST = Gauge("billing_inbox_oldest_seconds", "Age of the oldest event not applied.", ["family"])
QUEUE_MESSAGES = Gauge("billing_queue_messages", "Messages that no worker has taken yet.", ["family"])
QUEUE_CONSUMERS = Gauge("billing_queue_consumers", "Living workers that consume a queue.", ["queue"])
UNREADABLE_MESSAGES = Gauge("billing_unreadable_messages", "What was found in queues and is no message.")
PROCESSES = Gauge("billing_processes", "Workers and beats heard of in the last hour.", ["role", "state"])

DEAD_LETTERS = Gauge("billing_dead_letters", "Events that failed for good and wait for a person.")
PARKED = Gauge("billing_parked_events", "Events whose customer has no user.")
COMMANDS_STUCK = Gauge("billing_commands_stuck", "Commands not finished in time, up to 100.")
ENDPOINT_PROBLEMS = Gauge("billing_endpoint_problems", "Differences of our endpoint at Stripe, at the last check.")
GAPS_LAST_FOUND = Gauge("billing_gaps_last_found", "Events that the last gap fill found to be lacking.")
DRIFT = Gauge("billing_drift", "Rows that are not as Stripe says, at the end of the last reconcile.", ["kind"])
GAPS_HOLE = Gauge("billing_gaps_hole", "Whether there is a time that only a backfill can mend.")
