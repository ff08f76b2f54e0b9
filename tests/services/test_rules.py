"""Routing rules: two people, at once effective, compared with what they spare, and rolled back when they do worse."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from payments.gateway.models import ProviderAccount
from payments.gateway.switches import AnotherPersonNeeded
from payments.intents import rulebook
from payments.intents.models import PaymentAttempt, RoutingRule
from payments.intents.services import backtest, rules
from payments.kernel import clock
from payments.kernel.attention import AttentionItem
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange
from tests import factories
from tests.byhand import behind_the_guards, key, refused, sql
from tests.services.test_failover import intent, paid, two

__all__ = ["two"]

TO_APAC = rules.Draft(name="euros to apac", split=(("adyen-apac", 1),), currencies=("EUR",), control_percent=0)


def active(wanted: rules.Draft = TO_APAC) -> RoutingRule:
    row = rules.draft(wanted, by="staff ann")
    rules.approve(row.pk, by="staff bob")
    return rules.activate(row.pk, by="staff bob")


def test_two_people_make_a_rule_and_payments_go_by_it_at_once(two: factories.Shop) -> None:
    row = rules.draft(TO_APAC, by="staff ann")
    assert paid(two, intent(two))["latest_attempt"]["provider_account"] == "adyen-eu"
    for step in (rules.approve, rules.activate):
        with pytest.raises(AnotherPersonNeeded if step is rules.approve else rules.RuleUnexpectedState):
            step(row.pk, by="staff ann")
    rules.approve(row.pk, by="staff bob")
    with pytest.raises(AnotherPersonNeeded):
        rules.activate(row.pk, by="staff ann")
    assert paid(two, intent(two))["latest_attempt"]["provider_account"] == "adyen-eu"
    rules.activate(row.pk, by="staff bob")

    done = paid(two, intent(two))["latest_attempt"]
    assert (done["provider_account"], done["reason_for_route"]) == (
        "adyen-apac",
        "rule euros to apac: weight 1 of 1",
    )
    attempt = PaymentAttempt.objects.get(pk=done["id"])
    assert (attempt.rule_id, attempt.rule_arm) == (row.pk, "rule")
    rules.retire(row.pk, because="it was a test", by="staff ann")
    assert paid(two, intent(two))["latest_attempt"]["provider_account"] == "adyen-eu"
    moves = StateChange.objects.filter(object_id=row.pk).order_by("pk").values_list("event", "by")
    assert list(moves) == [("approve", "staff bob"), ("activate", "staff bob"), ("retire", "staff ann")]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE payments_routingrule SET approved_by = 'staff ann' WHERE id = %s", "rule_maker_is_not_checker"),
        ("UPDATE payments_routingrule SET activated_by = 'staff ann' WHERE id = %s", "rule_maker_is_not_checker"),
        ("UPDATE payments_routingrule SET status = 'active' WHERE id = %s", "rule_a"),
        ("UPDATE payments_routingrule SET drafted_by = 'staff eve' WHERE id = %s", "keeps what it says"),
        ("UPDATE payments_routingrule SET split = '[]' WHERE id = %s", "keeps what it says"),
        ("DELETE FROM payments_routingrule WHERE id = %s", "never deleted"),
    ],
)
def test_the_database_holds_makers_and_checkers_apart(two: factories.Shop, statement: str, words: str) -> None:
    row = rules.draft(TO_APAC, by="staff ann")
    with refused(words):
        sql(statement, key(row.pk))


@pytest.mark.parametrize(
    ("facts", "param"),
    [
        ({"name": " "}, "name"),
        ({"split": (("adyen-mars", 1),)}, "provider_account"),
        ({"split": (("adyen-eu", -1),)}, "split"),
        ({"split": (("adyen-eu", 1), ("adyen-eu", 2))}, "split"),
        ({"amount_from": 100, "currencies": ()}, "currencies"),
        ({"bins": ("41x",)}, "bins"),
        ({"control_percent": 51}, "control_percent"),
    ],
)
def test_a_rule_that_is_not_clear_is_refused(two: factories.Shop, facts: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as found:
        rules.draft(rules.Draft(**{"name": "n", "currencies": ("EUR",), **facts}), by="staff ann")
    assert found.value.param == param


def test_a_segment_is_the_customers_own(two: factories.Shop) -> None:
    active(rules.Draft(name="vip", split=(("adyen-apac", 1),), segments=("vip",), control_percent=0))
    vip = two.post("customers", {"reference": "C-1", "metadata": {"segment": "vip"}})
    for customer, account in ((vip["id"], "adyen-apac"), (None, "adyen-eu")):
        facts = {"customer": customer} if customer else {}
        wish = two.intent(two.order(3000, "EUR", country="NL", **facts))
        assert paid(two, wish)["latest_attempt"]["provider_account"] == account


def test_a_blocked_payment_is_refused_and_leaves_nothing(two: factories.Shop) -> None:
    active(rules.Draft(name="no small euros", currencies=("EUR",), amount_to=5000, control_percent=0))
    body = {"payment_method": {"type": "card", "token": "pm_card_visa"}}
    answer = two.call("POST", f"payment_intents/{intent(two)['id']}/confirm", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "payment_method_not_available")
    assert not PaymentAttempt.objects.exists()


def attempts(shop: factories.Shop, rule: RoutingRule, arm: str, *, approved: int, declined: int) -> None:
    """Payments of one arm, as SQL would have them after a day."""
    done = paid(shop, intent(shop))["latest_attempt"]["id"]
    with behind_the_guards():
        for status, number in (("captured", approved), ("declined", declined)):
            sql(
                "INSERT INTO payments_paymentattempt SELECT (jsonb_populate_record(t, jsonb_build_object("
                "'id', gen_random_uuid(), 'intent_id', gen_random_uuid(), 'status', %s::text, 'rule_id', %s::text,"
                " 'rule_arm', %s::text, 'provider_reference', '', 'created_at', clock_timestamp()))).*"
                " FROM payments_paymentattempt t, generate_series(1, %s) WHERE t.id = %s",
                *(status, rule.pk, arm, number, key(done)),
            )


@pytest.mark.parametrize(("declined", "ends"), [(60, True), (12, False)])
def test_a_rule_that_does_worse_is_rolled_back_and_somebody_is_told(
    two: factories.Shop,
    declined: int,
    ends: bool,  # noqa: FBT001
) -> None:
    row = active(rules.Draft(name="worse", split=(("adyen-apac", 1),), currencies=("JPY",)))
    attempts(two, row, "rule", approved=120 - declined, declined=declined)
    attempts(two, row, "control", approved=54, declined=6)
    rules.roll_back_losers()
    rules.roll_back_losers()

    row.refresh_from_db()
    assert (row.status == "retired") is ends
    items = AttentionItem.objects.filter(kind="rule_rolled_back", object_id=row.pk)
    assert [item.detail for item in items] == (
        ["worse: 50.0% of 120 payments were approved, of 60 that it spared 90.0%"] if ends else []
    )
    if ends:
        assert StateChange.objects.get(object_id=row.pk, event="roll_back").by == "routing"


def test_what_a_draft_would_have_done(two: factories.Shop) -> None:
    ProviderAccount.objects.filter(code="adyen-apac").update(weight=300)
    rulebook.forget()
    for number in range(16):
        paid(two, intent(two), holder="NOT_ENOUGH_BALANCE" if number % 4 == 0 else "Ada Lovelace")
    two.paid()
    row = rules.draft(TO_APAC, by="staff ann")
    result = backtest.run(row.pk)

    assert (result.looked_at, result.matched, result.blocked) == (17, 16, 0)
    lines = {line.account: line for line in result.lines}
    assert sum(line.took for line in lines.values()) == lines["adyen-apac"].would_take == 16
    assert result.moved == lines["adyen-eu"].took
    assert result.actual == 0.75
    assert result.expected == lines["adyen-apac"].rate
    assert PaymentAttempt.objects.count() == 17

    out = StringIO()
    call_command("routing", "backtest", row.pk, stdout=out)
    assert "16 of 17 payments match" in out.getvalue()
    assert "adyen-apac" in out.getvalue()
    with clock.at(clock.now() + timedelta(days=31)):
        assert backtest.run(row.pk).looked_at == 0


def test_a_draft_that_blocks_says_how_many(two: factories.Shop) -> None:
    paid(two, intent(two))
    row = rules.draft(rules.Draft(name="no euros", currencies=("EUR",)), by="staff ann")
    result = backtest.run(row.pk)
    assert (result.matched, result.blocked, result.expected) == (1, 1, None)
