"""Beyond a limit a second person decides; people can take back what they did while it is held."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from payments.kernel import clock
from payments.kernel.errors import Refusal
from payments.kernel.jobs import Job, Queue
from payments.kernel.records import StateChange
from payments.webhooks.models import Event
from refunds.models import Refund
from refunds.policy import Person
from refunds.services import approvals, refunds
from tests import factories
from tests.refunds.people import ADA, BOB, EVE, LEA, LOU, ask, limit, undo_window_ends


@pytest.fixture
def large(shop: factories.Shop) -> dict[str, Any]:
    """A payment of 400.00 USD: more than support gives back alone."""
    return shop.paid(40_000)


def moves_of(refund: Refund) -> list[tuple[str, str]]:
    """To which states it went, and by whom."""
    return list(StateChange.objects.filter(object_id=refund.pk).order_by("pk").values_list("to_state", "by"))


def told(refund: Refund) -> list[str]:
    """What the client has learnt of it, in order."""
    types = Event.objects.filter(object_id=refund.pk).order_by("sequence").values_list("type", flat=True)
    return [type_.removeprefix("refund.") for type_ in types]


def refusal(act: Callable[[], object]) -> tuple[str, str]:
    """The code and the words of what is refused."""
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code, refused.value.detail


def test_what_is_within_the_limit_is_held_and_then_sent(shop: factories.Shop, sim: factories.Simulator) -> None:
    refund = ask(shop.paid(2000), 500)
    seen = shop.get(f"refunds/{refund.pk}")
    assert (seen["status"], seen["approval_reason"]) == ("held", None)
    assert refund.held_until is not None
    assert refund.held_until - refund.created_at >= timedelta(seconds=30)
    assert Job.objects.get(name="send_refund").due_at == refund.held_until

    factories.work(Queue.MONEY)
    assert shop.get(f"refunds/{refund.pk}")["status"] == "held", "not before its time"
    undo_window_ends()
    assert shop.get(f"refunds/{refund.pk}")["status"] == "succeeded"
    assert told(refund) == ["created", "sent", "succeeded"]
    assert moves_of(refund) == [("held", "staff ada"), ("sent", "sending"), ("succeeded", "sending")]
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_one_click_takes_it_back_while_it_is_held(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.paid(2000)
    refund = ask(intent, 500)
    refunds.cancel(refund.pk, client_id=None, by=ADA.name)
    undo_window_ends()

    assert shop.get(f"refunds/{refund.pk}")["status"] == "canceled"
    assert told(refund) == ["created", "canceled"]
    assert [line for line in sim.book() if line["object"] == "refund"] == []
    assert ask(intent).amount_minor == 2000, "all of it can be refunded again"
    factories.assert_books_close()


def test_a_refund_by_a_client_is_not_held(shop: factories.Shop) -> None:
    asked = shop.post("refunds", {"payment_intent": shop.paid(2000)["id"], "amount": 500, "reason": "goodwill"})
    assert (asked["status"], asked["held_until"]) == ("requested", None)
    factories.work(Queue.MONEY)
    assert shop.get(f"refunds/{asked['id']}")["status"] == "succeeded"


def test_beyond_the_limit_a_second_person_approves(
    shop: factories.Shop, large: dict[str, Any], sim: factories.Simulator
) -> None:
    refund = ask(large)
    seen = shop.get(f"refunds/{refund.pk}")
    assert (seen["status"], seen["approval_reason"]) == ("needs_approval", "more than 250.00 USD at once")
    factories.work()
    undo_window_ends()
    assert shop.get(f"refunds/{refund.pk}")["status"] == "needs_approval", "nothing but a person ends that"
    assert shop.get(f"payment_intents/{large['id']}")["amount_refunded"] == 0
    assert factories.broken() == []

    approvals.approve(refund.pk, LEA, because="The parcel was lost.")
    refund.refresh_from_db()
    assert (refund.status, refund.approved_by, refund.decided_because) == (
        "held",
        "staff lea",
        "The parcel was lost.",
    )
    assert refund.released_by == "staff lea", "it counts for who let it go"
    undo_window_ends()
    assert shop.get(f"refunds/{refund.pk}")["status"] == "succeeded"
    assert told(refund) == ["created", "pending_approval", "sent", "succeeded"]
    assert moves_of(refund)[:3] == [
        ("needs_approval", "staff ada"),
        ("approved", "staff lea"),
        ("held", "staff lea"),
    ]
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_who_has_approved_can_take_that_back_too(shop: factories.Shop, large: dict[str, Any]) -> None:
    refund = ask(large)
    approvals.approve(refund.pk, LEA)
    refunds.cancel(refund.pk, client_id=None, by=LEA.name)
    undo_window_ends()
    assert told(refund) == ["created", "pending_approval", "canceled"]
    factories.assert_books_close()


def test_a_rejected_refund_gives_its_amount_free(shop: factories.Shop, large: dict[str, Any]) -> None:
    refund = ask(large)
    assert shop.call("POST", "refunds", {"payment_intent": large["id"], "reason": "damaged"}).json()["code"] == (
        "refund_nothing_to_refund"
    )
    approvals.reject(refund.pk, LEA, because=" The parcel has arrived. ")
    refund.refresh_from_db()
    assert (refund.status, refund.rejected_by, refund.decided_because) == (
        "rejected",
        "staff lea",
        "The parcel has arrived.",
    )
    assert refund.settled_at
    assert told(refund) == ["created", "pending_approval", "rejected"]
    assert ask(large, 40_000, who=LEA).status == "held"
    factories.assert_books_close()


def test_a_refund_that_waits_for_approval_can_be_canceled(shop: factories.Shop, large: dict[str, Any]) -> None:
    refund = ask(large)
    refunds.cancel(refund.pk, client_id=None, by=ADA.name)
    assert refusal(lambda: approvals.approve(refund.pk, LEA)) == (
        "refund_unexpected_state",
        "The refund is canceled: nobody has to decide about it.",
    )
    factories.assert_books_close()


def test_who_may_not_decide_is_told_why(shop: factories.Shop, large: dict[str, Any]) -> None:
    refund = ask(large)
    limit("support_lead", 39_999, None)
    for act in (
        lambda who: approvals.approve(refund.pk, who),
        lambda who: approvals.reject(refund.pk, who, because="I do not like it"),
    ):
        assert refusal(lambda act=act: act(BOB)) == (  # type: ignore[misc]
            "refund_approval_not_allowed",
            "Refunds are approved and rejected by support leads.",
        )
        assert refusal(lambda act=act: act(Person("staff ada", ["support_lead"], approves=True))) == (  # type: ignore[misc]
            "refund_approval_needs_another_person",
            "You asked for this refund yourself: somebody else decides.",
        )
    assert refusal(lambda: approvals.approve(refund.pk, LEA)) == (
        "refund_approval_beyond_limit",
        "It is beyond your own limit as well: more than 399.99 USD at once.",
    )
    assert refusal(lambda: approvals.approve(refund.pk, EVE)) == (
        "refund_approval_beyond_limit",
        "It is beyond your own limit as well: there is no limit for USD.",
    )
    assert refusal(lambda: approvals.reject(refund.pk, LEA, because="  ")) == (
        "refund_rejection_needs_reason",
        "Say why: whoever asked for it wants to know.",
    )
    assert moves_of(refund) == [("needs_approval", "staff ada")]

    limit("support_lead", None, None)
    approvals.approve(refund.pk, LEA)
    assert refusal(lambda: approvals.reject(refund.pk, LOU, because="too late")) == (
        "refund_unexpected_state",
        "The refund is held: nobody has to decide about it.",
    )


def test_what_somebody_has_agreed_to_before_goes_by_that_word(shop: factories.Shop, large: dict[str, Any]) -> None:
    """What goes by it has a row in a batch: tests/refunds/test_bulk.py."""
    draft = refunds.RefundDraft(payment_intent=large["id"], amount=30_000, reason="damaged")
    assert refusal(lambda: refunds.request_as(LEA, draft, approved_by=LEA))[0] == "refund_approval_needs_another_person"
    assert refusal(lambda: refunds.request_as(ADA, draft, approved_by=BOB))[0] == "refund_approval_not_allowed"
    limit("support_lead", 100, 100)
    small = refunds.RefundDraft(payment_intent=large["id"], amount=101, reason="damaged")
    assert refusal(lambda: refunds.request_as(ADA, small, approved_by=LOU)) == (
        "refund_approval_beyond_limit",
        "It is beyond the limit of staff lou as well: more than 1.00 USD at once.",
    )
    assert not Refund.objects.exists()


def test_the_limit_of_a_day_counts_what_goes_by_ones_own_word(shop: factories.Shop) -> None:
    limit("support", 10_000, 20_000)
    intents = [shop.paid(10_000) for _ in range(5)]
    assert [ask(intent).status for intent in intents[:3]] == ["held", "held", "needs_approval"]
    third = Refund.objects.get(status="needs_approval")
    assert third.approval_reason == "more than 200.00 USD within 24 hours, with 200.00 USD before it"
    assert ask(intents[3], who=BOB).status == "held", "everybody has a day of their own"

    approvals.approve(third.pk, LEA)
    refunds.cancel(Refund.objects.earliest("pk").pk, client_id=None, by=ADA.name)
    assert ask(intents[0], 9_999).status == "held", "neither what was canceled counts, nor what another let go"
    assert ask(intents[4], 2).status == "needs_approval"
    with clock.at(clock.now() + timedelta(hours=24, seconds=1)):
        assert ask(intents[4], 9_000).status == "held", "a day later"
    factories.assert_books_close()


def test_a_request_for_several_payments_is_one_amount(shop: factories.Shop) -> None:
    limit("support", 10_000, 20_000)
    order = shop.order(12_000)
    shop.confirm(shop.intent(order, amount=6_000))
    shop.confirm(shop.intent(order))
    draft = refunds.RefundDraft(order=order["id"], reason="damaged")
    made = refunds.request_as(ADA, draft).refund
    assert list(Refund.objects.values_list("status", flat=True)) == ["needs_approval"] * 2
    approvals.approve(made.pk, LEA)
    assert sorted(Refund.objects.values_list("status", flat=True)) == ["held", "needs_approval"], "each is decided"


def test_a_client_has_limits_too(shop: factories.Shop) -> None:
    limit("api", 1_000, 1_500)
    intent = shop.paid(10_000)
    body = {"payment_intent": intent["id"], "reason": "goodwill"}
    asked = [shop.post("refunds", {**body, "amount": amount}) for amount in (1_001, 1_000, 501, 500)]
    assert [(one["status"], one["approval_reason"]) for one in asked] == [
        ("needs_approval", "more than 10.00 USD at once"),
        ("requested", None),
        ("needs_approval", "more than 15.00 USD within 24 hours, with 10.00 USD before it"),
        ("requested", None),
    ]
    other = factories.shop("another")
    theirs = other.post("refunds", {"payment_intent": other.paid(1_000)["id"], "reason": "goodwill"})
    assert theirs["status"] == "requested", "clients do not use up each other's day"

    approvals.approve(asked[0]["id"], LEA)
    undo_window_ends()
    assert shop.get(f"refunds/{asked[0]['id']}")["status"] == "succeeded"
    canceled = shop.post(f"refunds/{asked[2]['id']}/cancel", {})
    assert canceled["status"] == "canceled"
    factories.assert_books_close()


def test_without_a_limit_everything_waits(shop: factories.Shop) -> None:
    assert ask(shop.paid(100), who=Person("staff nobody")).approval_reason == "there is no limit for USD"
    assert ask(shop.paid(100), who=Person("staff sly", ["api"])).status == "needs_approval", (
        "a client's limit is no role"
    )
