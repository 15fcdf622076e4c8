"""How much memory processes and Redis have."""

from collections.abc import Iterable

from redis import Redis

from billing_core.inbox import Keys
from tests.bench.stage import PREFIX
from tests.embedded.server_process import ServerProcess

MIB = 2**20
_SCANNED = 5000


def resident(servers: Iterable[ServerProcess]) -> float:
    """Return the resident memory of processes and their children, in MiB."""
    return sum(process.memory_info().rss for server in servers for process in server.tree()) / MIB


def used(redis: Redis) -> float:
    """Return what Redis has allocated, in MiB, less what is on its way to a client or the disk."""
    redis.slowlog_reset()  # 128 entries at most, of 2 kB each: a tenth of what is left without tombstones
    told = redis.info("memory")
    return float(told["used_memory"] - told["mem_clients_normal"] - told["mem_aof_buffer"]) / MIB


def bury_tombstones(redis: Redis) -> int:
    """Delete the marks of applied events, which else stay for the dedupe window; return how many there were."""
    found = 0
    batch = list[bytes]()
    for key in redis.scan_iter(match=Keys(PREFIX).event("*"), count=_SCANNED):
        batch.append(key)
        if len(batch) == _SCANNED:
            found += int(redis.unlink(*batch))
            batch.clear()
    found += int(redis.unlink(*batch)) if batch else 0
    redis.memory_purge()
    return found
