"""Gap fill: what Stripe has and we lack is found in Stripe's list of events and accepted as the endpoint would.

Stripe gives up on a delivery after three days, and a wrong secret or a deleted endpoint loses them at once.
"""

from billing_core.gaps.fill import Findings, GapFill
from billing_core.gaps.lacking import Lacking
from billing_core.gaps.listing import KEPT
from billing_core.gaps.progress import Hole, LastRun, close_hole, last_run

__all__ = ["KEPT", "Findings", "GapFill", "Hole", "Lacking", "LastRun", "close_hole", "last_run"]
