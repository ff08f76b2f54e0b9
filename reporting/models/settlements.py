"""What PSPs said they did with our money: their files as they came, the lines in them, and the payouts."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from payments.connectors.settlements import FileKind, LineType
from payments.gateway.models import ProviderAccount
from payments.kernel import ids, money, records
from reporting.states import FILE, PAYOUT, FileStatus, PayoutStatus


class Source(models.TextChoices):
    """How a file reached us."""

    FETCHED = "fetched", "Fetched from the PSP"
    UPLOADED = "uploaded", "Uploaded"


class SettlementFile(records.Stateful):
    """One settlement file, kept as it came. Its lines are loaded at once and only once, or it is refused whole.

    `reference` is what it covers at the PSP (a payout, a batch, a day); of one reference only one content is loaded:
    another content of the same reference is refused as a conflict. `file` is its name where files are kept.
    `currency` and `total_minor` are what the PSP said of it beside the file; reading it takes them.
    `sums` is what moved, per currency: `settled`, less `fees` (with tax), less `paid_out`, plus `carried`; what is left
    of that is nothing for a payout or batch, and for a day by how much the balance rose.
    """

    MACHINE = FILE
    LOCK_RANK = 82

    id = ids.IdField("st")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="settlement_files")
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in FileKind])
    reference = models.CharField(max_length=80)
    name = models.CharField(max_length=200, help_text="As the PSP calls it.")
    day = models.DateField(null=True, blank=True, help_text="The day that it is about, where it is about one.")
    currency = models.CharField(max_length=3, blank=True, default="")
    total_minor = models.BigIntegerField(null=True, blank=True)
    source = models.CharField(max_length=8, choices=Source)
    uploaded_by = models.CharField(max_length=80, blank=True, default="")
    file = models.CharField(max_length=200)
    size = models.BigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=10, default=FILE.initial, choices=[(s.value, s.value) for s in FileStatus])
    problem = models.TextField(blank=True, default="", help_text="Why it was refused, in words for finance.")
    lines = models.PositiveIntegerField(default=0, help_text="Read so far; when it is loaded, all of them.")
    told_before = models.PositiveIntegerField(default=0, help_text="Lines that another file had told of already.")
    set_aside = models.PositiveIntegerField(default=0, help_text="Lines of before the account's cut-over.")
    sums = models.JSONField(default=dict, blank=True, help_text="Per currency, in minor units, once it is loaded.")
    loaded_at = models.DateTimeField(null=True, blank=True)
    matched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="settlement_file_status", condition=Q(status__in=FILE.states)),
            models.CheckConstraint(
                name="settlement_file_kind", condition=Q(kind__in=[kind.value for kind in FileKind])
            ),
            models.CheckConstraint(
                name="settlement_file_refused_says_why", condition=~Q(status="refused") | ~Q(problem="")
            ),
            models.UniqueConstraint(fields=["account", "reference", "sha256"], name="settlement_file_content_once"),
            models.UniqueConstraint(
                fields=["account", "reference"],
                condition=Q(status__in=["stored", "loaded"]),
                name="settlement_file_reference_once",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Match(models.TextChoices):
    """What became of a line when it was compared with what we know."""

    WAITING = "waiting", "Not compared yet"
    MATCHED = "matched", "It is what we have booked"
    BOOKED = "booked", "Booked from this line: a fee, a payout, a reserve"
    AMOUNT_DIFFERS = "amount_differs", "We have booked another amount"
    MISSING_HERE = "missing_here", "We know of no such movement"
    DUPLICATE = "duplicate", "The PSP has told this movement before"
    UNKNOWN_TYPE = "unknown_type", "A kind of line that we do not know"
    SET_ASIDE = "set_aside", "From before the account's cut-over"


class SettlementLine(models.Model):
    """One movement of our balance at a PSP, as its file says. Columns and signs are those of the connectors' line.

    Only `match`, `movement_id` (our capture, refund or dispute movement; "" while none is known) and
    `payout_reference` change after it was loaded. That its file is there and of its account is checked by the set: a
    trigger (`of_their_file`) instead of two foreign keys, which would look at each of a million lines at the commit.
    """

    id = ids.IdField("sl")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    file = models.ForeignKey(
        SettlementFile, on_delete=models.PROTECT, related_name="rows", db_index=False, db_constraint=False
    )
    number = models.PositiveIntegerField(help_text="Its place among the lines of its file, from 1.")
    key = models.CharField(max_length=80)
    type = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in LineType])
    psp_type = models.CharField(max_length=60, help_text="The PSP's own word.")
    occurred_at = models.DateTimeField()
    gross_minor = models.BigIntegerField()
    gross_currency = models.CharField(max_length=3)
    settled_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    fee_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    net_minor = models.GeneratedField(
        expression=F("settled_minor") - F("fee_minor") - F("tax_minor"),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    rate = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    payment_reference = models.CharField(max_length=80, blank=True, default="")
    movement_reference = models.CharField(max_length=80, blank=True, default="")
    our_reference = models.CharField(max_length=80, blank=True, default="")
    payout_reference = models.CharField(max_length=80, blank=True, default="")
    method = models.CharField(max_length=40, blank=True, default="")
    detail = models.CharField(max_length=300, blank=True, default="")
    match = models.CharField(max_length=16, default=Match.WAITING, choices=Match)
    movement_id = models.CharField(max_length=40, blank=True, default="")
    xid = records.TransactionId()

    class Meta:
        app_label = "reporting"
        constraints = (
            models.UniqueConstraint(fields=["account", "key"], name="settlement_line_once"),
            models.CheckConstraint(
                name="settlement_line_one_currency",
                condition=~Q(gross_currency=F("currency")) | Q(gross_minor=F("settled_minor")),
            ),
        )
        indexes = (
            models.Index(fields=["file", "number"], name="settlement_line_file"),
            BrinIndex(fields=["occurred_at"], name="settlement_line_time"),
            models.Index(fields=["movement_id"], name="settlement_line_movement", condition=~Q(movement_id="")),
            models.Index(fields=["account", "payment_reference"], name="settlement_line_payment"),
            models.Index(fields=["account", "payout_reference"], name="settlement_line_payout"),
            models.Index(
                fields=["account", "payout_reference"],
                name="settlement_line_moves",
                condition=Q(type__in=["payout", "payout_returned", "carried"]),
            ),
            models.Index(
                fields=["account", "match"],
                name="settlement_line_open",
                condition=Q(match__in=["waiting", "amount_differs", "missing_here", "unknown_type"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.psp_type} {self.key}"


class Payout(records.Stateful):
    """One payout of a PSP to our bank; below zero when it takes money from there.

    `proven` says that the lines which are part of it sum to its amount; null while they are not all here, or cannot
    be (a manual payout at Stripe has none).
    """

    MACHINE = PAYOUT
    LOCK_RANK = 84

    id = ids.IdField("po")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="payouts")
    provider_reference = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    automatic = models.BooleanField(default=True)
    status = models.CharField(max_length=10, default=PAYOUT.initial, choices=[(s.value, s.value) for s in PayoutStatus])
    announced_at = models.DateTimeField(help_text="As the PSP says.")
    arrives_on = models.DateField(null=True, blank=True)
    trace = models.CharField(max_length=80, blank=True, default="", help_text="By which our bank knows it.")
    proven = models.BooleanField(null=True, blank=True)
    detail = models.CharField(max_length=300, blank=True, default="")

    amount = money.View()

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="payout_status", condition=Q(status__in=PAYOUT.states)),
            models.CheckConstraint(name="payout_not_zero", condition=~Q(amount_minor=0)),
            models.UniqueConstraint(fields=["account", "provider_reference"], name="payout_once"),
        )
        indexes = (
            models.Index(
                fields=["arrives_on"], name="payout_on_its_way", condition=Q(status__in=["announced", "paid"])
            ),
        )

    def __str__(self) -> str:
        return f"{money.text(self.amount)} {self.status}"
