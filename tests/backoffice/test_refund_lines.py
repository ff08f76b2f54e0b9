"""Support gives back what the customer names: lines of the order, the whole order, or what its method still allows."""

import dataclasses
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from payments.methods import catalogue
from refunds.models import Refund, RefundLine
from tests import factories
from tests.backoffice import pages
from tests.backoffice.test_refund_form import fill, send
from tests.byhand import sql

CARD = catalogue.METHODS["card"]


@pytest.fixture
def support(staff: Any) -> Client:
    """An agent's browser."""
    browser: Client = staff("support")
    return browser


@pytest.fixture
def basket(shop: factories.Shop) -> dict[str, Any]:
    """Three mugs of 10.00 USD together, a gift, and shipping; paid."""
    lines = [
        {"sku": "MUG", "name": "Blue mug", "quantity": 3, "unit_amount": 350, "discount_amount": 50},
        {"sku": "CARD", "name": "Greeting card", "quantity": 1, "unit_amount": 0},
    ]
    order = shop.order(0, lines=lines, shipping_amount=499)
    return shop.confirm(shop.intent(order))


def units(intent: dict[str, Any], shop: factories.Shop, many: int, line: int = 0) -> dict[str, str]:
    """The fields that say so many units of one line."""
    order = shop.get(f"orders/{intent['order']}")
    return {"by": "lines", f"units_{order['lines'][line]['id']}": str(many)}


def test_the_amount_follows_from_the_lines(support: Client, shop: factories.Shop, basket: dict[str, Any]) -> None:
    opened = pages.text(support, pages.payment(basket["id"], "refund"))
    assert "Blue mug 3 × MUG, 10.00 USD together of 3" in opened
    assert "Greeting card 1 × CARD, 0.00 USD together It cost nothing." in opened
    assert "Shipping of 4.99 USD is no line: give it back by amount." in opened

    send(support, basket, fill(support, basket, **units(basket, shop, 1)))
    send(support, basket, fill(support, basket, **units(basket, shop, 2)))
    made = list(Refund.objects.order_by("pk").values_list("amount_minor", flat=True))
    assert made == [333, 667], "a third, then the rest of it: nothing is lost to rounding"
    assert list(RefundLine.objects.order_by("pk").values_list("quantity", flat=True)) == [1, 2]

    html = support.get(pages.payment(basket["id"], "refund")).content.decode()
    assert "Blue mug 3 × MUG, 10.00 USD together; 3 given back All of it was given back" in pages.plain(html)
    line = shop.get(f"orders/{basket['order']}")["lines"][0]["id"]
    assert f'name="units_{line}"' not in html, "what cannot be asked for has no field"
    factories.later("send_refund")
    assert shop.get(f"orders/{basket['order']}")["lines"][0]["quantity_refunded"] == 3
    factories.assert_books_close()


@pytest.mark.parametrize(
    ("many", "words"),
    [
        ("", "Say of at least one line how many units go back."),
        ("0", "Say of at least one line how many units go back."),
        ("4", "Ensure this value is less than or equal to 3."),
        ("-1", "Ensure this value is greater than or equal to 0."),
        ("some", "Enter a whole number."),
    ],
)
def test_units_that_cannot_be_are_said(
    support: Client, shop: factories.Shop, basket: dict[str, Any], many: str, words: str
) -> None:
    form = fill(support, basket, **units(basket, shop, 1))
    form = {name: many if name.startswith("units_") else value for name, value in form.items()}

    assert words in send(support, basket, form)
    assert not Refund.objects.exists()


def test_lines_twice_within_minutes_are_asked_about(support: Client, shop: factories.Shop) -> None:
    line = {"sku": "MUG", "name": "Blue mug", "quantity": 2, "unit_amount": 500}
    paid = shop.confirm(shop.intent(shop.order(0, lines=[line])))
    send(support, paid, fill(support, paid, **units(paid, shop, 1)))
    form = fill(support, paid, **units(paid, shop, 1))

    assert "If it is meant once more, say so." in send(support, paid, form)
    assert "5.00 USD go back at" in send(support, paid, {**form, "confirm_duplicate": "on"})
    assert Refund.objects.count() == 2


def test_all_that_is_left_is_what_was_seen(support: Client, paid: dict[str, Any]) -> None:
    seen = fill(support, paid, by="all")
    send(support, paid, fill(support, paid, amount="5.00"))

    shown = send(support, paid, seen)
    assert "Meanwhile something else was given back: 14.99 USD are left now. Look again." in shown
    assert Refund.objects.count() == 1
    send(support, paid, fill(support, paid, by="all"))
    assert Refund.objects.order_by("-pk")[0].amount_minor == 1499


def test_the_whole_order_goes_back_from_all_that_paid_it(support: Client, shop: factories.Shop) -> None:
    order = shop.order(3000)
    first = shop.confirm(shop.intent(order, amount=1000))
    second = shop.confirm(shop.intent(order))

    opened = pages.text(support, pages.payment(first["id"], "refund"))
    assert "This payment: up to 10.00 USD The whole order: up to 30.00 USD, paid by several payments" in opened
    send(support, first, fill(support, first, scope="order", by="all"))
    factories.later("send_refund")

    by_payment = dict(Refund.objects.values_list("intent_id", "amount_minor"))
    assert by_payment == {first["id"]: 1000, second["id"]: 2000}
    assert shop.get(f"orders/{order['id']}")["status"] == "refunded"
    factories.assert_books_close()


def test_a_line_that_another_payment_paid_goes_back_with_the_order(support: Client, shop: factories.Shop) -> None:
    order = shop.order(3000)
    first = shop.confirm(shop.intent(order, amount=1000))
    second = shop.confirm(shop.intent(order))

    said = send(support, first, fill(support, first, **units(first, shop, 1)))
    assert "10.00 USD can be refunded." in said
    said = send(support, first, fill(support, first, scope="order", **units(first, shop, 1)))
    assert "No single payment covers these lines: refund by amount." in said
    assert not Refund.objects.exists()
    assert second["status"] == "succeeded"


def test_one_payment_is_not_asked_whose_money_it_is(support: Client, paid: dict[str, Any]) -> None:
    assert 'name="scope"' not in support.get(pages.payment(paid["id"], "refund")).content.decode()


def test_who_is_asked_about_much_money_knows_it_before(support: Client, shop: factories.Shop) -> None:
    much = shop.paid(30_000)

    opened = pages.text(support, pages.payment(much["id"], "refund"))
    assert "Up to 250.00 USD go back on your own word now. More than that waits for a second person." in opened
    shown = send(support, much, fill(support, much, by="all"))
    assert "300.00 USD wait for a second person: more than 250.00 USD at once." in shown


def test_past_its_window_it_says_what_to_do_instead(
    support: Client, shop: factories.Shop, paid: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalogue.METHODS, "card", dataclasses.replace(CARD, refund_window_days=90))
    before = pages.text(support, pages.payment(paid["id"], "refund"))
    assert "gives this money back until" in before
    sql("UPDATE payments_capture SET captured_at = captured_at - interval '91 days'")

    html = support.get(pages.payment(paid["id"], "refund")).content.decode()
    assert "19.99 USD stay with us until finance pays them back by bank transfer. Ask finance" in pages.plain(html)
    assert 'name="reason"' not in html, "nothing can be asked for here"


def test_the_lead_who_is_of_finance_too_gets_there_by_one_click(
    support: Client, paid: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.get(username="support").groups.add(Group.objects.get(name="finance"))
    monkeypatch.setitem(catalogue.METHODS, "card", dataclasses.replace(CARD, refund_window_days=90))
    sql("UPDATE payments_capture SET captured_at = captured_at - interval '91 days'")

    html = support.get(pages.payment(paid["id"], "refund")).content.decode()
    assert f'new/?payment={paid["id"]}">Record the bank transfer</a>' in html


def test_a_method_that_gives_back_all_or_nothing_offers_nothing_else(
    support: Client, paid: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = {psp: dataclasses.replace(offer, partial_refund=False) for psp, offer in CARD.offers.items()}
    monkeypatch.setitem(catalogue.METHODS, "card", dataclasses.replace(CARD, offers=offers))

    html = support.get(pages.payment(paid["id"], "refund")).content.decode()
    assert "gives back all of it only." in html
    assert ('value="all" checked' in html, 'value="amount"' in html, 'value="lines"' in html) == (True, False, False)
    send(support, paid, fill(support, paid, by="all"))
    assert Refund.objects.get().amount_minor == 1999


def test_what_is_in_dispute_is_shown_and_stays(support: Client, paid: dict[str, Any]) -> None:
    sql("UPDATE payments_paymentintent SET amount_disputed_minor = 500")

    shown = pages.text(support, pages.payment(paid["id"], "refund"))
    assert "In dispute, or lost to one 5.00 USD 5.00 USD" in shown
    assert "All that is left: 14.99 USD" in shown
