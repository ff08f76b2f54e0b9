"""The page of uptime in a browser: read on two screens, and kept up to date until its reader pauses it."""

import pytest

from payments.kernel import clock
from payments.kernel.attention import Severity
from reporting.models import IncidentKind
from reporting.services import incidents
from reporting.uptime import rollups
from reporting.uptime.findings import Finding
from tests import factories
from tests.browser.conftest import WIDTHS, Sit

pytestmark = pytest.mark.browser


def _wrong(*accounts: str) -> None:
    """Something is wrong at each of these accounts from now on."""
    now = clock.now()
    found = [
        Finding(kind=IncidentKind.OUTAGE, scope={"account": account}, severity=Severity.URGENT, since=now,
                per_minute={"USD": 123456}, figures={}, words="Nothing works.")
        for account in accounts
    ]  # fmt: skip
    incidents.report(found, at=now)


@pytest.mark.parametrize("width", WIDTHS)
def test_it_keeps_itself_up_to_date_until_it_is_paused(shop: factories.Shop, sit: Sit, width: int) -> None:
    shop.paid()
    rollups.advance()
    desk = sit("engineer", width=width)
    desk.page.clock.install()
    desk.go("/admin/uptime/")
    assert "No incident is open." in desk.page.inner_text("[data-live]")

    _wrong("stripe-us")
    desk.page.clock.fast_forward(11_000)
    desk.page.wait_for_selector("[data-live] >> text=At stripe-us")
    desk.look("uptime")

    desk.page.get_by_role("button", name="Pause").click()
    _wrong("stripe-us", "stripe-eu")
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url))
    desk.page.clock.fast_forward(30_000)
    assert asked == [], "it stands still"
    desk.page.get_by_role("button", name="Go on").click()
    with desk.page.expect_response("**/admin/uptime/"):
        desk.page.clock.fast_forward(11_000)
