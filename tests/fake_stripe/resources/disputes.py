"""Disputes as the API shows them: evidence in, surrender by closing."""

from tests.fake_stripe.billing.disputing import CLOSED, move
from tests.fake_stripe.errors import Json, invalid
from tests.fake_stripe.listing import page
from tests.fake_stripe.routing import Call, Route
from tests.fake_stripe.sandbox import Sandbox

# Stripe's test mode decides a dispute by these words in `uncategorized_text`.
VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}


def update(sandbox: Sandbox, call: Call) -> Json:
    """Add evidence or metadata; submitted evidence is reviewed, and Stripe's magic words decide."""
    dispute = sandbox.state.get("dispute", call.id)
    if dispute["status"] in CLOSED:
        raise invalid(f"This dispute is already {dispute['status']}.")
    evidence = call.params.nested("evidence")
    with sandbox.changing(dispute):
        dispute["metadata"] = call.params.metadata(dispute["metadata"])
        dispute["evidence"] |= {key: evidence.text(key) for key in evidence.values}
        if evidence.values:
            dispute["evidence_details"]["has_evidence"] = True
        if evidence.values and call.params.boolean("submit", default=True):
            _submit(dispute)
    verdict = VERDICTS.get(evidence.text("uncategorized_text") or "")
    return move(sandbox, dispute, verdict) if verdict else dispute


def _submit(dispute: Json) -> None:
    dispute["evidence_details"]["submission_count"] += 1
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_under_review" if inquiry else "under_review"


def close(sandbox: Sandbox, call: Call) -> Json:
    """Accept a dispute as lost."""
    return move(sandbox, sandbox.state.get("dispute", call.id), "lost")


def list_all(sandbox: Sandbox, call: Call) -> Json:
    """List disputes by charge or intent."""
    return page(call, sandbox.state.all("dispute"), equal=["charge", "payment_intent"])


ROUTES = [
    Route("GET", "/v1/disputes", list_all),
    Route("GET", "/v1/disputes/{id}", lambda sandbox, call: sandbox.state.get("dispute", call.id)),
    Route("POST", "/v1/disputes/{id}", update),
    Route("POST", "/v1/disputes/{id}/close", close),
]
