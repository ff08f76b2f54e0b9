"""What a PSP's notification has changed is said for people, without the signs of a programming language."""

from typing import Any

from payments.gateway.models import ProviderAccount
from payments.intents.models import PaymentIntent
from payments.kernel import effects, unit
from payments.kernel.jobs import Job, Queue
from payments.webhooks.models import InboundEvent
from tests.backoffice import pages


def test_what_a_notification_has_changed_is_readable(staff: Any, paid: dict[str, Any]) -> None:
    intent = PaymentIntent.objects.get(pk=paid["id"])
    with unit.work() as work:
        work.add(Job(name="look_at_payment", queue=Queue.MONEY, arguments={"intent_id": intent.pk}))
        intent.change(description="a mug", next_action={"type": "redirect"})
        found = effects.of(work)
    row = InboundEvent.objects.create(
        provider_account=ProviderAccount.objects.get(code="stripe-us"), event_key="evt_1", type="charge.updated",
        kind="unused", body=b"{}", state="processed", effects=found, attempts=1,
    )  # fmt: skip
    page = staff("engineer").get(pages.page_of("payments", "inboundevent", row.pk)).content.decode()
    said = pages.plain(page)
    assert "Wants done look_at_payment: intent_id pi_" in said
    assert f'/{intent.pk}/change/"' in page, "the payment of the job is a link"
    assert "Description, Next action" in said
    assert "{&#x27;" not in page
