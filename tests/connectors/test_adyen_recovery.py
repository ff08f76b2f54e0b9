"""Unknown calls at Adyen: repeated with their key while that is safe, and after that closed by notifications only."""

from datetime import timedelta
from typing import Final

import pytest

from payments.connectors.base import AnyRequest, Cancel, Complete, EventKind, Outcome, Verdict
from payments.kernel import clock, ids
from tests.connectors.adyen_bench import PATH, AdyenBench
from tests.connectors.benches import (
    Moved,
    adjust_of,
    authorize,
    cancel_of,
    capture_of,
    just_now,
    paid,
    refund_of,
    reversal_of,
)
from tests.connectors.relay import Relay

TOO_LATE: Final = timedelta(seconds=61)
FORGOTTEN: Final = timedelta(days=8)


def test_a_payment_that_never_arrived_is_made_while_the_customer_waits(adyen: AdyenBench) -> None:
    request = authorize(adyen)
    adyen.simulator.fault("payments", "reset_before", adyen.account)
    assert adyen.connector().authorize(request).verdict is Verdict.UNKNOWN
    found = adyen.connector().find(request, provider_reference="", sent_at=just_now())

    assert (found.verdict, found.captured) == (Verdict.APPROVED, True)
    assert adyen.moved(request.reference) == Moved(captured=3000)


def test_a_payment_that_never_arrived_is_not_made_once_the_customer_has_gone(adyen: AdyenBench) -> None:
    request = authorize(adyen)
    found = adyen.connector().find(request, provider_reference="", sent_at=clock.now() - TOO_LATE)

    assert found.verdict is Verdict.UNKNOWN
    assert adyen.moved(request.reference) == Moved()
    refused = adyen.notified(type="TECHNICAL_CANCEL", reference=request.reference)
    assert refused.outcome is not None
    assert refused.outcome.verdict is Verdict.DECLINED, "which proves nothing about the payment"


def test_a_reservation_that_nobody_waits_for_is_canceled_by_our_reference(adyen: AdyenBench) -> None:
    request = authorize(adyen, capture=False)
    adyen.simulator.fault("payments", "reset_after", adyen.account)
    assert adyen.connector().authorize(request).verdict is Verdict.UNKNOWN
    found = adyen.connector().find(request, provider_reference="", sent_at=clock.now() - TOO_LATE)

    assert found.verdict is Verdict.UNKNOWN, "only a notification closes it"
    told = adyen.notified(type="TECHNICAL_CANCEL", reference=request.reference)
    assert told.kind is EventKind.CANCEL_UPDATED
    assert told.outcome is not None
    assert told.outcome.verdict is Verdict.CANCELED
    assert adyen.moved(request.reference) == Moved()


def test_money_that_was_taken_is_told_by_its_notification(adyen: AdyenBench) -> None:
    request = authorize(adyen)
    adyen.simulator.fault("payments", "reset_after", adyen.account)
    assert adyen.connector().authorize(request).verdict is Verdict.UNKNOWN
    found = adyen.connector().find(request, provider_reference="", sent_at=clock.now() - TOO_LATE)

    assert found.verdict is Verdict.UNKNOWN
    told = adyen.notified(type="AUTHORISATION", reference=request.reference).outcome
    assert told is not None
    assert (told.verdict, told.amount) == (Verdict.APPROVED, request.amount)
    assert adyen.moved(request.reference) == Moved(captured=3000)


def test_each_look_cancels_anew(adyen: AdyenBench, wire: Relay) -> None:
    request = authorize(adyen)
    for _ in range(2):
        adyen.connector(base_url=wire.url).find(request, provider_reference="", sent_at=clock.now() - TOO_LATE)

    assert [passed.path for passed in wire.passed] == [f"{PATH}/cancels"] * 2
    assert len({passed.headers["Idempotency-Key"] for passed in wire.passed}) == 2, "no stored answer stands in its way"


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
def test_the_end_of_an_action_is_repeated_with_its_key(adyen: AdyenBench, fault: str) -> None:
    request = authorize(adyen, "challenge")
    waiting = adyen.connector().authorize(request)
    end = Complete(
        key=ids.uuid7().hex,
        provider_reference=waiting.provider_reference,
        details=adyen.challenge(waiting, passed=True),
    )
    adyen.simulator.fault("payments.details", fault, adyen.account)
    assert adyen.connector().complete_action(end).verdict is Verdict.UNKNOWN

    too_late = adyen.connector().find(end, provider_reference="", sent_at=clock.now() - TOO_LATE)
    assert too_late.verdict is Verdict.UNKNOWN
    found = adyen.connector().find(end, provider_reference="", sent_at=just_now())
    assert (found.verdict, found.amount) == (Verdict.APPROVED, request.amount)
    assert adyen.moved(request.reference) == Moved(captured=3000)


@pytest.mark.parametrize("kind", ["capture", "cancel", "adjust", "reverse", "refund"])
def test_a_modification_is_repeated_inside_the_keys_window_and_never_after(
    adyen: AdyenBench, wire: Relay, kind: str
) -> None:
    _, payment = paid(adyen, capture=kind == "refund")
    requests: dict[str, AnyRequest] = {
        "capture": capture_of(payment),
        "cancel": cancel_of(payment),
        "adjust": adjust_of(payment),
        "reverse": reversal_of(payment),
        "refund": refund_of(payment),
    }
    request = requests[kind]
    ours = adyen.connector(base_url=wire.url)

    forgotten = ours.find(request, provider_reference="", sent_at=clock.now() - FORGOTTEN)
    assert (forgotten.verdict, wire.passed) == (Verdict.UNKNOWN, [])
    found = ours.find(request, provider_reference="", sent_at=clock.now() - timedelta(days=5))
    assert found.verdict is Verdict.PENDING
    assert [passed.headers["Idempotency-Key"] for passed in wire.passed] == [request.key]


def test_a_refund_that_adyen_has_is_not_asked_for_again(adyen: AdyenBench, wire: Relay) -> None:
    _, payment = paid(adyen)
    found = adyen.connector(base_url=wire.url).find(
        refund_of(payment), provider_reference="REFUND1", sent_at=just_now()
    )
    assert (found.verdict, found.provider_reference, wire.passed) == (Verdict.UNKNOWN, "REFUND1", [])


def test_a_refusal_that_is_found_is_final_and_an_outage_is_not(adyen: AdyenBench, wire: Relay) -> None:
    ours = adyen.connector(base_url=wire.url)
    request = capture_of(Outcome(verdict=Verdict.APPROVED, provider_reference="NOBODYS"))
    refused = ours.find(request, provider_reference="NOBODYS", sent_at=just_now())
    assert refused.verdict is Verdict.DECLINED
    for status in (401, 429, 500):
        wire.answer("/captures", status, {"errorCode": "905", "errorType": "internal"})
        assert ours.find(request, provider_reference="", sent_at=just_now()).verdict is Verdict.UNKNOWN


def test_a_payment_without_a_reference_of_adyens_is_canceled_by_ours(adyen: AdyenBench) -> None:
    request, _ = paid(adyen, capture=False)
    cancel = Cancel(key=ids.uuid7().hex, provider_reference="", reason="abandoned", reference=request.reference)
    outcome = adyen.connector().cancel(cancel)

    assert outcome.verdict is Verdict.PENDING
    assert adyen.final(outcome).verdict is Verdict.CANCELED
    assert adyen.moved(request.reference) == Moved()


def test_a_capture_that_fails_later_is_told_as_a_failure(adyen: AdyenBench) -> None:
    request, reserved = paid(adyen, capture=False)
    adyen.simulator.fault("captures", "late_capture_failure", adyen.account, seconds=0)
    capture = capture_of(reserved)
    received = adyen.connector().capture(capture)  # both letters about it may come in either order
    taken = adyen.notified(type="CAPTURE", modification_reference=received.modification).outcome
    assert taken is not None
    assert taken.verdict is Verdict.APPROVED
    late = adyen.notified(type="CAPTURE_FAILED", provider_reference=reserved.provider_reference).outcome

    assert late is not None
    assert (late.verdict, late.captured, late.amount) == (Verdict.DECLINED, True, capture.amount)
    assert adyen.moved(request.reference).captured == 0
