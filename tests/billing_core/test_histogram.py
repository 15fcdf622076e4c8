"""Our histogram beside the client's own: the same text."""

import prometheus_client
from prometheus_client import CollectorRegistry, generate_latest

from billing_core.histogram import Histogram

BOUNDS = (0.01, 0.5, 2.0)
VALUES = [0.001, 0.01, 0.02, 0.5, 0.50001, 3.0]


def text(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_it_says_what_the_clients_own_says() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    Histogram("seconds", "Time.", BOUNDS, registry=ours).observe(VALUES)
    own = prometheus_client.Histogram("seconds", "Time.", buckets=BOUNDS, registry=theirs)
    for value in VALUES:
        own.observe(value)
    assert text(ours) == text(theirs)


def test_each_value_of_its_label_has_its_own() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("seconds", "Time.", BOUNDS, label="family", values=["invoice"], registry=ours)
    histogram.observe(VALUES, "refund")
    own = prometheus_client.Histogram("seconds", "Time.", ["family"], buckets=BOUNDS, registry=theirs)
    own.labels("invoice")
    for value in VALUES:
        own.labels("refund").observe(value)
    assert text(ours) == text(theirs)
