"""Looks in everything that operators can see of a run for what nobody but the database may hold."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from redis import Redis

from config.settings import Settings

# A payload stands under its event's key until the event is applied: the one place outside the database.
PAYLOADS = f"{Settings(env='test').queue_prefix}event:"

_SECRET = re.compile("SECRET|KEY|PASSWORD|TOKEN|AUTH")


def exported(exports: Path) -> dict[str, str]:
    """Return what the run's processes were given."""
    words = [word for word in shlex.split(exports.read_text()) if "=" in word]
    return dict(word.split("=", 1) for word in words)


def secrets_in(given: Mapping[str, str]) -> set[str]:
    """Return every secret among them."""
    values = [value for name, value in given.items() if _SECRET.search(name)]
    return {secret for value in values for secret in value.split(",")}


def logs_in(folder: Path) -> dict[str, str]:
    """Return what each process has written."""
    return {f"log of {file.stem}": file.read_text(errors="replace") for file in folder.iterdir()}


def values_in(redis: Redis) -> dict[str, str]:
    """Return every value in Redis."""
    return {key.decode(errors="replace"): _text(redis, key) for key in redis.scan_iter(count=1000)}


def found(wanted: set[str], places: dict[str, str]) -> dict[str, set[str]]:
    """Return which of the values stand in which of the places."""
    there = {place: set(_standing(wanted, text)) for place, text in places.items()}
    return {place: values for place, values in there.items() if values}


def _standing(wanted: set[str], text: str) -> Iterator[str]:
    return (value for value in wanted if value in text or value.encode("unicode_escape").decode() in text)


def _text(redis: Redis, key: bytes) -> str:
    match redis.type(key):
        case b"string":
            value: object = redis.get(key)
        case b"list":
            value = redis.lrange(key, 0, -1)
        case b"hash":
            value = redis.hgetall(key)
        case b"set":
            value = redis.smembers(key)
        case b"zset":
            value = redis.zrange(key, 0, -1)
        case kind:
            raise AssertionError(f"{key!r} is a {kind!r}: look in it, too")
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
