"""Watching: what the terminal shows of an outage is what happened, beside what is usual."""

import io
import signal
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from payments.connectors.base import Outcome, Verdict
from payments.gateway import circuits, shifts
from payments.kernel import clock, unit
from reporting.models import RollupMark
from reporting.services import detecting, watching
from reporting.uptime import rollups
from tests import factories
from tests.reporting.test_detecting import NOON, filled, learned, minute, pay


def printed() -> str:
    """What `manage.py uptime --once` says."""
    out = io.StringIO()
    call_command("uptime", "--once", stdout=out)
    return out.getvalue()


def test_an_outage_is_seen_in_money_beside_what_is_usual(shop: factories.Shop, sim: factories.Simulator) -> None:
    learned()
    with clock.at(minute(0.1)):
        for _ in range(5):
            shop.paid()
    sim.scenario("payment_intents.create", "reset_before")
    for number in (1, 2):
        with clock.at(minute(number + 0.1)):
            for _ in range(10):
                pay(shop)
        with clock.at(minute(number + 0.9)):
            detecting.look()
    with clock.at(minute(3)):
        rollups.advance()
        now = watching.now()
        seen = now.by_account()["stripe-us"]
        assert (seen.attempts, seen.approved, seen.unanswered) == (25, 5, 20)
        assert seen.approval == pytest.approx(20)
        assert seen.usual_approval == pytest.approx(95, abs=0.5)
        assert seen.usual_per_minute == pytest.approx(200 / 60, rel=0.02)
        assert seen.refused_per_minute == {"USD": 20 * 1999 // 5}
        assert now.funnel[watching.STEPS[0]] == 25
        assert now.funnel[watching.STEPS[-1]] == 5
        assert "outage" in [one.kind for one in now.incidents]
        shown = printed()
    assert "79.96 USD not approved a minute" in shown
    assert "approval 20.0 % (usually 95.0 %)" in shown
    assert "Almost nothing is approved" in shown
    assert "nobody's" in shown


def test_where_payments_go_and_how_old_the_sums_are(shop: factories.Shop) -> None:
    learned()
    shop.paid()
    with clock.at(minute(0)), unit.work():
        shifts.move_away({"account": "stripe-us", "country": "DE"}, share=Decimal("0.01"), because="trying",
                         incident="inc_1", by="detection")  # fmt: skip
    with clock.at(minute(8)):
        for _ in range(circuits.FEWEST_FAILURES):
            circuits.note("stripe-us", "authorize", Outcome(verdict=Verdict.UNAVAILABLE))
        shown = printed()
        assert "authorize open" in shown
    with clock.at(minute(9)):
        assert "authorize half open" in printed()
    circuits.forget()
    assert (
        "stripe-us keeps 1% of DE since 8 min, by detection: DE: trying" in shown or "stripe-us keeps 1% of DE" in shown
    )
    assert "sums are 8 min behind" in shown
    RollupMark.objects.all().delete()
    assert "nothing is counted yet" in printed()


def test_it_asks_as_much_however_much_there_is(db: None, django_assert_num_queries: pytest.FixtureRequest) -> None:
    learned()
    with clock.at(NOON), django_assert_num_queries(12):  # type: ignore[operator]
        watching.now()
    filled("minute", NOON - timedelta(minutes=60), NOON)
    with clock.at(NOON), django_assert_num_queries(12):  # type: ignore[operator]
        assert watching.now().by_account()["stripe-us"].attempts == 1000


class Interrupted(io.StringIO):
    """An output during whose second picture somebody presses Ctrl-C."""

    def write(self, said: str) -> int:
        """Take it."""
        if self.getvalue().count("not approved a minute") == 2:
            signal.raise_signal(signal.SIGINT)
        return super().write(said)


def test_it_is_drawn_again_until_ctrl_c(db: None) -> None:
    out = Interrupted()
    call_command("uptime", "live", "--every", "0.5", stdout=out)
    assert out.getvalue().count("not approved a minute") == 2
