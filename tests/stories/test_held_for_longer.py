"""Reservations that soon expire: held for longer where the PSP can and somebody waits, else a person hears of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.services import extending, lifecycle
from payments.kernel import clock, crashpoints
from payments.kernel.attention import AttentionItem, NotOffered
from payments.kernel.jobs import Job
from payments.webhooks.models import InboundEvent
from payments.webhooks.services import inbound
from tests import byhand, factories
from tests.stories import adyen

DAY = timedelta(days=1)
TOLD = "AUTHORISATION_ADJUSTMENT"


def aged(intent: dict[str, Any], days: float = 5.5) -> PaymentAttempt:
    """Its attempt, so many days after it was authorised."""
    attempt = PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"])
    PaymentAttempt.objects.filter(pk=attempt.pk).update(authorized_at=timezone.now() - days * DAY)
    attempt.refresh_from_db()
    return attempt


def reserved(shop: factories.Shop, days: float = 5.5) -> tuple[dict[str, Any], PaymentAttempt]:
    """30.00 reserved at Adyen so many days ago."""
    intent = adyen.paid(shop, capture_method="manual")
    return intent, aged(intent, days)


def extended(attempt: PaymentAttempt) -> datetime | None:
    """Since when it is held for longer; it is reserved still."""
    attempt.refresh_from_db()
    assert attempt.status == "authorized"
    return attempt.extended_at


def upkeep() -> None:
    """What the timetable does about reservations."""
    extending.extend_due()
    Job.objects.filter(name="extend_reservation").update(due_at=timezone.now() - DAY)
    factories.work()
    lifecycle.warn_of_expiring_reservations()


def calls() -> list[ProviderCall]:
    return list(ProviderCall.objects.filter(kind="adjust").order_by("pk"))


def items() -> list[AttentionItem]:
    return list(AttentionItem.objects.filter(closed_at=None))


def test_a_reservation_that_is_waited_for_is_held_for_longer_before_it_expires(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent, attempt = reserved(shop)
    upkeep()
    [call] = calls()
    assert (call.verdict, call.owner_id) == ("pending", attempt.pk)
    assert extended(attempt) is None, "an answer is no proof"

    adyen.told(TOLD)
    call.refresh_from_db()
    assert extended(attempt) == call.sent_at
    assert (call.verdict, call.look_at) == ("approved", None)
    with clock.at(timezone.now() + DAY):
        upkeep()
    assert (len(calls()), items()) == (1, [])

    sim.advance(27 * 86_400)
    shop.post(f"payment_intents/{intent['id']}/capture", {})
    adyen.told("CAPTURE")
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_it_is_held_again_and_again_but_not_for_ever(shop: factories.Shop) -> None:
    _, attempt = reserved(shop, 0)
    start = timezone.now()
    for day in range(30):
        with clock.at(start + day * DAY):
            asked = len(calls())
            upkeep()
            if len(calls()) > asked:
                adyen.told(TOLD, len(calls()))
    ages = [(call.sent_at - start).days for call in calls()]
    assert ages == [5, 11, 17], "by the first round that finds it older than five days, for three weeks"
    [item] = items()
    assert (item.kind, item.object_id) == ("authorization_expiring", attempt.pk)


def test_a_refusal_changes_nothing_and_asks_a_person_who_may_try_once_more(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent, attempt = reserved(shop)
    sim.scenario("amount_updates", "refused_modification", times=1)
    upkeep()
    adyen.told(TOLD)
    [item] = items()
    assert extended(attempt) is None
    assert (item.kind, "not held for longer: Adyen says: Refused" in item.detail) == ("authorization_expiring", True)
    upkeep()
    assert len(calls()) == 1, "what was refused once is not asked for again by itself"

    assert extending.may_be_extended(item)
    extending.extend_by_hand(item.pk, by="ada")
    factories.work()
    assert not extending.may_be_extended(item), "it was asked, and has not answered"
    with pytest.raises(NotOffered, match="has not said yet"):
        extending.extend_by_hand(item.pk, by="ada")
    adyen.told(TOLD, 2)
    assert (extended(attempt), items()) == (calls()[1].sent_at, [])
    with pytest.raises(NotOffered, match="Nothing waits"):
        extending.extend_by_hand(item.pk, by="ada")
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "requires_capture"
    factories.assert_books_close()


def test_what_nobody_waits_for_or_cannot_be_held_is_not_asked_for(shop: factories.Shop) -> None:
    aged(shop.confirm(shop.intent(capture_method="manual")))  # Stripe holds nothing for longer
    canceled, _ = reserved(shop)
    shop.post(f"payment_intents/{canceled['id']}/cancel", {})
    captured, _ = reserved(shop)
    shop.post(f"payment_intents/{captured['id']}/capture", {})
    reserved(shop, 4.5)
    upkeep()
    assert calls() == []

    ended, _ = reserved(shop)
    extending.extend_due()
    shop.post(f"payment_intents/{ended['id']}/cancel", {})  # before the job has run
    factories.work()
    assert calls() == []
    assert not Job.objects.filter(name="extend_reservation").exists()
    adyen.told("CANCELLATION", 2)
    factories.assert_books_close()


def test_stripe_says_in_plain_words_that_it_cannot(shop: factories.Shop) -> None:
    aged(shop.confirm(shop.intent(capture_method="manual")), 6.5)
    upkeep()
    [item] = items()
    assert not extending.may_be_extended(item)
    with pytest.raises(NotOffered, match="stripe-us holds no card payment for longer"):
        extending.extend_by_hand(item.pk, by="ada")


@pytest.mark.parametrize("point", [point for point in crashpoints.POINTS if point.startswith("adjust.")])
def test_a_crash_at_any_point_ends_with_one_extension(shop: factories.Shop, point: str) -> None:
    _, attempt = reserved(shop)
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        extending.extend(attempt.pk)
    ProviderCall.objects.filter(kind="adjust", look_at__isnull=False).update(look_at=timezone.now())
    factories.work()
    upkeep()
    adyen.told(TOLD)

    [call] = calls()
    assert (extended(attempt), call.look_at, items()) == (call.sent_at, None, [])
    assert InboundEvent.objects.filter(type=TOLD).count() == 1
    factories.assert_books_close()


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "error_500_after", "rate_limit_429"])
def test_an_answer_that_is_lost_is_found(shop: factories.Shop, sim: factories.Simulator, fault: str) -> None:
    _, attempt = reserved(shop)
    sim.scenario("amount_updates", fault, times=1)
    upkeep()
    Job.objects.filter(name="extend_reservation").update(due_at=timezone.now())
    ProviderCall.objects.filter(kind="adjust", look_at__isnull=False).update(look_at=timezone.now())
    factories.work()
    adyen.told(TOLD)
    assert extended(attempt) in {call.sent_at for call in calls()}
    assert not ProviderCall.objects.filter(kind="adjust", look_at__isnull=False).exists()
    factories.assert_books_close()


def test_a_notification_that_is_quicker_than_the_answer_or_comes_twice_counts_once(shop: factories.Shop) -> None:
    _, attempt = reserved(shop)
    with crashpoints.armed("adjust.answered"), pytest.raises(crashpoints.Crash):
        extending.extend(attempt.pk)
    adyen.told(TOLD)
    [call] = calls()
    assert (call.verdict, call.look_at) == ("approved", None)
    row = InboundEvent.objects.get(type=TOLD)
    InboundEvent.objects.filter(pk=row.pk).update(state="received")
    inbound.process(row.pk)
    assert (extended(attempt), items()) == (call.sent_at, [])


def test_one_that_comes_after_the_capture_changes_nothing(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent, attempt = reserved(shop)
    sim.scenario("amount_updates", "delayed_modification", seconds=2, times=1)
    upkeep()
    shop.post(f"payment_intents/{intent['id']}/capture", {})
    adyen.told("CAPTURE")
    adyen.told(TOLD)  # it is refused by then
    attempt.refresh_from_db()
    assert (attempt.status, attempt.extended_at, items()) == ("captured", None, [])
    assert Capture.objects.get().status == "succeeded"
    assert not ProviderCall.objects.filter(look_at__isnull=False).exists()
    factories.assert_books_close()


def test_another_amount_that_somebody_has_made_of_it_gets_a_person(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    _, attempt = reserved(shop)
    sim.scenario("amount_updates", "wrong_amount", delta=-500, times=1)
    upkeep()
    adyen.told(TOLD)
    [item] = items()
    assert extended(attempt) is None
    assert (item.kind, item.amount_minor) == ("amount_differs", 2500)


def test_silence_for_a_day_gets_a_person(shop: factories.Shop, sim: factories.Simulator) -> None:
    _, attempt = reserved(shop)
    sim.scenario("webhook", "webhook_lost", event=TOLD)
    upkeep()
    yesterday = timezone.now() - timedelta(hours=25)
    with byhand.behind_the_guards():
        ProviderCall.objects.filter(kind="adjust").update(sent_at=yesterday, look_at=yesterday)
    factories.work()
    assert ("unknown_outcome", attempt.pk) in {(item.kind, item.object_id) for item in items()}
