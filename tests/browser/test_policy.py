"""Chromium reports nothing that the policy of the back office refuses, on every kind of page; and it does refuse."""

import pytest
from django.contrib.auth.models import Group, User

from tests import factories
from tests.browser.conftest import Sit

pytestmark = pytest.mark.browser

KINDS = (
    "", "account/", "account/factor/", "confirm/", "password_change/", "search/?q=nothing", "payments/paymentintent/",
    "payments/killswitch/new/", "reporting/reportrun/new/", "reporting/settlementfile/new/", "auth/user/",
    "auth/user/add/", "refunds/dispute/rates/",
)  # fmt: skip


def test_no_page_breaks_the_policy(sit: Sit, shop: factories.Shop) -> None:
    desk = sit("admin")
    user = User.objects.get(username="admin")
    user.groups.set(Group.objects.all())
    paid = shop.paid(1999)
    desk.page.add_init_script(
        "document.addEventListener('securitypolicyviolation', e => console.error('refused: ' + e.violatedDirective))"
    )
    rows = (f"payments/paymentintent/{paid['id']}/change/", f"payments/paymentintent/{paid['id']}/refund/",
            f"auth/user/{user.pk}/change/")  # fmt: skip
    for path in (*KINDS, *rows):
        desk.go(f"/admin/{path}")
        desk.page.wait_for_load_state("load")
        assert desk.complaints == [], path

    desk.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    desk.page.evaluate("new Promise(done => setTimeout(done, 50))")
    assert desk.page.evaluate("window.ran") is None, "markup that was smuggled in runs nothing"
    assert any("refused: script-src" in said for said in desk.complaints), "this test would notice"
