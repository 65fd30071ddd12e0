"""The state in Redis or Valkey, for gateways on several machines. Needs freehold[redis].

Each exchange is one script, which nothing else comes between. Time is the server's. For budgets that survive
a restart of it to the unit, let it write each command to disk: appendonly yes, appendfsync always.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from freehold.errors import MissingExtraError
from freehold.gateway.meters import (
    DOLLARS_DAY,
    DOLLARS_MONTH,
    REQUESTS,
    TOKENS,
    Ask,
    Grant,
    Place,
)
from freehold.gateway.state.base import KeyRow, Left, Standing, StateAway
from freehold.gateway.state.rows import standing

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ModuleNotFoundError as missing:
    raise MissingExtraError("redis", "a state in Redis") from missing

ANSWER_SECONDS_MAX: Final = 3.0
CONNECT_SECONDS_MAX: Final = 3.0
PREFIX: Final = "{freehold}:"  # braces: in a cluster, everything is in one slot, so that scripts reach it
SCAN_COUNT: Final = 1000
_DAY_S: Final = 86_400
# How long after its last use a window may still be told of; 0: for ever.
_KEPT_S: Final = {REQUESTS: 7200, TOKENS: 7200, DOLLARS_DAY: 40 * _DAY_S, DOLLARS_MONTH: 400 * _DAY_S}

# The same decision as `meters.granted`. Numbers are exact up to meters.UNITS_MAX.
_SYNC: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner = ARGV[1]
if tonumber(ARGV[2]) <= tonumber(redis.call('HGET', KEYS[2], owner) or '-1') then return {} end
redis.call('HSET', KEYS[2], owner, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - 3600000))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[3])), owner)
local out = {}
for i = 3, #KEYS do
  local at = 4 + (i - 3) * 8
  local kind, limit, used = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local ceiling, need, want = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local done, kept = ARGV[at + 6] == '1', tonumber(ARGV[at + 7])
  local spent, uncertain, others_used, others_ceiling, others, mine = 0, 0, 0, 0, 0, false
  local all = redis.call('HGETALL', KEYS[i])
  for j = 1, #all, 2 do
    local name, value = all[j], all[j + 1]
    if name == 'spent' then spent = tonumber(value)
    elseif name == 'uncertain' then uncertain = tonumber(value)
    elseif name == owner then mine = true
    elseif kind == '0' and tonumber(redis.call('ZSCORE', KEYS[1], name) or '0') <= now then
      redis.call('HDEL', KEYS[i], name)
    else
      local u, c = string.match(value, '^(%d+):(%d+)$')
      others_used, others_ceiling, others = others_used + u, others_ceiling + c, others + 1
    end
  end
  local left, fair = 0, 0
  if done then
    ceiling = 0
    if mine then
      redis.call('HDEL', KEYS[i], owner)
      redis.call('HINCRBY', KEYS[i], 'spent', ARGV[at + 2])
    end
  else
    local free = limit - spent - uncertain - others_ceiling - ceiling
    fair = math.floor(math.max(0, free) / (2 * (others + 1)))
    if need <= free then ceiling = ceiling + math.max(need, math.min(want, fair)) end
    left = limit - spent - uncertain - others_used - used
    redis.call('HSET', KEYS[i], owner, string.format('%.0f:%.0f', used, ceiling))
  end
  if kept > 0 then redis.call('EXPIRE', KEYS[i], kept) end
  out[#out + 1] = string.format('%.0f %.0f %.0f', ceiling, left, fair)
end
return out
"""
_RECOVER: Final = """
for i = 3, #KEYS do
  local at = 2 + (i - 3) * 3
  if redis.call('HDEL', KEYS[i], ARGV[1]) == 1 and ARGV[at] ~= '0' then
    redis.call('HINCRBY', KEYS[i], 'spent', ARGV[at + 1])
    redis.call('HINCRBY', KEYS[i], 'uncertain', ARGV[at + 2])
  end
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
"""
_FORGIVE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local units = tonumber(redis.call('HGET', KEYS[2], 'uncertain') or '0')
redis.call('HDEL', KEYS[2], 'uncertain')
local all = redis.call('HGETALL', KEYS[2])
for j = 1, #all, 2 do
  local u, c = string.match(all[j + 1], '^(%d+):(%d+)$')
  if u and tonumber(redis.call('ZSCORE', KEYS[1], all[j]) or '0') <= now then
    units = units + c - u
    redis.call('HDEL', KEYS[2], all[j])
    redis.call('HINCRBY', KEYS[2], 'spent', u)
  end
end
return string.format('%.0f', units)
"""
_PUT_KEY: Final = """
local version = redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[3], version, ARGV[1])
return version
"""


class RedisState:
    """Implements `base.State`. The client connects when it is needed and again when it was cut off."""

    shared = True

    def __init__(self, where: str) -> None:
        try:
            self._client: Any = redis.Redis.from_url(
                where, socket_timeout=ANSWER_SECONDS_MAX, socket_connect_timeout=CONNECT_SECONDS_MAX,
                retry=Retry(NoBackoff(), 0),  # trying again is `leasing`'s, which does not sleep
            )  # fmt: skip
        except ValueError:
            raise away("the address is none") from None  # the driver's words may repeat it
        self._sync = self._client.register_script(_SYNC)
        self._recover = self._client.register_script(_RECOVER)
        self._forgive = self._client.register_script(_FORGIVE)
        self._put = self._client.register_script(_PUT_KEY)

    def __repr__(self) -> str:
        return "RedisState()"  # its address holds a password

    # --- keys ---

    def born(self) -> str:
        with _asking():
            self._client.set(f"{PREFIX}born", secrets.token_hex(8), nx=True)
            return _text(self._client.get(f"{PREFIX}born"))

    def doubts(self) -> str:
        try:
            found = self._client.config_get("append*")
        except redis.ResponseError:
            return (
                "Redis does not tell whether it writes commands to disk; what it loses in a crash is unknown"
            )
        except redis.RedisError as error:
            raise away(type(error).__name__) from None
        told = {_text(name): _text(value) for name, value in found.items()}
        if told.get("appendonly") == "yes" and told.get("appendfsync") == "always":
            return ""
        return "Redis may lose its last commands in a crash: set appendonly yes and appendfsync always"

    def keys(self, since: int) -> tuple[int, list[KeyRow]]:
        with _asking():
            version = int(self._client.get(f"{PREFIX}version") or 0)
            if version == since:
                return version, []
            ids = self._client.zrangebyscore(f"{PREFIX}versions", f"({since}", "+inf")
            found = self._client.hmget(f"{PREFIX}keys", ids) if ids else []
        return version, [_row(one) for one in found if one is not None]

    def key(self, id: str) -> KeyRow | None:
        with _asking():
            found = self._client.hget(f"{PREFIX}keys", id)
        return None if found is None else _row(found)

    def put_key(self, row: KeyRow) -> None:
        names = [f"{PREFIX}version", f"{PREFIX}keys", f"{PREFIX}versions"]
        with _asking():
            self._put(keys=names, args=[row.key.id, msgspec.json.encode(row)])

    # --- limits ---

    def sync(self, owner: str, sequence: int, lease_s: float, asks: Sequence[Ask]) -> list[Grant]:
        arguments: list[str | int] = [owner, sequence, round(lease_s * 1000)]
        for ask in asks:
            arguments += [
                ask.place.kind, ask.limit, ask.used, ask.ceiling, ask.need, ask.want, int(ask.done),
                _KEPT_S.get(ask.place.kind, 0),
            ]  # fmt: skip
        names = [f"{PREFIX}owners", f"{PREFIX}sequences", *(_meter(ask.place) for ask in asks)]
        with _asking():
            found = self._sync(keys=names, args=arguments)
        grants = [[int(number) for number in _text(one).split()] for one in found]
        return [
            Grant(place=ask.place, ceiling=ceiling, left=left, fair=fair)
            for ask, (ceiling, left, fair) in zip(asks, grants, strict=False)
        ]

    def recover(self, owner: str, left: Sequence[Left]) -> None:
        arguments: list[str | int] = [owner]
        for one in left:
            arguments += [one.place.kind, one.used, one.reserved]
        names = [f"{PREFIX}owners", f"{PREFIX}sequences", *(_meter(one.place) for one in left)]
        with _asking():
            self._recover(keys=names, args=arguments)

    def forgive(self, key: str) -> int:
        units = 0
        with _asking():
            for name in self._client.scan_iter(f"{PREFIX}meter:{key}:*", count=SCAN_COUNT):
                units += int(_text(self._forgive(keys=[f"{PREFIX}owners", name])))
        return units

    def standings(self, places: Sequence[Place]) -> list[Standing]:
        with _asking():
            seconds, micros = self._client.time()
            asked = self._client.pipeline(transaction=False)
            for place in places:
                asked.hgetall(_meter(place))
            found = asked.execute()
            owners = {_text(name) for one in found for name in one} - {"spent", "uncertain"}
            asked = self._client.pipeline(transaction=False)
            for owner in sorted(owners):
                asked.zscore(f"{PREFIX}owners", owner)
            scores = dict(zip(sorted(owners), asked.execute(), strict=True))
        now_ms = seconds * 1000 + micros // 1000
        gone = {owner for owner, score in scores.items() if score is None or score <= now_ms}
        return [_standing(place, one, gone) for place, one in zip(places, found, strict=True)]

    # --- news, meta, end ---

    def publish(self, kind: str, name: str, value: bytes, seconds: float) -> None:
        with _asking():
            asked = self._client.pipeline()
            asked.set(f"{PREFIX}news:{kind}:{name}", value, px=round(seconds * 1000))
            asked.hset(f"{PREFIX}news:{kind}", name, b"")
            asked.execute()

    def gather(self, kind: str) -> Mapping[str, bytes]:
        with _asking():
            names = sorted(_text(name) for name in self._client.hkeys(f"{PREFIX}news:{kind}"))
            if not names:
                return {}
            values = self._client.mget([f"{PREFIX}news:{kind}:{name}" for name in names])
            over = [name for name, value in zip(names, values, strict=True) if value is None]
            if over:
                self._client.hdel(f"{PREFIX}news:{kind}", *over)
        return {name: value for name, value in zip(names, values, strict=True) if value is not None}

    def get_meta(self, name: str) -> str | None:
        with _asking():
            found = self._client.hget(f"{PREFIX}meta", name)
        return None if found is None else _text(found)

    def put_meta(self, name: str, value: str) -> None:
        with _asking():
            self._client.hset(f"{PREFIX}meta", name, value)

    def close(self) -> None:
        self._client.close()


def _meter(place: Place) -> str:
    return f"{PREFIX}meter:{place.key}:{place.kind}:{place.window}"


def _standing(place: Place, fields: Mapping[bytes, bytes], gone: set[str]) -> Standing:
    spent, uncertain, used, lent, lost = 0, 0, 0, 0, 0
    for name, value in ((_text(name), _text(value)) for name, value in fields.items()):
        if name == "spent":
            spent = int(value)
        elif name == "uncertain":
            uncertain = int(value)
        else:
            own, _, ceiling = value.partition(":")
            used, lent = used + int(own), lent + int(ceiling) - int(own)
            lost += int(ceiling) - int(own) if name in gone else 0
    return standing(place, spent, uncertain, used, lent, lost)


_row: Callable[[bytes], KeyRow] = msgspec.json.Decoder(KeyRow).decode


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def _asking() -> Iterator[None]:
    """Whatever goes wrong with the server, it is away."""
    try:
        yield
    except redis.RedisError as error:
        raise away(type(error).__name__) from None  # the driver's words may repeat the address


def away(why: str) -> StateAway:
    return StateAway(
        "the shared state does not answer", why=f"Redis: {why}", fix="start Redis, or correct [state] redis",
        code="gateway.state-away",
    )  # fmt: skip
