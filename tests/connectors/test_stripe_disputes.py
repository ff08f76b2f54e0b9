"""What Stripe says of disputes, word by word: every status, every reason, and every kind of money."""

import copy
import json
import os
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from moneyed import Money

from payments.connectors.base import EventKind
from payments.connectors.disputes import DisputeNews, DisputeReason, Movement, Stage, Standing
from payments.connectors.stripe import disputes, webhooks
from tests.connectors.test_stripe_webhooks import FIXTURES, event, heard

STATUSES: Final = [
    ("warning_needs_response", "inquiry", "needs_response"),
    ("warning_under_review", "inquiry", "under_review"),
    ("warning_closed", "inquiry", "withdrawn"),
    ("prevented", "inquiry", "withdrawn"),
    ("needs_response", "chargeback", "needs_response"),
    ("under_review", "chargeback", "under_review"),
    ("won", "chargeback", "won"),
    ("lost", "chargeback", "lost"),
    ("appeal_needs_response", "second", "needs_response"),
    ("appeal_under_review", "second", "under_review"),
]
REASONS: Final = [
    ("bank_cannot_process", "processing_error"),
    ("check_returned", "processing_error"),
    ("credit_not_processed", "credit_not_processed"),
    ("customer_initiated", "general"),
    ("debit_not_authorized", "debit_not_authorized"),
    ("duplicate", "duplicate"),
    ("fraudulent", "fraudulent"),
    ("general", "general"),
    ("incorrect_account_details", "processing_error"),
    ("insufficient_funds", "processing_error"),
    ("noncompliant", "noncompliant"),
    ("product_not_received", "product_not_received"),
    ("product_unacceptable", "product_unacceptable"),
    ("subscription_canceled", "subscription_canceled"),
    ("unrecognized", "unrecognized"),
    ("a_reason_of_next_year", "general"),
]


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """Stripe's own sample of a dispute."""
    if not FIXTURES.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{FIXTURES} is missing")
        pytest.skip(f"Stripe's samples are not at {FIXTURES}")
    sample: dict[str, Any] = json.loads(FIXTURES.read_text())["resources"]["dispute"]
    return sample


def dispute(**change: Any) -> dict[str, Any]:
    """A dispute about 30.00 EUR."""
    whole = {
        "object": "dispute",
        "id": "du_1",
        "amount": 3000,
        "currency": "eur",
        "balance_transactions": [],
        "charge": "ch_1",
        "evidence_details": {"due_by": 1_700_600_000},
        "payment_intent": "pi_1",
        "payment_method_details": {"type": "card", "card": {"case_type": "chargeback", "network_reason_code": "10.4"}},
        "reason": "fraudulent",
        "status": "needs_response",
    }
    return whole | change


def moved(key: str, amount: int, currency: str = "eur", rate: float | None = None) -> dict[str, Any]:
    return {"id": key, "amount": amount, "currency": currency, "exchange_rate": rate, "fee": 1500}


def told(**change: Any) -> DisputeNews:
    news = heard(event("charge.dispute.updated", dispute(**change)))
    assert news.dispute is not None, news.problem
    return news.dispute


def eur(amount: str) -> Money:
    return Money(amount, "EUR")


def test_stripes_own_sample_is_read(published: dict[str, Any]) -> None:
    known = heard(event("charge.dispute.created", copy.deepcopy(published) | {"status": "needs_response"}))

    assert (known.kind, known.problem) == (EventKind.DISPUTE_UPDATED, "")
    assert known.dispute is not None
    assert (known.dispute.reference, known.modification_reference) == (published["id"], published["id"])
    assert known.dispute.amount == Money("10.00", "USD")


@pytest.mark.parametrize("kind", ["created", "updated", "funds_withdrawn", "funds_reinstated", "closed"])
def test_every_event_says_what_the_dispute_says(kind: str) -> None:
    known = heard(event(f"charge.dispute.{kind}", dispute()))

    assert (known.kind, known.provider_reference, known.reference) == (EventKind.DISPUTE_UPDATED, "pi_1", "")
    assert known.dispute == DisputeNews(
        reference="du_1",
        stage=Stage.CHARGEBACK,
        standing=Standing.NEEDS_RESPONSE,
        amount=eur("30.00"),
        reason=DisputeReason.FRAUDULENT,
        network_reason_code="10.4",
        respond_by=datetime.fromtimestamp(1_700_600_000, UTC),
        defendable=True,
        raw={"status": "needs_response", "reason": "fraudulent", "charge": "ch_1", "case_type": "chargeback"},
    )


@pytest.mark.parametrize(("status", "stage", "standing"), STATUSES)
def test_every_status_has_a_stage_and_a_standing(status: str, stage: str, standing: str) -> None:
    news = told(status=status)
    assert (news.stage, news.standing) == (stage, standing)


def test_every_status_and_reason_is_in_these_tables() -> None:
    assert {status for status, _, _ in STATUSES} == set(disputes.STATUSES)
    assert {reason for reason, _ in REASONS[:-1]} == set(disputes.REASONS)
    awaited = {"needs_response", "warning_needs_response", "appeal_needs_response"}
    assert awaited == disputes.ANSWERABLE


@pytest.mark.parametrize(("reason", "ours"), REASONS)
def test_every_reason_has_a_word_of_ours(reason: str, ours: str) -> None:
    news = told(reason=reason)
    assert (news.reason, news.raw["reason"]) == (ours, reason)


@pytest.mark.parametrize(
    ("by", "respond_by", "defendable"),
    [(0, None, False), (None, None, None), (1_700_600_000, datetime.fromtimestamp(1_700_600_000, UTC), True)],
)
def test_the_day_by_which_to_answer(by: int | None, respond_by: datetime | None, defendable: bool | None) -> None:  # noqa: FBT001
    news = told(evidence_details={"due_by": by})
    assert (news.respond_by, news.defendable) == (respond_by, defendable)


@pytest.mark.parametrize(("intent", "known"), [(None, ""), ("pi_1", "pi_1"), ({"id": "pi_1"}, "pi_1")])
def test_the_payment_may_be_missing_or_told_in_full(intent: object, known: str) -> None:
    assert heard(event("charge.dispute.created", dispute(payment_intent=intent))).provider_reference == known


# --- money ---


def amounts(rows: list[dict[str, Any]], **change: Any) -> list[tuple[str, str, bool]]:
    news = told(balance_transactions=rows, **change)
    return [(m.key, str(m.amount.amount), m.withdrawn) for m in news.movements]


def test_an_inquiry_has_moved_nothing() -> None:
    assert told(status="warning_needs_response").movements == ()


def test_in_the_payments_currency_each_movement_says_its_own_amount_and_the_fee_is_none_of_it() -> None:
    rows = [moved("txn_1", -3000), moved("txn_2", 1250)]
    assert told(balance_transactions=rows).movements == (
        Movement(key="txn_1", amount=eur("30.00"), withdrawn=True),
        Movement(key="txn_2", amount=eur("12.50"), withdrawn=False),
    )


def test_of_a_payment_that_was_refunded_in_part_only_the_rest_is_taken() -> None:
    assert amounts([moved("txn_1", -1000)]) == [("txn_1", "10.00", True)]


CONVERTED: Final = [
    pytest.param([(-3261, 1.087)], ["30.00"], id="what is taken is the whole dispute"),
    pytest.param([(-3261, 1.087), (3261, 1.087)], ["30.00", "30.00"], id="all of it comes back"),
    pytest.param([(-3261, 1.087), (3330, 1.11)], ["30.00", "30.00"], id="all of it comes back at another rate"),
    pytest.param([(-3261, 1.087), (3329, 1.11)], ["30.00", "30.00"], id="but for what rounding has hidden"),
    pytest.param([(-3261, 1.087), (1665, 1.11)], ["30.00", "15.00"], id="half of it at another rate"),
    pytest.param([(-3261, 1.087), (1087, 1.087)], ["30.00", "10.00"], id="a third of it"),
    pytest.param([(-3261, None), (1087, None)], ["30.00", "10.00"], id="without any rate by proportion"),
    pytest.param([(-3261, 1.087), (9999, 1.087)], ["30.00", "30.00"], id="never more than was taken"),
    pytest.param([(-3261, 1.087), (3261, 1.087), (-3270, 1.09)], ["30.00"] * 3, id="taken once more after an appeal"),
]


@pytest.mark.parametrize(("rows", "expected"), CONVERTED)
def test_in_another_currency_it_is_the_part_of_the_dispute(
    rows: list[tuple[int, float | None]], expected: list[str]
) -> None:
    told_rows = [moved(f"txn_{n}", amount, "usd", rate) for n, (amount, rate) in enumerate(rows)]
    assert [amount for _, amount, _ in amounts(told_rows)] == expected


def test_a_currency_without_decimals_is_counted_in_its_own_units() -> None:
    rows = [moved("txn_1", -2010, "usd", 0.0067), moved("txn_2", 1005, "usd", 0.0067)]
    assert amounts(rows, amount=3000, currency="jpy") == [("txn_1", "3000", True), ("txn_2", "1500", False)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"status": "a_status_of_next_year"}, "a status that is not known"),
        ({"object": "charge"}, "not about a dispute"),
        ({"amount": "30.00"}, "not an integer"),
        ({"balance_transactions": None}, "what it moved"),
        ({"balance_transactions": ["txn_1"]}, "what it moved"),
        ({"balance_transactions": [moved("txn_1", 3261, "usd", 1.087)]}, "says nothing of the payment's"),
        ({"evidence_details": {"due_by": 10**14}}, "due_by is no time"),
    ],
)
def test_what_is_not_understood_says_so_and_moves_nothing(change: dict[str, Any], problem: str) -> None:
    known = heard(event("charge.dispute.updated", dispute(**change)))
    assert problem in known.problem
    assert known.dispute is None


# --- warnings ---


@pytest.mark.parametrize("kind", ["created", "updated"])
@pytest.mark.parametrize("actionable", [True, False, None])
def test_an_early_warning_of_fraud(kind: str, actionable: bool | None) -> None:  # noqa: FBT001
    said = {"object": "radar.early_fraud_warning", "id": "issfr_1", "fraud_type": "misc", "payment_intent": "pi_1"}
    known = heard(event(f"radar.early_fraud_warning.{kind}", said | {"actionable": actionable}))

    assert (known.kind, known.provider_reference, known.dispute) == (EventKind.FRAUD_WARNING, "pi_1", None)
    assert known.fraud is not None
    assert (known.fraud.reference, known.fraud.kind, known.fraud.actionable) == ("issfr_1", "misc", actionable)
    assert known.modification_reference == "issfr_1"


def test_disputes_are_among_what_is_read_again_when_letters_were_lost() -> None:
    ours = {
        f"charge.dispute.{kind}" for kind in ("created", "updated", "funds_withdrawn", "funds_reinstated", "closed")
    }
    ours |= {f"radar.early_fraud_warning.{kind}" for kind in ("created", "updated")}
    assert ours <= set(webhooks.RETOLD)
    assert len(webhooks.RETOLD) <= 20, "Stripe's list of events takes no more types at once"
