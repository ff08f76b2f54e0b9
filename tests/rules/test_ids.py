"""Identifiers: time-ordered, never twice, and the same text wherever they are shown."""

import os
import signal
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from payments.kernel import clock, ids

MOMENT = datetime(2026, 11, 22, 9, 30, 15, 123_000, tzinfo=UTC)


def test_each_is_greater_than_the_one_before() -> None:
    made = [ids.uuid7() for _ in range(50_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_they_are_version_7_of_rfc_9562() -> None:
    value = ids.uuid7()
    assert (value.version, value.variant) == (7, uuid.RFC_4122)


def test_threads_share_one_order_and_no_id() -> None:
    barrier = threading.Barrier(8, timeout=120)

    def make(_: int) -> list[uuid.UUID]:
        barrier.wait()
        return [ids.uuid7() for _ in range(5_000)]

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(8)))
    assert all(mine == sorted(mine) for mine in made)
    assert len({value for mine in made for value in mine}) == 40_000


def test_the_present_is_what_they_carry() -> None:
    before = timezone.now()
    carried = ids.moment(ids.uuid7())
    after = timezone.now()
    assert before - timedelta(milliseconds=1) <= carried <= after


def test_a_moment_that_is_given_is_what_they_carry() -> None:
    assert ids.moment(ids.uuid7(MOMENT)) == MOMENT
    assert ids.uuid7(MOMENT) != ids.uuid7(MOMENT)
    assert ids.uuid7(MOMENT) < ids.uuid7(MOMENT + timedelta(milliseconds=1))


def test_a_clock_that_is_set_is_what_they_carry() -> None:
    with clock.at(MOMENT):
        assert ids.moment(ids.uuid7()) == MOMENT
        assert ids.new("pi") != ids.new("pi")
    assert abs(ids.moment(ids.uuid7()) - timezone.now()) < timedelta(seconds=5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_makes_its_own_even_when_a_thread_was_making_one() -> None:
    """The child has nobody who could free a lock that another thread held at the fork."""
    stop = threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            ids.uuid7()

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # many forks would fall between two steps of another thread
    for thread in threads:
        thread.start()
    try:
        made = [_made_by_a_child() for _ in range(60)]
    finally:
        stop.set()
        sys.setswitchinterval(before)
        for thread in threads:
            thread.join()
    assert None not in made
    assert len(set(made)) == 60


def _made_by_a_child() -> str | None:
    """The id that a forked child makes; None when it makes none within a second."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends the process
        signal.alarm(1)
        os.write(writer, ids.new("pi").encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        made = answers.read().decode()
    os.waitpid(child, 0)
    return made or None


@given(st.uuids())
def test_the_text_reads_back(value: uuid.UUID) -> None:
    text = ids.encode("pi", value)
    assert text == f"pi_{value.hex}"
    assert ids.decode("pi", text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pi_",
        "pi",
        "0" * 32,
        "_" + "0" * 32,
        "po_" + "0" * 32,
        "pi_" + "0" * 31,
        "pi_" + "0" * 33,
        "pi_" + "A" * 32,
        "pi_" + "g" * 32,
        "PI_" + "0" * 32,
        "pi-" + "0" * 32,
        " pi_" + "0" * 32,
        "pi_" + "0" * 32 + "\n",
        "pi_" + "\N{ARABIC-INDIC DIGIT ZERO}" * 32,
        "pi_pi_" + "0" * 32,
        "pi_01936b2d-9c6e-7b3f-8f4e-2a1d5c7b9e04",
    ],
)
def test_text_that_is_no_id_of_this_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pi_"):
        ids.decode("pi", text)


def test_a_clock_that_is_set_back_is_followed() -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=9)):
        ids.uuid7()
    assert abs(ids.moment(ids.uuid7()) - timezone.now()) < timedelta(seconds=5)
