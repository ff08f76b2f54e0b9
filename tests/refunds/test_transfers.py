"""Refunds by bank transfer: one records what the bank has done, another one confirms it, and nobody does both."""

import dataclasses
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments.connectors.base import Verdict
from payments.gateway.switches import AnotherPersonNeeded
from payments.intents.models import Capture
from payments.kernel.attention import AttentionItem
from payments.kernel.errors import Refusal
from payments.ledger import selectors as ledger
from payments.methods import catalogue
from payments.webhooks.models import Event
from refunds.models import BankTransfer, Refund
from refunds.services import refusals, transfers
from tests import factories
from tests.byhand import behind_the_guards, copy, key, refused, sql
from tests.refunds.psp import Psp
from tests.refunds.test_news import news, tell

MAKER, CHECKER = "staff fay", "staff finn"
Draft = transfers.TransferDraft


@pytest.fixture
def bounced(shop: factories.Shop, sim: factories.Simulator, psp: Psp) -> dict[str, Any]:
    """A payment of 19.99 USD whose only line was refunded, and came back."""
    intent = shop.paid(1999)
    line = shop.get(f"orders/{intent['order']}")["lines"][0]["id"]
    sim.scenario("refunds.create", "bounced_refund", seconds=0, times=1)
    body = {"order": intent["order"], "lines": [{"line": line, "quantity": 1}], "reason": "damaged"}
    refund = shop.post("refunds", body)
    factories.work()
    psp.notify(psp.events_once("refund.failed"))
    assert shop.get(f"refunds/{refund['id']}")["status"] == "bounced"
    return {"intent": intent["id"], "order": intent["order"], "refund": refund["id"], "item": item().pk}


def item() -> AttentionItem:
    """The matter that is open."""
    return AttentionItem.objects.get(closed_at=None)


def draft(amount: int = 1999, **facts: Any) -> Draft:
    """What finance writes down."""
    said = {"bank_account": "main-usd", "bank_reference": "TRF-1", "value_date": timezone.now().date()}
    return Draft(amount=amount, **{**said, "because": "The card was closed.", **facts})


def test_what_was_refunded_otherwise_meanwhile_is_said_to_who_pays_by_bank(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    """An agent has sent it again, by the card, and the matter still stands in finance's queue."""
    body = {"payment_intent": shop.paid(1999)["id"], "amount": 500, "reason": "damaged", "confirm_duplicate": True}
    sim.scenario("refunds.create", "bounced_refund", seconds=0, times=1)
    shop.post("refunds", body)
    factories.work()
    psp.notify(psp.events_once("refund.failed"))
    assert "Since then" not in transfers.look(item=item().pk).why
    again = shop.post("refunds", body)
    factories.work()
    assert shop.get(f"refunds/{again['id']}")["status"] == "succeeded"
    assert "Since then 5.00 USD of this payment were refunded otherwise" in transfers.look(item=item().pk).why


def test_a_refund_that_came_back_is_paid_by_bank_by_two_people(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    row = transfers.propose(draft(item=bounced["item"]), by=MAKER)
    made = shop.get(f"refunds/{row.refund_id}")
    assert (made["status"], made["origin"], made["reason"], made["amount"]) == ("proposed", "bank", "damaged", 1999)
    assert made["lines"][0]["quantity"] == 1, "the line that had come back"
    intent = shop.get(f"payment_intents/{bounced['intent']}")
    assert (intent["amount_refunded"], shop.get(f"orders/{bounced['order']}")["status"]) == (0, "paid")
    again = shop.call("POST", "refunds", {"payment_intent": bounced["intent"], "reason": "damaged"})
    assert again.json()["code"] == "refund_nothing_to_refund", "what is proposed is reserved"
    assert shop.call("POST", f"refunds/{row.refund_id}/cancel", {}).json()["code"] == "refund_unexpected_state"
    factories.assert_books_close()

    with pytest.raises(AnotherPersonNeeded):
        transfers.confirm(row.pk, by=MAKER)
    transfers.confirm(row.pk, by=CHECKER)
    assert shop.get(f"refunds/{row.refund_id}")["status"] == "succeeded"
    assert shop.get(f"payment_intents/{bounced['intent']}")["amount_refunded"] == 1999
    order = shop.get(f"orders/{bounced['order']}")
    assert (order["status"], order["lines"][0]["quantity_refunded"]) == ("refunded", 1)
    closed = AttentionItem.objects.get(pk=bounced["item"])
    assert (closed.closed_by, closed.closed_because) == (
        CHECKER,
        "19.99 USD by bank transfer TRF-1 from main-usd",
    )
    told = Event.objects.filter(object_id=row.refund_id).order_by("sequence").values_list("type", flat=True)
    assert list(told) == ["refund.created", "refund.succeeded"]
    balances = ledger.trial_balance()
    assert balances["order_clearing", "USD"] == 0
    assert balances["bank/main-usd", "USD"] == -1999
    assert balances["psp_receivable/stripe-us", "USD"] == 1999
    factories.assert_books_close()


def test_confirming_twice_posts_once(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    row = transfers.propose(draft(item=bounced["item"]), by=MAKER)
    transfers.confirm(row.pk, by=CHECKER)
    with pytest.raises(refusals.TransferDecidedAlready, match="staff finn has confirmed it at"):
        transfers.confirm(row.pk, by="staff fred")
    with pytest.raises(refusals.TransferDecidedAlready):
        transfers.withdraw(row.pk, because="too late", by=MAKER)
    assert ledger.trial_balance()["bank/main-usd", "USD"] == -1999


def test_it_is_booked_for_the_day_on_which_it_left_the_bank(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    sql("UPDATE payments_capture SET captured_at = captured_at - interval '9 days'")
    day = timezone.now().date() - timedelta(days=3)
    row = transfers.propose(draft(item=bounced["item"], value_date=day), by=MAKER)
    transfers.confirm(row.pk, by=CHECKER)
    [transfer] = ledger.journal([row.refund_id])
    assert (transfer.event, transfer.effective_at.date()) == ("refund_transferred", day)
    assert transfer.narrative == "Refund of 19.99 USD by bank transfer left main-usd"


def test_what_is_withdrawn_can_be_given_back_otherwise(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    row = transfers.propose(draft(item=bounced["item"]), by=MAKER)
    transfers.withdraw(row.pk, because="It was never sent.", by=MAKER)
    assert shop.get(f"refunds/{row.refund_id}")["status"] == "canceled"
    assert shop.get(f"orders/{bounced['order']}")["lines"][0]["quantity_refunded"] == 0
    assert item().pk == bounced["item"], "somebody has to look after it still"
    factories.assert_books_close()

    again = transfers.propose(draft(item=bounced["item"]), by=MAKER)  # the same reference: the first one is void
    transfers.confirm(again.pk, by=CHECKER)
    factories.assert_books_close()


def test_a_matter_is_settled_when_nothing_of_it_is_left(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    part = transfers.propose(draft(1000, item=bounced["item"]), by=MAKER)
    assert transfers.look(item=bounced["item"]).left == 999
    rest = transfers.propose(draft(999, item=bounced["item"], bank_reference="TRF-2"), by=MAKER)
    transfers.confirm(part.pk, by=CHECKER)
    assert item().pk == bounced["item"], "the rest waits for the second person"
    transfers.confirm(rest.pk, by=CHECKER)
    assert AttentionItem.objects.get(pk=bounced["item"]).closed_at is not None
    assert shop.get(f"orders/{bounced['order']}")["status"] == "refunded"
    factories.assert_books_close()


def test_what_the_customers_bank_sends_back_is_owed_again(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    row = transfers.propose(draft(item=bounced["item"]), by=MAKER)
    with pytest.raises(refusals.TransferDecidedAlready):
        transfers.returned(row.pk, on=timezone.now().date(), because="No such account.", by=MAKER)
    transfers.confirm(row.pk, by=CHECKER)
    transfers.returned(row.pk, on=timezone.now().date(), because="No such account.", by=MAKER)
    assert shop.get(f"refunds/{row.refund_id}")["status"] == "bounced"
    assert (item().kind, item().object_id) == ("refund_bounced", row.refund_id)
    assert ledger.trial_balance()["bank/main-usd", "USD"] == 0
    assert shop.get(f"orders/{bounced['order']}")["status"] == "paid"
    factories.assert_books_close()

    right = transfers.propose(draft(item=item().pk, bank_reference="TRF-2"), by=MAKER)
    transfers.confirm(right.pk, by=CHECKER)
    assert ledger.trial_balance()["order_clearing", "USD"] == 0
    factories.assert_books_close()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"bank_account": "main-nowhere"}, "bank_transfer_invalid"),
        ({"bank_account": "main-eur"}, "bank_transfer_invalid"),
        ({"bank_reference": " "}, "bank_transfer_invalid"),
        ({"because": "so"}, "bank_transfer_invalid"),
        ({"value_date": date(2020, 1, 1)}, "bank_transfer_invalid"),
        ({"value_date": date(2199, 1, 1)}, "bank_transfer_invalid"),
        ({"amount": 2000}, "refund_exceeds_refundable"),
        ({"amount": 0}, "refund_nothing_to_refund"),
    ],
)
def test_what_cannot_be_is_refused(bounced: dict[str, Any], wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        transfers.propose(draft(**{"item": bounced["item"], **wrong}), by=MAKER)
    assert refusal.value.code == code
    assert not BankTransfer.objects.exists()


def test_a_transfer_of_the_bank_is_recorded_once(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    transfers.propose(draft(1000, item=bounced["item"]), by=MAKER)
    with pytest.raises(refusals.TransferRecordedAlready):
        transfers.propose(draft(999, item=bounced["item"]), by=CHECKER)
    assert BankTransfer.objects.count() == 1
    factories.assert_books_close()


def test_what_its_method_can_give_back_is_refunded_the_usual_way(shop: factories.Shop) -> None:
    intent = shop.paid(1999)
    with pytest.raises(refusals.TransferNotNeeded):
        transfers.propose(draft(payment_intent=intent["id"]), by=MAKER)


def test_past_its_window_it_goes_by_bank(shop: factories.Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = shop.paid(1999)
    short = dataclasses.replace(catalogue.METHODS["card"], refund_window_days=90)
    monkeypatch.setitem(catalogue.METHODS, "card", short)
    sql("UPDATE payments_capture SET captured_at = captured_at - interval '91 days'")
    row = transfers.propose(draft(500, payment_intent=intent["id"]), by=MAKER)
    transfers.confirm(row.pk, by=CHECKER)
    made = shop.get(f"refunds/{row.refund_id}")
    assert (made["status"], made["reason"], made["note"]) == ("succeeded", "other", "The card was closed.")
    assert shop.get(f"orders/{intent['order']}")["status"] == "partially_refunded"
    factories.assert_books_close()


def test_from_its_payment_it_settles_the_open_matter_too(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    row = transfers.propose(draft(payment_intent=bounced["intent"]), by=MAKER)
    assert row.item_id == bounced["item"]
    transfers.confirm(row.pk, by=CHECKER)
    assert AttentionItem.objects.get(pk=bounced["item"]).closed_at is not None


@pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.DECLINED, Verdict.CANCELED])
def test_no_psp_has_a_say_in_it(shop: factories.Shop, bounced: dict[str, Any], verdict: Verdict) -> None:
    """Anybody there can write our reference on a refund of the payment: that one was made outside."""
    row = transfers.propose(draft(1000, item=bounced["item"]), by=MAKER)
    tell(news(Refund.objects.get(pk=row.refund_id), verdict))
    assert Refund.objects.get(pk=row.refund_id).status == "proposed"
    assert Refund.objects.filter(origin="outside").count() == 1


def test_the_database_refuses_one_person_and_second_thoughts(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    row = transfers.propose(draft(item=bounced["item"]), by=MAKER)
    mine, refund = key(row.pk), key(row.refund_id)
    table = "UPDATE refunds_banktransfer SET"
    with refused("transfer_maker_is_not_checker"):
        sql(f"{table} decision = 'confirmed', decided_by = %s, decided_at = now() WHERE id = %s", MAKER, mine)
    with refused("is not confirmed by a second person"):
        sql("UPDATE refunds_refund SET status = 'succeeded', settled_at = now() WHERE id = %s", refund)
    with refused("refund_by_bank_or_by_psp"):
        sql("UPDATE refunds_refund SET status = 'requested' WHERE id = %s", refund)
    with refused("a bank transfer stays as it was proposed"):
        sql(f"{table} bank_account = 'mine' WHERE id = %s", mine)
    with refused("transfer_recorded_once"):
        copy("refunds_banktransfer", mine, refund_id=str(key(bounced["refund"])))
    with refused("a bank transfer is never deleted"):
        sql("DELETE FROM refunds_banktransfer WHERE id = %s", mine)
    transfers.confirm(row.pk, by=CHECKER)
    with refused("a bank transfer is decided once"):
        sql(f"{table} decided_by = 'staff somebody else' WHERE id = %s", mine)


def test_the_check_finds_what_was_done_behind_the_guards(shop: factories.Shop, bounced: dict[str, Any]) -> None:
    row = transfers.propose(draft(item=bounced["item"]), by=MAKER)
    with behind_the_guards():
        sql("UPDATE refunds_refund SET status = 'succeeded', settled_at = now() WHERE id = %s", key(row.refund_id))
    assert any(found.startswith("transfer_maker_checker") for found in factories.broken())


def test_a_payment_without_captures_owes_nothing(shop: factories.Shop) -> None:
    intent = shop.intent()
    with pytest.raises(refusals.TransferNotNeeded):
        transfers.look(payment_intent=intent["id"])
    assert not Capture.objects.exists()
