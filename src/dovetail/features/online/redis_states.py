"""Values that several servers share in Redis.

Reading is one MGET. A change reads what it rests on, works out new values here and gives them to a
script, which Redis runs alone: it sets all of them if none was changed meanwhile, and nothing
otherwise. Each value begins with eight bytes that no other value has, so that comparing is cheap.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.features.errors import StoreLostError
from dovetail.features.online.states import Change, Merge

__all__ = ["RedisStates"]

T = TypeVar("T")
MARK = 8  # bytes that tell a value from any other
TRIES = 200
WAIT_S, CONNECT_S = 10.0, 2.0
LEASE_MS = 5_000
AT_ONCE = 5_000

COMMIT = """
local values, ids = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 1, values do
  if redis.call('GETRANGE', KEYS[i + 1], 0, 7) ~= ARGV[2 + i] then return 0 end
end
local at = 2 + 2 * values
for i = 1, ids do
  if redis.call('ZSCORE', KEYS[1], ARGV[at + 2 * i]) then return 0 end
end
for i = 1, values do
  local value = ARGV[2 + values + i]
  if value == '' then redis.call('DEL', KEYS[i + 1]) else redis.call('SET', KEYS[i + 1], value) end
end
for i = 1, ids do redis.call('ZADD', KEYS[1], ARGV[at + 2 * i - 1], ARGV[at + 2 * i]) end
return 1
"""
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class RedisStates:
    """A Redis database.

    Args:
        url: `redis://host:port/number`, or `rediss://` for TLS.
        prefix: Before every key.

    Raises:
        InvalidInputError: The URL names no Redis.
    """

    def __init__(self, url: str, prefix: str = "dovetail:features:") -> None:
        redis = require("redis", extra="features-redis", feature="an online store in Redis")
        retry = require("redis.retry", extra="features-redis", feature="an online store in Redis")
        backoff = require(
            "redis.backoff", extra="features-redis", feature="an online store in Redis"
        )
        try:
            self._redis: Any = redis.Redis.from_url(
                url,
                socket_timeout=WAIT_S,
                socket_connect_timeout=CONNECT_S,
                retry=retry.Retry(backoff.NoBackoff(), 1),
                protocol=2,
            )
        except ValueError as error:
            raise InvalidInputError(
                "the online store's URL names no Redis",
                why=str(error),
                fix="give redis://host:6379/0 in [features] online",
            ) from error
        self._lost = redis.exceptions.RedisError
        self._prefix = prefix
        self._commit = self._redis.register_script(COMMIT)
        self._release = self._redis.register_script(RELEASE)

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """Return values by name; see `States`."""
        keys = [self._prefix + name for name in names]
        found = self._asking(lambda: self._redis.mget(keys))
        return [None if value is None else value[MARK:] for value in found]

    def change(self, source: str, ids: Sequence[str], names: Sequence[str], merge: Merge) -> Change:
        """Change values; see `States`."""
        change = self._try(source, ids, names, merge)
        if change is not None:
            return change
        with self._lease(source):
            for _ in range(TRIES):
                change = self._try(source, ids, names, merge)
                if change is not None:
                    return change
                time.sleep(random.uniform(0, 0.005))
        raise StoreLostError(
            f"The rows of source {source!r} could not be written",
            why="Other servers changed the same values all the time",
        )

    def _try(
        self, source: str, ids: Sequence[str], names: Sequence[str], merge: Merge
    ) -> Change | None:
        """Read, merge, and write if nothing changed meanwhile; None if something did."""
        keys = [self._prefix + name for name in names]
        held = self._asking(lambda: self._redis.mget(keys)) if keys else []
        seen = self._seen(source, ids)
        values = {
            name: None if value is None else value[MARK:]
            for name, value in zip(names, held, strict=True)
        }
        change = merge(seen, values)
        marks = {
            name: b"" if value is None else value[:MARK]
            for name, value in zip(names, held, strict=True)
        }
        marked = list(change.values)
        arguments: list[Any] = [len(marked), len(change.ids)]
        arguments += [marks[name] for name in marked]
        arguments += [_marked(change.values[name]) for name in marked]
        for one, known_us in change.ids.items():
            arguments += (known_us, one)
        written = [self._ids(source), *(self._prefix + name for name in marked)]
        done = self._asking(lambda: self._commit(keys=written, args=arguments))
        return change if done else None

    def _seen(self, source: str, ids: Sequence[str]) -> set[str]:
        seen: set[str] = set()
        for start in range(0, len(ids), AT_ONCE):
            part = ids[start : start + AT_ONCE]
            scores = self._scores(source, part)
            seen.update(one for one, score in zip(part, scores, strict=True) if score is not None)
        return seen

    def _scores(self, source: str, ids: Sequence[str]) -> list[float | None]:
        return self._asking(lambda: self._redis.zmscore(self._ids(source), ids))

    def names(self, prefix: str) -> Iterator[list[str]]:
        """Walk the names that begin with a prefix; see `States`."""
        plain = "".join(f"\\{c}" if c in "*?[]^\\" else c for c in self._prefix + prefix)
        place, start = 0, len(self._prefix)
        while True:
            place, found = self._scanned(place, f"{plain}*")
            if names := [key.decode()[start:] for key in found]:
                yield names
            if not place:
                return

    def _scanned(self, place: int, pattern: str) -> tuple[int, list[bytes]]:
        found: tuple[int, list[bytes]] = self._asking(
            lambda: self._redis.scan(place, match=pattern, count=1000)
        )
        return found

    def forget(self, source: str, before: int) -> None:
        """Drop old ids; see `States`."""
        key = self._ids(source)
        self._asking(lambda: self._redis.zremrangebyscore(key, "-inf", f"({before}"))

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()

    def _ids(self, source: str) -> str:
        return f"{self._prefix}ids:{source}"

    @contextmanager
    def _lease(self, source: str) -> Iterator[None]:
        """Let one server at a time try; only for speed, for the script is what keeps order."""
        key, token = f"{self._prefix}lease:{source}", os.urandom(MARK)
        end = time.monotonic() + LEASE_MS / 1000
        while time.monotonic() < end:
            if self._asking(lambda: self._redis.set(key, token, nx=True, px=LEASE_MS)):
                break
            time.sleep(random.uniform(0.001, 0.01))
        try:
            yield
        finally:
            self._asking(lambda: self._release(keys=[key], args=[token]))

    def _asking(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except self._lost as error:
            raise StoreLostError(
                "The online store in Redis does not answer",
                why=str(error) or type(error).__name__,
                fix="Come again; rows that were not acknowledged may be sent again",
            ) from error


def _marked(value: bytes | None) -> bytes:
    return b"" if value is None else os.urandom(MARK) + value


def _library(name: str) -> Any:
    return require(f"redis{name}", extra="features-redis", feature="an online store in Redis")
