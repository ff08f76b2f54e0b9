"""Payments that go elsewhere for a while: a share of an account's, as long as something is wrong with it."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.gateway import shifts
from payments.gateway.models import TrafficShift
from payments.intents import routing, rulebook
from payments.intents.models import PaymentAttempt
from payments.intents.services import backtest, rules
from payments.kernel import unit
from payments.kernel.errors import Bug
from payments.kernel.records import StateChange
from tests import factories
from tests.byhand import copy, key, refused, sql
from tests.services.test_failover import intent, paid, two

__all__ = ["two"]


def away(share: str = "0", **narrowed: str) -> TrafficShift:
    with unit.work():
        return shifts.move_away(
            {"account": "adyen-eu", **narrowed}, share=Decimal(share), because="it is dark", incident="inc_1",
            by="staff ann",
        )  # fmt: skip


def restore(row: TrafficShift) -> None:
    with unit.work():
        shifts.restore(TrafficShift.objects.get(pk=row.pk), because="it is well", by="staff ann")
    rulebook.forget()  # five seconds later, as other processes see it


def test_payments_go_elsewhere_at_once_say_why_and_come_back(two: factories.Shop) -> None:
    row = away()
    done = paid(two, intent(two))["latest_attempt"]

    assert done["provider_account"] == "adyen-apac"
    [spared] = PaymentAttempt.objects.get(pk=done["id"]).route["next"]
    assert spared["provider_account"] == "adyen-eu"
    assert spared["why"].endswith("last, because its payments go elsewhere: it is dark")

    restore(row)
    assert paid(two, intent(two))["latest_attempt"]["provider_account"] == "adyen-eu"
    moves = StateChange.objects.filter(object_id=row.account_id, event="shift").order_by("pk")
    assert [(one.from_state, one.to_state) for one in moves] == [
        ("keeps 100%", "keeps 0%"), ("keeps 0%", "keeps 100%"),
    ]  # fmt: skip


def test_the_same_payments_twice_are_one_shift(two: factories.Shop) -> None:
    row = away()
    assert away("0.1") == row
    assert TrafficShift.objects.get().share == Decimal("0.1")
    restore(row)
    assert away().pk != row.pk
    assert away(method="ideal").method == "ideal"


def test_no_payment_asks_the_database_for_it(two: factories.Shop) -> None:
    away(method="ideal")
    facts = routing.Facts(intent_id="pi_1", currency="EUR", country="NL", has_token=False)
    rulebook.book()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        for _ in range(50):
            routing.plan(rulebook.book(), facts)

    assert len(asked) == 0


def test_what_cannot_be_shifted_is_a_bug(two: factories.Shop) -> None:
    for scope in ({"method": "card"}, {"account": "adyen-eu", "issuer": "NL"}):
        with pytest.raises(Bug), unit.work():
            shifts.move_away(scope, share=Decimal(0), because="dark", incident="", by="staff ann")
    assert not TrafficShift.objects.exists()


def test_the_database_refuses(two: factories.Shop) -> None:
    row = away()
    with refused("shift_open_keeps_less_than_all"):
        sql("UPDATE payments_trafficshift SET share = 1")
    with refused("shift_share"):
        sql("UPDATE payments_trafficshift SET share = -0.1")
    with refused("shift_says_why"):
        sql("UPDATE payments_trafficshift SET because = ''")
    with refused("shift_one_open"):
        copy("payments_trafficshift", key(row.pk))


def test_a_backtest_counts_nothing_of_it_and_says_so(two: factories.Shop) -> None:
    paid(two, intent(two))
    row = away()
    rulebook.forget()
    draft = rules.draft(rules.Draft(name="test", split=(("adyen-eu", 1),), currencies=("EUR",)), by="staff ann")
    found = backtest.run(draft.pk)

    assert found.moved == 0
    assert list(found.away) == [row]
