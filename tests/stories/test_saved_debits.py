"""A customer's bank account is saved with the first debit, and debited again with and without them, until it is not."""

from typing import Any

import pytest

from payments.methods.models import PaymentMethod, PaymentMethodToken
from payments.webhooks.models import Event
from tests import factories
from tests.stories import adyen, methods, saving

ACCOUNT = {"iban": "DE89370400440532013000", "holder_name": "Ada Lovelace"}
both = pytest.mark.parametrize("psp", ["stripe", "adyen"])


@pytest.fixture
def shop(shop: factories.Shop) -> factories.Shop:
    """A shop whose accounts serve the whole world."""
    methods.everywhere()
    return shop


def books(sim: factories.Simulator) -> None:
    factories.work()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def debit(
    shop: factories.Shop, sim: factories.Simulator, customer: str, psp: str, account: dict[str, str]
) -> dict[str, Any]:
    """The first debit, which saves the account; the payment as it is when the bank has paid."""
    wish = saving.intent(shop, customer, setup_future_usage="off_session")
    waiting = methods.confirm(shop, wish, "sepa_debit", psp, details=account)
    assert waiting["status"] == "processing"
    assert saving.listed(shop, customer) == [], "what the bank has not paid yet is no method to pay with"
    done = methods.pays(shop, sim, waiting, psp)
    if psp == "adyen":
        adyen.told("RECURRING_CONTRACT")
    factories.later("look_up_method")
    return done


def settled(shop: factories.Shop, sim: factories.Simulator, psp: str, debit: dict[str, Any], *, count: int) -> str:
    """What became of a debit when the bank has answered; at Adyen it is the account's answer number `count`."""
    if psp == "stripe":
        methods.days_later(sim)
    else:
        methods.acts(sim, methods.step(debit))
        methods.told(count)
    return str(shop.get(f"payment_intents/{debit['id']}")["status"])


@both
def test_saved_debited_again_without_the_customer_and_forgotten(
    shop: factories.Shop, sim: factories.Simulator, psp: str
) -> None:
    ada = saving.customer(shop)
    assert debit(shop, sim, ada, psp, ACCOUNT)["status"] == "succeeded"
    [account] = saving.listed(shop, ada)
    assert (account["type"], account["last4"], account["brand"], account["exp_year"]) == (
        "sepa_debit", "3000", None, None,
    )  # fmt: skip
    available = shop.get(f"payment_methods/available?amount=3000&currency=EUR&customer={ada}")
    assert [row["id"] for row in available["saved"]] == [account["id"]]

    for absent in (True, False):
        again = saving.charge(shop, saving.intent(shop, ada), account, off_session=absent)
        assert (again["status"], again["next_action"]) == ("processing", None)
        assert again["latest_attempt"]["method"] == "sepa_debit"
        assert settled(shop, sim, psp, again, count=3 - absent) == "succeeded"
    assert saving.listed(shop, ada) == [account]

    shop.call("DELETE", f"payment_methods/{account['id']}")
    factories.work()
    assert (saving.listed(shop, ada), saving.kept()) == ([], [])
    told = Event.objects.filter(object_id=account["id"]).order_by("sequence").values_list("type", flat=True)
    assert list(told) == ["payment_method.saved", "payment_method.deleted"]
    books(sim)


@both
def test_the_same_account_is_one_method_and_another_is_another(
    shop: factories.Shop, sim: factories.Simulator, psp: str
) -> None:
    ada = saving.customer(shop)
    other = {**ACCOUNT, "iban": "NL91ABNA0417164300"}
    for number, account in enumerate((ACCOUNT, ACCOUNT, other)):
        wish = saving.intent(shop, ada, setup_future_usage="off_session")
        waiting = methods.confirm(shop, wish, "sepa_debit", psp, details=account)
        assert settled(shop, sim, psp, waiting, count=number + 1) == "succeeded"
    if psp == "adyen":
        adyen.told("RECURRING_CONTRACT", 2)
    factories.later("look_up_method")
    assert sorted(row["last4"] for row in saving.listed(shop, ada)) == ["3000", "4300"]
    assert PaymentMethodToken.objects.filter(retired_at=None).count() == 2
    books(sim)


@both
def test_an_account_whose_first_debit_bounces_is_not_saved(
    shop: factories.Shop, sim: factories.Simulator, psp: str
) -> None:
    ada = saving.customer(shop, name="Ada Lovelace" if psp == "stripe" else "FAIL")
    wish = saving.intent(shop, ada, setup_future_usage="off_session")
    details = {"iban": "DE62370400440532013001", "holder_name": "FAIL"}
    assert methods.confirm(shop, wish, "sepa_debit", psp, details=details)["status"] == "processing"
    if psp == "stripe":
        methods.days_later(sim)
    else:
        sim.advance(11)
        methods.told()
    factories.work()
    assert shop.get(f"payment_intents/{wish['id']}")["status"] == "requires_payment_method"
    assert not PaymentMethod.objects.exists()
