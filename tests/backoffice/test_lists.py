"""Lists: what narrows them is seen, said and taken away again; every row leads to its own page, once."""

import re
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client

from payments.admin import lists
from payments.admin.orders import OrderAdmin
from payments.kernel.records import StateChange
from tests import factories
from tests.backoffice import pages

PAYMENTS = pages.list_of("payments", "paymentintent")
FIRST = re.compile(r'<th class="field-[^>]*>(.*?)</th>', re.DOTALL)


@pytest.mark.parametrize("table", ["payments.delivery", "payments.statechange", "payments.entry", "payments.order",
                                   "payments.customer", "refunds.refundline", "payments.idempotencykey"])  # fmt: skip
def test_a_row_begins_with_one_link_that_has_words(
    boss: Client, shop: factories.Shop, paid: dict[str, Any], table: str
) -> None:
    line = shop.get(f"orders/{paid['order']}")["lines"][0]
    shop.post("refunds", {"order": paid["order"], "lines": [{"line": line["id"], "quantity": 1}], "reason": "damaged"})
    StateChange.objects.create(object_id=paid["id"], from_state="a", to_state="b", event="x", because="y", by="z")
    html = boss.get(pages.list_of(*table.split("."))).content.decode()

    for cell in FIRST.findall(html):
        assert cell.count("<a ") == 1, cell
        assert "<button" not in cell, cell
        assert pages.plain(cell), cell


def test_what_narrows_a_list_is_a_chip_that_takes_it_away(boss: Client, paid: dict[str, Any]) -> None:
    html = boss.get(PAYMENTS, {"status__exact": "requires_action", "created": "7", "q": "7731"}).content.decode()
    chips = dict(re.findall(r'<a class="bo-chip" href="([^"]*)" aria-label="Remove ([^"]*)"', html))

    assert set(chips.values()) == {"Search: 7731", "Status: Requires action", "Created (UTC): Last 7 days"}
    without = {words: address.replace("&amp;", "&") for address, words in chips.items()}
    assert without["Status: Requires action"] == "?created=7&q=7731"
    assert 'class="bo-chip"' not in boss.get(PAYMENTS).content.decode()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"colour": "red"}, "cannot be narrowed by colour = red"),
        ({"created": "never"}, "cannot be narrowed by created = never"),
        ({"status__exact": "failed"}, "cannot be narrowed by status__exact = failed"),
        ({"status__nothing": "x"}, "cannot be narrowed by status__nothing = x"),
        ({"amount_minor": "1"}, "cannot be narrowed by amount_minor = 1"),
    ],
)
def test_what_a_list_does_not_understand_is_said_and_left_out(
    boss: Client, paid: dict[str, Any], query: dict[str, str], words: str
) -> None:
    answer = boss.get(PAYMENTS, {**query, "q": "7731"}, follow=True)

    assert words in pages.plain(answer.content.decode())
    assert answer.redirect_chain == [(f"{PAYMENTS}?q=7731", 302)]


def test_the_next_page_is_one_large_button_away(boss: Client, shop: factories.Shop) -> None:
    client = shop.client
    StateChange.objects.bulk_create(
        StateChange(object_id=client.pk, from_state="a", to_state="b", event="x", because=f"{n}", by="z")
        for n in range(120)
    )
    address = pages.list_of("payments", "statechange")
    first, last = (pages.text(boss, address, p=page) for page in (1, 3))

    assert "Page 1 of 3 Older" in first
    assert "Newer Page 3 of 3" in last
    assert "Newer" not in first
    assert "Older" not in last


def test_a_far_page_shows_the_same_rows_as_if_all_before_it_had_been_read(
    boss: Client, shop: factories.Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [shop.order(1000 + number, reference=f"FAR-{number}") for number in range(5)]
    monkeypatch.setattr(OrderAdmin, "list_per_page", 2)
    near = [pages.text(boss, pages.list_of("payments", "order"), p=page) for page in (1, 2, 3)]
    monkeypatch.setattr(lists, "FAR", 1)
    far = [pages.text(boss, pages.list_of("payments", "order"), p=page) for page in (1, 2, 3)]

    assert far == near
    assert orders[2]["reference"] in far[1]
    assert orders[1]["reference"] in far[1]


def test_what_would_be_dear_to_count_is_not_counted_unless_its_end_is_seen(
    boss: Client, shop: factories.Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        shop.order(1000, reference=f"DEAR-{number}")
    monkeypatch.setattr(lists, "DEAR", 0.0)
    address = pages.list_of("payments", "order")

    assert "3 orders" in pages.text(boss, address, status__exact="open")
    monkeypatch.setattr(OrderAdmin, "list_per_page", 2)
    first, last = (pages.text(boss, address, status__exact="open", p=page) for page in (1, 2))
    assert "many orders, not counted" in first
    assert "Older" in first
    assert "3 orders" in last
    assert "Older" not in last


def test_filters_open_as_a_dialog_with_a_button_that_closes_it(boss: Client) -> None:
    html = boss.get(PAYMENTS).content.decode()

    assert re.search(r'<button type="button" id="filters-open"[^>]*aria-haspopup="dialog"', html)
    assert 'role="dialog" aria-modal="true" aria-labelledby="filters-title"' in html
    assert 'aria-label="Close the filters"' in html
    assert "Requires payment method" in html, "states are said in words"


def test_the_menu_and_the_page_call_things_the_same(boss: Client) -> None:
    for table, name in (("paymentintent", "Payments"), ("inboundevent", "PSP notifications"), ("account", "Ledger")):
        html = boss.get(pages.list_of("payments", table)).content.decode()
        assert re.search(rf"<h1[^>]*>\s*<span[^>]*>{name}", html), table


def test_a_page_has_one_main_part_and_a_way_to_skip_to_it(boss: Client) -> None:
    html = boss.get(PAYMENTS).content.decode()

    assert html.count("<main ") == 1
    assert html.count("<header>") == 1
    assert '<a class="bo-skip" href="#content-start">' in html
    assert '<nav id="nav-sidebar-inner" aria-label="Menu"' in html


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/", 200, "Back office API documentation"),
        ("/nowhere", 404, "There is no such page"),
        ("/admin/nowhere/", 404, "There is no such page"),
        ("/admin/auth/user/", 403, "Your role may not do this You are logged in as support ."),
    ],
)
def test_what_cannot_be_shown_is_a_page_with_a_way_back(staff: Any, address: str, status: int, words: str) -> None:
    answer = staff("support").get(address)

    assert answer.status_code == status
    assert words in pages.plain(answer.content.decode())
    assert 'href="/admin/"' in answer.content.decode()


def test_what_went_wrong_is_said_without_anything_that_could_fail_too() -> None:
    shown = pages.plain(render_to_string("500.html"))

    assert "Before you repeat what moves money, look whether it has happened." in shown


def test_a_form_that_cannot_be_checked_changes_nothing_and_says_so(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "x", "password": "y"})

    assert answer.status_code == 403
    assert "Nothing was changed. It was open for too long" in pages.plain(answer.content.decode())


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/admin/payments/paymentattempt/", "account__is"),
        ("/admin/payments/paymentattempt/", "status__exact"),
        ("/admin/dashboards/approval/", "country"),
        ("/admin/uptime/", "account"),
    ],
)
def test_an_address_that_nothing_can_be_called_by_is_refused_by_name(boss: Client, address: str, name: str) -> None:
    answer = boss.get(address, {name: "stripe\x00us"})
    assert answer.status_code == 400
    assert f"There is a NUL in {name}." in pages.plain(answer.content.decode())
