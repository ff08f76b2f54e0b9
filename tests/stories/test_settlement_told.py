"""A PSP says that a settlement file is ready, or that a payout has changed: nobody waits for the hour to ask."""

from django.utils import timezone

from payments.gateway.models import ProviderAccount
from payments.kernel.jobs import Job, Queue
from payments.webhooks.models import InboundEvent
from reporting.models import SettlementFile
from reporting.models import SettlementLine as Row
from tests import factories
from tests.connectors.test_settlement_news import payout
from tests.reporting import told
from tests.stories import adyen
from tests.webhooks import notifications as letters

DAY = 24 * 3600


def test_adyens_batch_is_in_the_books_soon_after_its_letter(shop: factories.Shop, sim: factories.Simulator) -> None:
    for _ in range(3):
        adyen.paid(shop)
        sim.advance(DAY)
    factories.until(lambda: InboundEvent.objects.filter(kind="settlement_ready").exists())
    factories.work(Queue.WEBHOOKS)
    with told.later(days=3):
        factories.work(Queue.FINANCE)
        Job.objects.filter(name="load_settlement").update(due_at=timezone.now())
        factories.work(Queue.FINANCE)

    file = SettlementFile.objects.get(account__code=adyen.ACCOUNT, reference="1")
    assert (file.status, file.kind, file.name) == ("loaded", "batch", "settlement_detail_report_batch_1.csv")
    rows = Row.objects.filter(file=file)
    assert {row.type for row in rows} >= {"capture", "payout"}
    assert sum(row.net_minor for row in rows) == 0
    assert {event.state for event in InboundEvent.objects.filter(kind="settlement_ready")} == {"processed"}
    assert factories.broken() == []


def test_a_letter_about_a_payout_of_stripes_makes_us_ask(shop: factories.Shop) -> None:
    account = ProviderAccount.objects.get(code="stripe-us")
    Job.objects.filter(name="fetch_settlements").delete()
    for kind in ("payout.created", "payout.paid"):
        letters.send(letters.body(f"evt_{kind}", kind, **payout(status="paid")))
    factories.work(Queue.WEBHOOKS)

    assert set(InboundEvent.objects.filter(type__startswith="payout.").values_list("state", flat=True)) == {"processed"}
    [job] = Job.objects.filter(name="fetch_settlements")
    assert job.arguments == {"account_id": account.pk}
