"""What does not agree between our ledger, the PSPs and the bank: each difference with its age, owner and proposal."""

from django.db import models
from django.db.models import F, Q

from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids, money, records
from reporting.states import DISCREPANCY, DiscrepancyStatus


class DiscrepancyKind(models.TextChoices):
    """What does not agree."""

    AMOUNT_DIFFERS = "amount_differs", "The PSP settled another amount than we booked"
    FEE_DIFFERS = "fee_differs", "The PSP charged another fee than its contract says"
    FX = "fx", "The PSP converted at another rate than it says"
    MISSING_AT_PSP = "missing_at_psp", "We booked it, and the PSP has not settled it in time"
    MISSING_HERE = "missing_here", "The PSP settled something that we do not know"
    DUPLICATE = "duplicate", "The PSP settled the same movement twice"
    UNKNOWN_TYPE = "unknown_type", "The PSP moved money for a reason that we do not know"
    CORRECTION = "correction", "The PSP corrected its own books"
    PAYOUT_DIFFERS = "payout_differs", "The lines of a payout do not sum to it"
    FILE_CONFLICT = "file_conflict", "The PSP sent another content for a file that was loaded"
    FILE_MISSING = "file_missing", "A settlement file did not come"
    MISSING_AT_BANK = "missing_at_bank", "A payout did not arrive at our bank in time, or not all of it"
    BANK_UNEXPLAINED = "bank_unexplained", "Our bank shows something that no payout explains"
    BALANCE_DIFFERS = "balance_differs", "The PSP's balance is not what ledger and lines say"


class Wanted(models.TextChoices):
    """What is to be done about a difference."""

    SETTLE = "settle", "Book it where it belongs"
    ACCEPT = "accept", "Leave it as it is"


class Discrepancy(records.Stateful):
    """One difference between what we have booked and what somebody else says. At most one open per kind and subject.

    `subject_id` is what it is about: a settlement line, a movement of ours, a payout, a file, a bank line.
    `amount_minor` is what they say less what we say. `evidence` is what both sides say, for people; `proposal` the
    balanced transfer that would settle it, or {}: `{"at": code, "debit": code, "credit": code, "amount_minor": …,
    "currency": …}`, where `at` is the account with the difference. `taken_by` looks after it. `wanted` is what the
    first person said.
    """

    MACHINE = DISCREPANCY
    LOCK_RANK = 86

    id = ids.IdField("disc")
    account = models.ForeignKey(ProviderAccount, null=True, blank=True, on_delete=models.PROTECT)
    kind = models.CharField(max_length=20, choices=DiscrepancyKind)
    subject_id = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    detail = models.TextField()
    evidence = models.JSONField(default=dict, blank=True)
    proposal = models.JSONField(default=dict, blank=True)
    status = models.CharField(
        max_length=10, default=DISCREPANCY.initial, choices=[(s.value, s.value) for s in DiscrepancyStatus]
    )
    since = models.DateTimeField(help_text="When what does not agree happened: its age counts from here.")
    opened_at = models.DateTimeField(default=clock.now)
    taken_by = models.CharField(max_length=80, blank=True, default="")
    taken_at = models.DateTimeField(null=True, blank=True)
    wanted = models.CharField(max_length=8, blank=True, default="", choices=Wanted)
    settled_by = models.CharField(max_length=80, blank=True, default="", help_text="Who said what it was.")
    settled_because = models.CharField(max_length=500, blank=True, default="")
    approved_by = models.CharField(max_length=80, blank=True, default="", help_text="The second person, above a limit.")
    closed_at = models.DateTimeField(null=True, blank=True)

    amount = money.View()

    class Meta:
        app_label = "reporting"
        verbose_name_plural = "discrepancies"
        constraints = (
            models.CheckConstraint(name="discrepancy_status", condition=Q(status__in=DISCREPANCY.states)),
            models.CheckConstraint(name="discrepancy_kind", condition=Q(kind__in=DiscrepancyKind.values)),
            models.CheckConstraint(
                name="discrepancy_maker_is_not_checker",
                condition=Q(approved_by="") | ~Q(approved_by=F("settled_by")),
            ),
            models.CheckConstraint(
                name="discrepancy_settled_says_why",
                condition=~Q(status__in=["settled", "accepted"]) | (~Q(settled_by="") & ~Q(settled_because="")),
            ),
            models.UniqueConstraint(
                fields=["subject_id", "kind"],
                condition=Q(status__in=["open", "proposed"]),
                name="discrepancy_one_open",
            ),
        )
        indexes = (
            models.Index(
                fields=["account", "since"], name="discrepancy_open", condition=Q(status__in=["open", "proposed"])
            ),
            models.Index(fields=["subject_id"], name="discrepancy_subject"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject_id}"


class TieOut(models.Model):
    """What we say a PSP owes us in one currency, and what it says itself, at one moment. Append-only.

    `timing_minor` is what our ledger has and no line of a settlement yet; psp - (ledger - timing) is what is
    unexplained. `open_minor` of it has a name: an open discrepancy with an owner and a proposal.
    """

    id = ids.IdField("tie")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, db_index=False)
    currency = models.CharField(max_length=3)
    as_of = models.DateTimeField(default=clock.now)
    ledger_minor = models.BigIntegerField(help_text="The balance of psp_receivable.")
    timing_minor = models.BigIntegerField(help_text="Of it, what no settlement line has told yet.")
    psp_minor = models.BigIntegerField(help_text="What the PSP says, or what its batches carry.")
    open_minor = models.BigIntegerField(help_text="Of the unexplained, what open discrepancies account for.")
    unexplained_minor = models.BigIntegerField()
    parts = models.JSONField(default=dict, help_text="The sums behind the figures, by movement.")

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(
                name="tie_out_adds_up",
                condition=Q(unexplained_minor=F("psp_minor") - F("ledger_minor") + F("timing_minor") - F("open_minor")),
            ),
            models.UniqueConstraint(fields=["account", "currency", "as_of"], name="tie_out_once"),
        )

    def __str__(self) -> str:
        return f"{self.unexplained_minor} {self.currency}"


class PspBalance(models.Model):
    """What a PSP said it owes us, when it was asked. Append-only. A currency that is not in `amounts` is nothing."""

    id = ids.IdField("psb")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, db_index=False)
    as_of = models.DateTimeField(help_text="As the PSP says, or when it answered.")
    amounts = models.JSONField(default=dict, help_text="Currency -> minor units.")

    class Meta:
        app_label = "reporting"
        constraints = (models.UniqueConstraint(fields=["account", "as_of"], name="psp_balance_once"),)

    def __str__(self) -> str:
        return f"{self.as_of:%Y-%m-%d %H:%M}"
