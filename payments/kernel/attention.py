"""Attention items: money that needs a person, with the reason and, once closed, the evidence."""

from django.db import models

from payments.kernel import clock, ids, unit


class AttentionKind(models.TextChoices):
    """Why a person is needed."""

    UNKNOWN_OUTCOME = "unknown_outcome", "The PSP's answer is not known"
    AMOUNT_DIFFERS = "amount_differs", "The PSP answered with another amount or currency"
    OVERPAYMENT = "overpayment", "More was taken than was asked for and cannot be given back by itself"
    AUTO_REFUND_LIMIT = "auto_refund_limit", "Automatic refunds stopped at their limit"
    REFUND_BOUNCED = "refund_bounced", "A refund came back after it had succeeded"
    OVER_RETURNED = "over_returned", "More went back than was taken"
    AUTHORIZATION_EXPIRING = "authorization_expiring", "An authorisation expires soon and is not captured"
    CANCEL_REFUSED = "cancel_refused", "The PSP refuses to cancel a payment that nobody wants"
    DISPUTE_DUE = "dispute_due", "A dispute must be answered soon"
    DISPUTE_OVERDUE = "dispute_overdue", "A dispute was not answered in time, or the bank does not decide it"
    DISPUTE_REFUSED = "dispute_refused", "The PSP did not take the answer to a dispute"
    FRAUD_WARNING = "fraud_warning", "A payment was reported as fraud: refund before it becomes a dispute?"
    RULE_ROLLED_BACK = "rule_rolled_back", "A routing rule did worse than its control and was rolled back"
    UNMATCHED_EVENT = "unmatched_event", "The PSP reports something that we do not know"


class AttentionItem(models.Model):
    """One reason why one object needs a person. At most one open item per kind and object."""

    id = ids.IdField("attn")
    kind = models.CharField(max_length=24, choices=AttentionKind)
    object_id = models.CharField(max_length=40)
    detail = models.TextField()
    opened_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_because = models.TextField(blank=True, default="")
    closed_by = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        app_label = "payments"
        constraints = (
            models.UniqueConstraint(
                fields=["object_id", "kind"], condition=models.Q(closed_at__isnull=True), name="attention_one_open"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.object_id}"


def open_item(kind: AttentionKind, object_id: str, detail: str) -> None:
    """Ask for a person, with the open unit of work; nothing happens when the same item is open already."""
    unit.current().add(AttentionItem(kind=kind, object_id=object_id, detail=detail, opened_at=clock.now()), once=True)


def open_anew(kind: AttentionKind, object_id: str, detail: str) -> None:
    """The same in other words, where it is open already: something has become more urgent."""
    unit.current().run(
        "UPDATE payments_attentionitem SET detail = %s WHERE object_id = %s AND kind = %s AND closed_at IS NULL",
        [detail, object_id, kind],
    )
    open_item(kind, object_id, detail)


def close_items(object_id: str, *, because: str, by: str, kind: AttentionKind) -> None:
    """Close the open item of this kind, if there is one, with the evidence."""
    unit.current().run(
        "UPDATE payments_attentionitem SET closed_at = %s, closed_because = %s, closed_by = %s"
        " WHERE object_id = %s AND kind = %s AND closed_at IS NULL",
        [clock.now(), because, by, object_id, kind],
    )
