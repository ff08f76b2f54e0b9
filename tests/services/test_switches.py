"""Kill switches: off by one, on by two, and the database holds it."""

import pytest

from payments.gateway import accounts, switches
from payments.gateway.models import KillSwitch, ProviderAccount, SwitchKind
from payments.kernel.records import StateChange
from tests import factories
from tests.byhand import key, refused, sql


def test_off_by_one_and_on_by_two(shop: factories.Shop) -> None:
    row = switches.switch_off(SwitchKind.ACCOUNT, "stripe-us", because="it is down", by="ann")
    assert "stripe-us" not in {one.code for one in accounts.enabled()}
    with pytest.raises(switches.SwitchedAlready):
        switches.switch_off(SwitchKind.ACCOUNT, "stripe-us", because="it is down", by="bob")
    with pytest.raises(switches.AnotherPersonNeeded):
        switches.agree(row.pk, by="bob")
    switches.ask_on(row.pk, because="it is up", by="ann")
    with pytest.raises(switches.AnotherPersonNeeded):
        switches.agree(row.pk, by="ann")
    switches.agree(row.pk, by="bob")
    assert ProviderAccount.objects.get(code="stripe-us").enabled
    with pytest.raises(switches.SwitchedAlready):
        switches.ask_on(row.pk, because="it is up", by="ann")
    account = accounts.account("stripe-us").pk
    told = StateChange.objects.filter(object_id=account).order_by("pk").values_list("to_state", "by")
    assert list(told) == [("disabled", "ann"), ("disabled", "ann"), ("enabled", "bob")]
    switches.switch_off(SwitchKind.ACCOUNT, "stripe-us", because="down again", by="bob")
    assert KillSwitch.objects.count() == 2


def test_a_switch_of_a_method_works_within_the_cache_and_ends(shop: factories.Shop) -> None:
    row = switches.switch_off(SwitchKind.METHOD, "card", because="a bad day", by="ann")
    refused_now = shop.call("POST", f"payment_intents/{shop.intent()['id']}/confirm", factories.card())
    assert refused_now.json()["code"] == "payment_method_not_available"
    assert "it is switched off" in refused_now.json()["detail"]
    assert not any("card" in option["methods"] for option in shop.intent()["client_options"])
    switches.ask_on(row.pk, because="a better day", by="ann")
    switches.agree(row.pk, by="bob")
    assert shop.paid()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE payments_killswitch SET on_at = now(), on_by = 'bob' WHERE id = %s", "switch_on_by_two"),
        (
            "UPDATE payments_killswitch SET on_at = now(), on_by = 'bob', asked_by = 'bob' WHERE id = %s",
            "switch_on_by_two",
        ),
        ("UPDATE payments_killswitch SET on_at = now(), asked_by = 'bob' WHERE id = %s", "switch_on_by_two"),
        ("UPDATE payments_killswitch SET on_by = 'bob', asked_by = 'ann' WHERE id = %s", "switch_on_by_two"),
        ("UPDATE payments_killswitch SET target = 'ideal' WHERE id = %s", "keeps who and why"),
        ("UPDATE payments_killswitch SET off_by = 'bob' WHERE id = %s", "keeps who and why"),
        ("DELETE FROM payments_killswitch WHERE id = %s", "never deleted"),
    ],
)
def test_the_database_wants_two(shop: factories.Shop, statement: str, words: str) -> None:
    row = switches.switch_off(SwitchKind.METHOD, "card", because="a bad day", by="ann")
    with refused(words):
        sql(statement, key(row.pk))
    row.refresh_from_db()
