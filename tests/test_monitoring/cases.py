"""For each alert a service that is ill and one that is well: series in promtool's notation, a value a minute."""

from dataclasses import dataclass, field

Series = dict[str, str]

LONG = "x100"  # minutes
UP = f"1{LONG}"
DOWN = f"0{LONG}"
RISING = f"0+6{LONG}"


@dataclass(frozen=True)
class Case:
    """What makes an alert fire, what does not, and the labels that tell which part is ill."""

    ill: Series
    well: Series
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> set[str]:
        """The names of all its series."""
        return {series.partition("{")[0] for series in (*self.ill, *self.well)}


def _gauge(name: str, **labels: str) -> Case:
    """An alert that fires while a gauge is not 0."""
    series = name + ("{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}" if labels else "")
    return Case({series: UP}, {series: DOWN}, labels)


def _histogram(name: str, bounds: tuple[str, str], labels: str = "") -> tuple[Series, Series]:
    """All values between the bounds, and all below both."""
    slow = {f'{name}_bucket{{{labels}le="{bound}"}}': DOWN for bound in bounds[:1]}
    slow |= {f'{name}_bucket{{{labels}le="{bound}"}}': RISING for bound in (bounds[1], "+Inf")}
    return slow, dict.fromkeys(slow, RISING)


_SLOW_ACCEPT, _QUICK_ACCEPT = _histogram("billing_accept_seconds", ("0.5", "1.0"))
_LATE_DELIVERY, _PROMPT_DELIVERY = _histogram(
    "billing_delivery_seconds", ("300.0", "1800.0"), 'family="stripe.invoice",'
)
_LATE = 'billing_inbox_oldest_seconds{family="stripe.invoice"}'
_CALLS = 'billing_stripe_calls_total{{method="GET",endpoint="/v1/invoices/{{id}}",status="{}"}}'
_BAD = 'billing_webhooks_refused_total{code="bad_signature"}'
_ACCEPTED = 'billing_events_accepted_total{family="stripe.invoice"}'
_BEATS = 'billing_processes{role="beat",state="living"}'
_SWEEPS = 'billing_sweeps_total{kind="events"}'
_FILLS = 'billing_gap_fills_total{{result="{}"}}'

CASES = {
    "BillingDown": Case({"up": DOWN}, {"up": UP}),
    "BillingRedisAway": Case({"billing_redis_up": DOWN}, {"billing_redis_up": UP}),
    "BillingDatabaseAway": Case({"billing_database_up": DOWN}, {"billing_database_up": UP}),
    "BillingWebhooksUnavailable": Case(
        {"billing_webhooks_unavailable_total": RISING}, {"billing_webhooks_unavailable_total": UP}
    ),
    "BillingAcceptSlow": Case(_SLOW_ACCEPT, _QUICK_ACCEPT),
    "BillingSignaturesRefused": Case(
        {_BAD: f"0+20{LONG}", _ACCEPTED: f"0+100{LONG}"}, {_BAD: f"0+5{LONG}", _ACCEPTED: f"0+100{LONG}"}
    ),
    "BillingDeliveredLate": Case(_LATE_DELIVERY, _PROMPT_DELIVERY),
    "BillingWorkerSilent": _gauge("billing_processes", role="worker", state="silent"),
    "BillingKeysRefused": _gauge("billing_keys_refused"),
    "BillingQueueWithoutConsumer": Case(
        {'billing_queue_consumers{queue="stripe.invoice"}': DOWN, 'billing_queue_consumers{queue="stripe.refund"}': UP},
        {'billing_queue_consumers{queue="stripe.invoice"}': UP},
        {"queue": "stripe.invoice"},
    ),
    "BillingBeatMissing": Case({_BEATS: DOWN}, {_BEATS: UP}, {"role": "beat", "state": "living"}),
    "BillingBeatTwice": Case({_BEATS: f"2{LONG}"}, {_BEATS: UP}, {"role": "beat", "state": "living"}),
    "BillingSweepsMissing": Case({_SWEEPS: UP}, {_SWEEPS: RISING}, {"kind": "events"}),
    "BillingEventsStranded": Case(
        {'billing_swept_total{queue="stripe.invoice"}': RISING},
        {'billing_swept_total{queue="stripe.invoice"}': UP},
        {"queue": "stripe.invoice"},
    ),
    "BillingEventsLate": Case(
        {_LATE: f"100{LONG}", "billing_inbox_age_limit_seconds": f"60{LONG}"},
        {_LATE: f"50{LONG}", "billing_inbox_age_limit_seconds": f"60{LONG}"},
        {"family": "stripe.invoice"},
    ),
    "BillingQueueGrows": Case(
        {'billing_queue_oldest_seconds{family="stripe.invoice"}': f"100{LONG}"},
        {'billing_queue_oldest_seconds{family="stripe.invoice"}': f"50{LONG}"},
        {"family": "stripe.invoice"},
    ),
    "BillingDeadLetters": _gauge("billing_dead_letters"),
    "BillingParkedEvents": _gauge("billing_parked_events"),
    "BillingUnreadableMessages": _gauge("billing_unreadable_messages"),
    "BillingCommandsStuck": _gauge("billing_commands_stuck"),
    "BillingCommandsFailed": Case(
        {'billing_commands_ended_total{name="refund_invoice",result="failed"}': RISING},
        {
            'billing_commands_ended_total{name="refund_invoice",result="failed"}': UP,
            'billing_commands_ended_total{name="refund_invoice",result="succeeded"}': RISING,
        },
        {"name": "refund_invoice", "result": "failed"},
    ),
    "BillingEndpointProblems": _gauge("billing_endpoint_problems"),
    "BillingGapsFound": Case(
        {'billing_gaps_found_total{type="invoice.paid"}': RISING},
        {'billing_gaps_found_total{type="invoice.paid"}': UP},
        {"type": "invoice.paid"},
    ),
    "BillingGapsHole": _gauge("billing_gaps_hole"),
    "BillingGapFillPostponed": Case(
        {_FILLS.format("postponed"): RISING, _FILLS.format("done"): UP},
        {_FILLS.format("postponed"): RISING, _FILLS.format("done"): RISING},
    ),
    "BillingDrift": _gauge("billing_drift", kind="invoice"),
    "BillingStripeUnavailable": Case(
        {_CALLS.format("no_answer"): RISING, _CALLS.format("200"): UP},
        {_CALLS.format("404"): RISING, _CALLS.format("503"): UP},
    ),
    "BillingStripeKeyRefused": Case(
        {_CALLS.format("401"): RISING},
        {_CALLS.format("401"): UP, _CALLS.format("200"): RISING},
        {"method": "GET", "endpoint": "/v1/invoices/{id}", "status": "401"},
    ),
}
