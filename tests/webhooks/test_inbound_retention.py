"""Bodies of notifications are kept for a while, the fact that they came for ever."""

from datetime import timedelta

import pytest

from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids, retention
from payments.webhooks.models import InboundEvent
from payments.webhooks.services import inbound

pytestmark = pytest.mark.django_db(transaction=True)


def test_bodies_go_when_their_time_is_over_and_not_before_they_were_acted_upon(
    account: ProviderAccount,
) -> None:
    for days, state in ((179, "processed"), (181, "processed"), (400, "ignored"), (400, "failed")):
        made = clock.now() - timedelta(days=days)
        InboundEvent.objects.create(
            id=ids.new("in", made), provider_account=account, event_key=f"{days} {state}", type="x", kind="unused",
            body=b"{}", state=state, received_at=made,
        )  # fmt: skip
    retention.forget_what_is_over()
    kept = {row.event_key for row in InboundEvent.objects.all() if row.body}
    assert kept == {"179 processed", "400 failed"}
    assert InboundEvent.objects.count() == 4, "that they came stays"
    with pytest.raises(inbound.NotUnderstood, match="was taken away"):
        inbound.act(InboundEvent.objects.get(event_key="181 processed"))
