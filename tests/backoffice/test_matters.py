"""The attention queue: who looks after what, settling by two, and closing with evidence."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from payments.gateway.models import ProviderCall
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.kernel.attention import AttentionItem, AttentionKind, Settlement
from payments.kernel.jobs import Job
from reporting.admin.advice import ADVICE, OF_A_DISPUTE
from tests import factories
from tests.backoffice import pages
from tests.stories import adyen

WHY = {"reason": "The dashboard shows it too."}


def another(role: str) -> Client:
    """The browser of a second person with a role."""
    user = User.objects.create_user(f"second_{role}", is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    return pages.signed_in(user)


@pytest.fixture
def lena(staff: Any) -> Client:
    """Somebody who leads support."""
    browser: Client = staff("support_lead")
    return browser


@pytest.fixture
def differs(shop: factories.Shop, sim: factories.Simulator) -> AttentionItem:
    """Stripe says that it took 5.00 USD less than it was asked for."""
    sim.scenario("payment_intents.confirm", "wrong_amount", times=1, delta=-500)
    shop.confirm(shop.intent())
    return AttentionItem.objects.get()


def matter(kind: str, object_id: str = "pi_" + "0" * 32, **facts: Any) -> AttentionItem:
    """An open matter."""
    return AttentionItem.objects.create(kind=kind, object_id=object_id, detail="so it is", **facts)


def page(item: AttentionItem, name: str = "change") -> str:
    return pages.page_of("payments", "attentionitem", item.pk, name)


def words(answer: Any) -> str:
    """What an answer says, to who follows where it leads."""
    return pages.plain(answer.content.decode())


OF_AN_ATTEMPT = (AttentionKind.CANCEL_REFUSED, AttentionKind.AUTHORIZATION_EXPIRING)


def test_every_kind_of_matter_says_what_happened_and_what_is_safe(lena: Client) -> None:
    assert set(ADVICE) == set(AttentionKind)
    for kind in AttentionKind:
        if kind != AttentionKind.AMOUNT_DIFFERS:  # of a payment that is there: below
            prefix = "att_" if kind in OF_AN_ATTEMPT else "pi_"
            shown = html.unescape(pages.text(lena, page(matter(kind, prefix + "0" * 32))))
            assert all(str(said) in shown for said in ADVICE[kind]), kind


def test_a_dispute_that_was_told_with_two_amounts_has_a_page_and_is_closed_by_two(lena: Client) -> None:
    item = matter("amount_differs", "dp_" + "0" * 32)
    shown = html.unescape(pages.text(lena, page(item)))
    assert all(str(said) in shown for said in OF_A_DISPUTE)
    assert "Nothing of it was booked" not in shown
    lena.post(page(item, "propose"), {"action": "close", **WHY})
    another("support_lead").post(page(item, "confirm"))
    item.refresh_from_db()
    assert item.closed_by == "staff second_support_lead"


def test_one_proposes_and_another_confirms(lena: Client, differs: AttentionItem) -> None:
    leo = another("support_lead")
    listed = pages.text(lena, pages.list_of("payments", "attentionitem"))
    assert "14.99 USD" in listed
    shown = pages.text(lena, page(differs, "propose"))
    assert "14.99 USD are booked as taken. What is missing of the order stays to be paid." in shown
    assert "What has been taken cannot be canceled any more" in shown

    lena.post(page(differs, "propose"), {"action": "accept", "reason": "no"})
    assert not Settlement.objects.exists(), "without a reason nothing is proposed"
    lena.post(page(differs, "propose"), {"action": "void", **WHY})
    assert not Settlement.objects.exists(), "what is not offered is not proposed"
    for said in ("Another person has to confirm it.", "Answer that first. Nothing was changed."):
        assert said in words(lena.post(page(differs, "propose"), {"action": "accept", **WHY}, follow=True))

    assert page(differs, "confirm") not in lena.get(page(differs)).content.decode(), "who proposed is not asked"
    assert "somebody else does. Nothing was changed." in words(lena.post(page(differs, "confirm"), follow=True))
    assert "staff support_lead wants: Accept what the PSP says." in pages.text(leo, page(differs))
    assert "14.99 USD are booked as taken" in pages.text(leo, page(differs, "confirm"))
    assert "Confirmed." in words(leo.post(page(differs, "confirm"), follow=True))
    assert "Nothing was changed." in words(leo.post(page(differs, "confirm"), follow=True))
    differs.refresh_from_db()
    assert differs.closed_by == "staff second_support_lead"
    assert PaymentAttempt.objects.get().status == "captured"
    assert LogEntry.objects.filter(change_message="Confirm").count() == 1
    factories.assert_books_close()


def test_the_second_person_may_say_no(lena: Client, differs: AttentionItem) -> None:
    finn = another("finance")
    lena.post(page(differs, "propose"), {"action": "accept", **WHY})
    finn.post(page(differs, "withdraw"), {"reason": "The customer wants it back."})
    row = Settlement.objects.get()
    assert (row.decision, row.decided_because) == ("withdrawn", "The customer wants it back.")
    assert "Why not" in pages.text(lena, page(differs))
    assert PaymentAttempt.objects.get().status == "unknown"


def test_a_proposal_that_evidence_has_overtaken_waits_for_nobody(lena: Client, paid: dict[str, Any]) -> None:
    item = matter("over_returned", paid["id"])
    lena.post(page(item, "propose"), {"action": "close", **WHY})
    AttentionItem.objects.update(closed_at=timezone.now(), closed_by="refunds")
    assert "Settled otherwise" in pages.text(lena, pages.list_of("payments", "settlement"))
    assert "refunds has closed it. Nothing was changed." in words(
        another("support_lead").post(page(item, "confirm"), follow=True)
    )


@pytest.mark.parametrize("kind", ["over_returned", "unmatched_event", "refund_bounced", "overpayment"])
def test_money_that_nobody_can_explain_is_closed_by_two(lena: Client, paid: dict[str, Any], kind: str) -> None:
    item, leo = matter(kind, paid["id"]), another("support_lead")
    assert "takes two people" in words(lena.post(page(item, "close"), WHY, follow=True))
    lena.post(page(item, "propose"), {"action": "close", **WHY})
    lena.post(page(item, "confirm"))
    item.refresh_from_db()
    assert item.closed_at is None
    leo.post(page(item, "confirm"))
    item.refresh_from_db()
    assert item.closed_because == (
        "Close with evidence (staff support_lead, staff second_support_lead): The dashboard shows it too."
    )


@pytest.mark.parametrize("kind", ["unknown_outcome", "authorization_expiring", "rule_rolled_back", "cancel_refused"])
def test_what_no_money_hangs_on_is_closed_by_one(staff: Any, paid: dict[str, Any], kind: str) -> None:
    item = matter(kind, paid["latest_attempt"]["id"])
    staff("engineer").post(page(item, "close"), WHY)
    item.refresh_from_db()
    assert (item.closed_by, item.closed_because) == ("staff engineer", "The dashboard shows it too.")


def test_a_reservation_that_the_psp_keeps_is_not_closed_but_canceled_again(
    lena: Client, shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"))
    PaymentIntent.objects.update(cancel_reason="abandoned")
    item = matter("cancel_refused", intent["latest_attempt"]["id"])
    assert "The reservation still stands" in words(lena.post(page(item, "close"), WHY, follow=True))
    assert page(item, "close") not in lena.get(page(item)).content.decode()
    assert "The PSP is asked again." in words(lena.post(page(item, "again"), follow=True))
    assert Job.objects.filter(name="cancel_attempt").count() == 1
    factories.work()
    item.refresh_from_db()
    assert (item.closed_because, PaymentAttempt.objects.get().status) == ("the reservation has ended", "voided")
    factories.assert_books_close()


def test_a_reservation_that_expires_soon_is_held_for_longer_by_a_click(lena: Client, shop: factories.Shop) -> None:
    reserved = [adyen.paid(shop, capture_method="manual"), shop.confirm(shop.intent(capture_method="manual"))]
    at_adyen, at_stripe = (matter("authorization_expiring", each["latest_attempt"]["id"]) for each in reserved)
    assert page(at_stripe, "extend") not in lena.get(page(at_stripe)).content.decode()
    refused = words(lena.post(page(at_stripe, "extend"), follow=True))
    assert "stripe-us holds no card payment for longer" in refused

    another_matter = matter("unmatched_event", "re_" + "0" * 32)
    assert "Nothing waits here" in words(lena.post(page(another_matter, "extend"), follow=True))
    assert page(at_adyen, "extend") in lena.get(page(at_adyen)).content.decode()
    assert "The PSP is asked to hold it for longer." in words(lena.post(page(at_adyen, "extend"), follow=True))
    factories.work()
    assert page(at_adyen, "extend") not in lena.get(page(at_adyen)).content.decode(), "it has been asked"
    assert ProviderCall.objects.get(kind="adjust").owner_id == at_adyen.object_id


def test_the_queue_shows_who_looks_after_what_the_most_money_and_the_oldest_first(lena: Client, db: None) -> None:
    ago = timezone.now() - timedelta(days=3)
    matter("unknown_outcome", "pi_" + "1" * 32)
    matter("unknown_outcome", "pi_" + "2" * 32, opened_at=ago)
    matter("over_returned", "pi_" + "3" * 32, currency="USD", amount_minor=500)
    most = matter("over_returned", "pi_" + "4" * 32, currency="USD", amount_minor=900)
    matter("over_returned", "pi_" + "5" * 32, currency="USD", amount_minor=9900, closed_at=ago, closed_by="x")
    address = pages.list_of("payments", "attentionitem")
    shown = pages.text(lena, address)
    places = [shown.index(f"pi_…{digit * 8}") for digit in "43215"]
    assert places == sorted(places)
    assert "3 days" in shown

    lena.post(page(most, "take"))
    assert "staff support_lead" in pages.text(lena, address, state="mine")
    assert "pi_…44444444" not in pages.text(lena, address, state="nobody")
    assert "pi_…44444444" in pages.text(lena, address, state="open")


ACTIONS = {
    "take": "support_lead finance engineer",
    "close": "support_lead finance engineer",
    "again": "support_lead finance engineer",
    "extend": "support_lead finance engineer",
    "propose": "support_lead finance",
    "confirm": "support_lead finance",
    "withdraw": "support_lead finance",
    "release": "support_lead",
}


@pytest.mark.parametrize("role", ["support", "support_lead", "finance", "engineer", "admin", "nobody", "boss"])
def test_every_role_does_what_it_may_and_nothing_else(
    staff: Any, boss: Client, differs: AttentionItem, role: str
) -> None:
    browser: Client = boss if role == "boss" else staff(role)
    for name, roles in ACTIONS.items():
        answer = browser.get(page(differs, name))
        assert (answer.status_code in (200, 302)) is (role in roles.split()), (role, name, answer.status_code)
        if role not in roles.split():
            assert browser.post(page(differs, name), {"action": "accept", **WHY}).status_code == 403, (role, name)
    differs.refresh_from_db()
    assert (differs.closed_at, differs.taken_by, Settlement.objects.count()) == (None, "", 0)
