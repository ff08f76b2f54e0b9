"""A lead decides about refunds beyond a limit, an agent takes back what is held, finance sets the limits."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from refunds.models import Refund, RefundLimit
from refunds.services import limiting
from tests import factories
from tests.backoffice import pages
from tests.refunds.people import LEA, ask, limit

WHO_MAY: Mapping[str, str] = {
    "cancel": "support support_lead",
    "approve": "support_lead",
    "reject": "support_lead",
}
"""Page of a refund -> the roles that may. Everybody else gets 403, superusers too."""


def page(row: Refund | RefundLimit, tail: str = "") -> str:
    return pages.page_of("refunds", row._meta.model_name or "", row.pk, *([tail] if tail else []))


def press(browser: Client, row: Refund | RefundLimit, tail: str, **fields: str) -> str:
    """Confirm on the page of one action; what is read afterwards."""
    answer = browser.post(page(row, tail), fields, follow=True)
    assert answer.status_code == 200
    return pages.plain(answer.content.decode())


@pytest.fixture
def waiting(paid: dict[str, Any]) -> Refund:
    """A refund that an agent has asked for, and that a second person decides about."""
    limit("support", 100, 100)
    return ask(paid, 500)


@pytest.mark.parametrize("role", ["support", "support_lead", "finance", "engineer", "admin", "nobody"])
def test_every_role_decides_what_it_may_and_nothing_else(staff: Any, waiting: Refund, role: str) -> None:
    browser: Client = staff(role)
    for tail, roles in WHO_MAY.items():
        allowed = role in roles.split()
        assert browser.get(page(waiting, tail)).status_code == (200 if allowed else 403), (role, tail)
        if not allowed:
            assert browser.post(page(waiting, tail), {"reason": "because I can"}).status_code == 403, (role, tail)
    waiting.refresh_from_db()
    assert waiting.status == "needs_approval", "nothing was done by looking, or by who may not"


def test_being_superuser_is_not_enough_to_decide(boss: Client, waiting: Refund) -> None:
    for tail in WHO_MAY:
        assert boss.get(page(waiting, tail)).status_code == 403
    assert not [tail for tail in WHO_MAY if page(waiting, tail) in boss.get(page(waiting)).content.decode()]


def test_a_lead_approves_and_the_page_says_by_whom(staff: Any, waiting: Refund) -> None:
    browser: Client = staff("support_lead")
    before = pages.text(browser, page(waiting))
    assert "Needs approval" in before
    assert "ore than 1.00 USD at once" in before

    told = pages.text(browser, pages.payment(waiting.intent_id))
    assert "5.00 USD are to go back, when a second person has approved it." in told

    after = press(browser, waiting, "approve")
    assert "Approved: 5.00 USD go back at" in after
    assert "staff support_lead" in after
    waiting.refresh_from_db()
    assert (waiting.status, waiting.approved_by) == ("held", "staff support_lead")
    assert "The refund is held: nobody has to decide about it. Nothing was changed." in press(
        browser, waiting, "approve"
    )
    factories.later("send_refund")
    waiting.refresh_from_db()
    assert waiting.status == "succeeded"
    factories.assert_books_close()


def test_a_lead_rejects_with_a_reason(staff: Any, waiting: Refund) -> None:
    browser: Client = staff("support_lead")
    assert "This field is required." in press(browser, waiting, "reject", reason="")
    assert "at least 5 characters" in press(browser, waiting, "reject", reason="no")
    assert "Rejected: 5.00 USD stay here" in press(browser, waiting, "reject", reason="The parcel has arrived.")
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_because) == ("rejected", "The parcel has arrived.")


def test_nobody_is_offered_to_decide_about_their_own(staff: Any, paid: dict[str, Any]) -> None:
    browser: Client = staff("support_lead")
    limit("support_lead", 100, 100)
    form = {**pages.hidden(browser.get(pages.payment(paid["id"], "refund")).content.decode())}
    shown = browser.post(
        pages.payment(paid["id"], "refund"), {**form, "amount": "5.00", "reason": "damaged"}, follow=True
    )
    assert "5.00 USD wait for a second person: more than 1.00 USD at once." in pages.plain(shown.content.decode())
    mine = Refund.objects.get()
    own = browser.get(page(mine)).content.decode()
    assert page(mine, "approve") not in own
    assert page(mine, "cancel") in own
    assert "You asked for this refund yourself: somebody else decides." in press(browser, mine, "approve")
    mine.refresh_from_db()
    assert mine.status == "needs_approval"


def test_an_agent_takes_back_what_is_held_and_not_what_has_left(staff: Any, paid: dict[str, Any]) -> None:
    browser: Client = staff("support")
    refund = ask(paid, 500)
    assert page(refund, "cancel") in browser.get(page(refund)).content.decode()
    assert "5.00 USD go back in a moment, and can still be taken back." in pages.text(
        browser, pages.payment(paid["id"])
    )
    assert "Taken back: 5.00 USD stay here" in press(browser, refund, "cancel")
    other = ask(paid, 600)
    factories.later("send_refund")
    assert page(other, "cancel") not in browser.get(page(other)).content.decode()
    assert "it has gone back to the customer. Nothing was changed." in press(browser, other, "cancel")


@pytest.mark.parametrize("role", ["support", "support_lead", "finance", "engineer", "admin", "nobody"])
def test_limits_are_set_by_who_does_not_refund(staff: Any, role: str) -> None:
    browser: Client = staff(role)
    row = limiting.propose(limiting.Wanted(whose="support", currency="USD", each=None, daily=None), by=LEA.name)
    addresses = [pages.list_of("refunds", "refundlimit") + "new/", page(row, "agree"), page(row, "withdraw")]
    assert {browser.get(address).status_code for address in addresses} == {200 if role == "finance" else 403}
    if role != "finance":
        assert {browser.post(address, {"whose": "support"}).status_code for address in addresses} == {403}
    row.refresh_from_db()
    assert row.status == "proposed"


def test_finance_raises_a_limit_by_two(staff: Any) -> None:
    browser: Client = staff("finance")
    new = pages.list_of("refunds", "refundlimit") + "new/"
    for fields, words in (
        ({"whose": "nobody", "currency": "EUR"}, "There is no role and no API client nobody."),
        ({"whose": "support", "currency": "EUR", "each": "1,00"}, "is not a decimal number"),
        ({"whose": "support", "currency": "euro"}, "at most 3 characters"),
        ({"whose": "support", "currency": "EUR", "each": "5", "daily": "1"}, "A day has room for one refund at least."),
    ):
        assert words in pages.plain(browser.post(new, fields).content.decode())
    browser.post(new, {"whose": "support", "currency": "eur", "each": "500.00", "daily": ""})
    row = RefundLimit.objects.get(status="proposed")
    assert (row.currency, row.each_minor, row.daily_minor, row.proposed_by) == ("EUR", 50_000, None, "staff finance")
    assert page(row, "agree") not in browser.get(page(row)).content.decode()
    assert "Who proposed a limit does not agree to it as well." in press(browser, row, "agree")

    colleague = pages.signed_in(_colleague())
    assert "500.00 EUR" in press(colleague, row, "agree")
    assert RefundLimit.objects.get(role="support", currency="EUR", status="active").pk == row.pk
    browser.post(new, {"whose": "support", "currency": "EUR", "each": "100.00", "daily": "200.00"})
    assert RefundLimit.objects.get(role="support", currency="EUR", status="active").each_minor == 10_000


def _colleague() -> User:
    user = User.objects.create_user("fay", is_staff=True)
    user.groups.add(Group.objects.get(name="finance"))
    return user
