"""What the public, and clients, read of how payments stand: by method and country, and nothing that is ours alone."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.gateway import accounts
from payments.kernel import clock
from payments.kernel.attention import Severity
from reporting.models import CanaryRun, Incident
from reporting.models.incidents import IncidentKind
from reporting.models.rollups import AttemptsMinute
from reporting.services import canary
from reporting.states import Standing
from reporting.uptime import figures, rollups, status
from reporting.uptime.reading import Tried
from tests import byhand, factories
from tests.services import conftest as services

sim = services.sim


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """What was found for another test is of no use."""
    status.forget()


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> factories.Shop:
    """A shop with one payment from the United States and one from Germany, which are counted."""
    shop = factories.shop()
    shop.paid(2500)
    shop.paid(1900, country="DE")
    rollups.advance()
    return shop


def wrong(kind: IncidentKind, since: timedelta = timedelta(minutes=30), **scope: str) -> Incident:
    """An incident that is open."""
    at = clock.now()
    return Incident.objects.create(
        kind=kind, scope=scope, severity=Severity.URGENT, words=f"{kind} at stripe-us: 37 of 40", since=at - since
    )


def page() -> str:
    status.forget()
    answer = Client().get("/status")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("attempts", "failed", "standing"),
    [(0, 0, Standing.WORKING), (4, 4, Standing.WORKING), (5, 5, Standing.DOWN), (10, 5, Standing.DOWN),
     (101, 5, Standing.WORKING), (100, 5, Standing.DEGRADED), (1_000, 499, Standing.DEGRADED)],
)  # fmt: skip
def test_a_few_that_come_to_nothing_are_no_outage(attempts: int, failed: int, standing: Standing) -> None:
    assert status.judged(Tried(attempts, failed)) is standing


def test_what_works_says_so_to_everybody(shop: factories.Shop) -> None:
    shown = page()
    assert "Everything works." in shown
    assert "United States: working" in shown
    assert "Germany: working" in shown
    assert "No incidents." in shown
    assert "no trouble" in shown


def test_it_tells_nobody_how_much_is_paid_or_with_whom(shop: factories.Shop) -> None:
    wrong(IncidentKind.OUTAGE, account="stripe-us")
    answer = Client().get("/status")
    for ours in ("stripe", "adyen", "2500", "1900", "37 of 40", "2 attempts"):
        assert ours not in answer.content.decode().lower()
    assert answer["Cache-Control"] == "public, max-age=30"
    assert not answer.cookies


def test_an_incident_is_told_where_it_is_and_in_plain_words(shop: factories.Shop) -> None:
    incident = wrong(IncidentKind.OUTAGE, method="card", country="DE")
    wrong(IncidentKind.CARD_TESTING)
    shown = page()
    assert "Payments do not go through everywhere." in shown
    assert "Most payments do not go through with Card in Germany." in shown
    assert "Card in Germany: not working" in shown
    assert "United States: working" in shown
    assert "stolen" not in shown
    figures.forget()
    told = Client().get("/metrics").content.decode()
    assert 'countinghouse_incidents_open{kind="outage",severity="urgent"} 1' in told
    incident.status, incident.closed_at = "closed", clock.now()
    incident.save()
    shown = page()
    assert "Everything works." in shown
    assert "It is over." in shown


def test_attempts_that_come_to_nothing_are_seen_without_an_incident(shop: factories.Shop) -> None:
    row = AttemptsMinute.objects.filter(country="DE").get()
    AttemptsMinute.objects.filter(country="DE", at=row.at).update(attempts=30, unavailable=10)
    assert "Card in Germany: degraded" in page()


def test_it_costs_three_questions_however_many_ask(shop: factories.Shop) -> None:
    status.forget()
    with CaptureQueriesContext(connection) as asked:
        for _ in range(50):
            Client().get("/status")
    assert len(asked) <= 9  # with the transaction around them


def test_without_a_database_it_says_that_nobody_can_tell(shop: factories.Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "AT_MOST", 1)
    with byhand.locked("reporting_incident", mode="ACCESS EXCLUSIVE"):
        assert "We cannot tell at the moment." in page()
    assert connection.is_usable()


def test_our_own_test_payments_are_told_without_whom_they_are_made_at(shop: factories.Shop) -> None:
    assert shop.get("status")["test_payments"] is None
    assert "test payments" not in page()
    canary.send("stripe-eu")
    assert "word working" in page().partition("Our own test payments")[2]
    assert "stripe" not in page()
    CanaryRun.objects.create(account=accounts.account("adyen-eu"), through=accounts.account("adyen-eu"),
                             outcome="unavailable", ended_at=clock.now())  # fmt: skip
    CanaryRun.objects.create(account=accounts.account("stripe-us"), through=accounts.account("stripe-us"),
                             outcome="broken", ended_at=clock.now())  # fmt: skip
    status.forget()
    told = shop.get("status")["test_payments"]
    assert told["status"] == "degraded", "two of three went wrong, one of them by our own fault"
    assert [day["status"] for day in told["days"]] == [None] * (status.DAYS - 1) + ["working"], "so few say nothing"


def test_clients_read_the_same(shop: factories.Shop) -> None:
    wrong(IncidentKind.SLOW, method="card")
    found = shop.get("status")
    [card] = found["methods"]
    assert (found["status"], card["method"], card["status"]) == ("degraded", "card", "degraded")
    assert {each["country"]: each["status"] for each in card["countries"]} == {"US": "degraded", "DE": "degraded"}
    assert len(card["days"]) == status.DAYS
    assert card["days"][-1]["status"] == "working"
    assert card["days"][0]["status"] is None
    [incident] = found["incidents"]
    assert incident["description"] == "Payments take longer than usual with Card"
