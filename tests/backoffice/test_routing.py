"""Engineers: a rule is drafted, tried on paper, approved and activated by another, and retired; circuits are seen."""

from typing import Any

import pytest
from django.test import Client

from payments.gateway import circuits
from payments.gateway.models import ProviderAccount
from payments.intents.models import RoutingRule
from tests import factories
from tests.backoffice import pages
from tests.backoffice.test_operations import another, engineer

__all__ = ["another", "engineer"]

NEW = "/admin/payments/routingrule/new/"
FORM = {"name": "dollars to europe", "priority": "10", "split": "stripe-eu 70, stripe-us 30", "currencies": "USD",
        "control_percent": "0"}  # fmt: skip


def page(row: RoutingRule, name: str = "change") -> str:
    return pages.page_of("payments", "routingrule", row.pk, name)


def test_a_rule_lives_by_two_people(engineer: Client, another: Client, shop: factories.Shop) -> None:
    shop.paid()
    assert engineer.post(NEW, FORM).status_code == 302
    row = RoutingRule.objects.get()
    assert (row.split, row.currencies, row.drafted_by) == (
        [["stripe-eu", 70], ["stripe-us", 30]],
        ["USD"],
        "staff engineer",
    )
    shown = pages.text(engineer, page(row))
    assert "Backtest" in shown
    assert page(row, "approve") not in engineer.get(page(row)).content.decode(), "not for who drafted it"
    engineer.post(page(row, "approve"))
    tried = pages.text(another, page(row, "backtest"))
    assert "It matches 1" in tried
    assert "stripe-us 1 100.0%" in tried

    for move in ("approve", "activate"):
        assert page(row, move) in another.get(page(row)).content.decode()
        another.post(page(row, move))
    row.refresh_from_db()
    assert (row.status, row.approved_by, row.activated_by) == ("active", "staff second", "staff second")
    assert "Payments of its last day" in pages.text(engineer, page(row))
    assert "dollars to europe" in pages.text(engineer, pages.list_of("payments", "routingrule"))
    engineer.post(page(row, "retire"), {"reason": "It was only a test."})
    row.refresh_from_db()
    assert row.status == "retired"
    assert "It was only a test. staff engineer" in pages.text(engineer, page(row))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"split": "stripe-eu"}, "is not an account and its weight"),
        ({"split": "stripe-mars 10"}, "There is no provider account"),
        ({"name": ""}, "This field is required."),
        ({"control_percent": "60"}, "Between 0 and 50 percent"),
        ({"amount_from": "100", "currencies": ""}, "An amount is of one currency"),
    ],
)
def test_a_form_that_is_not_clear_says_so(
    engineer: Client, shop: factories.Shop, facts: dict[str, Any], words: str
) -> None:
    answer = engineer.post(NEW, FORM | facts)
    assert words in pages.plain(answer.content.decode())
    assert not RoutingRule.objects.exists()


def test_who_may_not_gets_nowhere(staff: Any, engineer: Client, shop: factories.Shop) -> None:
    engineer.post(NEW, FORM)
    row = RoutingRule.objects.get()
    for role, seen in (("admin", 200), ("support", 403)):
        browser: Client = staff(role)
        assert browser.get(page(row)).status_code == seen
        for address in (NEW, page(row, "approve"), page(row, "retire"), "/admin/payments/killswitch/new/"):
            assert browser.post(address, FORM).status_code == 403, (role, address)


def test_an_attempt_says_who_else(engineer: Client, shop: factories.Shop) -> None:
    paid = shop.confirm(shop.intent())["latest_attempt"]
    assert "Why this provider" in pages.text(engineer, pages.page_of("payments", "paymentattempt", paid["id"]))


def test_circuits_stand_with_their_account(engineer: Client, shop: factories.Shop, sim: factories.Simulator) -> None:
    sim.scenario("payment_intents.create", "error_503_before", account="stripe-us")
    for _ in range(circuits.FEWEST_FAILURES):
        shop.call("POST", f"payment_intents/{shop.intent()['id']}/confirm", factories.card())
    account = ProviderAccount.objects.get(code="stripe-us")
    shown = pages.text(engineer, pages.page_of("payments", "provideraccount", account.pk))
    assert "Authorize Open" in shown
    assert "Refund Closed" in shown
