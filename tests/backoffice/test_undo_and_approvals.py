"""What was asked for is taken back in time; what is beyond a limit waits for a second person, who sees what it does."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from payments.kernel import clock
from refunds.models import Refund
from tests import factories
from tests.backoffice import pages
from tests.backoffice.test_refund_form import fill, send

QUEUE = pages.list_of("refunds", "refund") + "waiting/"


@pytest.fixture
def support(staff: Any) -> Client:
    """An agent's browser."""
    browser: Client = staff("support")
    return browser


@pytest.fixture
def lead(support: Client, staff: Any) -> Client:
    """The lead's browser."""
    browser: Client = staff("support_lead")
    return browser


@pytest.fixture
def waiting(support: Client, shop: factories.Shop) -> dict[str, Any]:
    """300.00 USD of order B-1, for which an agent needs a second person."""
    much = shop.paid(50_000, reference="B-1")
    send(support, much, fill(support, much, amount="300.00", note="Two parcels were lost."))
    return {**much, "refund": Refund.objects.get().pk}


def refund_page(pk: str, page: str = "change") -> str:
    return pages.page_of("refunds", "refund", pk, page)


def press(browser: Client, pk: str, page: str, **fields: str) -> str:
    """What is read after a button of a refund was pressed."""
    answer = browser.post(refund_page(pk, page), fields, follow=True)
    assert answer.status_code == 200
    return pages.plain(answer.content.decode())


def test_one_click_takes_it_back_on_the_page_of_its_payment(support: Client, paid: dict[str, Any]) -> None:
    shown = send(support, paid, fill(support, paid, amount="5.00"))
    held = Refund.objects.get()
    assert f"5.00 USD held until {held.held_until:%H:%M:%S} UTC , then it is sent." in shown
    html = support.get(pages.payment(paid["id"])).content.decode()
    assert f'<form method="post" action="{refund_page(held.pk, "cancel")}"' in html, "it works without scripts"

    answer = support.post(refund_page(held.pk, "cancel"), {"from": "payment"}, follow=True)
    assert answer.redirect_chain == [(pages.payment(paid["id"]), 302)]
    said = pages.plain(answer.content.decode())
    assert "Taken back: 5.00 USD stay here, and can be refunded again." in said
    assert "Refundable now 19.99 USD" in said
    assert "held until" not in said
    factories.later("send_refund")
    assert Refund.objects.get().status == "canceled"
    factories.assert_books_close()


def test_the_page_of_the_refund_has_the_same_button(support: Client, paid: dict[str, Any]) -> None:
    send(support, paid, fill(support, paid, amount="5.00"))
    pk = Refund.objects.get().pk
    html = support.get(refund_page(pk)).content.decode()

    assert "5.00 USD held until" in pages.plain(html)
    seconds = int(html.partition('data-seconds="')[2].partition('"')[0])
    assert 20 <= seconds <= 30
    assert "Taken back: 5.00 USD" in press(support, pk, "cancel")


def test_too_late_is_said_in_plain_words(support: Client, paid: dict[str, Any], sim: factories.Simulator) -> None:
    sim.scenario("refunds.create", "reset_after", times=1)
    send(support, paid, fill(support, paid, amount="5.00"))
    pk = Refund.objects.get().pk
    factories.later("send_refund")
    assert Refund.objects.get().status == "unknown"

    sent = f"{Refund.objects.get().sent_at:%H:%M:%S}"
    said = f"5.00 USD cannot be taken back any more: it was sent to the bank at {sent} UTC. Nothing was changed."
    assert said in press(support, pk, "cancel")


def test_twice_taken_back_is_once(support: Client, paid: dict[str, Any]) -> None:
    send(support, paid, fill(support, paid, amount="5.00"))
    pk = Refund.objects.get().pk
    press(support, pk, "cancel")
    assert "it was canceled already" in press(support, pk, "cancel")


def test_who_may_not_refund_sees_no_button(support: Client, staff: Any, paid: dict[str, Any]) -> None:
    send(support, paid, fill(support, paid, amount="5.00"))
    finance = staff("finance")
    for address in (pages.payment(paid["id"]), refund_page(Refund.objects.get().pk)):
        assert "Take it back" not in finance.get(address).content.decode()


# --- the queue


def test_the_queue_says_what_waits_oldest_first(
    lead: Client, support: Client, shop: factories.Shop, waiting: dict[str, Any]
) -> None:
    second = shop.paid(40_000, reference="B-2")
    send(support, second, fill(support, second, amount="260.00"))
    Refund.objects.filter(pk=waiting["refund"]).update(created_at=clock.now() - timedelta(hours=26))

    shown = pages.text(lead, QUEUE)
    assert "2 refunds wait for a second person" in shown
    first = "1 d 2 h 300.00 USD staff support more than 250.00 USD at once Damaged or not as described:"
    assert f"{first} Two parcels were lost. B-1 0 min 260.00 USD" in shown
    assert shown.index("B-1") < shown.index("B-2")


def test_the_menu_counts_for_who_decides(lead: Client, support: Client, waiting: dict[str, Any]) -> None:
    assert "Approvals 1" in pages.text(lead, "/admin/")
    assert "Approvals: 1" in pages.text(lead, "/admin/"), "on a phone the menu is folded away"
    assert "Approvals" not in pages.text(support, "/admin/")
    assert support.get(QUEUE).status_code == 403


def test_an_empty_queue_says_so(lead: Client) -> None:
    shown = pages.text(lead, QUEUE)
    assert "Nothing waits for a second person" in shown
    assert "What is asked for beyond a limit appears here." in shown


def test_a_lead_sees_what_it_changes_and_approves(lead: Client, waiting: dict[str, Any]) -> None:
    shown = pages.text(lead, refund_page(waiting["refund"]))
    assert "What approving changes What Now After Captured 500.00 USD 500.00 USD" in shown
    assert "Refunded of this payment 0.00 USD 300.00 USD" in shown
    assert "Order B-1, refunded 0.00 USD 300.00 USD The order is Paid Partially refunded" in shown
    assert "Payout: stripe-us takes it out of what it pays out next." in shown

    said = press(lead, waiting["refund"], "approve")
    assert "Approved: 300.00 USD go back at" in said
    assert "300.00 USD held until" in said
    factories.later("send_refund")
    assert Refund.objects.get().status == "succeeded"
    factories.assert_books_close()


def test_a_lead_rejects_and_the_agent_reads_why(lead: Client, support: Client, waiting: dict[str, Any]) -> None:
    pk = waiting["refund"]
    assert "This field is required." in press(lead, pk, "reject", reason="")
    assert "never written down here" in press(lead, pk, "reject", reason="4242 4242 4242 4242")
    assert Refund.objects.get().status == "needs_approval"

    said = press(lead, pk, "reject", reason="The parcels have come.")
    assert "Rejected: 300.00 USD stay here, and can be refunded otherwise." in said
    assert "The parcels have come." in pages.text(support, refund_page(pk))
    assert "Refundable now 500.00 USD" in pages.text(support, pages.payment(waiting["id"]))
    factories.assert_books_close()


def test_nobody_sees_the_buttons_for_his_own(lead: Client, shop: factories.Shop) -> None:
    much = shop.paid(2_000_000)
    send(lead, much, fill(lead, much, amount="15000.00"))
    pk = Refund.objects.get().pk
    html = lead.get(refund_page(pk)).content.decode()

    assert "You asked for this yourself: somebody else decides." in html
    assert refund_page(pk, "approve") not in html
    assert refund_page(pk, "reject") not in html
    assert refund_page(pk, "cancel") in html
    assert "1 of them is your own: somebody else decides about it." in pages.text(lead, QUEUE)
    assert "somebody else decides" in press(lead, pk, "approve")
    assert Refund.objects.get().status == "needs_approval"


def test_a_lead_is_told_when_it_is_beyond_his_limit_as_well(lead: Client, shop: factories.Shop) -> None:
    User.objects.create_user("lena", is_staff=True).groups.set(Group.objects.filter(name="support_lead"))
    other = pages.signed_in(User.objects.get(username="lena"))
    much = shop.paid(2_000_000)
    send(lead, much, fill(lead, much, amount="15000.00"))
    pk = Refund.objects.get().pk

    assert "It is beyond your own limit as well: 10,000.00 USD go back on your word now." in pages.text(
        other, refund_page(pk)
    )
    assert "It is beyond your own limit as well" in press(other, pk, "approve")
    assert Refund.objects.get().status == "needs_approval"
