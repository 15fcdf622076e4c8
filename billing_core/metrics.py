"""What is counted. IDs and personal data never become labels."""

from prometheus_client import Counter

ACCEPTED = Counter("billing_events_accepted", "Events stored and queued by the endpoint.", ["family"])
DUPLICATES = Counter("billing_events_duplicate", "Deliveries of events seen before.", ["family"])
REFUSED = Counter("billing_webhooks_refused", "Requests answered 4xx.", ["code"])
UNAVAILABLE = Counter("billing_webhooks_unavailable", "Requests answered 503 because Redis was away or slow.")
UNHANDLED = Counter("billing_events_unhandled", "Events of types outside the registry, acknowledged and dropped.")
WRONG_MODE = Counter("billing_events_wrong_mode", "Events whose livemode does not fit the environment.")
