"""Somebody was erased: notes and evidence that name them go, as soon as no bank waits for them."""

from datetime import timedelta
from typing import Final

from payments.intents.selectors import of_customer
from payments.kernel import jobs, unit
from payments.rest import idempotency
from payments.webhooks.services import outbox
from refunds import disputes
from refunds.models import Dispute, DisputeFile, DisputeStage, Reason, Refund
from refunds.services import filing

AGAIN: Final = timedelta(days=1)
FORGOTTEN: Final = "Forgotten: the customer was erased."
"""In the place of a note where a refund must have one."""


def forget(customer_id: str) -> None:
    """Empty what was written to a customer's refunds, and the evidence of their disputes that are over.

    While one is not over its evidence is needed: raises `Retry` and looks again the next day. Again does no harm.
    """
    payments = of_customer(customer_id)
    refunds = list(Refund.objects.filter(intent__in=payments).values_list("pk", flat=True))
    for refund_id in refunds:
        with unit.work():
            row = Refund.objects.select_for_update(no_key=True).get(pk=refund_id)
            row.change(note=FORGOTTEN if row.reason == Reason.OTHER else "", metadata={})
    closed = list(Dispute.objects.filter(intent__in=payments, closed_at__isnull=False).values_list("pk", flat=True))
    for dispute_id in closed:
        _forget_evidence(dispute_id)
    outbox.forget([*refunds, *closed])
    with unit.work():
        idempotency.forget_answers([*refunds, *closed])
    if Dispute.objects.filter(intent__in=payments, closed_at__isnull=True).exists():
        raise jobs.Retry(AGAIN, "a dispute of somebody who was erased is not over")


def _forget_evidence(dispute_id: str) -> None:
    """The files first: a row that names none has none."""
    files = DisputeFile.objects.filter(stage__dispute=dispute_id).exclude(filename="")
    for file in files:
        if not DisputeFile.objects.filter(sha256=file.sha256).exclude(filename="").exclude(pk=file.pk).exists():
            filing.forget(file.sha256)
    with unit.work():
        disputes.hold(dispute_id)
        for stage in DisputeStage.objects.filter(dispute=dispute_id).exclude(texts={}):
            stage.change(texts={})
        for file in files:
            file.change(filename="")
