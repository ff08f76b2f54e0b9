"""Another provider tries when the first could not, and never when money may have moved."""

from typing import Any

import pytest

from payments.gateway import circuits
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.intents import rulebook
from payments.intents.models import PaymentAttempt
from payments.intents.services import confirm
from payments.kernel import crashpoints
from payments.kernel.records import StateChange
from payments.orders.models import Order
from payments.webhooks.models import Event
from tests import factories
from tests.connectors.adyen_bench import fields
from tests.services.test_confirm import settle
from tests.stories import adyen, methods

DARKENED = {
    "stripe-eu": ("payment_intents.create", "error_503_before"),
    "adyen-eu": ("payments", "rate_limit_429"),
}
"""By account, a fault that proves that nothing has happened."""

METHOD = confirm.Method(type="card", details=fields())


@pytest.fixture
def two(shop: factories.Shop) -> factories.Shop:
    """A shop of which two accounts take euros from the Netherlands by what the client's card fields give."""
    for code, weight in (("adyen-eu", 100), ("adyen-apac", 0)):
        ProviderAccount.objects.filter(code=code).update(countries=[], currencies=[], weight=weight)
    rulebook.forget()
    return shop


def intent(shop: factories.Shop) -> dict[str, Any]:
    return shop.intent(shop.order(3000, "EUR", country="NL"))


def paid(shop: factories.Shop, wish: dict[str, Any], *, holder: str = "Ada Lovelace", **facts: Any) -> dict[str, Any]:
    method = {"type": "card", "details": fields(holder=holder), **facts}
    return shop.post(f"payment_intents/{wish['id']}/confirm", {"payment_method": method})


def charged(sim: factories.Simulator) -> int:
    return sum(line["amount_captured"] for line in sim.book() if line["object"] == "payment")


def test_a_provider_that_cannot_be_reached_is_passed_by(two: factories.Shop, sim: factories.Simulator) -> None:
    wish = intent(two)
    sim.scenario("payments", "rate_limit_429", account="adyen-eu")
    done = paid(two, wish)

    assert (done["status"], done["latest_attempt"]["provider_account"]) == ("succeeded", "adyen-apac")
    assert done["latest_attempt"]["reason_for_route"] == "adyen-eu could not be reached; standby, of weight zero"
    first, second = PaymentAttempt.objects.order_by("pk")
    assert (first.status, second.status) == ("failed", "captured")
    assert first.route["next"] == [{"provider_account": "adyen-apac", "why": "standby, of weight zero"}]
    assert {one["provider_account"] for one in first.route["left_out"]} == {"stripe-us", "stripe-eu"}
    assert list(ProviderCall.objects.order_by("pk").values_list("verdict", flat=True)) == ["unavailable", "approved"]
    moves = StateChange.objects.filter(object_id=wish["id"]).order_by("pk").values_list("event", flat=True)
    assert list(moves) == ["confirm", "fail_over", "capture"]
    told = Event.objects.filter(object_id=wish["id"]).order_by("sequence").values_list("type", flat=True)
    assert list(told) == ["payment_intent.created", "payment_intent.succeeded"], "the client hears of no failure"
    assert charged(sim) == 3000
    factories.assert_books_close()


@pytest.mark.parametrize(
    ("holder", "tries"), [("DECLINED", 2), ("NOT_ENOUGH_BALANCE", 1), ("BLOCK_CARD", 1), ("FRAUD", 1)]
)
def test_only_a_soft_decline_is_tried_elsewhere(
    two: factories.Shop, sim: factories.Simulator, holder: str, tries: int
) -> None:
    done = paid(two, intent(two), holder=holder)
    assert done["status"] == "requires_payment_method"
    assert list(PaymentAttempt.objects.values_list("status", flat=True)) == ["declined"] * tries
    assert charged(sim) == 0
    factories.assert_books_close()


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "error_500_before", "error_500_after", "garbage_200"])
def test_where_money_may_have_moved_nobody_else_is_asked(
    two: factories.Shop, sim: factories.Simulator, fault: str
) -> None:
    sim.scenario("payments", fault, account="adyen-eu")
    assert paid(two, intent(two))["status"] == "processing"
    assert PaymentAttempt.objects.get().status == "unknown"


def test_two_providers_are_asked_and_no_more(two: factories.Shop, sim: factories.Simulator) -> None:
    wish = intent(two)
    sim.scenario("payments", "rate_limit_429")
    body = {"payment_method": {"type": "card", "details": fields()}}
    refused = two.call("POST", f"payment_intents/{wish['id']}/confirm", body, key="once-more")
    assert (refused.status_code, refused.json()["code"]) == (503, "provider_unavailable")
    assert list(PaymentAttempt.objects.values_list("status", flat=True)) == ["failed", "failed"]

    sim.forgive()
    path = f"payment_intents/{wish['id']}/confirm"
    assert two.post(path, body, key="once-more")["status"] == "succeeded"
    assert charged(sim) == 3000
    factories.assert_books_close()


@pytest.mark.parametrize("psp", ["stripe", "adyen"])
def test_what_was_made_for_one_account_stays_and_the_client_is_shown_the_next_provider_first(
    shop: factories.Shop, sim: factories.Simulator, psp: str
) -> None:
    """At once, after one failure: no circuit has to open first. Who has failed comes last, the latest at the end."""
    methods.everywhere()
    wish, seen = intent(shop), []
    for operation, fault in DARKENED.values():
        sim.scenario(operation, fault)
    first = methods.ACCOUNTS[psp]
    for account in (first, None, None):
        chosen = account or shown(shop, wish)[0]
        refused = shop.call("POST", f"payment_intents/{wish['id']}/confirm", by_fields(chosen))
        assert (refused.status_code, refused.json()["code"]) == (503, "provider_unavailable")
        assert chosen not in seen
        seen.append(chosen)
        assert PaymentAttempt.objects.latest("pk").status == "failed"
        assert shop.get(f"payment_intents/{wish['id']}")["status"] == "requires_payment_method"
        assert shown(shop, wish)[-len(seen) :] == seen
    assert not any(circuits.standing(code) is circuits.Standing.OPEN for code in seen)
    sim.forgive()
    [last, *_] = shown(shop, wish)
    assert last not in seen
    done = shop.post(f"payment_intents/{wish['id']}/confirm", by_fields(last))
    assert (done["status"], done["latest_attempt"]["provider_account"]) == ("succeeded", last)
    factories.assert_books_close()


def test_the_answer_to_a_decline_shows_another_account_first(two: factories.Shop, sim: factories.Simulator) -> None:
    wish = two.intent(two.order(3000, "EUR", country="NL"))
    sim.scenario("*", "issuer_outage")
    [chosen, *_] = shown(two, wish)
    declined = two.post(f"payment_intents/{wish['id']}/confirm", by_fields(chosen))

    offered = [one["provider_account"] for one in declined["client_options"]]
    assert offered == shown(two, wish)
    assert offered[-1] == chosen


def shown(shop: factories.Shop, wish: dict[str, Any]) -> list[str]:
    """The accounts whose fields a client may show, in their order."""
    options = shop.get(f"payment_intents/{wish['id']}")["client_options"]
    return [one["provider_account"] for one in options]


def by_fields(account: str) -> dict[str, Any]:
    """What an account's own fields give: Stripe's a token, Adyen's encrypted details."""
    made = {"token": "pm_card_visa"} if account.startswith("stripe") else {"details": fields()}
    return {"payment_method": {"type": "card", "provider_account": account, **made}}


def test_after_two_providers_in_vain_the_third_is_shown_first(two: factories.Shop, sim: factories.Simulator) -> None:
    """Within one confirmation: the first two have just failed, and stand last."""
    methods.everywhere()
    ProviderAccount.objects.filter(psp="stripe").update(weight=0)
    rulebook.forget()
    sim.scenario("payments", "rate_limit_429")
    wish = intent(two)
    body = {"payment_method": {"type": "card", "details": fields()}}
    assert two.call("POST", f"payment_intents/{wish['id']}/confirm", body).status_code == 503
    assert PaymentAttempt.objects.count() == 2
    tried = [one.account.code for one in PaymentAttempt.objects.order_by("pk").select_related("account")]
    assert shown(two, wish)[-2:] == tried


@pytest.mark.parametrize(("dark", "next_one"), [("stripe-eu", "adyen-eu"), ("adyen-eu", "stripe-eu")])
def test_a_local_method_travels_to_the_other_psp(
    shop: factories.Shop, sim: factories.Simulator, dark: str, next_one: str
) -> None:
    methods.everywhere()
    ProviderAccount.objects.exclude(code__in=[dark, next_one]).update(enabled=False)
    ProviderAccount.objects.filter(code=next_one).update(weight=0)
    rulebook.forget()
    operation, fault = DARKENED[dark]
    sim.scenario(operation, fault, account=dark)
    body = {"payment_method": {"type": "ideal"}, "return_url": adyen.RETURN_URL}
    asked = shop.post(f"payment_intents/{intent(shop)['id']}/confirm", body)
    assert (asked["status"], asked["next_action"]["type"]) == ("requires_action", "redirect")
    assert asked["latest_attempt"]["provider_account"] == next_one
    assert asked["latest_attempt"]["reason_for_route"].startswith(f"{dark} could not be reached; ")
    shop.http.get(adyen.answer(asked))
    paid = shop.get(f"payment_intents/{asked['id']}")
    assert (paid["status"], paid["amount_captured"]) == ("succeeded", 3000)
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_details_made_for_one_account_stay_with_it(two: factories.Shop, sim: factories.Simulator) -> None:
    sim.scenario("payments", "rate_limit_429", account="adyen-eu")
    wish = intent(two)
    body = {"payment_method": {"type": "card", "details": fields(), "provider_account": "adyen-eu"}}
    assert two.call("POST", f"payment_intents/{wish['id']}/confirm", body).status_code == 503
    assert PaymentAttempt.objects.count() == 1


def test_the_order_is_held_while_the_second_provider_is_asked(two: factories.Shop, sim: factories.Simulator) -> None:
    order = two.order(3000, "EUR", country="NL")
    first, second = two.intent(order), two.intent(order)
    sim.scenario("payments", "rate_limit_429", account="adyen-eu")
    with crashpoints.armed("failover.committed"), pytest.raises(crashpoints.Crash):
        confirm.confirm(first["id"], METHOD, client_id=two.client.pk, by="test")

    body = {"payment_method": {"type": "card", "details": fields()}}
    refused = two.call("POST", f"payment_intents/{second['id']}/confirm", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "order_payment_in_progress")


@pytest.mark.parametrize("point", [one for one in crashpoints.POINTS if one.startswith(("failover.", "confirm."))])
def test_a_crash_at_any_point_of_failover_ends_right(two: factories.Shop, sim: factories.Simulator, point: str) -> None:
    order = two.order(3000, "EUR", country="NL")
    wish = two.intent(order)
    sim.scenario("payments", "rate_limit_429", account="adyen-eu")
    try:
        with crashpoints.armed(point):
            confirm.confirm(wish["id"], METHOD, client_id=two.client.pk, by="test")
    except crashpoints.Crash:
        sim.forgive()
        settle()
    else:
        assert point == "confirm.recorded", "the first attempt's end is recorded with the second's beginning"

    found = two.get(f"payment_intents/{wish['id']}")
    assert found["status"] in ("succeeded", "requires_payment_method")
    taken = charged(sim)
    assert found["amount_captured"] == taken == two.get(f"orders/{order['id']}")["amount_paid"]
    assert found["status"] == ("succeeded" if taken else "requires_payment_method")
    factories.assert_books_close()


def test_a_repetition_is_the_same_request_although_the_database_kept_it_in_another_order(
    two: factories.Shop, sim: factories.Simulator
) -> None:
    """Money was taken, nobody heard of it, and no notification comes: the repetition must be answered alike."""
    wish = intent(two)
    with crashpoints.armed("confirm.answered"), pytest.raises(crashpoints.Crash):
        confirm.confirm(wish["id"], METHOD, client_id=two.client.pk, by="test")
    settle()
    assert two.get(f"payment_intents/{wish['id']}")["status"] == "succeeded"
    assert charged(sim) == 3000


@pytest.mark.parametrize("quicker", ["cancel", "order"])
def test_who_was_quicker_ends_it(two: factories.Shop, sim: factories.Simulator, quicker: str) -> None:
    """Somebody changes the payment while the first provider is asked: the second is not."""
    wish = intent(two)
    sim.scenario("payments", "rate_limit_429", account="adyen-eu")
    with pytest.MonkeyPatch.context() as patch:
        reached = crashpoints.reach

        def meanwhile(point: str) -> None:
            if point == "confirm.answered" and quicker == "cancel":
                two.post(f"payment_intents/{wish['id']}/cancel", {})
            elif point == "confirm.answered":
                Order.objects.filter(pk=wish["order"]).update(version=99)
            reached(point)

        patch.setattr(crashpoints, "reach", meanwhile)
        body = {"payment_method": {"type": "card", "details": fields()}}
        answer = two.call("POST", f"payment_intents/{wish['id']}/confirm", body)
    assert answer.status_code == 503
    assert PaymentAttempt.objects.get().status == "failed"
    ended = two.get(f"payment_intents/{wish['id']}")["status"]
    assert ended == ("canceled" if quicker == "cancel" else "requires_payment_method")
    factories.assert_books_close()
