"""How many requests of a key run at once: counted in this process, or leased in Redis by all.

A lease is renewed while its request runs. Of a process that died nobody renews them, and they end by themselves.
"""

import uuid
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["LEASE_S", "LeasedSlots", "OwnSlots"]

LEASE_S = 30
"""After so long the slots of a process that died are free again."""

# Redis' own clock decides, since those of the hosts may differ.
_NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000); "
_TAKE = (
    _NOW + "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now); "
    "if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end; "
    "redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3]); redis.call('PEXPIRE', KEYS[1], ARGV[2]); return 1"
)
_RENEW = (
    _NOW + "for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end; "
    "redis.call('PEXPIRE', KEYS[1], ARGV[1]); return 1"
)


class OwnSlots:
    """Slots of this process alone: one of `sharers`, each of which has its part of a key's slots, and at least one."""

    def __init__(self, sharers: int = 1) -> None:
        self._sharers = sharers
        self._taken: Counter[str] = Counter()

    def take(self, key_id: str, concurrency: int) -> bool:
        """Take a slot, unless all are taken."""
        if self._taken[key_id] >= max(1, concurrency // self._sharers):
            return False
        self._taken[key_id] += 1
        return True

    def give_back(self, key_id: str) -> None:
        self._taken[key_id] -= 1
        if self._taken[key_id] <= 0:
            del self._taken[key_id]


class LeasedSlots:
    """Slots that all processes share, in a sorted set of leases for each key: names by the time at which they end.
    Raises redis.RedisError."""

    def __init__(self, client: "Redis", lease_s: float = LEASE_S) -> None:
        self._client = client
        self._lease_s = lease_s
        self._take = client.register_script(_TAKE)
        self._renew = client.register_script(_RENEW)
        self._held: defaultdict[str, set[str]] = defaultdict(set)

    async def take(self, key_id: str, concurrency: int) -> str | None:
        """Take a slot; its name, or None where all are taken."""
        name = uuid.uuid4().hex
        if not await self._take([_key(key_id)], [concurrency, self._lease_ms, name]):
            return None
        self._held[key_id].add(name)
        return name

    async def give_back(self, key_id: str, name: str) -> None:
        held = self._held[key_id]
        held.discard(name)
        if not held:
            del self._held[key_id]
        await self._client.zrem(_key(key_id), name)

    async def renew(self) -> None:
        """Renew the leases of all requests that run here."""
        for key_id, names in list(self._held.items()):
            if names:
                await self._renew([_key(key_id)], [self._lease_ms, *names])

    @property
    def _lease_ms(self) -> int:
        return round(self._lease_s * 1000)


def _key(key_id: str) -> str:
    return f"copydesk/slots/{key_id}"
