"""How trying it again goes: well, badly, or nobody can tell yet."""

from datetime import timedelta

import pytest

from reporting.uptime.probing import PATIENCE, Result, Seen, judge

SOON, LATE = timedelta(minutes=2), PATIENCE
WELL = Seen(200, 180)


@pytest.mark.parametrize(
    ("own", "waited", "result"),
    [
        (Seen(), SOON, Result.TOO_EARLY),
        (Seen(), LATE, Result.GOOD),
        (Seen(4, 4), SOON, Result.TOO_EARLY),
        (Seen(4, 4), LATE, Result.GOOD),
        (Seen(10, 9), SOON, Result.GOOD),
        (Seen(3, 0, 3), SOON, Result.BAD),
        (Seen(2, 0, 2), SOON, Result.TOO_EARLY),
        (Seen(2, 0, 2), LATE, Result.BAD),
        (Seen(100, 84, 15), SOON, Result.GOOD),
        (Seen(5, 0), SOON, Result.BAD),
        (Seen(10, 5), SOON, Result.BAD),
        (Seen(500, 380), SOON, Result.BAD),
        (Seen(500, 440), SOON, Result.GOOD),
    ],
)
def test_the_next_step(own: Seen, waited: timedelta, result: Result) -> None:
    assert judge(own, WELL, waited=waited, usual=None) is result


def test_where_nobody_pays_elsewhere_nothing_is_compared() -> None:
    assert judge(Seen(10, 5), Seen(3, 3), waited=SOON, usual=None) is Result.GOOD


def test_slow_answers_are_no_good_where_slowness_was_the_matter() -> None:
    slow = Seen(20, 19, 0, 900.0)

    assert judge(slow, WELL, waited=SOON, usual=300.0) is Result.BAD
    assert judge(slow, WELL, waited=SOON, usual=None) is Result.GOOD
