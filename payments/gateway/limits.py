"""How much an account asks of its PSP: token buckets that every process spends from, payments first.

A request takes its token from a bucket of this process, which costs microseconds and waits for nobody. A thread tells
Redis soon after what was spent, and learns what all processes together have left (docs/decisions/0011).
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from time import monotonic, sleep
from typing import Any, Final

import redis
import structlog
from django.conf import settings

from payments.connectors import http
from payments.gateway.models import ProviderAccount, Psp

log = structlog.get_logger(__name__)

INTERACTIVE_SECONDS: Final = 0.5
"""How long somebody who waits for an answer is kept at the gate."""
REPORT_SECONDS: Final = 10.0
"""How long a report is."""

BURST: Final = 0.2
"""The part of a second's requests that may leave at once; the rest flows in, so that no second sees more than all."""
SMALLEST_BURST: Final = 2.0

SLOW_SECONDS: Final = 30.0
"""How long an account goes slower after a 429."""
SLOWEST: Final = 0.125

SETTLE_SECONDS: Final = 0.05
PAUSE_SECONDS: Final = 2.0
"""After a failure of Redis the buckets of each process stand alone for so long."""
REDIS_SECONDS: Final = 0.25


class Priority(IntEnum):
    """Who goes first."""

    PAYMENTS = 0
    REFUNDS = 1
    BULK = 2
    REPORTS = 3


RESERVED: Final = {Priority.PAYMENTS: 0.0, Priority.REFUNDS: 0.25, Priority.BULK: 0.4, Priority.REPORTS: 0.5}
"""The part of a full bucket that is left to those who go before."""

_priority: ContextVar[Priority] = ContextVar("priority", default=Priority.PAYMENTS)


@contextmanager
def behind(priority: Priority) -> Iterator[None]:
    """What is asked in this context has this place in the queue, or the one behind that it has already."""
    token = _priority.set(max(priority, _priority.get()))
    try:
        yield
    finally:
        _priority.reset(token)


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests per second: of an account, and to each endpoint of its PSP; 0: no such limit."""

    whole: int
    each: int


DEFAULTS: Final = {Psp.STRIPE: Rates(100, 25), Psp.ADYEN: Rates(100, 0)}
"""What a PSP takes of every account: docs.stripe.com/rate-limits. Adyen names no number for its Checkout API."""


def rates(row: ProviderAccount) -> Rates:
    """What an account may ask of its PSP: what its row says, else what the PSP allows every account."""
    usual = DEFAULTS[Psp(row.psp)]
    whole, each = row.requests_per_second, row.requests_per_second_each
    return Rates(whole or usual.whole, usual.each if each is None else each)


@dataclass(slots=True)
class Bucket:
    """Tokens that flow in and are taken; below nothing when other processes have taken more than was there."""

    burst: float
    refill: float
    level: float
    at: float
    spent: int = 0
    """What Redis has not been told of."""

    @classmethod
    def full(cls, rate: int, now: float) -> "Bucket":
        """A bucket for so many requests per second."""
        burst = max(SMALLEST_BURST, rate * BURST)
        return cls(burst=burst, refill=max(rate - burst, rate / 2), level=burst, at=now)

    def lacks(self, now: float, reserved: float, speed: float) -> float:
        """How long until a token may be taken that leaves what is reserved; 0.0: now."""
        self.level = min(self.burst, self.level + (now - self.at) * self.refill * speed)
        self.at = now
        missing = 1.0 + reserved * (self.burst - 1.0) - self.level
        return missing / (self.refill * speed) if missing > 0 else 0.0


@dataclass(slots=True)
class Limits:
    """One account's buckets in this process."""

    code: str
    rates: Rates
    lock: threading.Lock = field(default_factory=threading.Lock)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    speed: float = 1.0
    slow_until: float = 0.0
    slowed: bool = False
    """A 429 that Redis has not been told of."""

    def take(self, endpoint: str, reserved: float) -> float:
        """Take a token of the account and one of the endpoint; else, how long until both are there."""
        with self.lock:
            now = monotonic()
            if self.speed < 1.0 and now >= self.slow_until:
                self.speed = 1.0
            wanted = [self._bucket("", self.rates.whole, now)]
            if self.rates.each:
                wanted.append(self._bucket(endpoint, self.rates.each, now))
            wait = max([bucket.lacks(now, reserved, self.speed) for bucket in wanted])
            if not wait:
                for bucket in wanted:
                    bucket.level -= 1.0
                    bucket.spent += 1
        _settler.wake()
        return wait

    def _bucket(self, name: str, rate: int, now: float) -> Bucket:
        bucket = self.buckets.get(name)
        if bucket is None:
            bucket = self.buckets[name] = Bucket.full(rate, now)
        return bucket

    def slow_down(self) -> None:
        """The PSP has had too much: nothing is left in the buckets, and they fill more slowly for a while."""
        with self.lock:
            self.speed, self.slow_until = max(self.speed / 2, SLOWEST), monotonic() + SLOW_SECONDS
            self.slowed = True
            for bucket in self.buckets.values():
                bucket.level = min(bucket.level, 0.0)
        _settler.wake()

    def change(self, rates: Rates) -> None:
        """Begin anew with other rates."""
        with self.lock:
            self.rates = rates
            self.buckets.clear()

    def key(self, *name: str) -> str:
        """Where Redis keeps the account's speed, or what is in one of its buckets."""
        return ":".join((f"countinghouse:limit:{{{self.code}}}", *name))

    def settle(self, script: Any) -> None:
        """Tell Redis what was spent here, and learn what is left of what all may spend."""
        with self.lock:
            told = [(name, bucket, bucket.spent) for name, bucket in self.buckets.items() if bucket.spent]
            slowed, self.slowed = self.slowed, False
            for _, bucket, _spent in told:
                bucket.spent = 0
        if not told and not slowed:
            return
        keys = [self.key(), *(self.key(name) for name, *_ in told)]
        facts = [fact for _, bucket, spent in told for fact in (bucket.burst, bucket.refill, spent)]
        speed, slow_seconds, *levels = map(float, script(keys=keys, args=[int(slowed), SLOW_SECONDS, SLOWEST, *facts]))
        with self.lock:
            if speed < self.speed or slowed:
                self.speed, self.slow_until = speed, monotonic() + slow_seconds
            for (_, bucket, _spent), level in zip(told, levels, strict=True):
                bucket.level = min(bucket.level, level - bucket.spent)


SCRIPT: Final = """
    local time = redis.call('TIME')
    local now = time[1] + time[2] / 1000000
    local slow = redis.call('HMGET', KEYS[1], 'speed', 'until', 'since')
    local speed, ends, since = tonumber(slow[1]) or 1, tonumber(slow[2]) or 0, tonumber(slow[3]) or 0
    if now >= ends then speed, since = 1, 0 end
    if ARGV[1] == '1' then
        if now - since > 1 then speed, since = math.max(speed / 2, tonumber(ARGV[3])), now end
        ends = now + tonumber(ARGV[2])
        redis.call('HSET', KEYS[1], 'speed', tostring(speed), 'until', tostring(ends), 'since', tostring(since))
        redis.call('EXPIRE', KEYS[1], 3600)
    end
    local answer = {tostring(speed), tostring(math.max(ends - now, 0))}
    for i = 2, #KEYS do
        local burst, refill, spent = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
        local was = redis.call('HMGET', KEYS[i], 'level', 'at')
        local level, at = tonumber(was[1]) or burst, tonumber(was[2]) or now
        level = math.min(burst, level + math.max(now - at, 0) * refill * speed) - spent
        if ARGV[1] == '1' then level = math.min(level, 0) end
        level = math.max(level, -5 * burst)
        redis.call('HSET', KEYS[i], 'level', string.format('%.6f', level), 'at', string.format('%.6f', now))
        redis.call('EXPIRE', KEYS[i], 60)
        answer[i + 1] = string.format('%.6f', level)
    end
    return answer
"""
"""Spend from the shared buckets, by Redis's own clock; a 429 halves their speed, once a second at most."""


class Settler:
    """One background thread that settles with Redis, soon after something was spent. Nobody waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent = threading.Event()
        self._thread: threading.Thread | None = None
        self._silent_until = 0.0
        self._script: Any = None

    def wake(self) -> None:
        """Something was spent."""
        if self._spent.is_set() or monotonic() < self._silent_until or not settings.REDIS_URL:
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="limits", daemon=True)
                self._thread.start()
        self._spent.set()

    def _serve(self) -> None:
        while True:
            self._spent.wait()
            sleep(SETTLE_SECONDS)
            self._spent.clear()
            self.settle()

    def settle(self) -> None:
        """Settle every account that has spent something."""
        try:
            script = self._script or self._connected()
            for limits in list(_limits.values()):
                limits.settle(script)
        except redis.RedisError as error:
            self._silent_until = monotonic() + PAUSE_SECONDS
            log.warning("limits_stand_alone", error=type(error).__name__)

    @property
    def client(self) -> redis.Redis:
        """Redis, as the script reaches it."""
        client: redis.Redis = (self._script or self._connected()).registered_client
        return client

    def _connected(self) -> Any:
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS
        )
        self._script = client.register_script(SCRIPT)
        return self._script


_limits: dict[str, Limits] = {}
_making = threading.Lock()
_settler = Settler()


def _renew() -> None:
    """A forked child has neither the thread nor anybody who could release the locks."""
    global _settler, _making
    _settler, _making = Settler(), threading.Lock()
    for limits in _limits.values():
        limits.lock = threading.Lock()


os.register_at_fork(after_in_child=_renew)


def of(code: str, allowed: Rates) -> Limits:
    """The account's buckets in this process."""
    with _making:
        limits = _limits.get(code)
        if limits is None:
            limits = _limits[code] = Limits(code, allowed)
    if limits.rates != allowed:
        limits.change(allowed)
    return limits


def forget() -> bool:
    """Nothing was spent and no PSP has asked for less, here or in Redis; False when no account was asked anything."""
    used = [one for one in _limits.values() if one.buckets]
    keys = [key for one in used for key in (one.key(), *map(one.key, one.buckets))]
    for one in used:
        with one.lock:
            one.buckets.clear()
            one.speed, one.slow_until, one.slowed = 1.0, 0.0, False
    if keys and settings.REDIS_URL:
        with suppress(redis.RedisError):
            _settler.client.delete(*keys)
    return bool(used)


@dataclass(frozen=True, slots=True)
class Gate:
    """Keeps the requests of one account until there is a token for them, but nobody for longer than he can wait."""

    limits: Limits
    patience: float

    def enter(self, endpoint: str) -> None:
        """Return once the request may leave; `http.UnsentError` when that would take too long."""
        priority = _priority.get()
        reserved = RESERVED[priority]
        if wait := self.limits.take(endpoint, reserved):
            self._wait(endpoint, reserved, wait, REPORT_SECONDS if priority is Priority.REPORTS else self.patience)

    def _wait(self, endpoint: str, reserved: float, wait: float, patience: float) -> None:
        ends = monotonic() + patience
        while wait:
            if monotonic() + wait > ends:
                log.warning("outgoing_limit_reached", account=self.limits.code, endpoint=endpoint)
                raise http.UnsentError(f"{self.limits.code} may not be asked more at present: our own limit")
            sleep(wait)
            wait = self.limits.take(endpoint, reserved)

    def refused(self) -> None:
        """The PSP has answered 429."""
        log.warning("psp_asks_for_less", account=self.limits.code)
        self.limits.slow_down()


def gate(code: str, allowed: Rates, *, interactive: bool) -> http.Gate:
    """The gate of an account's connector."""
    return Gate(of(code, allowed), INTERACTIVE_SECONDS if interactive else http.GATE_SECONDS)
