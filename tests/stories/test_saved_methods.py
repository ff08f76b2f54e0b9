"""A card is saved with the first payment, charged with and without its customer, renewed, deleted and forgotten."""

from typing import Any

import pytest

from payments.methods.models import Payer, PaymentMethod, PaymentMethodToken
from payments.webhooks.models import Event
from tests import factories
from tests.stories import adyen, methods, saving

PSPS = ("stripe", "adyen")
both = pytest.mark.parametrize("psp", PSPS)


@pytest.fixture
def shop(shop: factories.Shop) -> factories.Shop:
    """A shop whose accounts serve the whole world."""
    methods.everywhere()
    return shop


def books(sim: factories.Simulator) -> None:
    factories.work()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def told(method: dict[str, Any]) -> list[str]:
    """What the client was told of a saved method."""
    return list(Event.objects.filter(object_id=method["id"]).order_by("sequence").values_list("type", flat=True))


@both
def test_saved_with_the_first_payment_and_charged_without_the_customer(
    shop: factories.Shop, sim: factories.Simulator, psp: str
) -> None:
    ada = saving.customer(shop)
    card = saving.save(shop, sim, ada, psp)
    assert (card["type"], card["customer"], card["last4"]) == ("card", ada, "4242" if psp == "stripe" else "1111")
    assert card["exp_year"]
    assert told(card) == ["payment_method.saved"]
    paid = saving.charge(shop, saving.intent(shop, ada), card, off_session=True)
    assert paid["status"] == "succeeded"
    assert paid["latest_attempt"]["saved_payment_method"] == card["id"]
    assert paid["latest_attempt"]["provider_account"] == methods.ACCOUNTS[psp]
    assert saving.listed(shop, ada) == [card]
    available = shop.get(f"payment_methods/available?amount=3000&currency=EUR&customer={ada}")
    assert [row["id"] for row in available["saved"]] == [card["id"]]
    books(sim)


@both
def test_the_bank_wants_the_customer_who_then_comes(shop: factories.Shop, sim: factories.Simulator, psp: str) -> None:
    ada = saving.customer(shop)
    card = saving.save(shop, sim, ada, psp, challenged=True)
    wish = saving.intent(shop, ada)
    if psp == "adyen":  # which reads it from the name
        shop.call("PATCH", f"customers/{ada}", {"name": "AUTHENTICATION_REQUIRED"})
    refused = saving.charge(shop, wish, card, off_session=True)
    assert refused["status"] == "requires_payment_method"
    assert refused["last_payment_error"]["decline_code"] == "authentication_required"
    assert refused["last_payment_error"]["category"] == "customer"
    shop.call("PATCH", f"customers/{ada}", {"name": "Ada Lovelace"})
    asked = saving.charge(shop, wish, card)
    assert (asked["status"], asked["next_action"]["type"]) == ("requires_action", "redirect")
    assert methods.pays(shop, sim, asked, psp)["status"] == "succeeded"
    assert [row["id"] for row in saving.listed(shop, ada)] == [card["id"]]
    books(sim)


@both
def test_the_same_card_saved_twice_is_one_method(shop: factories.Shop, sim: factories.Simulator, psp: str) -> None:
    ada = saving.customer(shop)
    first, again = (saving.save(shop, sim, ada, psp) for _ in range(2))
    assert first["id"] == again["id"]
    assert len(saving.listed(shop, ada)) == 1
    assert PaymentMethodToken.objects.filter(retired_at=None).count() == 1
    assert Payer.objects.count() == (1 if psp == "stripe" else 0)
    books(sim)


@both
def test_deleted_here_it_is_gone_at_once_and_soon_at_the_psp(
    shop: factories.Shop, sim: factories.Simulator, psp: str
) -> None:
    ada = saving.customer(shop)
    card = saving.save(shop, sim, ada, psp)
    assert saving.kept()
    answer = shop.call("DELETE", f"payment_methods/{card['id']}")
    assert (answer.status_code, bool(answer.json()["deleted_at"])) == (200, True)
    assert saving.listed(shop, ada) == []
    refused = shop.call(
        "POST",
        f"payment_intents/{saving.intent(shop, ada)['id']}/confirm",
        {"saved_payment_method": card["id"], "off_session": True},
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "saved_payment_method_deleted")
    factories.work()
    assert saving.kept() == []
    assert shop.call("DELETE", f"payment_methods/{card['id']}").json() == answer.json(), "twice is once"
    assert told(card) == ["payment_method.saved", "payment_method.deleted"]
    books(sim)


@both
def test_a_psp_that_cannot_be_reached_forgets_later(shop: factories.Shop, sim: factories.Simulator, psp: str) -> None:
    ada = saving.customer(shop)
    card = saving.save(shop, sim, ada, psp)
    operation = "payment_methods.detach" if psp == "stripe" else "stored_payment_methods.delete"
    sim.scenario(operation, "error_500_before", times=1)
    shop.call("DELETE", f"payment_methods/{card['id']}")
    factories.work()
    assert saving.kept()
    assert factories.broken() == [], "a job remembers it"
    factories.later("forget_token")
    assert saving.kept() == []
    books(sim)


@both
def test_who_is_erased_has_nothing_saved(shop: factories.Shop, sim: factories.Simulator, psp: str) -> None:
    ada = saving.customer(shop)
    card = saving.save(shop, sim, ada, psp)
    shop.call("DELETE", f"customers/{ada}")
    assert saving.listed(shop, ada) == []
    factories.work()
    assert saving.kept() == []
    row = PaymentMethod.objects.get(pk=card["id"])
    assert (row.last4, row.exp_year, row.fingerprint, row.deleted_at is None) == ("", None, "", False)
    books(sim)


@both
def test_who_is_erased_while_they_pay_saves_nothing(shop: factories.Shop, sim: factories.Simulator, psp: str) -> None:
    ada = saving.customer(shop)
    wish = saving.intent(shop, ada, setup_future_usage="off_session")
    given = saving.given(psp, challenged=True)
    asked = methods.confirm(shop, wish, "card", psp, **given)
    shop.call("DELETE", f"customers/{ada}")
    assert methods.pays(shop, sim, asked, psp)["status"] == "succeeded"
    factories.work()
    assert saving.listed(shop, ada) == []
    assert saving.kept() == []
    books(sim)


@both
def test_what_the_answer_did_not_say_the_psp_is_asked(shop: factories.Shop, sim: factories.Simulator, psp: str) -> None:
    """The answer is lost after the effect; notifications and recovery make the same of it."""
    ada = saving.customer(shop)
    sim.scenario("payment_intents.confirm" if psp == "stripe" else "payments", "error_500_after", times=1)
    wish = saving.intent(shop, ada, setup_future_usage="off_session")
    lost = methods.confirm(shop, wish, "card", psp, **saving.given(psp))
    assert lost["status"] == "processing"
    methods.told()
    if psp == "adyen":
        adyen.told("RECURRING_CONTRACT")
    factories.later("look_up_method")
    assert shop.get(f"payment_intents/{wish['id']}")["status"] == "succeeded"
    [card] = saving.listed(shop, ada)
    assert (card["last4"], bool(card["exp_year"])) == ("4242" if psp == "stripe" else "1111", True)
    assert shop.get(f"payment_intents/{wish['id']}")["latest_attempt"]["saved_payment_method"] == card["id"]
    assert saving.charge(shop, saving.intent(shop, ada), card, off_session=True)["status"] == "succeeded"
    books(sim)


def test_the_bank_has_renewed_the_card(shop: factories.Shop, sim: factories.Simulator) -> None:
    ada = saving.customer(shop)
    card = saving.save(shop, sim, ada, "stripe")
    saving.at_stripe(f"payment_methods/{saving.token()}", {"card[exp_month]": "3", "card[exp_year]": "2040"})
    saving.told("payment_method.updated")
    [renewed] = saving.listed(shop, ada)
    assert renewed == card | {"exp_month": 3, "exp_year": 2040}
    assert told(card) == ["payment_method.saved", "payment_method.updated"]
    books(sim)


def test_what_stripe_keeps_no_longer_cannot_be_paid_with(shop: factories.Shop, sim: factories.Simulator) -> None:
    ada = saving.customer(shop)
    card = saving.save(shop, sim, ada, "stripe")
    saving.at_stripe(f"payment_methods/{saving.token()}/detach", {})
    saving.told("payment_method.detached")
    assert saving.listed(shop, ada) == []
    assert told(card) == ["payment_method.saved", "payment_method.deleted"]
    books(sim)


def test_adyen_has_news_of_a_card_and_is_asked(shop: factories.Shop, sim: factories.Simulator) -> None:
    """Its account updater says which token; what is new it says when it is asked. Then it keeps it no longer."""
    ada = saving.customer(shop)
    card = saving.save(shop, sim, ada, "adyen")
    saving.at_adyen(sim, {"action": "update", "month": "01", "year": "2033"})
    saving.told("recurring.token.updated")
    assert saving.listed(shop, ada) == [card | {"exp_month": 1, "exp_year": 2033}]
    assert told(card) == ["payment_method.saved", "payment_method.updated"]
    saving.at_adyen(sim, {"action": "disable"})
    saving.told("recurring.token.disabled")
    assert saving.listed(shop, ada) == []
    assert told(card)[-1] == "payment_method.deleted"
    books(sim)
