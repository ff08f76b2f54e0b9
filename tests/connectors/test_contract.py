"""What every connector promises, tried on every PSP: the verdict is right, and money moves at most once."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from payments.connectors import base
from payments.connectors.base import Authorize, Complete, Outcome, Verdict
from payments.connectors.declines import DECLINES, Category
from payments.kernel import clock, ids
from tests.connectors import every
from tests.connectors.benches import (
    Bench,
    Moved,
    authorize,
    cancel_of,
    capture_of,
    eur,
    paid,
    refund_of,
    until,
)

# --- authorize ---


def test_a_payment_is_captured_at_once(bench: Bench) -> None:
    request, outcome = paid(bench)

    assert (outcome.captured, outcome.amount) == (True, eur("30.00"))
    assert outcome.provider_reference
    assert outcome.latency_ms >= 1
    assert bench.moved(request.reference) == Moved(captured=3000)


def test_a_payment_is_reserved_for_a_later_capture(bench: Bench) -> None:
    request, outcome = paid(bench, capture=False)

    assert (outcome.captured, outcome.amount) == (False, eur("30.00"))
    assert bench.moved(request.reference) == Moved(reserved=3000)


def test_every_decline_is_told_in_our_words(bench: Bench) -> None:
    for declining in bench.declines:
        outcome = bench.connector().authorize(authorize(bench, declining.token))

        assert outcome.verdict is Verdict.DECLINED, declining
        assert outcome.decline is not None
        told = (outcome.decline.decline_code, outcome.decline.category, outcome.decline.may_retry)
        assert told == (declining.decline_code, declining.category, declining.may_retry)
        assert outcome.provider_reference
        assert outcome.raw["code"], "the PSP's own code is kept for people"


def test_theft_and_fraud_read_like_any_other_decline(bench: Bench) -> None:
    generic = DECLINES["generic_decline"].customer_message
    for declining in bench.declines:
        if declining.category is Category.FRAUD:
            outcome = bench.connector().authorize(authorize(bench, declining.token))
            assert outcome.decline is not None
            assert outcome.decline.customer_message == generic


def test_an_unknown_token_is_a_decline_and_not_an_exception(bench: Bench) -> None:
    outcome = bench.connector().authorize(authorize(bench, "unknown"))

    assert outcome.verdict is Verdict.DECLINED
    assert outcome.decline == DECLINES["payment_method_invalid"]


def test_the_same_key_twice_charges_once(bench: Bench) -> None:
    request, first = paid(bench)
    second = bench.connector().authorize(request)

    assert second.provider_reference == first.provider_reference
    assert bench.moved(request.reference) == Moved(captured=3000)


def test_eight_threads_share_one_connector(bench: Bench) -> None:
    connector, requests = bench.connector(), [authorize(bench) for _ in range(8)]
    outcomes: dict[str, Outcome] = {}

    def pay(request: Authorize) -> None:
        outcomes[request.reference] = connector.authorize(request)

    threads = [threading.Thread(target=pay, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert {o.verdict for o in outcomes.values()} == {Verdict.APPROVED}
    assert len({o.provider_reference for o in outcomes.values()}) == len(requests)
    assert all(bench.moved(request.reference) == Moved(captured=3000) for request in requests)


# --- challenge ---


def challenged(bench: Bench) -> tuple[Authorize, Outcome]:
    request = authorize(bench, "challenge")
    outcome = bench.connector().authorize(request)
    assert outcome.verdict is Verdict.ACTION_REQUIRED, outcome
    return request, outcome


def complete(outcome: Outcome, details: Mapping[str, str]) -> Complete:
    return Complete(key=ids.uuid7().hex, provider_reference=outcome.provider_reference, details=details)


def test_a_challenge_sends_the_customer_away_and_ends_in_a_payment(bench: Bench) -> None:
    request, outcome = challenged(bench)
    assert outcome.next_action is not None
    assert outcome.next_action["type"] == "redirect"
    assert outcome.next_action["url"].startswith("http")
    assert bench.moved(request.reference) == Moved()

    ended = bench.connector().complete_action(complete(outcome, bench.challenge(outcome, passed=True)))

    assert (ended.verdict, ended.captured, ended.amount) == (Verdict.APPROVED, True, eur("30.00"))
    assert bench.moved(request.reference) == Moved(captured=3000)


def test_a_failed_challenge_is_a_decline(bench: Bench) -> None:
    request, outcome = challenged(bench)
    ended = bench.connector().complete_action(complete(outcome, bench.challenge(outcome, passed=False)))

    assert ended.verdict is Verdict.DECLINED
    assert ended.decline == DECLINES["authentication_failed"]
    assert bench.moved(request.reference) == Moved()


def test_a_customer_who_comes_back_without_an_answer_is_sent_again(bench: Bench) -> None:
    _, outcome = challenged(bench)
    ended = bench.connector().complete_action(complete(outcome, {}))

    assert ended.verdict is Verdict.ACTION_REQUIRED
    assert ended.next_action in (None, outcome.next_action), "None: as before"


def test_without_a_customer_a_challenge_is_a_decline(bench: Bench) -> None:
    outcome = bench.connector().authorize(authorize(bench, "absent", off_session=True))

    assert outcome.verdict is Verdict.DECLINED
    assert outcome.decline == DECLINES["authentication_required"]


# --- capture and cancel ---


@pytest.mark.parametrize("amount", ["30.00", "12.34"])
def test_a_reservation_is_captured_in_full_or_in_part(bench: Bench, amount: str) -> None:
    request, reserved = paid(bench, capture=False)
    outcome = bench.connector().capture(capture_of(reserved, amount))
    final = bench.final(outcome)

    assert (outcome.verdict, outcome.amount) == (bench.answers["capture"], eur(amount))
    assert (final.verdict, final.captured, final.amount) == (Verdict.APPROVED, True, eur(amount))
    captured = int(amount.replace(".", ""))
    assert bench.moved(request.reference) == Moved(captured=captured), "the rest is released"


def test_a_capture_beyond_the_reservation_is_declined(bench: Bench) -> None:
    request, reserved = paid(bench, capture=False)
    outcome = bench.final(bench.connector().capture(capture_of(reserved, "30.01")))

    assert outcome.verdict is Verdict.DECLINED
    assert outcome.decline == DECLINES["amount_not_supported"]
    assert bench.moved(request.reference) == Moved(reserved=3000)


def test_a_second_capture_takes_nothing(bench: Bench) -> None:
    request, reserved = paid(bench, capture=False)
    bench.connector().capture(capture_of(reserved, "10.00"))
    final = bench.final(bench.connector().capture(capture_of(reserved, "20.00")))

    says_what_was_captured = (final.verdict, final.amount) == (Verdict.APPROVED, eur("10.00"))
    assert says_what_was_captured or final.verdict is Verdict.DECLINED
    assert bench.moved(request.reference) == Moved(captured=1000)


def test_a_capture_that_is_not_final_needs_a_method_that_allows_it(bench: Bench) -> None:
    request, reserved = paid(bench, capture=False)
    outcome = bench.connector().capture(replace(capture_of(reserved, "10.00"), final=False))

    assert outcome.verdict is Verdict.DECLINED
    assert bench.moved(request.reference) == Moved(reserved=3000), "nothing was released by mistake"


def test_a_reservation_is_voided(bench: Bench) -> None:
    request, reserved = paid(bench, capture=False)
    outcome = bench.connector().cancel(cancel_of(reserved))

    assert outcome.verdict is bench.answers["cancel"]
    assert bench.final(outcome).verdict is Verdict.CANCELED
    assert bench.moved(request.reference) == Moved()


def test_a_payment_that_waits_for_its_customer_is_stopped(bench: Bench) -> None:
    request, waiting = challenged(bench)
    outcome = bench.connector().cancel(cancel_of(waiting, request.reference))
    final = bench.final(outcome)
    bench.challenge(waiting, passed=True)

    assert (outcome.verdict, final.verdict) == (bench.answers["cancel"], Verdict.CANCELED)
    assert bench.moved(request.reference) == Moved()


def test_a_cancel_that_comes_too_late_changes_nothing_and_says_so(bench: Bench) -> None:
    request, done = paid(bench)
    final = bench.final(bench.connector().cancel(cancel_of(done)))

    says_what_was_taken = (final.verdict, final.captured, final.amount) == (Verdict.APPROVED, True, eur("30.00"))
    assert says_what_was_taken or final.verdict is Verdict.DECLINED
    assert bench.moved(request.reference) == Moved(captured=3000)


def test_a_cancel_of_what_is_canceled_changes_nothing(bench: Bench) -> None:
    request, reserved = paid(bench, capture=False)
    bench.final(bench.connector().cancel(cancel_of(reserved)))
    again = bench.connector().cancel(cancel_of(reserved))

    assert again.verdict is bench.answers["cancel"]
    assert bench.final(again).verdict in {Verdict.CANCELED, Verdict.DECLINED}
    assert bench.moved(request.reference) == Moved()


def test_a_capture_of_what_was_voided_says_so(bench: Bench) -> None:
    request, reserved = paid(bench, capture=False)
    bench.final(bench.connector().cancel(cancel_of(reserved)))

    final = bench.final(bench.connector().capture(capture_of(reserved)))
    assert final.verdict in {Verdict.CANCELED, Verdict.DECLINED}
    assert bench.moved(request.reference) == Moved()


# --- refund ---


def test_a_payment_is_given_back_in_full(bench: Bench) -> None:
    request, done = paid(bench)
    outcome = bench.connector().refund(refund_of(done))

    assert (outcome.verdict, outcome.amount) == (bench.answers["refund"], eur("30.00"))
    assert outcome.provider_reference not in {"", done.provider_reference}
    final = bench.final(outcome)
    assert (final.verdict, final.provider_reference) == (Verdict.APPROVED, outcome.provider_reference)
    assert bench.moved(request.reference) == Moved(captured=3000, refunded=3000, refunds=1)


def test_a_payment_is_given_back_in_parts_and_never_more_than_was_paid(bench: Bench) -> None:
    request, done = paid(bench)
    outcomes = [bench.connector().refund(refund_of(done, amount)) for amount in ("10.00", "15.00", "5.01")]

    finals = [bench.final(outcome) for outcome in outcomes]
    assert [final.verdict for final in finals] == [Verdict.APPROVED, Verdict.APPROVED, Verdict.DECLINED]
    assert finals[-1].decline is not None
    assert bench.moved(request.reference) == Moved(captured=3000, refunded=2500, refunds=2)


def test_what_was_given_back_in_full_is_not_given_back_again(bench: Bench) -> None:
    request, done = paid(bench)
    bench.connector().refund(refund_of(done))
    again = bench.final(bench.connector().refund(refund_of(done)))

    assert (again.verdict, again.decline) == (Verdict.DECLINED, DECLINES["refund_exceeds_payment"])
    assert bench.moved(request.reference).refunds == 1


def test_a_refund_may_take_its_time(bench: Bench) -> None:
    request, done = paid(bench, "pending_refund")
    outcome = bench.connector().refund(refund_of(done))

    assert (outcome.verdict, outcome.amount) == (Verdict.PENDING, eur("30.00"))
    assert bench.moved(request.reference) == Moved(captured=3000, refunded=3000, refunds=1)


def test_a_refund_that_bounces_is_found_declined_later(bench: Bench) -> None:
    request, done = paid(bench)
    refund = refund_of(done)
    bench.simulator.fault(bench.operations["refund"], "bounced_refund", bench.account, seconds=0)
    made = bench.connector().refund(refund)
    assert made.verdict is bench.answers["refund"]

    assert until(lambda: bench.moved(request.reference) == Moved(captured=3000)), "the money is ours again"
    outcome = bench.bounced(refund, made)
    assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES["refund_method_closed"])


# --- what needs no PSP ---


def test_what_nobody_has_signed_is_not_the_psps_word(bench: Bench) -> None:
    for body in (b"", b"{}", b"[]", b"\x00", b'{"live": "false", "notificationItems": []}'):
        with pytest.raises(base.NotificationRefused):
            bench.connector().read_notification(body, {}, now=clock.now())


def test_clients_get_public_options_only(bench: Bench) -> None:
    options = bench.connector().client_options()
    assert options
    assert not any(secret in value for value in options.values() for secret in ("sk_", "whsec_", "AQE"))


def test_what_a_psp_can_say_and_whose_tokens_are_its_own(bench: Bench) -> None:
    ours = bench.connector()
    assert ours.can_say("EUR")
    assert not ours.can_say("XAU")
    assert not ours.made("sea shells")


def test_every_connector_has_a_bench() -> None:
    """Cowrie's too, which is made up: its line in `every` is all that this suite was told of it."""
    packages = (Path(base.__file__).parent, Path(every.__file__).parent)
    assert set(every.BENCHES) == {one.parent.name for package in packages for one in package.glob("*/connector.py")}
