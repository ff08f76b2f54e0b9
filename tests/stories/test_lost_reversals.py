"""No notification tells what became of a reversal: the report of the day does, whichever of both it was."""

import pytest

from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt
from payments.kernel.attention import AttentionItem
from payments.ledger import services as ledger
from payments.webhooks.models import InboundEvent
from refunds.models import Refund
from tests import factories
from tests.stories import adyen
from tests.stories.test_lost_reports import night_passes


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> factories.Shop:
    """A client of the API; no notification reaches us."""
    ledger.forget_accounts()
    return factories.shop()


@pytest.mark.parametrize("captured", [True, False])
def test_the_report_tells_what_a_reversal_was(
    shop: factories.Shop,
    sim: factories.Simulator,
    captured: bool,  # noqa: FBT001
) -> None:
    intent = adyen.paid(shop, capture_method="manual")
    if not captured:
        sim.scenario("captures", "delayed_modification", seconds=2, times=1)
    shop.post(f"payment_intents/{intent['id']}/capture", {})
    shop.post(f"payment_intents/{intent['id']}/cancel", {})
    night_passes(sim)

    found = shop.get(f"payment_intents/{intent['id']}")
    call = ProviderCall.objects.get(kind="reverse")
    assert (call.look_at, call.verdict) == (None, "approved" if captured else "canceled")
    if captured:
        refund = Refund.objects.get()
        assert (refund.status, refund.origin, refund.provider_reference) == (
            "succeeded", "duplicate", call.raw["modification"],
        )  # fmt: skip
        assert (found["status"], found["amount_captured"], found["amount_refunded"]) == ("succeeded", 3000, 3000)
    else:
        assert (found["status"], Refund.objects.count()) == ("canceled", 0)
        assert (PaymentAttempt.objects.get().status, Capture.objects.get().status) == ("voided", "failed")
    assert set(InboundEvent.objects.values_list("state", flat=True)) <= {"processed", "ignored"}
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_agree(sim)
    factories.assert_books_close()
