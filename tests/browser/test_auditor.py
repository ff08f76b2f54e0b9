"""An auditor and an administrator in a browser: reading everything and changing nothing; taking somebody on."""

import csv
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from payments.ledger.models import Transfer
from tests import factories
from tests.backoffice import pages
from tests.browser.conftest import PASSWORD, Sit

pytestmark = pytest.mark.browser


def test_an_auditor_follows_a_refund_to_who_asked_for_it(shop: factories.Shop, sit: Sit, tmp_path: Path) -> None:
    paid = shop.paid()
    agent, desk = sit("support"), sit("auditor")
    agent.go(f"/admin/payments/paymentintent/{paid['id']}/refund/")
    agent.page.get_by_label("All that is left").check()
    agent.page.select_option("select[name=reason]", "goodwill")
    agent.press("Refund 19.99 USD")
    factories.later("send_refund")

    desk.go("/admin/")
    desk.look_at_both("auditor-home")
    desk.go(pages.payment(paid["id"]))
    assert not desk.page.get_by_role("link", name="Refund", exact=True).count(), "an auditor gives nothing back"
    desk.look_at_both("auditor-payment")
    desk.press("Audit")
    assert desk.says("staff support")
    desk.look_at_both("auditor-trail")
    desk.go(pages.list_of("payments", "transfer"))
    desk.look_at_both("auditor-transfers")
    desk.go(pages.page_of("payments", "transfer", Transfer.objects.latest("pk").pk))
    desk.look_at_both("auditor-transfer")
    desk.go(pages.list_of("payments", "rowchange"))
    desk.page.locator("#result_list tbody th a").first.click()
    desk.look_at_both("auditor-row")
    desk.go(pages.list_of("payments", "auditevent"))
    desk.look_at_both("auditor-log")
    with desk.page.expect_download() as found:
        desk.page.get_by_role("link", name="Download as CSV").click()
    kept = tmp_path / "audit.csv"
    found.value.save_as(kept)
    with kept.open() as file:
        told = [row["action"] for row in csv.DictReader(file)]
    assert "refund.requested" in told
    factories.assert_books_close()


def test_an_administrator_takes_somebody_on(sit: Sit) -> None:
    desk = sit("admin")
    desk.go(pages.list_of("auth", "user"))
    assert desk.says("Users")
    desk.look_at_both("admin-users")
    desk.go("/admin/auth/user/add/")
    desk.look_at_both("admin-new-user")
    desk.page.fill("input[name=username]", "grace")
    desk.page.fill("input[name=password1]", PASSWORD)
    desk.page.fill("input[name=password2]", "something else")
    desk.page.press("input[name=password2]", "Enter")
    desk.page.wait_for_load_state()
    desk.look_at_both("admin-new-user-wrong")
    desk.page.fill("input[name=password1]", PASSWORD)
    desk.page.fill("input[name=password2]", PASSWORD)
    with desk.page.expect_navigation():
        desk.page.press("input[name=password2]", "Enter")
    grace = User.objects.get(username="grace")
    desk.go(pages.page_of("auth", "user", grace.pk))
    desk.look_at_both("admin-user")
    desk.page.select_option("select[name=groups]", label="support")
    desk.page.check("input[name=is_staff]")
    with desk.page.expect_navigation():
        desk.page.locator("button[name=_save], input[name=_save]").first.click()
    assert list(grace.groups.values_list("name", flat=True)) == ["support"]
    desk.go(pages.list_of("auth", "user"))
    assert desk.says("grace Support")
    desk.go(pages.list_of("payments", "staffsession"))
    desk.look_at_both("admin-sessions")
