"""Who is told of a dispute that must be answered, and when; and of warnings of fraud."""

from datetime import timedelta

import pytest

from payments.connectors.disputes import Stage, Standing
from payments.kernel import clock
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Queue
from payments.webhooks.dispatch import NotYet
from payments.webhooks.models import Event
from refunds import handlers
from refunds.models import Dispute, FraudWarning
from refunds.services import fraud
from refunds.services.refusals import FraudWarningDecided
from tests import factories
from tests.refunds.quarrel import Quarrel
from tests.refunds.test_disputes import items, told

DAY = timedelta(days=1)


@pytest.fixture
def quarrel(shop: factories.Shop) -> Quarrel:
    """A payment that will be disputed."""
    return Quarrel(shop)


def due_in(quarrel: Quarrel, left: timedelta) -> Dispute:
    """A dispute that must be answered within this time, looked at now."""
    due = clock.now() + left
    quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE, respond_by=due))
    handlers.watch_disputes()
    return quarrel.dispute()


def pass_by(left: timedelta) -> None:
    """Let time pass until this much of it is left, and look again."""
    row = Dispute.objects.get()
    due = clock.now() + left
    said = {**row.said, "respond_by": [*row.said["respond_by"][:2], due.isoformat()]}
    Dispute.objects.update(respond_by=due, look_at=clock.now() - timedelta(seconds=1), said=said)
    handlers.watch_disputes()


def detail(kind: str) -> str:
    """The words of the one open item of this kind."""
    return AttentionItem.objects.get(kind=kind, closed_at=None).detail


def test_it_is_warned_of_seven_three_and_one_day_before_and_owned_when_it_is_over(quarrel: Quarrel) -> None:
    dispute = due_in(quarrel, 10 * DAY)
    assert items() == []
    assert dispute.look_at == dispute.respond_by - 7 * DAY  # type: ignore[operator]  # it is said
    assert factories.broken() == []

    for left, words in ((7, "within 7 days"), (3, "within 3 days"), (1, "within 1 day,")):
        pass_by(left * DAY - timedelta(minutes=1))
        assert words in detail("dispute_due")
        assert told(quarrel)[-1] == "dispute.response_due"
    pass_by(timedelta(seconds=-1))
    assert items() == [("dispute_overdue", dispute.pk)]
    assert "nobody gave one" in detail("dispute_overdue")
    assert told(quarrel).count("dispute.response_due") == 3
    assert told(quarrel)[-1] == "dispute.response_overdue"
    assert quarrel.dispute().status == "needs_response", "only the PSP says that it is lost"
    handlers.watch_disputes()
    assert told(quarrel).count("dispute.response_overdue") == 1

    quarrel.tell(quarrel.news(15, standing=Standing.EXPIRED))
    assert (quarrel.dispute().status, items()) == ("expired", [])
    factories.assert_books_close()


def test_what_the_bank_looks_at_is_nobodys_task(quarrel: Quarrel) -> None:
    due_in(quarrel, 2 * DAY)
    assert [kind for kind, _ in items()] == ["dispute_due"]
    quarrel.tell(quarrel.news(1, standing=Standing.UNDER_REVIEW))
    assert items() == []


def test_a_bank_that_does_not_decide_gets_a_person(quarrel: Quarrel) -> None:
    dispute = quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.UNDER_REVIEW))
    assert dispute.look_at is not None
    assert dispute.look_at > clock.now() + 70 * DAY
    Dispute.objects.update(look_at=clock.now())
    handlers.watch_disputes()
    assert "has not decided" in detail("dispute_overdue")
    assert factories.broken() == []


def test_one_without_a_day_gets_a_person_at_once(quarrel: Quarrel) -> None:
    quarrel.tell(quarrel.news(0, stage=Stage.INQUIRY, standing=Standing.NEEDS_RESPONSE))
    handlers.watch_disputes()
    assert "does not say by when" in detail("dispute_due")
    assert factories.broken() == []


def test_one_that_cannot_be_defended_is_nobodys_task(quarrel: Quarrel) -> None:
    due = clock.now() + DAY
    quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE, respond_by=due, defendable=False))
    handlers.watch_disputes()
    assert items() == []
    assert factories.broken() == []


def test_a_day_that_is_put_off_is_watched_anew(quarrel: Quarrel) -> None:
    due_in(quarrel, timedelta(seconds=-1))
    assert [kind for kind, _ in items()] == ["dispute_overdue"]
    quarrel.tell(quarrel.news(1, standing=Standing.NEEDS_RESPONSE, respond_by=clock.now() + 20 * DAY))
    look_at = quarrel.dispute().look_at
    assert look_at is not None
    assert look_at > clock.now() + 12 * DAY


def test_a_warning_of_fraud_asks_whether_the_money_goes_back(quarrel: Quarrel) -> None:
    quarrel.warn()
    quarrel.warn()
    quarrel.warn(after=1, actionable=False)
    [warning] = FraudWarning.objects.all()
    assert (warning.intent_id, warning.actionable) == (quarrel.intent["id"], False)
    assert items() == [("fraud_warning", warning.pk)]
    assert Event.objects.filter(type="fraud_warning.created", object_id=warning.pk).count() == 1
    assert factories.broken() == []

    fraud.keep(warning.pk, because="the customer came by and said so", by="staff lea")
    warning.refresh_from_db()
    assert (warning.decision, warning.decided_by, items()) == ("kept", "staff lea", [])
    with pytest.raises(FraudWarningDecided):
        fraud.keep(warning.pk, because="again", by="staff max")


def test_a_refund_answers_the_warning(shop: factories.Shop, quarrel: Quarrel) -> None:
    quarrel.warn()
    shop.post("refunds", {"payment_intent": quarrel.intent["id"], "reason": "fraudulent"})
    factories.work(Queue.MONEY)
    handlers.watch_disputes()
    assert (FraudWarning.objects.get().decision, items()) == ("refunded", [])


def test_a_dispute_answers_it_too_and_a_late_warning_asks_nobody(quarrel: Quarrel) -> None:
    quarrel.warn()
    quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.UNDER_REVIEW))
    quarrel.warn("issfr_2")
    assert {row.decision for row in FraudWarning.objects.all()} == {"disputed"}
    assert items() == []
    factories.assert_books_close()


def test_a_warning_about_a_payment_that_nobody_knows_waits(quarrel: Quarrel) -> None:
    quarrel.payment = "pi_nobody_knows"
    with pytest.raises(NotYet, match="no attempt for pi_nobody_knows"):
        quarrel.warn()
