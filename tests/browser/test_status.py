"""The public page of how payments stand, as customers and shops see it: no script, two sizes of screen."""

from datetime import timedelta

import pytest

from payments.kernel import clock
from payments.kernel.attention import Severity
from reporting.models import Incident
from reporting.models.incidents import IncidentKind
from reporting.models.rollups import AttemptsDay, AttemptsMinute, Lens
from reporting.uptime import rollups, status
from tests import factories
from tests.browser.conftest import WIDTHS, Sit

pytestmark = pytest.mark.browser


def tell_of_a_quarter(shop: factories.Shop) -> None:
    """Ninety days of three ways to pay in some countries, two of them bad ones, and two incidents."""
    shop.paid(2500)
    rollups.advance()
    of_all = AttemptsDay.objects.filter(lens=Lens.EVERYTHING).values().get()
    of_method = AttemptsDay.objects.filter(lens=Lens.METHODS).values().get()
    made = []
    for method, countries in (("card", "DE FR ES US"), ("ideal", "NL"), ("klarna", "DE SE")):
        for number in range(1, 90):
            facts = {"at": of_all["at"] - timedelta(days=number), "method": method, "attempts": 200}
            bad = {9: 120, 31: 20}.get(number, 0) if method == "card" else 0
            made.append(AttemptsDay(**of_method | facts | {"unavailable": bad}))
            made += [AttemptsDay(**of_all | facts | {"country": country}) for country in countries.split()]
    AttemptsDay.objects.bulk_create(made)
    minute = AttemptsMinute.objects.values().get()
    AttemptsMinute.objects.create(**minute | {"country": "FR", "attempts": 40, "unavailable": 8})
    at = clock.now()
    facts = {"severity": Severity.URGENT, "words": "ours"}
    Incident.objects.create(
        kind=IncidentKind.SLOW, scope={"method": "ideal"}, since=at - timedelta(minutes=20), **facts
    )  # fmt: skip
    Incident.objects.create(
        kind=IncidentKind.OUTAGE, scope={"method": "card"}, since=at - timedelta(days=9), status="closed",
        closed_at=at - timedelta(days=9) + timedelta(minutes=47), **facts,
    )  # fmt: skip
    status.forget()


@pytest.mark.parametrize("width", WIDTHS)
def test_anybody_reads_how_payments_stand(sit: Sit, shop: factories.Shop, width: int) -> None:
    tell_of_a_quarter(shop)
    desk = sit("support", width=width)
    desk.go("/status")
    assert desk.says("Some payments are affected.")
    assert desk.says("Card in France: degraded")
    assert desk.says("Trouble on")
    assert desk.says("Payments take longer than usual with iDEAL | Wero.")
    desk.page.get_by_text("countries").first.click()
    assert desk.says("Germany: working")
    desk.look("status")
