"""kill -9 of Redis under a busy worker. Celery 5.7 alone exits or hangs in half of the cases."""

import os
import random
import time
from pathlib import Path

import pytest

from tests.system.load import CUSTOMER, Load
from tests.system.service import Service
from tests.system.test_worker_killed import FAST, RECOVERY

RESTARTS = int(os.environ.get("RESTARTS", "3"))
CONSUMES_AGAIN = 10  # s, the promise


@pytest.mark.timeout(60 + RESTARTS * (RECOVERY + 10))
def test_worker_consumes_again_and_nothing_accepted_is_lost_when_redis_is_killed(
    tmp_path: Path, server_database_url: str
) -> None:
    moments = random.Random(RESTARTS)
    with Service(tmp_path, server_database_url, FAST) as service:
        service.own([CUSTOMER])
        load = Load(service)
        slowest = 0.0
        for trial in range(RESTARTS):
            with load.running():
                time.sleep(moments.uniform(0.2, 1.0))
                service.redis.kill()
                time.sleep(moments.uniform(0.0, 1.0))
                service.redis.start()
                slowest = max(slowest, _seconds_until_consuming(service))
                assert slowest < CONSUMES_AGAIN, f"trial {trial}: the worker took {slowest:.1f} s to consume again"
            missing = service.missing_after(load.accepted, RECOVERY)
            assert not missing, f"trial {trial}: {len(missing)} of {len(load.accepted)} lost: {sorted(missing)[:5]}"
            assert service.worker.running, f"trial {trial}: the worker ended"
        print(f"restarts={RESTARTS} events={len(load.accepted)} lost=0 slowest_s={slowest:.1f}")


def _seconds_until_consuming(service: Service) -> float:
    began, before = time.monotonic(), len(service.recorded())
    while len(service.recorded()) <= before and time.monotonic() - began < CONSUMES_AGAIN:
        time.sleep(0.05)
    return time.monotonic() - began
