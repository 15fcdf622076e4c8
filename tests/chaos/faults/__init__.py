"""All faults by name: the folder's files hold them by kind."""

from tests.chaos.faults.clocks import CLOCKS
from tests.chaos.faults.deaths import DEATHS
from tests.chaos.faults.deliveries import DELIVERIES
from tests.chaos.faults.disks import DISKS
from tests.chaos.faults.fault import CannotStrike, Fault, Missed
from tests.chaos.faults.losses import LOSSES
from tests.chaos.faults.pauses import PAUSES
from tests.chaos.faults.sockets import SOCKETS
from tests.chaos.faults.stripe_trouble import STRIPE_TROUBLE

FAULTS: dict[str, Fault] = {
    **DEATHS,
    **PAUSES,
    **SOCKETS,
    **DISKS,
    **LOSSES,
    **STRIPE_TROUBLE,
    **CLOCKS,
    **DELIVERIES,
}

__all__ = ["FAULTS", "CannotStrike", "Fault", "Missed"]
