"""Circuit breakers with a real Valkey, by the platform's clock: opened by failures, shared, probed, closed."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings

from config import embedded
from payments.connectors.base import Outcome, Verdict
from payments.connectors.declines import DECLINES
from payments.gateway import circuits
from payments.gateway.circuits import Board, Standing
from payments.kernel import clock

KEY = ("stripe-us", "authorize")
BEGAN = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No circuit is known to anybody; Redis is there, however busy the machine is."""
    monkeypatch.setattr(circuits, "REDIS_SECONDS", 120)
    yield
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for key in client.scan_iter("circuits:*"):
            client.delete(key)


def board(url: str = "") -> Board:
    """What one process knows; it says and learns only when it is told to."""
    return Board(url or settings.REDIS_URL, threaded=False)


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def see(one: Board, answers: str, key: circuits.Key = KEY) -> None:
    """`.` is a good answer, `x` a failure."""
    for answer in answers:
        one.note(key, failed=answer == "x")


@pytest.mark.parametrize(
    ("answers", "standing"),
    [
        ("xxxxx", Standing.OPEN),
        ("xxxx", Standing.CLOSED),
        (".....xxxxx", Standing.OPEN),
        ("......xxxxx", Standing.CLOSED),
        ("." * 50, Standing.CLOSED),
    ],
)
def test_when_a_circuit_opens(answers: str, standing: Standing) -> None:
    one = board()
    with clock.at(BEGAN):
        see(one, answers)
        assert one.standing(KEY) is standing
        assert one.passes(KEY) is (standing is Standing.CLOSED)
        assert one.standing(("stripe-us", "refund")) is Standing.CLOSED, "each kind of call has its own"


def test_old_answers_do_not_count() -> None:
    one = board()
    with clock.at(BEGAN):
        see(one, "xxxx")
    with clock.at(after(circuits.WINDOW_SECONDS + circuits.BUCKET_SECONDS)):
        see(one, "x")
        assert one.standing(KEY) is Standing.CLOSED


@pytest.mark.parametrize(("answer", "closes"), [(".", True), ("x", False)])
def test_a_probe_decides(answer: str, closes: bool) -> None:  # noqa: FBT001
    one = board()
    with clock.at(BEGAN):
        see(one, "xxxxx..")
        assert one.standing(KEY) is Standing.OPEN, "what was under way when it opened decides nothing"
    with clock.at(after(circuits.OPEN_SECONDS)):
        assert one.standing(KEY) is Standing.HALF_OPEN
        assert one.passes(KEY)
        one.begin(KEY)
        assert not one.passes(KEY), "one probe at a time"
        see(one, answer)
        assert one.standing(KEY) is (Standing.CLOSED if closes else Standing.OPEN)
        see(one, "x")
        assert one.passes(KEY) is closes, "what was before does not count any more"


def test_a_probe_of_which_nothing_is_heard_is_followed_by_another() -> None:
    one = board()
    with clock.at(BEGAN):
        see(one, "xxxxx")
    with clock.at(after(circuits.OPEN_SECONDS)):
        one.begin(KEY)
    with clock.at(after(circuits.OPEN_SECONDS + circuits.PROBE_SECONDS)):
        assert one.passes(KEY)


def test_processes_count_together_and_open_and_close_together() -> None:
    first, second, third = board(), board(), board()
    with clock.at(BEGAN):
        for one in (first, second):
            see(one, "xxx")
            assert one.standing(KEY) is Standing.CLOSED, "too few for one alone"
            one.sync()
        assert second.standing(KEY) is Standing.OPEN
        second.sync()
        for one in (first, third):
            one.sync()
            assert one.standing(KEY) is Standing.OPEN
    with clock.at(after(circuits.OPEN_SECONDS)):
        see(third, ".")
        third.sync()
        for one in (first, second):
            one.sync()
            assert one.standing(KEY) is Standing.CLOSED


def test_without_redis_each_process_goes_by_what_it_sees_and_nobody_waits() -> None:
    alone = board(f"redis://127.0.0.1:{embedded.free_port()}/0")
    with clock.at(BEGAN):
        see(alone, "xxxxx")
        alone.sync()
        assert alone.standing(KEY) is Standing.OPEN
    with clock.at(after(circuits.OPEN_SECONDS)):
        see(alone, ".")
        assert alone.standing(KEY) is Standing.CLOSED


def test_what_redis_did_not_hear_of_is_told_when_it_is_back() -> None:
    one, other = board(), board()
    there = one._client
    one._client = circuits._client(f"redis://127.0.0.1:{embedded.free_port()}/0")
    with clock.at(BEGAN):
        see(one, "xxxxx")
        one.sync()
        one._client, one._away_until = there, 0.0
        one.sync()
        assert one.standing(KEY) is Standing.OPEN, "a Redis that knows nothing of it does not close it"
        other.sync()
        assert other.standing(KEY) is Standing.OPEN


def test_a_redis_that_hangs_holds_no_request_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped as by SIGSTOP: connections stand, answers never come, and who waits for one does so for long."""
    monkeypatch.setattr(circuits, "REDIS_SECONDS", 1000)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        pid = int(client.info("server")["process_id"])
    hung = Board(settings.REDIS_URL, threaded=True)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(see, hung, "x" * 200).result(timeout=120)
            assert pool.submit(hung.standing, KEY).result(timeout=120) is Standing.OPEN
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [
        *(
            (Outcome(verdict=verdict), verdict in (Verdict.UNAVAILABLE, Verdict.UNKNOWN))
            for verdict in Verdict
            if verdict is not Verdict.DECLINED
        ),
        (Outcome(verdict=Verdict.DECLINED, decline=DECLINES["request_refused"]), True),
        (Outcome(verdict=Verdict.DECLINED, decline=DECLINES["insufficient_funds"]), False),
    ],
)
def test_what_speaks_against_a_provider(outcome: Outcome, failed: bool) -> None:  # noqa: FBT001
    assert circuits.is_failure(outcome) is failed
