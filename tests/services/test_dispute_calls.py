"""Answers to disputes are calls like every other: on record before they leave, found when their reply is lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from payments.connectors.base import AnyRequest, EventKind, Outcome, PspEvent, Verdict
from payments.connectors.declines import DECLINES
from payments.connectors.disputes import (
    AcceptDispute,
    EvidenceDocument,
    EvidenceFile,
    EvidenceText,
    SubmitEvidence,
)
from payments.gateway import accounts, calls, events
from payments.gateway.models import CallKind, ProviderCall
from payments.kernel import attention, clock, ids, unit
from payments.kernel.jobs import Queue
from tests import factories
from tests.services import conftest as services

sim = services.sim
ACCOUNT, PDF = "stripe-us", b"%PDF-1.4\n%%EOF\n"


@pytest.fixture
def disputed(db: None, sim: factories.Simulator) -> PspEvent:
    """The first news of a dispute about a payment of ours, from the PSP's own list of events."""
    shop = factories.shop()
    shop.confirm(shop.intent(), "pm_card_createDispute")
    factories.until(told)
    return told()[0]


def told() -> list[PspEvent]:
    """What the account's PSP has to tell of disputes, oldest first, as the sweep reads it."""
    row = accounts.account(ACCOUNT)
    now = clock.now()
    bodies = list(events.told(row, now - timedelta(days=20), now + timedelta(days=20)))
    found = [event for body in bodies for event in accounts.connector(row).translate_notification(body)]
    return [event for event in reversed(found) if event.kind is EventKind.DISPUTE_UPDATED]


def defense(event: PspEvent, key: str = "") -> SubmitEvidence:
    assert event.dispute is not None
    receipt = EvidenceFile(kind=EvidenceDocument.RECEIPT, filename="r.pdf", content_type="application/pdf", content=PDF)
    return SubmitEvidence(
        key=key or ids.new("call"),
        reference="dp_1",
        provider_reference=event.provider_reference,
        dispute_reference=event.dispute.reference,
        texts={EvidenceText.CUSTOMER_NAME: "Ada Lovelace"},
        files=[receipt],
    )


def acceptance(event: PspEvent, key: str = "") -> AcceptDispute:
    return AcceptDispute(
        key=key or ids.new("call"),
        reference="dp_1",
        provider_reference=event.provider_reference,
        dispute_reference=event.modification_reference,
    )


def opened(request: AnyRequest) -> ProviderCall:
    with unit.work():
        return calls.open_call(accounts.account(ACCOUNT), request, owner_id="dp_1")


def recorded(call: ProviderCall, outcome: Outcome) -> ProviderCall:
    with unit.work():
        calls.answer(call, outcome)
    call.refresh_from_db()
    return call


@pytest.mark.parametrize(
    ("make", "kind", "end"),
    [(defense, CallKind.DEFEND, "under_review"), (acceptance, CallKind.ACCEPT, "lost")],
)
def test_an_answer_is_on_record_before_it_leaves_and_its_reply_after(
    disputed: PspEvent, make: Callable[[PspEvent], AnyRequest], kind: CallKind, end: str
) -> None:
    request = make(disputed)
    call = opened(request)
    assert (call.kind, call.pk, call.owner_id, call.verdict) == (kind, request.key, "dp_1", "")
    assert call.look_at is not None
    assert call.given == {}, "no evidence is kept with the call"

    call = recorded(call, calls.send(accounts.account(ACCOUNT), request, interactive=False))
    assert (call.verdict, call.look_at) == (Verdict.APPROVED, None)
    assert call.provider_reference == disputed.modification_reference
    assert "Lovelace" not in str(call.raw)
    factories.until(lambda: told()[-1].dispute.raw["status"] == end)  # type: ignore[union-attr]


@pytest.mark.parametrize(("make", "operation"), [(defense, "disputes.update"), (acceptance, "disputes.close")])
@pytest.mark.parametrize("fault", ["reset_after", "reset_before"])
def test_an_answer_whose_reply_was_lost_is_found(
    disputed: PspEvent,
    sim: factories.Simulator,
    make: Callable[[PspEvent], AnyRequest],
    operation: str,
    fault: str,
) -> None:
    request = make(disputed)
    call = opened(request)
    sim.scenario(operation, fault, times=1)
    call = recorded(call, calls.send(accounts.account(ACCOUNT), request, interactive=False))
    assert call.verdict == Verdict.UNKNOWN
    assert call.look_at is not None

    found = calls.find(call, request, provider_reference=call.provider_reference)
    call = recorded(call, found)
    assert (call.verdict, call.look_at) == (Verdict.APPROVED, None)


def test_an_answer_that_cannot_be_rebuilt_is_not_given_in_its_place(
    disputed: PspEvent, sim: factories.Simulator
) -> None:
    request = defense(disputed)
    call = opened(request)
    sim.scenario("disputes.update", "reset_before", times=1)
    call = recorded(call, calls.send(accounts.account(ACCOUNT), request, interactive=False))

    other = replace(request, files=[replace(request.files[0], content=PDF + b"another")])
    found = calls.find(call, other, provider_reference="")
    assert found.verdict is Verdict.UNKNOWN, "the first request may still be on its way"
    assert told()[-1].dispute.raw["status"] == "needs_response"  # type: ignore[union-attr]


def test_an_answer_that_nobody_has_recorded_reaches_a_person(disputed: PspEvent) -> None:
    call = opened(defense(disputed))
    ProviderCall.objects.filter(pk=call.pk).update(look_at=clock.now() - timedelta(seconds=1))
    assert calls.feed()
    factories.work(Queue.MONEY)

    item = attention.AttentionItem.objects.get(kind=attention.AttentionKind.UNKNOWN_OUTCOME)
    assert (item.object_id, "defend" in item.detail) == ("dp_1", True)


def test_a_refusal_proves_nothing_once_the_answer_was_repeated(disputed: PspEvent) -> None:
    refused = Outcome(verdict=Verdict.DECLINED, decline=DECLINES["dispute_closed"])
    call = opened(acceptance(disputed))
    assert calls.first_hand(call, refused) == refused
    call.looks = 1
    assert calls.first_hand(call, refused) == Outcome(verdict=Verdict.UNKNOWN)
    call.kind = CallKind.REFUND
    assert calls.first_hand(call, refused) == refused


def test_nothing_is_asked_while_a_transaction_is_open(disputed: PspEvent) -> None:
    request = acceptance(disputed)
    with pytest.raises(Exception, match="transaction"), unit.work():
        calls.send(accounts.account(ACCOUNT), request)
