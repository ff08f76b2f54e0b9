"""Payments that are undone, whether or not they were captured: what every PSP promises that can do it."""

from typing import Final

import pytest

from payments.connectors.base import Outcome, Verdict
from payments.connectors.declines import DECLINES
from payments.kernel import clock
from tests.connectors import every
from tests.connectors.benches import (
    Bench,
    Moved,
    StripeBench,
    adjust_of,
    capture_of,
    eur,
    just_now,
    paid,
    refund_of,
    reversal_of,
    until,
)

PSPS: Final = every.WITH_REVERSALS
BACK: Final = Moved(captured=3000, refunded=3000, refunds=1)


def test_what_is_reserved_is_released(bench: Bench) -> None:
    request, reserved = paid(bench, capture=False)
    final = bench.final(bench.connector().reverse(reversal_of(reserved)))

    assert final.verdict is Verdict.CANCELED
    assert bench.moved(request.reference) == Moved()


def test_what_was_taken_is_given_back(bench: Bench) -> None:
    request, done = paid(bench)
    final = bench.final(bench.connector().reverse(reversal_of(done)))

    assert (final.verdict, final.captured, final.amount) == (Verdict.APPROVED, True, eur("30.00"))
    assert final.modification not in {"", done.provider_reference}
    assert bench.moved(request.reference) == BACK


def test_behind_a_capture_nothing_of_it_is_left(bench: Bench) -> None:
    request, reserved = paid(bench, capture=False)
    connector = bench.connector()
    connector.capture(capture_of(reserved, "20.00"))
    final = bench.final(connector.reverse(reversal_of(reserved)))

    assert (final.verdict, final.amount) == (Verdict.APPROVED, eur("20.00"))
    assert bench.moved(request.reference) == Moved(captured=2000, refunded=2000, refunds=1)


def test_only_what_is_left_goes_back_and_what_is_gone_not_again(bench: Bench) -> None:
    request, done = paid(bench)
    connector = bench.connector()
    bench.final(connector.refund(refund_of(done, "10.00")))
    first, second = (bench.final(connector.reverse(reversal_of(done))) for _ in range(2))

    assert (first.verdict, first.amount) == (Verdict.APPROVED, eur("20.00"))
    assert second.verdict is Verdict.DECLINED
    assert bench.moved(request.reference) == Moved(captured=3000, refunded=3000, refunds=2)


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "error_500_after", "rate_limit_429", "garbage_200"])
@pytest.mark.parametrize("captured", [True, False])
def test_an_answer_that_is_lost_is_found_and_nothing_is_done_twice(
    bench: Bench,
    captured: bool,  # noqa: FBT001
    fault: str,
) -> None:
    connector = bench.connector()
    request, payment = paid(bench, capture=captured)
    reversal = reversal_of(payment)
    bench.simulator.fault(bench.operations["reverse"], fault, bench.account)
    outcome = connector.reverse(reversal)
    assert outcome.verdict is (Verdict.UNAVAILABLE if fault == "rate_limit_429" else Verdict.UNKNOWN)

    looks: list[Outcome] = []

    def known() -> bool:
        looks.append(connector.find(reversal, provider_reference=payment.provider_reference, sent_at=just_now()))
        return looks[-1].verdict is not Verdict.UNKNOWN

    assert until(known)
    assert bench.final(looks[-1]).verdict is (Verdict.APPROVED if captured else Verdict.CANCELED)
    assert bench.moved(request.reference) == (BACK if captured else Moved())


def test_one_of_days_ago_is_not_asked_for_again(bench: Bench) -> None:
    connector = bench.connector()
    request, done = paid(bench)
    reversal = reversal_of(done)
    bench.simulator.fault(bench.operations["reverse"], "reset_before", bench.account)
    connector.reverse(reversal)

    long_ago = clock.now() - 2 * bench.remembers
    found = connector.find(reversal, provider_reference=done.provider_reference, sent_at=long_ago)
    assert found.verdict is (Verdict.UNAVAILABLE if connector.can_be_asked else Verdict.UNKNOWN)
    assert bench.moved(request.reference) == Moved(captured=3000)


def test_who_can_neither_reverse_nor_hold_for_longer_says_so_and_does_nothing(stripe_bench: StripeBench) -> None:
    connector = stripe_bench.connector()
    request, reserved = paid(stripe_bench, capture=False)
    assert not connector.reverses
    for asked, answered in (
        (reversal_of(reserved), connector.reverse(reversal_of(reserved))),
        (adjust_of(reserved), connector.adjust(adjust_of(reserved))),
    ):
        found = connector.find(asked, provider_reference=reserved.provider_reference, sent_at=just_now())
        for outcome in (answered, found):
            assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES["request_refused"])
            assert outcome.detail.startswith("Stripe ")
    assert stripe_bench.moved(request.reference) == Moved(reserved=3000)
