"""Circuit breakers: a provider account that fails is passed by until a probe succeeds. Nobody waits for Redis.

Answers are counted per account and kind of call, in this process at once and among all processes through Redis, by a
background thread. While Redis is away, each process goes by what it sees itself. A circuit decides nothing about
money: it only puts an account last.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import redis
import structlog
from django.conf import settings

from payments.connectors.base import Outcome, Verdict
from payments.connectors.declines import Category
from payments.kernel import clock

log = structlog.get_logger(__name__)

BUCKET_SECONDS: Final = 5
WINDOW_SECONDS: Final = 30
"""Answers count for this long."""
FEWEST_FAILURES: Final = 5
FAILURE_RATE: Final = 0.5
"""A circuit opens when so many answers of the window are failures, and at least so large a share."""
OPEN_SECONDS: Final = 15
"""After this long it is half open: probes go through, and the first answer decides."""
PROBE_SECONDS: Final = 2
"""While it is half open, each process routes one payment to it in this time."""

REDIS_SECONDS: Final = 0.2
COALESCE_SECONDS: Final = 0.1
FRESH_SECONDS: Final = 1.0
"""What others have seen is read again after this long, when somebody asks."""
PAUSE_SECONDS: Final = 2.0
KEPT_SECONDS: Final = 3600

OPEN_KEY, CLOSED_KEY, COUNTS_KEY = "circuits:open", "circuits:closed", "circuits:counts"

Key = tuple[str, str]
"""A provider account's code and a kind of call."""
Move = tuple[str, Key, float]
"""Where a circuit has moved to, and since or until when."""


class Standing(StrEnum):
    """How a circuit stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class Counts:
    """Answers of one circuit within a time."""

    good: int = 0
    bad: int = 0

    def trips(self) -> bool:
        """Enough failures, and enough of all."""
        return self.bad >= FEWEST_FAILURES and self.bad >= FAILURE_RATE * (self.good + self.bad)


def is_failure(outcome: Outcome) -> bool:
    """True for an answer that speaks against the provider, not against the customer or the card."""
    if outcome.verdict is Verdict.DECLINED:
        return outcome.decline is not None and outcome.decline.category is Category.TECHNICAL
    return outcome.verdict in (Verdict.UNAVAILABLE, Verdict.UNKNOWN)


def _bucket(at: float) -> int:
    return int(at // BUCKET_SECONDS)


def _in_window(at: float) -> range:
    return range(_bucket(at - WINDOW_SECONDS) + 1, _bucket(at) + 1)


class Board:
    """All circuits as this process knows them."""

    def __init__(self, url: str, *, threaded: bool) -> None:
        self._lock = threading.Lock()
        self._asking = threading.Lock()  # Redis is asked by one at a time; nobody who takes a payment waits for this
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._threaded = threaded
        self._client = _client(url) if url else None
        self._away_until = 0.0
        self._synced_at = -FRESH_SECONDS
        self._own: dict[int, dict[Key, Counts]] = defaultdict(lambda: defaultdict(Counts))
        self._shared: dict[int, dict[Key, Counts]] = {}
        self._unsent: dict[int, dict[Key, Counts]] = defaultdict(lambda: defaultdict(Counts))
        self._moves: list[Move] = []
        self._open: dict[Key, float] = {}
        self._closed: dict[Key, float] = {}
        self._probed: dict[Key, float] = {}

    # --- what requests ask and say: never waits

    def standing(self, key: Key) -> Standing:
        """How the circuit stands now."""
        self._keep_fresh()
        until = self._open.get(key)
        if until is None:
            return Standing.CLOSED
        return Standing.OPEN if _now() < until else Standing.HALF_OPEN

    def unwell(self) -> dict[Key, Standing]:
        """Every circuit that is not closed, by its key."""
        return {key: standing for key in sorted(self._open) if (standing := self.standing(key)) is not Standing.CLOSED}

    def passes(self, key: Key) -> bool:
        """True when payments may be routed here: it is closed, or half open with no probe under way."""
        standing = self.standing(key)
        return standing is Standing.CLOSED or (
            standing is Standing.HALF_OPEN and _now() - self._probed.get(key, 0.0) >= PROBE_SECONDS
        )

    def begin(self, key: Key) -> None:
        """A call is about to be made: through a half-open circuit it is the probe."""
        if key in self._open:
            self._probed[key] = _now()

    def note(self, key: Key, *, failed: bool) -> None:
        """An answer has come."""
        now = _now()
        with self._lock:
            for counted in (self._own, self._unsent):
                _count(counted[_bucket(now)][key], failed=failed)
            until = self._open.get(key)
            if until is not None and now >= until:
                self._move(key, until=now + OPEN_SECONDS if failed else None, why="the probe's answer")
            elif until is None and failed:
                self._judge([key], self._own, now)
            urgent = failed or bool(self._moves)
        if urgent:
            self._stir()
        else:
            self._keep_fresh()

    # --- what the background thread does

    def sync(self) -> None:
        """Tell Redis what was seen, and learn what others have seen. What could not be told is told later."""
        self._synced_at = time.monotonic()
        if self._client is None or time.monotonic() < self._away_until:
            return
        with self._asking:
            with self._lock:
                unsent, self._unsent = self._unsent, defaultdict(lambda: defaultdict(Counts))
                moves, self._moves = self._moves, []
            now = _now()
            try:
                opened, closed, *counts = _exchange(self._client, unsent, moves, now)
            except (redis.RedisError, OSError) as error:
                self._away_until = time.monotonic() + PAUSE_SECONDS
                with self._lock:
                    self._moves = [*moves, *self._moves]
                log.warning("circuits_alone", error=type(error).__name__)
                return
            self._learn(now, _times(opened), _times(closed), [_counted(one) for one in counts])

    def _learn(
        self, now: float, opened: dict[Key, float], closed: dict[Key, float], counts: list[dict[Key, Counts]]
    ) -> None:
        with self._lock:
            pending = {key for _, key, _ in self._moves}  # moved here while Redis was asked: this is newer
            self._open = {key: at for key, at in opened.items() if key not in pending} | {
                key: at for key, at in self._open.items() if key in pending
            }
            self._closed = closed | {key: at for key, at in self._closed.items() if key in pending}
            self._shared = dict(zip(_in_window(now), counts, strict=True))
            seen = {key for one in counts for key in one}
            self._judge(sorted(seen - set(self._open)), self._shared, now)

    # --- the rule, under the lock

    def _judge(self, keys: Iterable[Key], counted: Mapping[int, Mapping[Key, Counts]], now: float) -> None:
        """Open the circuits whose window says so; what was counted before they closed last does not count."""
        for key in keys:
            since = _bucket(self._closed[key]) if key in self._closed else -1
            seen = Counts()
            for bucket in _in_window(now):
                if bucket > since and (one := counted.get(bucket, {}).get(key)) is not None:
                    seen = Counts(seen.good + one.good, seen.bad + one.bad)
            if seen.trips():
                self._move(key, until=now + OPEN_SECONDS, why=f"{seen.bad} of {seen.good + seen.bad} answers failed")
        for bucket in [old for old in self._own if old not in _in_window(now)]:
            del self._own[bucket]

    def _move(self, key: Key, *, until: float | None, why: str) -> None:
        account, kind = key
        if until is not None:
            self._open[key] = until
            self._closed.pop(key, None)
            self._moves.append((OPEN_KEY, key, until))
            log.warning("circuit_opened", account=account, kind=kind, why=why)
            return
        del self._open[key]
        self._closed[key] = _now()
        self._moves.append((CLOSED_KEY, key, self._closed[key]))
        log.info("circuit_closed", account=account, kind=kind, why=why)

    # --- the thread

    def _keep_fresh(self) -> None:
        if time.monotonic() - self._synced_at >= FRESH_SECONDS:
            self._stir()

    def _stir(self) -> None:
        if not self._threaded or self._client is None:
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="circuits", daemon=True)
                self._thread.start()
        self._wake.set()

    def _serve(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(COALESCE_SECONDS)
            self._wake.clear()
            self.sync()

    def forget(self) -> None:
        """Every circuit is closed, here and for everybody who asks Redis."""
        with self._asking:
            if self._client is not None:
                with suppress(redis.RedisError, OSError):
                    self._client.delete(OPEN_KEY, CLOSED_KEY, *self._client.scan_iter(f"{COUNTS_KEY}:*"))
            with self._lock:
                for one in (self._own, self._shared, self._unsent, self._open, self._closed, self._probed):
                    one.clear()
                self._moves.clear()


def _exchange(
    client: redis.Redis, unsent: Mapping[int, Mapping[Key, Counts]], moves: Iterable[Move], now: float
) -> list[Any]:
    """One round trip: everything that is to be said, then everything that is to be known."""
    pipe = client.pipeline(transaction=False)
    for bucket, counts in unsent.items():
        for key, seen in counts.items():
            for word, number in (("good", seen.good), ("bad", seen.bad)):
                if number:
                    pipe.hincrby(f"{COUNTS_KEY}:{bucket}", "/".join((*key, word)), number)
        pipe.expire(f"{COUNTS_KEY}:{bucket}", 4 * WINDOW_SECONDS)
    for where, key, at in moves:
        other = CLOSED_KEY if where == OPEN_KEY else OPEN_KEY
        pipe.hset(where, "/".join(key), repr(at))
        pipe.hdel(other, "/".join(key))
        pipe.expire(where, KEPT_SECONDS)
    said = len(pipe.command_stack)
    pipe.hgetall(OPEN_KEY)
    pipe.hgetall(CLOSED_KEY)
    for bucket in _in_window(now):
        pipe.hgetall(f"{COUNTS_KEY}:{bucket}")
    return list(pipe.execute())[said:]


def _now() -> float:
    return clock.now().timestamp()


def _count(counts: Counts, *, failed: bool) -> None:
    if failed:
        counts.bad += 1
    else:
        counts.good += 1


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS)


def _key(text: bytes) -> tuple[str, ...]:
    return tuple(text.decode().split("/"))


def _times(answer: Mapping[bytes, bytes]) -> dict[Key, float]:
    return {(key[0], key[1]): float(at) for text, at in answer.items() if len(key := _key(text)) == 2}


def _counted(answer: Mapping[bytes, bytes]) -> dict[Key, Counts]:
    found: dict[Key, Counts] = defaultdict(Counts)
    for text, number in answer.items():
        account, kind, word = _key(text)
        setattr(found[account, kind], word, int(number))
    return dict(found)


_board = Board(settings.REDIS_URL, threaded=True)


def _renew() -> None:
    """A forked child has neither the thread nor anybody who could release its lock."""
    global _board
    _board = Board(settings.REDIS_URL, threaded=True)


os.register_at_fork(after_in_child=_renew)


def standing(account: str, kind: str = "authorize") -> Standing:
    """How the circuit of an account and a kind of call stands, as this process knows it."""
    return _board.standing((account, kind))


def unwell() -> dict[Key, Standing]:
    """Every circuit that is not closed, as all processes know it: for who watches. Asks Redis, and waits for it."""
    _board.sync()
    return _board.unwell()


def troubled(accounts: Iterable[str]) -> dict[str, str]:
    """Those of the accounts to which no payment is to be routed while there is another, each with the reason."""
    return {code: "its circuit is open" for code in accounts if not _board.passes((code, "authorize"))}


def begin(account: str, kind: str) -> None:
    """A call is about to be made."""
    _board.begin((account, kind))


def note(account: str, kind: str, outcome: Outcome) -> None:
    """An answer has come; returns at once, whatever Redis does."""
    _board.note((account, kind), failed=is_failure(outcome))


def forget() -> None:
    """Close every circuit."""
    _board.forget()
