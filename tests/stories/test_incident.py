"""A provider goes dark: one incident, payments go elsewhere, try it again by a hundredth and a tenth, and come back."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from payments.gateway import circuits
from payments.gateway.models import ProviderAccount, TrafficShift
from payments.intents import rulebook
from payments.intents.models import PaymentAttempt
from payments.kernel import clock, drain
from payments.kernel.attention import Severity
from payments.kernel.jobs import Queue
from reporting.models import Diversion, Incident, IncidentKind
from reporting.services import handling, incidents, shifting
from reporting.uptime import incidents as reading
from reporting.uptime import rollups
from reporting.uptime.findings import Finding
from tests import byhand, factories
from tests.connectors.adyen_bench import fields
from tests.services.test_confirm import settle

BASE = clock.now().replace(second=0, microsecond=0) - timedelta(hours=4)


@pytest.fixture
def two(shop: factories.Shop) -> factories.Shop:
    """A shop of which two accounts take euros by what the client's card fields give."""
    ProviderAccount.objects.filter(psp="adyen").update(countries=[], currencies=[], weight=100)
    ProviderAccount.objects.filter(psp="stripe").update(enabled=False)
    rulebook.forget()
    return shop


@contextmanager
def at(minute: float) -> Iterator[datetime]:
    """In this minute of the story; every process has read anew what goes elsewhere, and no circuit is open."""
    rulebook.forget()
    circuits.forget()
    with clock.at(BASE + timedelta(minutes=minute)) as _:
        yield clock.now()


def pay(shop: factories.Shop, minute: float, times: int, until: int = 1_000) -> Counter[str]:
    """So many customers pay in a minute, or until so many came to adyen-eu; who was asked first."""
    first: Counter[str] = Counter()
    with at(minute):
        for _ in range(times):
            wish = shop.intent(shop.order(3000, "EUR", country="NL"))
            shop.post(
                f"payment_intents/{wish['id']}/confirm", {"payment_method": {"type": "card", "details": fields()}}
            )
            tried = PaymentAttempt.objects.filter(intent_id=wish["id"]).order_by("pk")
            first[tried[0].account.code] += 1
            if first["adyen-eu"] >= until:
                break
            circuits.forget()
    return first


def move(minute: float) -> str:
    """Traffic takes its next step; where it is then."""
    with at(minute):
        rollups.advance()
        shifting.run()
    return str(Diversion.objects.get().status)


def found(minute: float, *, wrong: bool = True) -> None:
    """A round of detection."""
    dark = Finding(IncidentKind.OUTAGE, {"account": "adyen-eu"}, Severity.URGENT, BASE + timedelta(minutes=5),
                   {"EUR": 30_000}, {"expected": 95.0, "seen": 0.0}, "Nothing is approved at adyen-eu.")  # fmt: skip
    with at(minute) as now:
        rollups.advance()
        incidents.report([dark] if wrong else [], at=now)


def told() -> list[str]:
    return [str(entry.kind) for entry in reading.timeline(Incident.objects.get().pk)]


def test_a_provider_goes_dark_and_comes_back(two: factories.Shop, sim: factories.Simulator) -> None:
    assert pay(two, 1, 12)["adyen-eu"] > 0
    sim.scenario("payments", "reset_before", account="adyen-eu")
    pay(two, 5, 6)
    found(7)
    with at(7.5):  # later: what happens at one frozen moment has no order
        drain.drain(Queue.UPKEEP)
    assert TrafficShift.objects.get().share == 0
    assert pay(two, 8, 15) == Counter({"adyen-apac": 15})
    [spared] = PaymentAttempt.objects.order_by("-pk")[0].route["next"]
    assert spared["why"].endswith("its payments go elsewhere: almost nothing is approved at adyen-eu")

    for minute in range(8, 30):
        found(minute, wrong=False)
    assert Incident.objects.get().status == "open", "that nothing is found where nobody pays says nothing"

    assert move(30) == "probing"
    assert TrafficShift.objects.get().share == Decimal("0.01")
    assert move(31) == "probing"
    assert move(42) == "widening", "hardly anybody has tried it"
    assert pay(two, 43, 300, until=3)["adyen-eu"] == 3
    assert move(46) == "away", "and it is still dark"

    sim.forgive()
    assert move(50) == "away"
    assert move(57) == "probing"
    assert move(68) == "widening"
    assert pay(two, 69, 300, until=3)["adyen-eu"] == 3
    assert move(80) == "back"
    assert pay(two, 81, 20)["adyen-eu"] > 0

    for minute in range(81, 88):
        found(minute, wrong=False)
    row = Incident.objects.get()
    assert (row.status, row.closed_by) == ("closed", "")
    assert told() == ["opened", "moved", "probing", "probing", "fell_back", "probing", "probing", "restored", "closed"]
    assert row.lost_minor == {"EUR": 2 * 30_000}, "nothing more was lost once payments went elsewhere"

    settle()
    factories.work()
    factories.assert_books_close()


def test_what_comes_again_moves_again_and_what_is_over_gives_back(
    two: factories.Shop, sim: factories.Simulator
) -> None:
    pay(two, 5, 300, until=1)
    found(7)
    assert move(7) == "away"
    with at(8):
        handling.close(Incident.objects.get().pk, because="It was our own firewall.", by="staff eva")
    assert move(9) == "back"
    assert TrafficShift.objects.get().ended_at is not None

    with at(10):
        handling.reopen(Incident.objects.get().pk, because="It was not.", by="staff eva")
    assert move(10) == "back", "what was found before it came back says nothing"
    found(13)
    assert move(13) == "away"


def test_nobody_is_sent_where_it_is_as_bad_or_where_nobody_is(two: factories.Shop, sim: factories.Simulator) -> None:
    pay(two, 5, 300, until=1)
    found(7)
    both = [Finding(IncidentKind.OUTAGE, {"account": code}, Severity.URGENT, BASE + timedelta(minutes=5))
            for code in ("adyen-eu", "adyen-apac")]  # fmt: skip
    with at(8) as now:
        incidents.report(both, at=now)
        rollups.advance()
        shifting.run()
    assert not Diversion.objects.exists()

    with at(30) as now:
        incidents.report(both[:1], at=now)
        incidents.report(both[:1], at=now + timedelta(minutes=6))
    assert move(37) == "away"
    ProviderAccount.objects.filter(code="adyen-apac").update(enabled=False)
    assert move(38) == "back", "nobody is left who takes them"

    ProviderAccount.objects.filter(code="adyen-apac").update(enabled=True)
    with at(20) as now:
        incidents.report(both[:1], at=now)
    assert move(20.5) == "away", "the clock was set back, and does not have to come that far again first"


def test_where_one_account_took_all_of_them_they_leave_it_though_it_is_wrong_everywhere(
    two: factories.Shop, sim: factories.Simulator
) -> None:
    ProviderAccount.objects.filter(code="adyen-apac").update(weight=0)
    assert pay(two, 1, 3) == Counter({"adyen-eu": 3})

    def everywhere(**lost: float) -> Finding:
        by_place: dict[tuple[str, ...], float] = {
            (code.replace("_", "-"), "card", "NL", "EUR"): minor for code, minor in lost.items()
        }
        return Finding(IncidentKind.OUTAGE, {"country": "NL"}, Severity.URGENT, BASE + timedelta(minutes=2),
                       {"EUR": round(sum(lost.values()))}, by_place=by_place)  # fmt: skip

    wrong = everywhere(adyen_eu=30_000)
    with at(4) as now:
        rollups.advance()
        incidents.report([wrong], at=now)
    assert move(4.5) == "away"
    assert Diversion.objects.get().scope == {"account": "adyen-eu", "country": "NL"}
    assert pay(two, 5, 3) == Counter({"adyen-apac": 3})

    for minute in (6, 7):
        with at(minute) as now:
            incidents.report([wrong], at=now)
    row = Incident.objects.get()
    assert row.lost_minor == {"EUR": 2 * 30_000}, "what goes elsewhere is not lost"
    assert row.per_minute_minor == {}
    with at(8) as now:
        incidents.report([everywhere(adyen_eu=25_000, adyen_apac=4_000)], at=now)
    row.refresh_from_db()
    assert row.per_minute_minor == {"EUR": 4_000}, "where they went it fails as well"
    assert row.lost_minor == {"EUR": 2 * 30_000 + 4_000}
    with at(8):
        shifting.hold(row.pk, Decimal("0.5"), because="Half of it.", by="staff eva")
    assert TrafficShift.objects.get(ended_at=None).share == Decimal("0.5")

    with at(9):
        shifting.release(row.pk, by="staff eva")
    byhand.sql("DELETE FROM reporting_attemptsminute WHERE account = 'adyen-eu'")
    assert move(9.5) == "away", "as if it were weeks ago: nobody knows any more what the place took"


def test_people_hold_payments_where_they_want_them(two: factories.Shop, sim: factories.Simulator) -> None:
    pay(two, 5, 300, until=1)
    found(7)
    row = Incident.objects.get()
    with at(8):
        shifting.hold(row.pk, Decimal(1), because="They are well, says their engineer.", by="staff eva")
    found(12)
    assert move(12) == "held"
    assert not TrafficShift.objects.filter(ended_at=None).exists()

    with at(13):
        shifting.hold(row.pk, Decimal("0.5"), because="Half of it.", by="staff eva")
    assert TrafficShift.objects.get(ended_at=None).share == Decimal("0.5")
    with at(14):
        shifting.release(row.pk, by="staff tom")
    assert move(14) == "away"
    assert TrafficShift.objects.get(ended_at=None).share == 0
    with at(15), pytest.raises(shifting.NotShiftable):
        shifting.release(row.pk, by="staff tom")
    assert told() == ["opened", "held", "held", "held"]
