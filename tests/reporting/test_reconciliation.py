"""Lines of settlement meet our books: every class of line, what it books by itself, and what does not agree."""

from collections.abc import Iterator
from typing import Any

import pytest

from payments.intents.models import Capture
from payments.ledger import selectors as ledger
from payments.ledger import services as postings
from payments.ledger.models import Transfer
from refunds.models import Refund
from reporting.models import Discrepancy, Payout, SettlementFile, SettlementLine
from reporting.services import discrepancies, reconciliation
from tests import factories
from tests.refunds.psp import Psp
from tests.refunds.quarrel import BEGAN, Quarrel
from tests.reporting.settling import Account, classes, differences, line, of

ADA = "staff ada"


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> Iterator[factories.Shop]:
    postings.forget_accounts()
    yield factories.shop()
    postings.forget_accounts()


@pytest.fixture
def psp(shop: factories.Shop) -> Account:
    return Account()


def refund(shop: factories.Shop, intent: dict[str, Any], amount: int) -> Refund:
    """A refund that the PSP has made."""
    body = {"payment_intent": intent["id"], "amount": amount, "reason": "goodwill", "confirm_duplicate": True}
    asked = shop.post("refunds", body)
    factories.work()
    row = Refund.objects.get(pk=asked["id"])
    assert row.status == "succeeded"
    return row


def back(row: Refund, gross: int | None = None, **facts: Any) -> dict[str, Any]:
    """The line of a refund."""
    known: dict[str, Any] = {"movement_reference": row.provider_reference, "our_reference": row.pk}
    return line("refund", -row.amount_minor if gross is None else gross, row.currency, **{**known, **facts})


def test_a_capture_is_matched_and_its_fee_and_tax_are_booked(shop: factories.Shop, psp: Account) -> None:
    intent = shop.paid(2000)
    file = psp.settle(of(intent, fee=59, tax=3))

    told = SettlementLine.objects.get()
    assert (told.match, told.movement_id) == ("matched", Capture.objects.get().pk)
    assert psp.balance("psp_receivable") == 2000 - 62
    assert (psp.balance("psp_fees"), psp.balance("fee_tax")) == (59, 3)
    assert SettlementFile.objects.get(pk=file).matched_at is not None
    assert differences() == []
    assert Transfer.objects.get(event="fee_charged").source_id == told.pk


def test_the_same_again_books_nothing_more(shop: factories.Shop, psp: Account) -> None:
    psp.settle(of(shop.paid(2000), fee=59), line("unknown", 7), line("payout", -1948, payout_reference="po_1"))
    before = ledger.trial_balance(), Discrepancy.objects.count(), Payout.objects.count()
    for _ in "12":
        reconciliation.compare(psp.pk)
    assert (ledger.trial_balance(), Discrepancy.objects.count(), Payout.objects.count()) == before


def test_a_partial_capture_is_two_lines_of_one_movement(shop: factories.Shop, psp: Account) -> None:
    intent = shop.confirm(shop.intent(shop.order(2000), capture_method="manual"))
    shop.post(f"payment_intents/{intent['id']}/capture", {"amount": 1500})
    psp.settle(of(intent, 2000, fee=60), of(intent, -500, fee=-10))

    assert classes() == ["matched", "matched"]
    assert differences() == []
    assert psp.balance("psp_receivable") == 1450


def test_another_amount_is_a_difference_that_is_settled_once(shop: factories.Shop, psp: Account) -> None:
    psp.settle(of(shop.paid(2000), 1900))

    assert classes() == ["amount_differs"]
    assert differences() == [("amount_differs", -100, "USD")]
    row = Discrepancy.objects.get()
    assert row.subject_id == Capture.objects.get().pk
    assert row.evidence["booked_minor"] == 2000
    discrepancies.settle(row.pk, "order_clearing", because="the customer paid 19", by=ADA)
    assert psp.balance("psp_receivable") == 1900
    reconciliation.compare(psp.pk)
    assert differences() == []


def test_what_comes_after_it_was_settled_by_hand_is_found(shop: factories.Shop, psp: Account) -> None:
    intent = shop.paid(2000)
    psp.settle(of(intent, 1900))
    discrepancies.settle(Discrepancy.objects.get().pk, "order_clearing", because="the customer paid 19", by=ADA)
    psp.settle(of(intent, 100))

    assert classes() == ["matched", "matched"]
    assert differences() == [("amount_differs", 100, "USD")]


def test_a_payment_that_nobody_knows_is_missing_here_and_found_when_it_comes(
    shop: factories.Shop, psp: Account
) -> None:
    intent = shop.paid(2000)
    told = of(intent, payment_reference="pi_unheard", our_reference="")
    psp.settle(told)
    assert classes() == ["missing_here"]
    assert differences() == [("missing_here", 2000, "USD")]
    assert differences("proposal")[0][0]["debit"] == "psp_receivable/stripe-us"

    Capture.objects.get().attempt.__class__.objects.filter(provider_reference__startswith="pi_").update(
        provider_reference="pi_unheard"
    )
    reconciliation.compare(psp.pk)
    assert classes() == ["matched"]
    assert Discrepancy.objects.get().status == "cleared"


def test_the_same_movement_told_twice_is_a_duplicate(shop: factories.Shop, psp: Account) -> None:
    intent = shop.paid(2000)
    psp.settle(of(intent))
    psp.settle(of(intent), of(shop.paid(500)))

    assert classes() == ["matched", "duplicate", "matched"]
    assert differences() == [("duplicate", 2000, "USD")]
    psp.settle(of(intent, -2000))
    assert classes() == ["matched", "matched", "matched", "matched"]
    assert Discrepancy.objects.get().status == "cleared"


def test_refunds_match_by_the_psps_id_by_ours_and_by_amount(shop: factories.Shop, psp: Account) -> None:
    intent = shop.paid(2000)
    one, two, three, four = (refund(shop, intent, amount) for amount in (100, 200, 300, 300))
    nameless: dict[str, Any] = {"movement_reference": "", "our_reference": ""}
    payment: dict[str, Any] = {"payment_reference": intent["latest_attempt"]["provider_reference"]}
    psp.settle(
        back(one),
        back(two, movement_reference="re_elsewhere"),
        back(three, **nameless, **payment),
        back(four, **nameless, **payment),
    )

    told = list(SettlementLine.objects.order_by("number").values_list("movement_id", flat=True))
    assert told == [one.pk, two.pk, three.pk, four.pk]
    assert set(classes()) == {"matched"}
    assert psp.balance("psp_receivable") == 2000 - 900


def test_a_refund_that_came_back_is_told_by_two_lines_in_any_order(
    shop: factories.Shop, psp: Account, sim: factories.Simulator
) -> None:
    intent = shop.confirm(shop.intent(shop.order(2000)), "pm_card_refundFail")
    row = refund(shop, intent, 700)
    psp.settle(of(intent), back(row))
    assert differences() == []
    psp.settle(back(row, 700))
    assert differences() == [("amount_differs", 700, "USD")]

    at_psp = Psp(sim.url)
    sim.advance(86_400)
    at_psp.notify(at_psp.events_once("refund.failed"))
    reconciliation.compare(psp.pk)
    assert Refund.objects.get().status == "bounced"
    assert differences() == []
    assert set(classes()) == {"matched"}
    assert psp.balance("psp_receivable") == 2000


def test_conversion_is_booked_at_the_lines_own_rate(shop: factories.Shop, psp: Account) -> None:
    intent = shop.paid(2000, currency="EUR")
    psp.settle(of(intent, settled=2200, into="USD", fee=64))
    psp.settle(back(refund(shop, intent, 1000), settled=-1080, into="USD"))

    assert psp.balance("psp_receivable", "EUR") == 0
    assert psp.balance("psp_receivable", "USD") == 2200 - 64 - 1080
    position = {key: minor for key, minor in ledger.trial_balance().items() if key[0] == "fx_clearing"}
    assert position == {("fx_clearing", "EUR"): 1000, ("fx_clearing", "USD"): -1120}
    assert differences() == []


def test_a_rate_that_does_not_make_the_amount_is_a_difference(shop: factories.Shop, psp: Account) -> None:
    yen = shop.paid(1500, currency="JPY")
    psp.settle(of(yen, settled=1000, into="USD", rate="0.0067"))
    assert differences() == []
    psp.settle(of(shop.paid(1500, currency="JPY"), settled=900, into="USD", rate="0.0067"))
    assert differences() == [("fx", -105, "USD")]


def test_disputes_match_by_key_and_by_order_and_their_fee_is_a_dispute_fee(shop: factories.Shop, psp: Account) -> None:
    quarrel = Quarrel(shop)
    quarrel.tell(
        quarrel.news(0, taken=2000, key="txn_first", standing="needs_response"),
        quarrel.news(2, back=2000, key="txn_won", standing="won"),
        quarrel.news(9, taken=2000, key="txn_second", stage="arbitration", standing="lost"),
    )
    known = {"payment_reference": quarrel.payment, "movement_reference": quarrel.reference}
    psp.settle(
        of(quarrel.intent),
        line("dispute", -2000, fee=1500, key="txn_first", occurred_at=BEGAN, **known),
        line("dispute", 2000, **known),
        line("dispute", -2000, fee=1500, movement_reference="", payment_reference=quarrel.payment),
    )
    assert classes() == ["matched"] * 4
    assert len(set(SettlementLine.objects.values_list("movement_id", flat=True))) == 4
    assert (psp.balance("dispute_fees"), psp.balance("psp_fees")) == (3000, 0)
    assert psp.balance("psp_receivable") == -3000


def test_what_nobody_knows_goes_to_suspense_with_a_difference(shop: factories.Shop, psp: Account) -> None:
    psp.settle(
        line("unknown", -300, psp_type="moon_tax"),
        line("correction", 40, psp_type="manual_correction", fee=2),
        line("fee", 0, fee=900, tax=100),
        line("reserve", -5000),
        line("reserve", 2000),
        line("carried", -100, payout_reference="1", movement_reference="2"),
    )
    assert classes() == ["unknown_type", "booked", "booked", "booked", "booked", "matched"]
    assert psp.balance("suspense") == 300 - 40
    assert (psp.balance("psp_fees"), psp.balance("fee_tax")) == (902, 100)
    assert psp.balance("psp_reserve") == 3000
    assert psp.balance("psp_receivable") == -300 + 40 - 2 - 1000 - 3000
    assert differences() == [("correction", 40, "USD"), ("unknown_type", -300, "USD")]

    discrepancies.settle(Discrepancy.objects.get(kind="unknown_type").pk, "fee_tax/stripe-us", because="tax", by=ADA)
    discrepancies.settle(Discrepancy.objects.get(kind="correction").pk, "psp_fees/stripe-us", because="May", by=ADA)
    assert psp.balance("suspense") == 0
    assert psp.balance("fee_tax") == 400


def test_payouts_are_made_known_booked_and_come_back(shop: factories.Shop, psp: Account) -> None:
    psp.settle(of(shop.paid(2000)), line("payout", -2000, payout_reference="po_1", movement_reference="po_1"))
    row = Payout.objects.get()
    assert (row.amount_minor, row.provider_reference, row.status) == (2000, "po_1", "announced")
    assert (psp.balance("psp_receivable"), psp.balance("cash_in_transit")) == (0, 2000)
    psp.settle(line("payout_returned", 2000, movement_reference="po_1"))
    row.refresh_from_db()
    assert row.status == "failed"
    assert (psp.balance("psp_receivable"), psp.balance("cash_in_transit")) == (2000, 0)
    assert set(SettlementLine.objects.exclude(type="capture").values_list("movement_id", flat=True)) == {row.pk}


def test_a_negative_payout_and_two_of_one_batch(shop: factories.Shop, psp: Account) -> None:
    psp.settle(
        line("payout", 700, payout_reference="7", movement_reference="TX1"),
        line("payout", -900, "EUR", payout_reference="7", movement_reference="TX2"),
    )
    rows = Payout.objects.order_by("pk").values_list("provider_reference", "amount_minor", "currency", "trace")
    assert sorted(rows) == [("7", -700, "USD", "TX1"), ("TX2", 900, "EUR", "")]
    assert psp.balance("cash_in_transit", "USD") == -700
    assert psp.balance("cash_in_transit", "EUR") == 900


def test_a_payout_that_is_said_to_come_back_twice_comes_back_once(shop: factories.Shop, psp: Account) -> None:
    psp.settle(of(shop.paid(2000)), line("payout", -2000, payout_reference="po_1", movement_reference="po_1"))
    psp.settle(*(line("payout_returned", 2000, movement_reference="po_1") for _ in range(2)))
    assert psp.balance("psp_receivable") == 2000
    assert differences() == [("missing_here", 2000, "USD")], "of the second nobody knows what it is"
    reconciliation.compare(psp.pk)
    assert differences() == [("missing_here", 2000, "USD")]
