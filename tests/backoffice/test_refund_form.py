"""Support gives money back: the form looks through the payment first, asks once, and the page tells what came of it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from payments.gateway.models import ProviderCall
from payments.rest.models import IdempotencyKey
from refunds.models import Origin, Refund
from tests import factories
from tests.backoffice import pages


@pytest.fixture
def support(staff: Any) -> Client:
    """An agent's browser."""
    browser: Client = staff("support")
    return browser


def fill(client: Client, intent: dict[str, Any], **fields: str) -> dict[str, str]:
    """The form as it is opened and filled in: what the browser would send."""
    opened = client.get(pages.payment(intent["id"], "refund"))
    assert opened.status_code == 200
    return {**pages.hidden(opened.content.decode()), "amount": "", "reason": "damaged", "note": "", **fields}


def send(client: Client, intent: dict[str, Any], form: dict[str, str]) -> str:
    """What the agent reads after sending it."""
    answer = client.post(pages.payment(intent["id"], "refund"), form, follow=True)
    assert answer.status_code == 200
    return pages.plain(answer.content.decode())


def test_a_part_goes_back_and_the_page_tells_it(support: Client, paid: dict[str, Any]) -> None:
    before = pages.text(support, pages.payment(paid["id"]))
    assert "Paid 19.99 USD by Visa •4242" in before
    assert "captured by stripe-us." in before

    shown = send(support, paid, fill(support, paid, amount="5.00", note="The handle was chipped."))
    assert "5.00 USD go back at" in shown
    assert ProviderCall.objects.filter(kind="refund").count() == 0, "nothing waits for a PSP while somebody looks"

    factories.later("send_refund")
    refund = Refund.objects.get()
    after = pages.text(support, pages.payment(paid["id"]))
    assert (refund.status, refund.amount_minor, refund.origin) == ("succeeded", 500, Origin.STAFF)
    assert (refund.requested_by, refund.note) == ("staff support", "The handle was chipped.")
    assert "5.00 USD went back on" in after
    assert "19.99 USD Partly refunded" in after
    assert "Refundable now 14.99 USD" in after
    assert "Refund of 5.00 USD asked for Damaged or not as described: The handle was chipped." in after
    assert "Refund: Held → Sent" in after
    assert "Went back to the customer 5.00 USD" in after
    factories.assert_books_close()


def test_the_rest_is_exact_after_an_earlier_part(support: Client, paid: dict[str, Any]) -> None:
    send(support, paid, fill(support, paid, amount="19.98"))
    html = support.get(pages.payment(paid["id"], "refund")).content.decode()
    assert "All that is left: <span data-all>0.01 USD</span>" in html
    assert 'name="amount" value' not in html, "nothing is filled in that could be sent by accident"
    send(support, paid, fill(support, paid, by="all"))
    factories.later("send_refund")

    shown = pages.text(support, pages.payment(paid["id"]))
    assert "All of it went back" in shown
    assert "Payment of A-2026-7731 19.99 USD Refunded Paid 19.99 USD" in shown
    listed = pages.text(support, pages.list_of("payments", "paymentintent"))
    assert "19.99 USD Refunded 19.99 USD A-2026-7731" in listed
    assert "Nothing is left to refund." in shown
    factories.assert_books_close()


def test_the_form_shows_what_it_changes_before_it_is_sent(support: Client, paid: dict[str, Any]) -> None:
    send(support, paid, fill(support, paid, amount="4.00"))
    shown = pages.text(support, pages.payment(paid["id"], "refund"))

    assert "Up to 15.99 USD" in shown
    assert "On its way back 4.00 USD 19.99 USD" in shown
    assert "Already on its way back 4.00 USD held" in shown
    assert "Order A-2026-7731, refunded 0.00 USD 15.99 USD" in shown
    assert "Nobody else is asked: up to 250.00 USD go back on your own word now." in shown
    assert "After it is asked for it can be taken back for 30 seconds." in shown
    assert "The customer sees it 5 to 10 business days after it is sent." in shown
    assert "Payout: stripe-us takes it out of what it pays out next." in shown
    sent = (
        "What we owe the commerce side (order_clearing) is debited, Refunds on their way (refunds_in_flight/stripe-us)"
    )
    assert f"When it is sent: {sent} is credited." in shown


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"amount": ""}, "Write how much goes back, or choose “All that is left”."),
        ({"amount": "20.00"}, "19.99 USD can be refunded."),
        ({"amount": "0"}, "The amount must be more than nothing."),
        ({"amount": "-5"}, "The amount must be more than nothing."),
        ({"amount": "5,00"}, "Write it like 19.99, with at most 2 decimals."),
        ({"amount": "5.001"}, "Write it like 19.99, with at most 2 decimals."),
        ({"amount": "much"}, "Write it like 19.99, with at most 2 decimals."),
        ({"amount": "NaN"}, "Write it like 19.99, with at most 2 decimals."),
        ({"amount": "1e1"}, "Write it like 19.99, with at most 2 decimals."),
        ({"amount": "1_0"}, "Write it like 19.99, with at most 2 decimals."),
        ({"amount": "٣"}, "Write it like 19.99, with at most 2 decimals."),
        ({"amount": "5.00", "note": "4242 4242 4242 4242"}, "This looks like a card number"),
        ({"amount": "5.00", "reason": ""}, "This field is required."),
        ({"amount": "5.00", "reason": "other"}, "Say in the note why the money is given back."),
    ],
)
def test_what_cannot_be_done_is_said_beside_the_form(
    support: Client, paid: dict[str, Any], fields: dict[str, str], words: str
) -> None:
    shown = send(support, paid, fill(support, paid, **fields))

    assert words in shown
    assert not Refund.objects.exists()


def test_the_same_amount_again_has_to_be_confirmed(support: Client, paid: dict[str, Any]) -> None:
    send(support, paid, fill(support, paid, amount="5.00"))
    form = fill(support, paid, amount="5.00")

    shown = send(support, paid, form)
    assert "If it is meant once more, say so." in shown
    assert "Yes, give the same amount back once more" in shown
    assert Refund.objects.count() == 1

    shown = send(support, paid, {**form, "confirm_duplicate": "on"})
    assert "5.00 USD go back at" in shown
    assert Refund.objects.count() == 2


def test_a_double_click_refunds_once_even_when_it_was_confirmed(support: Client, paid: dict[str, Any]) -> None:
    form = fill(support, paid, amount="5.00", confirm_duplicate="on")

    for _ in range(3):
        assert "5.00 USD go back at" in send(support, paid, form)
    assert Refund.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_form_from_many_at_once_refunds_once(support: Client, paid: dict[str, Any]) -> None:
    form = fill(support, paid, amount="5.00", confirm_duplicate="on")
    together = threading.Barrier(8)

    def click(_: int) -> int:
        browser = Client()
        browser.cookies = support.cookies
        together.wait(timeout=120)
        try:
            return browser.post(pages.payment(paid["id"], "refund"), form).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(click, range(8))) == [302] * 8, "every click leads to the payment"
    refund = Refund.objects.get()
    assert IdempotencyKey.objects.get(key=form["token"]).object_id == refund.pk
    factories.work()
    factories.assert_books_close()


def test_without_money_there_is_no_button_and_no_refund(support: Client, shop: factories.Shop) -> None:
    unpaid = shop.intent()
    shown = pages.text(support, pages.payment(unpaid["id"]))
    assert "Nothing can be refunded: no money was taken." in shown
    assert "USD are not paid yet." in shown

    opened = support.get(pages.payment(unpaid["id"], "refund"), follow=True)
    assert opened.redirect_chain == [(pages.payment(unpaid["id"]), 302)]
    shown = send(support, unpaid, {"amount": "1.00", "reason": "damaged", "token": "form_of_before"})
    assert "No money was taken" in shown
    assert not Refund.objects.exists()


def test_a_declined_payment_says_why_and_what_the_customer_was_told(support: Client, shop: factories.Shop) -> None:
    declined = shop.confirm(shop.intent(), token="pm_card_chargeDeclinedInsufficientFunds")
    shown = pages.text(support, pages.payment(declined["id"]))

    assert "The last try failed: insufficient funds." in shown
    assert "There are not enough funds." in shown


def test_an_unknown_outcome_is_said_plainly(support: Client, shop: factories.Shop, sim: factories.Simulator) -> None:
    sim.scenario("payment_intents.confirm", "reset_after", times=1)
    unknown = shop.confirm(shop.intent())
    shown = pages.text(support, pages.payment(unknown["id"]))

    assert "is not known yet; it is being asked. Nobody should pay again." in shown


def test_what_the_provider_cannot_say_is_refused_at_once(support: Client, shop: factories.Shop) -> None:
    dinars = shop.confirm(shop.intent(shop.order(5000, "KWD")))

    assert "KWD amounts must end in 0 here." in send(support, dinars, fill(support, dinars, amount="1.234"))
    answer = shop.call("POST", "refunds", {"payment_intent": dinars["id"], "amount": 1234, "reason": "damaged"})
    assert (answer.status_code, answer.json()["code"]) == (422, "refund_amount_not_supported")
    assert answer.json()["detail"] == "KWD amounts must end in 0 here."
    assert not Refund.objects.exists()
    send(support, dinars, fill(support, dinars, amount="1.230"))
    assert Refund.objects.get().amount_minor == 1230


def test_a_currency_without_decimals_has_none(support: Client, shop: factories.Shop) -> None:
    yen = shop.confirm(shop.intent(shop.order(1200, "JPY")))
    assert "Paid 1,200 JPY" in pages.text(support, pages.payment(yen["id"]))

    assert "with at most 0 decimals" in send(support, yen, fill(support, yen, amount="10.5"))
    send(support, yen, fill(support, yen, amount="200"))
    assert Refund.objects.get().amount_minor == 200
