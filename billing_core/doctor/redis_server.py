"""Redis: is it there, does it keep what it was given, and has it room for more?"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from redis import Redis, RedisError, ResponseError

from billing_core.connection_trouble import trouble
from billing_core.doctor.clocks import compared
from billing_core.finding import Finding, fail, ok, warn

# What Redis must be told so that a 200 means durable, and that it never evicts an event.
DURABLE = {"appendonly": {"yes"}, "appendfsync": {"always", "everysec"}, "maxmemory-policy": {"noeviction"}}

OLDEST = (6, 0)  # redis-py 8 speaks RESP3

# Of the memory that Redis may take. An event takes 5 to 10 kB while it waits.
SCARCE, FULL = 0.75, 0.95


def not_durable(settings: Mapping[str, str]) -> list[str]:
    """Return which of Redis' settings may lose events; empty if none does."""
    return [f"{name} is {settings.get(name)}" for name, good in DURABLE.items() if settings.get(name, "") not in good]


def plain(settings: Mapping[Any, Any]) -> dict[str, str]:
    """Return what CONFIG GET answered, as text."""
    return {_text(name): _text(value) for name, value in settings.items()}


def examine_redis(redis: Redis, *, production: bool) -> list[Finding]:
    """Look at the server."""
    try:
        redis.ping()  # answers MISCONF while the disk takes no writes
        info: Mapping[str, Any] = redis.info()
        seconds, microseconds = redis.time()
        return [
            _server(info),
            _durability(redis, info),
            _memory(info, production=production),
            compared("Redis'", datetime.fromtimestamp(seconds + microseconds / 1e6, UTC), datetime.now(UTC)),
        ]
    except (RedisError, OSError) as error:
        return [fail("Redis", f"away: {trouble(error)}", "check REDIS_URL and the server")]


def _server(info: Mapping[str, Any]) -> Finding:
    name = f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}"
    if info["role"] != "master":
        return fail("Redis", f"{name} is a replica, which takes no writes", "point REDIS_URL at the primary")
    if tuple(int(part) for part in str(info["redis_version"]).split(".")[:2]) < OLDEST:
        return fail("Redis", f"{name} is too old", "use Redis 6.0 or newer, or Valkey")
    return ok("Redis", name)


def _durability(redis: Redis, info: Mapping[str, Any]) -> Finding:
    check, do = "Redis keeps events", "configure it as config/redis.conf does"
    try:
        settings = plain(redis.config_get(*DURABLE))
    except ResponseError:
        settings = {"appendonly": "yes" if info["aof_enabled"] else "no", "maxmemory-policy": info["maxmemory_policy"]}
        found = " ".join(f"{name}={value}" for name, value in settings.items())
        return warn(check, f"{found}; the rest is hidden: CONFIG is forbidden", "ask its operator if writes are synced")
    if wrong := not_durable(settings):
        return fail(check, f"not durable: {', '.join(wrong)}", do)
    if info.get("aof_last_write_status", "ok") != "ok":
        return fail(check, "its last write to disk failed", "make room on its disk")
    if settings["appendfsync"] == "everysec":
        return warn(check, "appendfsync is everysec: a power cut may lose a second of events", "set it to always")
    return ok(check, "append-only file, synced before each answer; evicts nothing")


def _memory(info: Mapping[str, Any], *, production: bool) -> Finding:
    check, used = "Redis memory", info["used_memory"]
    limit = info["maxmemory"] or info.get("total_system_memory", 0)
    found = f"{_mb(used)} of {_mb(limit)} used" + ("" if info["maxmemory"] else "; no maxmemory")
    if limit and used / limit > FULL:
        return fail(check, found, "give it memory: at the limit, events are refused with 503")
    if limit and used / limit > SCARCE:
        return warn(check, found, "find out what waits (billing status), or give it memory")
    if production and not info["maxmemory"]:
        return warn(check, found, "set maxmemory: beyond the machine's memory the kernel kills it")
    return ok(check, found)


def _mb(size: int) -> str:
    return f"{size / 2**20:.0f} MB"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
