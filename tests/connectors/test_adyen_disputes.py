"""What Adyen says of disputes, code by code: the signed part moves money, the rest is read by people."""

from datetime import datetime
from typing import Any, Final

import pytest
from moneyed import Money

from payments.connectors.adyen import disputes
from payments.connectors.base import EventKind, PspEvent
from payments.connectors.disputes import DisputeNews, DisputeReason, Stage
from tests.connectors.letters import AT, account, item, signed, told

CODES: Final = [
    ("REQUEST_FOR_INFORMATION", "inquiry", "needs_response", None),
    ("NOTIFICATION_OF_CHARGEBACK", "chargeback", "needs_response", None),
    ("CHARGEBACK", "chargeback", None, True),
    ("INFORMATION_SUPPLIED", None, "under_review", None),
    ("CHARGEBACK_REVERSED", "chargeback", "won", False),
    ("SECOND_CHARGEBACK", "second", "lost", True),
    ("PREARBITRATION_OPEN", "second", "needs_response", None),
    ("PREARBITRATION_ACCEPTED", "second", "accepted", None),
    ("PREARBITRATION_DECLINED", "second", "under_review", None),
    ("PREARBITRATION_WON", "second", "won", None),
    ("PREARBITRATION_LOST", "second", "lost", None),
    ("PREARBITRATION_ISSUER_WITHDRAWN", "second", "withdrawn", None),
    ("SCHEME_ARBITRATION", "arbitration", "under_review", None),
    ("SCHEME_ARBITRATION_WON", "arbitration", "won", None),
    ("SCHEME_ARBITRATION_LOST", "arbitration", "lost", None),
    ("ISSUER_RESPONSE_TIMEFRAME_EXPIRED", None, "won", None),
    ("DISPUTE_DEFENSE_PERIOD_ENDED", None, "expired", None),
    ("ISSUER_COMMENTS", None, None, None),
]
"""Event code, stage, standing, and whether it takes money (True), gives it back (False) or neither."""


def heard(about: dict[str, Any]) -> PspEvent:
    [event] = account().read_notification(told(signed(about)), {}, now=AT)
    return event


def news(code: str, **change: Any) -> DisputeNews:
    event = heard(item(code, pspReference="DISPUTE1", **change))
    assert event.dispute is not None, event.problem
    return event.dispute


@pytest.mark.parametrize(("code", "stage", "standing", "takes"), CODES)
def test_every_code_has_its_meaning(code: str, stage: str | None, standing: str | None, takes: bool | None) -> None:  # noqa: FBT001
    event = heard(item(code, pspReference="DISPUTE1"))

    assert (event.kind, event.problem, event.outcome) == (EventKind.DISPUTE_UPDATED, "", None)
    assert (event.reference, event.provider_reference, event.modification_reference) == ("ours", "PSP1", "DISPUTE1")
    assert event.dispute is not None
    assert (event.dispute.stage, event.dispute.standing) == (stage, standing)
    assert event.dispute.amount == Money("30.00", "EUR")
    moved = [(m.key, m.amount, m.withdrawn) for m in event.dispute.movements]
    assert moved == ([] if takes is None else [(f"{code}:DISPUTE1", Money("30.00", "EUR"), takes)])


def test_every_code_is_in_this_table() -> None:
    assert {code for code, *_ in CODES} == set(disputes.EVENTS)


def test_the_payment_is_not_guessed_where_a_letter_leaves_it_out() -> None:
    event = heard(item("CHARGEBACK_REVERSED", pspReference="DISPUTE1", originalReference=None))
    assert (event.provider_reference, event.modification_reference) == ("", "DISPUTE1")


def test_the_same_letter_twice_is_one_and_a_second_answer_is_another() -> None:
    first, again = (heard(item("INFORMATION_SUPPLIED")) for _ in range(2))
    later = heard(item("INFORMATION_SUPPLIED", eventDate="2026-12-25T01:00:00+01:00"))

    assert first.event_key == again.event_key != later.event_key
    assert heard(item("CHARGEBACK")).event_key == "CHARGEBACK:MOD1:true"


MORE: Final = {
    "chargebackReasonCode": " 4855",
    "chargebackSchemeCode": "mc",
    "defendable": "true",
    "defensePeriodEndsAt": "2026-12-31T03:03:07+02:00",
    "disputeStatus": "Undefended",
    "grossValue": "2000",
    "grossCurrency": "USD",
    "issuerComments.explanation": "The parcel never came.",
}


def test_what_is_not_signed_informs_and_never_moves_money() -> None:
    known = news("CHARGEBACK", additionalData=MORE, reason="Goods or Services Not Provided")

    assert (known.reason, known.network_reason_code) == (DisputeReason.PRODUCT_NOT_RECEIVED, "4855")
    assert (known.respond_by, known.defendable) == (datetime.fromisoformat("2026-12-31T03:03:07+02:00"), True)
    assert known.raw == {
        "reason": "Goods or Services Not Provided",
        "dispute_status": "Undefended",
        "scheme": "mc",
        "issuerComments.explanation": "The parcel never came.",
    }
    assert (known.stage, known.standing) == (Stage.CHARGEBACK, None)
    [movement] = known.movements
    assert movement.amount == Money("30.00", "EUR"), "the gross amount is not signed"


@pytest.mark.parametrize("change", [{"disputeStatus": "Won"}, {"grossValue": "1"}, {"defendable": "false"}])
def test_a_forged_word_beside_the_signature_changes_no_money(change: dict[str, str]) -> None:
    genuine, forged = news("SECOND_CHARGEBACK"), news("SECOND_CHARGEBACK", additionalData=change)
    assert forged.movements == genuine.movements
    assert (forged.stage, forged.standing, forged.amount) == (genuine.stage, genuine.standing, genuine.amount)


@pytest.mark.parametrize(
    ("network", "ours"),
    [
        ("10.4", "fraudulent"),
        ("4837", "fraudulent"),
        ("F24", "fraudulent"),
        ("4863", "unrecognized"),
        ("13.1", "product_not_received"),
        ("C08", "product_not_received"),
        ("13.3", "product_unacceptable"),
        ("13.6", "credit_not_processed"),
        ("12.6.1", "duplicate"),
        ("4834", "duplicate"),
        ("13.2", "subscription_canceled"),
        ("MD06", "debit_not_authorized"),
        ("11.3", "processing_error"),
        ("4853", "general"),
        ("502", "general"),
    ],
)
def test_the_schemes_reasons_have_words_of_ours(network: str, ours: str) -> None:
    assert news("CHARGEBACK", additionalData={"chargebackReasonCode": network}).reason == ours


def test_a_scheme_that_gives_no_reason_gives_none() -> None:
    assert news("CHARGEBACK").reason is None


def test_a_dispute_about_nothing_moves_nothing() -> None:
    known = news("CHARGEBACK", amount={"value": 0, "currency": "EUR"})
    assert (known.amount, known.movements) == (None, ())


@pytest.mark.parametrize("code", ["CHARGEBACK", "NOTIFICATION_OF_FRAUD"])
def test_news_that_say_they_have_failed_are_not_understood(code: str) -> None:
    event = heard(item(code, success="false"))
    assert "success false" in event.problem
    assert (event.dispute, event.fraud) == (None, None)


def test_a_warning_of_fraud_is_for_people() -> None:
    more = {"nofReasonCode": "6", "nofSchemeCode": "visa"}
    event = heard(item("NOTIFICATION_OF_FRAUD", pspReference="FRAUD1", additionalData=more))

    assert (event.kind, event.provider_reference, event.dispute) == (EventKind.FRAUD_WARNING, "PSP1", None)
    assert event.fraud is not None
    assert (event.fraud.reference, event.fraud.kind, event.fraud.actionable) == ("FRAUD1", "6", None)
