"""Disputes with their stages, the money that they move and what we answer; and warnings of fraud."""

from django.db import models
from django.db.models import F, Q

from payments.connectors.disputes import DisputeReason, EvidenceDocument, Stage
from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.kernel import clock, ids, meters, money, records
from refunds.states import DISPUTE, OPEN, DisputeStatus

CHOICES_OF_STAGE = [(stage.value, stage.value.capitalize()) for stage in Stage]

REASONS = [
    ("fraudulent", "Fraud: the cardholder says it was somebody else"),
    ("unrecognized", "The customer does not recognise the payment"),
    ("product_not_received", "Goods or service not received"),
    ("product_unacceptable", "Defective, or not as described"),
    ("credit_not_processed", "A refund that was promised did not come"),
    ("duplicate", "Charged twice, or paid by other means"),
    ("subscription_canceled", "Canceled, and charged all the same"),
    ("debit_not_authorized", "The debit was not authorised"),
    ("processing_error", "The bank cannot take the payment as it was made"),
    ("noncompliant", "Against the scheme's rules"),
    ("general", "Another reason"),
]
"""Why the customer, or the customer's bank, wants the money back, in words for people."""


class Answer(models.TextChoices):
    """What we have told the bank."""

    SUBMIT = "submit", "Evidence was submitted"
    ACCEPT = "accept", "The dispute was accepted"


class Dispute(records.Stateful, records.Announced):
    """A customer's bank disputes a payment. One row per dispute of the PSP, with its stages inside.

    Amounts are minor units of the payment's currency. `amount` is what is disputed; `amount_withdrawn` what the PSP has
    taken less what it gave back, `amount_lost` as much of that as is a loss. `said` is all that the PSP has said, and
    when (see `refunds.standing`); other columns repeat what it comes to. `look_at` is when it is looked at next, empty
    once it has ended or a person has it.
    """

    MACHINE = DISPUTE
    LOCK_RANK = 60

    id = ids.IdField("dp")
    client = models.ForeignKey("payments.ApiClient", on_delete=models.PROTECT, db_index=False)
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="disputes")
    order_id = models.CharField(max_length=40, blank=True, default="")
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="disputes", db_index=False)
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, db_index=False)
    provider_reference = models.CharField(max_length=80, help_text="The PSP's id of the dispute.")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField(default=0)
    amount_withdrawn_minor = models.BigIntegerField(default=0)
    amount_lost_minor = models.BigIntegerField(default=0)
    status = models.CharField(
        max_length=16, default=DISPUTE.initial, choices=[(s.value, s.value) for s in DisputeStatus]
    )
    stage = models.CharField(max_length=12, choices=CHOICES_OF_STAGE)
    reason = models.CharField(max_length=24, choices=REASONS, default=DisputeReason.GENERAL.value)
    network_reason_code = models.CharField(max_length=24, blank=True, default="", help_text="The scheme's own.")
    respond_by = models.DateTimeField(null=True, blank=True)
    defendable = models.BooleanField(null=True, blank=True, help_text="Empty: the PSP does not say.")
    said = models.JSONField(default=dict, blank=True)
    opened_at = models.DateTimeField(help_text="When the PSP first told of it.")
    closed_at = models.DateTimeField(null=True, blank=True)
    look_at = models.DateTimeField(null=True, blank=True)

    amount = money.View()
    amount_withdrawn = money.View()
    amount_lost = money.View()

    class Meta:
        app_label = "refunds"
        permissions = (("accept_dispute", "Can let the customer keep the money"),)
        constraints = (
            models.CheckConstraint(name="dispute_status", condition=Q(status__in=DISPUTE.states)),
            models.CheckConstraint(name="dispute_stage", condition=Q(stage__in=[s.value for s in Stage])),
            models.CheckConstraint(name="dispute_reason", condition=Q(reason__in=[r.value for r in DisputeReason])),
            models.CheckConstraint(
                name="dispute_not_negative", condition=Q(amount_minor__gte=0, amount_lost_minor__gte=0)
            ),
            models.CheckConstraint(
                name="dispute_loss_within_withdrawn",
                condition=Q(amount_lost_minor=0) | Q(amount_lost_minor__lte=F("amount_withdrawn_minor")),
            ),
            models.CheckConstraint(
                name="dispute_closed",
                condition=Q(status__in=[s.value for s in OPEN], closed_at__isnull=True)
                | (~Q(status__in=[s.value for s in OPEN]) & Q(closed_at__isnull=False)),
            ),
            models.UniqueConstraint(fields=["account", "provider_reference"], name="dispute_provider_reference"),
        )
        indexes = (
            models.Index(fields=["client", "id"], name="dispute_client"),
            models.Index(fields=["attempt"], name="dispute_attempt"),
            models.Index(fields=["order_id"], name="dispute_order", condition=~Q(order_id="")),
            models.Index(fields=["look_at"], name="dispute_look_at", condition=Q(look_at__isnull=False)),
            models.Index(fields=["respond_by"], name="dispute_open", condition=Q(closed_at__isnull=True)),
            models.Index(fields=["opened_at"], name="dispute_opened"),
            models.Index(fields=["amount_minor", "id"], name="dispute_amount"),
        )

    def __str__(self) -> str:
        return f"{money.text(self.amount)} {self.status}"

    def counted(self, before: str, after: str) -> None:  # noqa: ARG002  the base's
        """What it came to."""
        meters.DISPUTES.add(accounts.name_of(self.account_id), after)


class DisputeStage(records.Record):
    """One stage of a dispute, and our one answer to it.

    `texts` are the evidence by what they prove; they and the files stay as they are while `answer` is set.
    `answered_at` is when the PSP had the answer.
    """

    LOCK_RANK = 61
    PERSONAL = frozenset({"texts"})

    id = ids.IdField("dps")
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="stages", db_index=False)
    stage = models.CharField(max_length=12, choices=CHOICES_OF_STAGE)
    texts = models.JSONField(default=dict, blank=True)
    answer = models.CharField(max_length=8, blank=True, default="", choices=Answer)
    answer_by = models.CharField(max_length=80, blank=True, default="")
    answer_because = models.CharField(max_length=500, blank=True, default="")
    answer_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    call_id = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        app_label = "refunds"
        constraints = (
            models.UniqueConstraint(fields=["dispute", "stage"], name="dispute_stage_once"),
            models.CheckConstraint(name="dispute_stage_known", condition=Q(stage__in=[s.value for s in Stage])),
            models.CheckConstraint(
                name="dispute_answer",
                condition=Q(answer="", answered_at__isnull=True, answer_at__isnull=True)
                | (Q(answer__in=Answer.values, answer_at__isnull=False) & ~Q(answer_by="")),
            ),
            models.CheckConstraint(name="dispute_accepted_because", condition=~Q(answer="accept", answer_because="")),
        )

    def __str__(self) -> str:
        return f"{self.stage}: {self.get_answer_display() or 'not answered'}"


class MovementKind(models.TextChoices):
    """Which way money of a dispute moved. The first two are the PSP's word, the others are ours: what it comes to."""

    WITHDRAWN = "withdrawn", "Taken by the PSP"
    REINSTATED = "reinstated", "Given back by the PSP"
    LOST = "lost", "Written off as lost"
    RECOVERED = "recovered", "No loss after all"


class DisputeMovement(models.Model):
    """Money of a dispute that moved, booked once: `key` is the PSP's id of it, or one of ours. Append-only."""

    id = ids.IdField("dpm")
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="movements", db_index=False)
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, db_index=False)
    key = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=MovementKind)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    moved_at = models.DateTimeField(help_text="As the PSP says.")
    told_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=clock.now)

    amount = money.View()

    class Meta:
        app_label = "refunds"
        constraints = (
            models.UniqueConstraint(fields=["account", "key"], name="dispute_movement_once"),
            models.CheckConstraint(name="dispute_movement_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="dispute_movement_kind", condition=Q(kind__in=MovementKind.values)),
        )
        indexes = (models.Index(fields=["dispute", "id"], name="dispute_movement_dispute"),)

    def __str__(self) -> str:
        return f"{money.text(self.amount)} {self.kind}"


class DisputeFile(records.Record):
    """A document that proves something, kept on disk under its hash; `removed_at` when it is not sent after all."""

    LOCK_RANK = 62
    PERSONAL = frozenset({"filename"})

    id = ids.IdField("dpf")
    stage = models.ForeignKey(DisputeStage, on_delete=models.PROTECT, related_name="files")
    kind = models.CharField(
        max_length=32, choices=[(kind.value, kind.value) for kind in EvidenceDocument], help_text="What it proves."
    )
    filename = models.CharField(max_length=120)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    uploaded_by = models.CharField(max_length=80)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "refunds"
        constraints = (models.CheckConstraint(name="dispute_file_size", condition=Q(size__gt=0)),)

    def __str__(self) -> str:
        return self.filename


class FraudDecision(models.TextChoices):
    """What was done about a warning of fraud."""

    REFUNDED = "refunded", "The money was given back"
    KEPT = "kept", "The money is kept: the payment is good"
    DISPUTED = "disputed", "It became a dispute"


class FraudWarning(records.Record, records.Announced):
    """The card scheme was told that a payment was fraud. Nothing has moved; somebody decides what is done."""

    LOCK_RANK = 65

    id = ids.IdField("fw")
    client = models.ForeignKey("payments.ApiClient", on_delete=models.PROTECT, db_index=False)
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="fraud_warnings")
    order_id = models.CharField(max_length=40, blank=True, default="")
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="+", db_index=False)
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, db_index=False)
    provider_reference = models.CharField(max_length=80, help_text="The PSP's id of the warning.")
    kind = models.CharField(max_length=40, blank=True, default="", help_text="The scheme's word for the fraud.")
    actionable = models.BooleanField(
        null=True, blank=True, help_text="A refund may still prevent the dispute. Empty: the PSP does not say."
    )
    said_at = models.DateTimeField(help_text="When the PSP said so last.")
    warned_at = models.DateTimeField(help_text="When the PSP said so first.")
    decision = models.CharField(max_length=10, blank=True, default="", choices=FraudDecision)
    decided_by = models.CharField(max_length=80, blank=True, default="")
    decided_because = models.CharField(max_length=500, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "refunds"
        constraints = (
            models.UniqueConstraint(fields=["account", "provider_reference"], name="fraud_warning_reference"),
            models.CheckConstraint(
                name="fraud_warning_decided",
                condition=Q(decision="", decided_at__isnull=True)
                | (Q(decision__in=FraudDecision.values, decided_at__isnull=False) & ~Q(decided_by="")),
            ),
        )
        indexes = (
            models.Index(fields=["client", "id"], name="fraud_warning_client"),
            models.Index(fields=["warned_at"], name="fraud_warning_open", condition=Q(decision="")),
        )

    def __str__(self) -> str:
        return f"fraud warning of {self.intent_id}"
