"""The attention queue as a whole: who looks after what, what rests, and money that has stood for too long."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from moneyed import Money

from payments.intents.models import PaymentAttempt
from payments.kernel import attention, clock, unit
from payments.kernel.attention import AttentionItem, AttentionKind
from payments.kernel.audit import AuditEvent
from payments.kernel.jobs import Job
from payments.webhooks.models import Delivery, Endpoint, Event
from reporting.admin import queue
from reporting.models.discrepancies import Discrepancy
from reporting.uptime import attention as at_rest
from tests import factories
from tests.backoffice import pages
from tests.byhand import behind_the_guards

LIST = pages.list_of("payments", "attentionitem")


@pytest.fixture
def item(db: None) -> AttentionItem:
    """Somebody is needed."""
    with unit.work():
        attention.open_item(AttentionKind.REFUND_BOUNCED, "re_" + "0" * 32, "It came back.", amount=Money(5, "EUR"))
    return AttentionItem.objects.get()


def page(item: AttentionItem, name: str = "change") -> str:
    """The address of one of its pages."""
    return pages.page_of("payments", "attentionitem", item.pk, name)


def test_a_matter_rests_with_a_reason_and_comes_back_by_itself(staff: Any, item: AttentionItem) -> None:
    lead: Client = staff("support_lead")
    lead.post(page(item, "snooze"), {"days": "3", "reason": ""})
    assert item.pk[-8:] not in pages.text(lead, LIST, state="snoozed")
    lead.post(page(item, "snooze"), {"days": "3", "reason": "The bank answers on Friday."})

    assert "0 matters" in pages.text(lead, LIST, state="open")
    assert "1 matter" in pages.text(lead, LIST, state="snoozed")
    assert "The bank answers on Friday." in pages.text(lead, page(item))
    assert at_rest.piles()[0].snoozed == 1
    with clock.at(clock.now() + timedelta(days=3, seconds=5)):
        assert at_rest.piles()[0].snoozed == 0, "it comes back by itself"
    lead.post(page(item, "wake"))
    assert "1 matter" in pages.text(lead, LIST, state="open")
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert [one for one in actions if one.startswith("matter.")] == ["matter.snoozed", "matter.woken"]
    assert staff("auditor").post(page(item, "snooze"), {"days": "3", "reason": "I am curious."}).status_code == 403


def test_what_becomes_more_urgent_does_not_rest(item: AttentionItem) -> None:
    attention.snooze(item.pk, until=clock.now() + timedelta(days=1), because="later", by="staff lena")
    with unit.work():
        attention.open_anew(AttentionKind.REFUND_BOUNCED, item.object_id, "It came back twice.")
    item.refresh_from_db()
    assert item.snoozed_until is None
    for until in (clock.now() - timedelta(seconds=1), clock.now() + timedelta(days=31)):
        with pytest.raises(attention.SnoozedTooLong):
            attention.snooze(item.pk, until=until, because="later", by="staff lena")


def test_a_matter_is_given_to_somebody(staff: Any, item: AttentionItem) -> None:
    lead = staff("support_lead")
    staff("finance")
    lead.post(page(item, "assign"), {"to": "staff nobody", "reason": "They know it."})
    item.refresh_from_db()
    assert item.taken_by == ""
    lead.post(page(item, "assign"), {"to": "staff finance", "reason": "They know it."})
    item.refresh_from_db()
    assert item.taken_by == "staff finance"


def test_what_stands_where_is_seen_at_once(staff: Any, item: AttentionItem) -> None:
    Job.objects.create(name="send_refund", queue="money", state="dead", due_at=clock.now() - timedelta(hours=1))
    finance: Client = staff("finance")
    shown = pages.text(finance, LIST + "overview/")

    assert "A refund came back after it had succeeded Soon finance 1 0 5.00 EUR" in shown
    assert "Jobs that are dead None 1 1" in shown
    assert "1 matter" in pages.text(finance, LIST, severity="soon")
    assert "0 matters" in pages.text(finance, LIST, severity="urgent")
    assert staff("support").get(LIST + "overview/").status_code == 403
    auditor = staff("auditor")
    assert [where for where in queue.BEHIND.values() if auditor.get(where).status_code != 200] == []


def test_a_payment_whose_outcome_is_not_known_rests_for_two_minutes(shop: factories.Shop, paid: dict[str, Any]) -> None:
    with behind_the_guards():
        PaymentAttempt.objects.update(status="unknown")
    early = next(rest for rest in at_rest.resting() if rest.state.name == "unknown")
    assert (early.count, early.late) == (1, 0)
    with clock.at(clock.now() + timedelta(minutes=3)):
        late = next(rest for rest in at_rest.resting() if rest.state.name == "unknown")
    assert (late.count, late.late, late.amounts) == (1, 1, {"USD": 1999})


def test_an_event_that_no_client_has_taken_and_a_file_that_did_not_come_are_late(paid: dict[str, Any]) -> None:
    event = Event.objects.latest("pk")
    endpoint = Endpoint.objects.create(client_id=event.client_id, url="https://shop.example/hook", event_types=["*"])
    Delivery.objects.create(endpoint=endpoint, event=event, object_id=event.object_id, sequence=event.sequence)
    with behind_the_guards():
        Discrepancy.objects.create(
            kind="file_missing", subject_id="2026-11-02", currency="EUR", amount_minor=0, detail="It did not come.",
            since=clock.now(),
        )  # fmt: skip
    with clock.at(clock.now() + timedelta(minutes=6)):
        late = {rest.state.name: (rest.count, rest.late) for rest in at_rest.resting()}
    assert (late["delivery"], late["file"]) == ((1, 1), (1, 1))
