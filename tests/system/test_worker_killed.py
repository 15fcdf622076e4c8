"""kill -9 of the worker under load. Celery on Redis alone loses messages here; the inbox and its sweep do not.

`KILLS` sets the number of trials; `BILLING_SWEEP_ENABLED=false` shows that this test can fail.
"""

import os
import random
import time
from pathlib import Path

import pytest

from tests.system.load import CUSTOMER, Load
from tests.system.service import Service

KILLS = int(os.environ.get("KILLS", "3"))
RECOVERY = 60  # s, the promise
# Faster than in production, so that a trial takes seconds; the order of the three times is the same.
FAST = {
    "BILLING_VISIBILITY_TIMEOUT": "6",
    "BILLING_RETRY_BACKOFF_MAX": "2",
    "BILLING_STALL_TIME": "3",
    "BILLING_SWEEP_INTERVAL": "1",
}


@pytest.mark.timeout(60 + KILLS * (RECOVERY + 10))
def test_every_accepted_event_is_applied_once_when_the_worker_is_killed_at_random_moments(
    tmp_path: Path, server_database_url: str
) -> None:
    moments = random.Random(KILLS)
    with Service(tmp_path, server_database_url, FAST) as service:
        service.own([CUSTOMER])
        load = Load(service)
        slowest = 0.0
        for trial in range(KILLS):
            with load.running():
                time.sleep(moments.uniform(0.2, 1.5))
                service.worker.kill()
                service.worker.start()
            began = time.monotonic()
            missing = service.missing_after(load.accepted, RECOVERY)
            slowest = max(slowest, time.monotonic() - began)
            assert not missing, f"trial {trial} of {len(load.accepted)} events: {service.whereabouts(missing)}"
        assert set(service.recorded().values()) == {"applied"}
        print(f"kills={KILLS} events={len(load.accepted)} lost=0 slowest_s={slowest:.1f}")
