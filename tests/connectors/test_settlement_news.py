"""PSPs tell when a settlement file is ready and how payouts stand: in one kind of event each, whoever tells it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from payments.connectors.base import EventKind, PspEvent
from payments.connectors.settlements import Announced, FileKind
from tests.connectors import letters
from tests.connectors.adyen_bench import AdyenBench
from tests.connectors.benches import paid
from tests.connectors.test_stripe_webhooks import event, heard

BATCH = Announced(reference="42", kind=FileKind.BATCH, name="settlement_detail_report_batch_42.csv")
ADDRESS = "https://ca-test.adyen.com/reports/download/MerchantAccount/TestMerchant"


def report(name: str, reason: str = "", **facts: str) -> PspEvent:
    """What Adyen's REPORT_AVAILABLE is taken for."""
    item = {
        "eventCode": "REPORT_AVAILABLE",
        "success": "true",
        "eventDate": "2026-11-24T02:00:00+01:00",
        "merchantAccountCode": letters.MERCHANT,
        "merchantReference": "",
        "pspReference": name,
        "amount": {"currency": "EUR", "value": 0},
        "reason": reason,
    }
    body = letters.told(letters.signed(item | facts))
    [only] = letters.account().read_notification(body, {}, now=letters.AT)
    return only


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (BATCH.name, f"{ADDRESS}/{BATCH.name}"),
        (BATCH.name, "https://evil.example/elsewhere.csv"),
        ("8535296650153317", f"{ADDRESS}/{BATCH.name}"),
        ("8535296650153317", "https://evil.example/settlement_detail_report_batch_0042.csv"),
    ],
)
def test_adyen_says_which_batch_is_ready_and_never_where_it_lies(name: str, reason: str) -> None:
    told = report(name, reason)
    assert (told.kind, told.settlement, told.problem) == (EventKind.SETTLEMENT_READY, BATCH, "")
    assert (told.reference, told.provider_reference) == ("", "")


@pytest.mark.parametrize(
    "name", ["payments_accounting_report_2026_11_24.csv", "settlement_detail_report_batch_.csv", "../batch_1.csv"]
)
def test_other_reports_of_adyens_are_kept_and_counted(name: str) -> None:
    told = report(name, f"{ADDRESS}/{name}")
    assert (told.kind, told.settlement, told.problem) == (EventKind.UNUSED, None, "")


def test_a_report_that_is_announced_anew_is_news() -> None:
    """Its content may be another one; the same letter delivered twice is not."""
    again = report(BATCH.name, eventDate="2026-11-25T02:00:00+01:00")
    assert report(BATCH.name).event_key == report(BATCH.name).event_key != again.event_key


def payout(**facts: Any) -> dict[str, Any]:
    return {
        "object": "payout",
        "id": "po_1",
        "status": "in_transit",
        "amount": 3780,
        "currency": "eur",
        "automatic": True,
        "created": int(datetime(2026, 11, 24, tzinfo=UTC).timestamp()),
        "arrival_date": int(datetime(2026, 11, 25, tzinfo=UTC).timestamp()),
        "reconciliation_status": "in_progress",
        "trace_id": {"status": "pending", "value": None},
    } | facts


@pytest.mark.parametrize(
    ("kind", "status", "ours"),
    [("created", "pending", "announced"), ("updated", "in_transit", "announced"), ("paid", "paid", "paid"),
     ("failed", "failed", "failed"), ("canceled", "canceled", "canceled")],
)  # fmt: skip
def test_stripe_says_how_a_payout_stands(kind: str, status: str, ours: str) -> None:
    told = heard(event(f"payout.{kind}", payout(status=status)))
    assert told.kind is EventKind.PAYOUT_UPDATED
    assert told.payout
    assert (told.payout.reference, told.payout.status, told.payout.amount_minor) == ("po_1", ours, 3780)


def test_a_payout_below_nothing_takes_money_from_our_bank() -> None:
    told = heard(event("payout.created", payout(amount=-500, currency="isk")))
    assert told.payout
    assert (told.payout.amount_minor, told.payout.currency) == (-5, "ISK")


@pytest.mark.parametrize(
    ("facts", "why"),
    [({"status": "lost"}, "a status that is not known"), ({"created": None}, "does not say when"),
     ({"amount": "5"}, "an amount is not an integer")],
)  # fmt: skip
def test_a_payout_that_is_not_understood_says_so(facts: dict[str, Any], why: str) -> None:
    told = heard(event("payout.paid", payout(**facts)))
    assert why in told.problem
    assert told.payout is None


def test_stripe_says_when_a_payout_is_sorted() -> None:
    told = heard(event("payout.reconciliation_completed", payout(reconciliation_status="completed")))
    assert (told.kind, told.settlement) == (
        EventKind.SETTLEMENT_READY,
        Announced(
            reference="po_1",
            kind=FileKind.PAYOUT,
            name="payout_reconciliation_po_1.csv",
            day=date(2026, 11, 25),
            currency="EUR",
            total_minor=3780,
        ),
    )


def test_a_payout_by_hand_has_no_report() -> None:
    manual = payout(automatic=False, reconciliation_status="not_applicable")
    assert heard(event("payout.reconciliation_completed", manual)).kind is EventKind.UNUSED


def test_a_report_that_was_asked_for_is_ready() -> None:
    run = {"object": "reporting.report_run", "id": "frr_1", "report_type": "payout_reconciliation.itemized.5"}
    told = heard(event("reporting.report_run.succeeded", run))
    assert (told.kind, told.settlement, told.problem) == (EventKind.SETTLEMENT_READY, None, "")
    others = heard(event("reporting.report_run.succeeded", run | {"report_type": "payouts.itemized.3"}))
    assert others.kind is EventKind.UNUSED, "somebody else asked for it"


def test_adyens_letter_really_arrives(adyen: AdyenBench) -> None:
    paid(adyen)
    for _ in range(3):
        adyen.simulator.advance(24 * 3600)
    told = adyen.notified(kind=EventKind.SETTLEMENT_READY)
    assert told.settlement
    assert (told.settlement.reference, told.settlement.kind) == ("1", FileKind.BATCH)
