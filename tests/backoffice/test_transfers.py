"""Finance pays back by bank transfer: one records it on a matter's or payment's page, another one confirms it."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from payments.kernel.attention import AttentionItem
from payments.ledger import selectors as ledger
from refunds.models import BankTransfer, Refund
from tests import factories
from tests.backoffice import pages
from tests.refunds import conftest as refunds
from tests.refunds.psp import Psp

psp = refunds.psp


@pytest.fixture
def fay(staff: Any) -> Client:
    """Somebody of finance."""
    browser: Client = staff("finance")
    return browser


@pytest.fixture
def finn(fay: Client) -> Client:
    """Somebody else of finance."""
    user = User.objects.create_user("finn", is_staff=True)
    user.groups.set(Group.objects.filter(name="finance"))
    return pages.signed_in(user)


@pytest.fixture
def bounced(shop: factories.Shop, sim: factories.Simulator, psp: Psp, paid: dict[str, Any]) -> dict[str, Any]:
    """Jane's 19.99 USD went back, and came back."""
    sim.scenario("refunds.create", "bounced_refund", seconds=0, times=1)
    shop.post("refunds", {"payment_intent": paid["id"], "reason": "damaged"})
    factories.work()
    psp.notify(psp.events_once("refund.failed"))
    return paid


def new(**what: str) -> str:
    return pages.list_of("refunds", "banktransfer") + "new/?" + "&".join(f"{name}={pk}" for name, pk in what.items())


def form(**facts: str) -> dict[str, str]:
    """What is written down."""
    day = timezone.now().date().isoformat()
    return {"amount": "19.99", "bank_account": "main-usd", "bank_reference": "TRF-1", "value_date": day,
            "because": "The card was closed.", **facts}  # fmt: skip


def words(answer: Any) -> str:
    """What an answer says, to who follows where it leads."""
    return pages.plain(answer.content.decode())


def test_one_records_and_another_confirms(fay: Client, finn: Client, bounced: dict[str, Any]) -> None:
    payment = fay.get(pages.payment(bounced["id"])).content.decode()
    assert new(payment=bounced["id"]) in payment
    item = AttentionItem.objects.get()
    shown = pages.text(fay, new(item=item.pk))
    assert "Make the transfer at the bank first" in shown
    assert "Up to 19.99 USD." in shown
    assert "The order is Paid Refunded" in shown

    for wrong, said in (
        ({"amount": "20.00"}, "19.99 USD can be given back."),
        ({"amount": "much"}, "Write it like 19.99."),
        ({"because": "4111 1111 1111 1111"}, "This looks like a card number"),
        ({"bank_account": "main-eur"}, "main-eur is not one of the available choices"),
        ({"value_date": "2020-01-01"}, "The day is between"),
    ):
        assert said in words(fay.post(new(item=item.pk), form(**wrong))), wrong
    assert not BankTransfer.objects.exists()

    for _ in range(2):  # a double click
        answer = fay.post(new(item=item.pk), form(), follow=True)
        assert "another person of finance has confirmed it" in words(answer)
    row = BankTransfer.objects.get()
    assert row.proposed_by == "staff finance"
    page = pages.page_of("refunds", "banktransfer", row.pk)
    confirm = pages.page_of("refunds", "banktransfer", row.pk, "confirm")
    assert confirm not in fay.get(page).content.decode(), "who recorded it is not asked"
    assert "somebody else of finance does. Nothing was changed." in words(fay.post(confirm, follow=True))
    assert confirm in finn.get(page).content.decode()
    assert "19.99 USD left main-usd on" in pages.text(finn, confirm)

    for said in ("Confirmed.", "Nothing was changed."):
        assert said in words(finn.post(confirm, follow=True))
    assert ledger.trial_balance()["bank/main-usd", "USD"] == -1999
    item.refresh_from_db()
    assert (item.closed_by, Refund.objects.get(origin="bank").status) == ("staff finn", "succeeded")
    assert "Refunded by" not in pages.text(fay, page)
    assert LogEntry.objects.filter(change_message="Confirmed").count() == 1
    assert "No PSP is asked: finance pays it." in pages.text(fay, pages.page_of("refunds", "refund", row.refund_id))
    told = pages.text(fay, pages.payment(bounced["id"]))
    assert "All of it went back" in told
    assert "Paid by bank transfer, as one person of finance says" in told
    factories.assert_books_close()


def test_what_is_withdrawn_or_comes_back_says_why(fay: Client, finn: Client, bounced: dict[str, Any]) -> None:
    fay.post(new(payment=bounced["id"]), form())
    row = BankTransfer.objects.get()
    withdraw, returned = (pages.page_of("refunds", "banktransfer", row.pk, name) for name in ("withdraw", "returned"))
    finn.post(withdraw, {"reason": "no"})
    row.refresh_from_db()
    assert row.decision == "", "without a reason nothing is withdrawn"
    finn.post(withdraw, {"reason": "It does not stand on the statement."})
    row.refresh_from_db()
    assert (row.decision, row.decided_because) == ("withdrawn", "It does not stand on the statement.")

    fay.post(new(payment=bounced["id"]), form())
    row = BankTransfer.objects.get(decision="")
    finn.post(pages.page_of("refunds", "banktransfer", row.pk, "confirm"))
    returned = pages.page_of("refunds", "banktransfer", row.pk, "returned")
    assert "are on main-usd again" in pages.text(fay, returned)
    fay.post(returned, {"day": timezone.now().date().isoformat(), "reason": "There is no such account."})
    assert AttentionItem.objects.get(closed_at=None).object_id == row.refund_id
    listed = pages.text(fay, pages.list_of("refunds", "banktransfer"))
    assert "Came back main-usd" in listed
    assert "Withdrawn main-usd" in listed
    assert "Nothing matches" in pages.text(fay, pages.list_of("refunds", "banktransfer"), state="waiting")
    factories.assert_books_close()


def test_what_goes_back_the_usual_way_is_not_paid_by_bank(fay: Client, paid: dict[str, Any]) -> None:
    assert "/banktransfer/new" not in fay.get(pages.payment(paid["id"])).content.decode()
    for address in (new(payment=paid["id"]), new(payment="pi_nothing"), new(item="attn_" + "0" * 32), new(payment="")):
        answer = fay.get(address, follow=True)
        assert answer.status_code == 200
        assert "Make the transfer at the bank first" not in words(answer), address


@pytest.mark.parametrize("role", ["support", "support_lead", "engineer", "admin", "nobody"])
def test_only_finance_records_and_confirms(
    staff: Any, fay: Client, bounced: dict[str, Any], boss: Client, role: str
) -> None:
    fay.post(new(payment=bounced["id"]), form())
    row = BankTransfer.objects.get()
    for browser in (staff(role), boss):
        for name in ("confirm", "withdraw", "returned"):
            address = pages.page_of("refunds", "banktransfer", row.pk, name)
            assert (browser.get(address).status_code, browser.post(address).status_code) == (403, 403), name
        assert browser.post(new(payment=bounced["id"]), form(bank_reference="TRF-2")).status_code == 403
    row.refresh_from_db()
    assert (row.decision, BankTransfer.objects.count()) == ("", 1)
