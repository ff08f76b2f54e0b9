"""What a PSP tells of disputes and of fraud reaches a person, with the payment that it is about."""

import pytest
from django.utils import timezone

from payments.connectors.base import EventKind, PspEvent
from payments.connectors.disputes import DisputeNews, FraudWarning
from payments.gateway import accounts
from payments.kernel.attention import AttentionItem, AttentionKind
from payments.webhooks import dispatch
from payments.webhooks.dispatch import NotYet
from tests import factories
from tests.refunds.psp import ACCOUNT
from tests.refunds.test_sending import asked


def news(kind: EventKind, payment: str) -> PspEvent:
    return PspEvent(
        kind=kind,
        event_key="evt_1",
        type="charge.dispute.created",
        occurred_at=timezone.now(),
        provider_reference=payment,
        modification_reference="du_1",
        dispute=DisputeNews(reference="du_1") if kind is EventKind.DISPUTE_UPDATED else None,
        fraud=FraudWarning(reference="du_1") if kind is EventKind.FRAUD_WARNING else None,
    )


@pytest.mark.parametrize("kind", [EventKind.DISPUTE_UPDATED, EventKind.FRAUD_WARNING])
def test_a_person_is_asked_once_and_only_about_what_we_know(shop: factories.Shop, kind: EventKind) -> None:
    attempt = asked(shop).attempt
    tell = dispatch.handler_of(kind)
    assert tell is not None
    for _ in range(2):
        tell(accounts.account(ACCOUNT).pk, news(kind, attempt.provider_reference))

    item = AttentionItem.objects.get(kind=AttentionKind.UNMATCHED_EVENT)
    assert (item.object_id, "du_1" in item.detail) == (attempt.pk, True)
    for unknown in ("pi_of_nobody", ""):
        with pytest.raises(NotYet):
            tell(accounts.account(ACCOUNT).pk, news(kind, unknown))
