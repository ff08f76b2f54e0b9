"""Reservations that are held for longer, or of another amount: what every PSP promises that can do it."""

from datetime import timedelta
from typing import Final

import pytest

from payments.connectors.base import Verdict
from payments.connectors.declines import DECLINES
from payments.kernel import clock
from tests.connectors import every
from tests.connectors.benches import Bench, Moved, adjust_of, capture_of, eur, just_now, paid, until

PSPS: Final = every.WITH_ADJUSTMENTS


@pytest.mark.parametrize("amount", ["30.00", "45.00", "20.00"])
def test_a_reservation_is_held_for_longer_or_is_another_one(bench: Bench, amount: str) -> None:
    request, reserved = paid(bench, capture=False)
    outcome = bench.connector().adjust(adjust_of(reserved, amount))
    final = bench.final(outcome)

    assert (outcome.verdict, outcome.amount) == (bench.answers["adjust"], eur(amount))
    assert (final.verdict, final.captured, final.amount) == (Verdict.APPROVED, False, eur(amount))
    assert bench.moved(request.reference) == Moved(reserved=int(amount.replace(".", "")))
    taken = bench.final(bench.connector().capture(capture_of(reserved, amount)))
    assert (taken.verdict, taken.amount) == (Verdict.APPROVED, eur(amount))


def test_what_was_taken_is_held_no_longer(bench: Bench) -> None:
    request, done = paid(bench)
    final = bench.final(bench.connector().adjust(adjust_of(done)))

    says_what_was_taken = (final.verdict, final.captured) == (Verdict.APPROVED, True)
    assert says_what_was_taken or (final.verdict, final.decline) == (Verdict.DECLINED, DECLINES["request_refused"])
    assert bench.moved(request.reference) == Moved(captured=3000)


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "error_500_after", "rate_limit_429", "garbage_200"])
def test_an_answer_that_is_lost_is_found_and_nothing_is_done_twice(bench: Bench, fault: str) -> None:
    connector = bench.connector()
    request, reserved = paid(bench, capture=False)
    adjustment = adjust_of(reserved, "40.00")
    bench.simulator.fault(bench.operations["adjust"], fault, bench.account)
    outcome = connector.adjust(adjustment)
    assert outcome.verdict is (Verdict.UNAVAILABLE if fault == "rate_limit_429" else Verdict.UNKNOWN)

    found = connector.find(adjustment, provider_reference=reserved.provider_reference, sent_at=just_now())
    assert found.verdict is bench.answers["adjust"]
    assert bench.final(found).amount == eur("40.00")
    assert until(lambda: bench.moved(request.reference) == Moved(reserved=4000))


def test_one_of_days_ago_is_not_asked_for_again(bench: Bench) -> None:
    connector = bench.connector()
    request, reserved = paid(bench, capture=False)
    adjustment = adjust_of(reserved, "40.00")
    bench.simulator.fault(bench.operations["adjust"], "reset_before", bench.account)
    connector.adjust(adjustment)

    long_ago = clock.now() - 2 * bench.remembers - timedelta(seconds=1)
    found = connector.find(adjustment, provider_reference=reserved.provider_reference, sent_at=long_ago)
    assert found.verdict is (Verdict.UNAVAILABLE if connector.can_be_asked else Verdict.UNKNOWN)
    assert bench.moved(request.reference) == Moved(reserved=3000)
