"""Signing in with a phone, in a browser: setting it up, the codes, what a wrong one says, and confirming it is you."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from payments.kernel import clock
from payments.staff import factors, totp
from payments.staff.models import SecondFactor, StaffSession
from tests.browser.conftest import PASSWORD, WIDTHS, Desk, Sit

pytestmark = pytest.mark.browser


def enter(desk: Desk, code: str, button: str) -> None:
    """Write a code and send it by the keyboard alone."""
    desk.page.fill("input[name=code]", code)
    desk.page.keyboard.press("Tab")
    assert desk.page.evaluate("document.activeElement.textContent").strip() == button
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_phone_is_set_up_and_asked_for(sit: Sit, settings: Any, width: int) -> None:
    desk = sit("support_lead", width=width)
    desk.go("/admin/account/")
    desk.look("account-without")
    settings.SECOND_FACTOR = True
    desk.go("/admin/")
    desk.look("sign-in")
    desk.page.fill("input[name=username]", "support_lead")
    desk.page.fill("input[name=password]", PASSWORD)
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    assert desk.says("Set up your second factor")
    desk.look("sign-in-enrol")
    key = desk.page.locator("code.bo-key").inner_text()
    user = User.objects.get(username="support_lead")
    secret = factors.offered(user, desk.page.locator("input[name=offer]").get_attribute("value") or "")
    assert totp.written(secret) == key
    enter(desk, "12", "Set it up")
    assert desk.says("This is not the code that belongs to this picture.")
    enter(desk, totp.code(secret, totp.step_of(clock.now())), "Set it up")
    assert desk.says("They are shown now and never again.")
    desk.look("sign-in-recovery")
    [first, *_] = re.findall(r"[a-z2-9]{5}(?:-[a-z2-9]{5}){4}", desk.page.locator(".bo-codes").inner_text())
    desk.press("I have kept them")
    desk.go("/admin/account/")
    assert desk.says("10 recovery codes are left.")
    desk.look("account")

    desk.page.context.clear_cookies()
    desk.go("/admin/refunds/refund/waiting/")
    desk.page.fill("input[name=username]", "support_lead")
    desk.page.fill("input[name=password]", PASSWORD)
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    desk.page.fill("input[name=code]", "000000")
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    assert desk.says("This code is not right, or was used already.")
    desk.look("sign-in-code")
    enter(desk, first, "Sign in")
    assert desk.says("Nothing waits for a second person"), "and is where they wanted to be"
    assert len(SecondFactor.objects.get().recovery) == 9


@pytest.mark.parametrize("width", WIDTHS)
def test_confirming_it_is_you(sit: Sit, width: int) -> None:
    desk = sit("admin", width=width)
    row = StaffSession.objects.get(user__username="admin")
    assert row.expires_at - row.started_at == timedelta(hours=8)
    assert row.started_at <= timezone.now()
    desk.go("/admin/confirm/?next=/admin/auth/user/")
    desk.look("confirm-it-is-you")
    desk.page.fill("input[name=password]", PASSWORD)
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    assert desk.says("You are not asked again for 10 minutes.")
    other = User.objects.create_user("grace", is_staff=True)
    desk.go(f"/admin/auth/user/{other.pk}/help/")
    desk.look("help-to-sign-in")
    desk.page.get_by_label("Forget wrong tries: they wait no longer").check()
    desk.page.fill("textarea[name=reason]", "She called from her own number.")
    desk.press("Do it")
    assert desk.says("Wrong tries are forgotten.")
