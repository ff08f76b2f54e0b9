"""Money that came too late is given back by itself, once, and never without a bound."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from payments.connectors.base import Verdict
from payments.intents.models import Capture
from payments.intents.services import lifecycle
from payments.kernel import clock
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job, Retry
from payments.kernel.records import StateChange
from refunds import policy
from refunds.models import Refund
from refunds.services import duplicates
from tests import factories
from tests.backoffice import pages
from tests.refunds.psp import Psp
from tests.refunds.test_news import news, tell
from tests.refunds.test_sending import due


def paid_twice(shop: factories.Shop, sim: factories.Simulator) -> dict[str, str]:
    """An intent whose customer left 3-D Secure, paid with another card, and then passed 3-D Secure all the same."""
    first = shop.confirm(shop.intent(), "pm_card_threeDSecure2Required")
    paid = shop.confirm(first, "pm_card_visa")
    assert paid["status"] == "succeeded"
    sim.challenge(first["latest_attempt"]["provider_reference"], "success")
    return {"intent": paid["id"], "order": paid["order"], "late": first["latest_attempt"]["id"]}


def test_a_payment_that_came_too_late_goes_back_by_itself(shop: factories.Shop, sim: factories.Simulator) -> None:
    paid = paid_twice(shop, sim)
    factories.work()

    [refund] = shop.get("refunds")["data"]
    assert (refund["status"], refund["origin"], refund["reason"], refund["amount"]) == (
        "succeeded",
        "duplicate",
        "duplicate",
        1999,
    )
    assert Refund.objects.get().attempt_id == paid["late"]
    payments = [line for line in sim.book() if line["object"] == "payment"]
    assert sorted(line["amount_captured"] - line["amount_refunded"] for line in payments) == [0, 1999]
    intent = shop.get(f"payment_intents/{paid['intent']}")
    assert (intent["status"], intent["amount_captured"], intent["amount_refunded"]) == ("succeeded", 3998, 1999)
    factories.assert_books_close()


def test_asking_again_gives_nothing_back_again(shop: factories.Shop, sim: factories.Simulator) -> None:
    paid = paid_twice(shop, sim)
    factories.work()
    for _ in range(2):
        duplicates.give_back(Capture.objects.get(attempt_id=paid["late"]).pk)
    factories.work()

    assert Refund.objects.count() == 1
    factories.assert_books_close()


def test_an_agent_who_was_faster_leaves_nothing_to_give_back(shop: factories.Shop, sim: factories.Simulator) -> None:
    """The rest of the intent is refunded, both payments of it, while the automatic refund still waits for its turn."""
    paid = paid_twice(shop, sim)
    lifecycle.cancel_attempt(paid["late"], by="test")
    assert Job.objects.filter(name="refund_duplicate").count() == 1
    first = shop.post("refunds", {"payment_intent": paid["intent"], "reason": "fraudulent"})
    assert (first["amount"], len(first["related"])) == (1999, 1)
    factories.work()

    assert Refund.objects.filter(status="succeeded", origin="api").count() == Refund.objects.count() == 2
    assert sum(line["amount_refunded"] for line in sim.book() if line["object"] == "refund") == 3998
    factories.assert_books_close()


def test_what_goes_back_by_itself_is_not_touched_by_a_partial_refund(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    paid = paid_twice(shop, sim)
    lifecycle.cancel_attempt(paid["late"], by="test")
    asked = shop.post("refunds", {"order": paid["order"], "amount": 500, "reason": "goodwill"})
    assert Refund.objects.get(pk=asked["id"]).attempt_id != paid["late"], "although that was captured later"
    factories.work()

    assert shop.get(f"orders/{paid['order']}")["amount_refunded"] == 1999 + 500
    factories.assert_books_close()


def test_a_partial_refund_takes_from_the_payment_that_counts(shop: factories.Shop, sim: factories.Simulator) -> None:
    paid = paid_twice(shop, sim)
    factories.work()
    asked = shop.post("refunds", {"payment_intent": paid["intent"], "amount": 500, "reason": "goodwill"})
    factories.work()

    assert Refund.objects.get(pk=asked["id"]).attempt_id != paid["late"]
    assert shop.get(f"refunds/{asked['id']}")["status"] == "succeeded"
    assert shop.post("refunds", {"order": paid["order"], "reason": "goodwill"})["amount"] == 1499
    factories.work()
    factories.assert_books_close()


def test_what_cannot_be_given_back_by_itself_gets_a_person(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    paid = paid_twice(shop, sim)
    sim.scenario("refunds.create", "rate_limit_429", times=1)
    factories.work()
    refund = Refund.objects.get()
    assert refund.status == "requested"
    psp.refund(refund.attempt.provider_reference, 1999)
    due()
    factories.work()

    refund.refresh_from_db()
    assert refund.status == "failed"
    items = AttentionItem.objects.filter(closed_at=None).values_list("kind", "object_id")
    assert ("overpayment", refund.pk) in items
    assert Capture.objects.get(attempt_id=paid["late"]).pk == refund.duplicate_of_id
    psp.notify()
    factories.assert_books_close()


def test_a_duplicate_that_waits_to_go_back_is_not_canceled(shop: factories.Shop, sim: factories.Simulator) -> None:
    paid_twice(shop, sim)
    sim.scenario("refunds.create", "rate_limit_429", times=1)
    factories.work()
    refund = Refund.objects.get()
    assert refund.status == "requested"
    refused = shop.call("POST", f"refunds/{refund.pk}/cancel", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "refund_unexpected_state")
    due()
    factories.work()

    refund.refresh_from_db()
    assert refund.status == "succeeded"
    factories.assert_books_close()


def test_a_duplicate_that_the_psp_cancels_gets_a_person(shop: factories.Shop, sim: factories.Simulator) -> None:
    paid_twice(shop, sim)
    sim.scenario("refunds.create", "reset_before")
    factories.work()
    refund = Refund.objects.get()
    for verdict in (Verdict.ACTION_REQUIRED, Verdict.CANCELED):
        tell(news(refund, verdict))

    refund.refresh_from_db()
    assert refund.status == "canceled_at_psp"
    [item] = AttentionItem.objects.filter(closed_at=None)
    assert (item.kind, item.object_id) == ("overpayment", refund.pk)
    assert item.detail == "19.99 USD came too late and cannot be given back: canceled at the PSP"
    factories.assert_books_close()


def lead() -> Client:
    """The browser of somebody who leads support."""
    lena = User.objects.create_user("lena", password="correct horse battery staple", is_staff=True)
    call_command("roles", verbosity=0)
    lena.groups.set(Group.objects.filter(name="support_lead"))
    return pages.signed_in(lena)


def released(capture_id: str) -> AttentionItem:
    """A lead says that it may go back."""
    browser, item = lead(), AttentionItem.objects.get(object_id=capture_id)
    page = reverse("admin:payments_attentionitem_release", args=[item.pk])
    assert "It was stopped" in browser.get(page).content.decode()
    browser.post(page, {"reason": "no"})
    item.refresh_from_db()
    assert item.closed_at is None, "without a reason nothing goes"
    browser.post(page, {"reason": "The shop has double-charged by hand."})
    item.refresh_from_db()
    return item


def stopped(capture: Capture, why: str) -> None:
    """It waits for a person, however long."""
    [item] = AttentionItem.objects.filter(closed_at=None)
    assert (item.kind, item.object_id, item.detail) == ("auto_refund_limit", capture.pk, why)
    assert Job.objects.get(name="refund_duplicate").due_at > timezone.now() + timedelta(minutes=50)
    with clock.at(timezone.now() + timedelta(hours=2)), pytest.raises(Retry):
        duplicates.give_back(capture.pk)


def test_a_bug_cannot_empty_the_account(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "AUTOMATIC_PER_HOUR", 1)
    paid_twice(shop, sim)
    factories.work()
    second = paid_twice(shop, sim)
    factories.work()

    capture = Capture.objects.get(attempt_id=second["late"])
    assert Refund.objects.count() == 1
    stopped(capture, "more than 1 automatic refunds within an hour")
    part = shop.post("refunds", {"order": second["order"], "amount": 500, "reason": "goodwill"})
    assert Refund.objects.get(pk=part["id"]).attempt_id != second["late"], "what waits is not given to anybody else"

    item = released(capture.pk)
    assert (item.closed_by, item.closed_because) == ("staff lena", "The shop has double-charged by hand.")
    assert StateChange.objects.get(object_id=capture.pk, event="release").by == "staff lena"
    assert "double-charged" in LogEntry.objects.get().change_message
    factories.work()
    assert Refund.objects.filter(status="succeeded", origin="duplicate").count() == 2
    factories.assert_books_close()


def test_nor_can_a_few_large_ones(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "AUTOMATIC_AMOUNT", 30)
    paid_twice(shop, sim)
    factories.work()
    second = paid_twice(shop, sim)
    factories.work()

    capture = Capture.objects.get(attempt_id=second["late"])
    stopped(capture, "automatic refunds of more than 30.00 USD within an hour")
    item = AttentionItem.objects.get(object_id=capture.pk)
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss", password="correct horse battery staple"))
    page = reverse("admin:payments_attentionitem_release", args=[item.pk])
    assert boss.post(page, {"reason": "I am the boss here."}).status_code == 403
    choice = {"action": "release_selected", "_selected_action": [item.pk]}
    leads, waiting = lead(), reverse("admin:payments_attentionitem_changelist")
    asked = leads.post(waiting, choice).content.decode()
    assert "Give back: 1" in asked
    factories.work()
    assert Refund.objects.filter(status="succeeded").count() == 1, "asked first, with their number"
    leads.post(waiting, {**choice, "confirmed": "1", "reason": "The customer has written."})
    factories.work()
    assert Refund.objects.filter(status="succeeded").count() == 2
    factories.assert_books_close()


def test_what_an_agent_gives_back_meanwhile_waits_for_nobody(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "AUTOMATIC_AMOUNT", 1)
    paid = paid_twice(shop, sim)
    factories.work()
    shop.post("refunds", {"payment_intent": paid["intent"], "reason": "fraudulent"})
    due()
    factories.work()
    assert AttentionItem.objects.get().closed_because == "nothing of it is left with us"
    assert not Job.objects.filter(name="refund_duplicate").exists()
    factories.assert_books_close()
