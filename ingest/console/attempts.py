"""How often a login failed for a name and from an address: past the limit, none is tried for a while."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from ingest.console.errors import TooManyAttempts

# A person who types wrong is through by then; who guesses gets 40 guesses an hour.
MOST = 10
WINDOW = 900  # s


class Attempts:
    """Counts in Redis, so that all console processes count together. Names and addresses are stored as hashes."""

    def __init__(self, redis: Redis, prefix: str, secret: str) -> None:
        self._redis = redis
        self._prefix = f"{prefix}console:attempts:"
        self._secret = secret.encode()

    @contextmanager
    def one(self, name: str | None, address: str) -> Iterator[None]:
        """Try once. It counts before it is tried, so that many at a time are not more than the limit.

        Args:
            name: whose password is tried; None for a token.
            address: the browser's.

        Raises:
            TooManyAttempts: it was not tried.
            redis.RedisError: nobody can count.
        """
        by_address, by_name = self._key("address", address), self._key("name", name) if name else None
        if max(self._count(key) for key in (by_address, by_name) if key) > MOST:
            raise TooManyAttempts(f"too many failed logins: wait {WINDOW // 60} minutes")
        yield
        # It went well: the name's failures are forgotten, the address' stay, since many people may share it.
        with self._redis.pipeline() as pipe:
            pipe.decr(by_address)
            pipe.expire(by_address, WINDOW)
            if by_name:
                pipe.delete(by_name)
            pipe.execute()

    def _count(self, key: str) -> int:
        with self._redis.pipeline() as pipe:
            pipe.set(key, 0, ex=WINDOW, nx=True)
            pipe.incr(key)
            _, count = pipe.execute()
        return int(count)

    def _key(self, kind: str, value: str) -> str:
        # A name may be a password that was typed into the wrong field.
        return self._prefix + hmac.new(self._secret, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()[:32]
