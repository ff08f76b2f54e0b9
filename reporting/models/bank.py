"""Our accounts at banks, what their statements say line by line, and which payout each line is."""

from django.db import models
from django.db.models import F, Q

from payments.gateway.models import LegalEntity
from payments.kernel import clock, ids, money, records
from refunds.models import BankTransfer
from reporting.models.settlements import Payout


class BankAccount(records.Record):
    """One account of a legal entity at a bank. `code` is what the ledger calls it: `bank/{code}`.

    Code, currency and legal entity stay. Statements name it by its IBAN, or by `number` where the bank writes another.
    `dialect` is how its CSV files are written, as `sheet.dialect` reads it; {} while nobody has said.
    """

    id = ids.IdField("ba")
    code = models.SlugField(max_length=40, unique=True)
    legal_entity = models.ForeignKey(LegalEntity, on_delete=models.PROTECT)
    currency = models.CharField(max_length=3)
    iban = models.CharField(max_length=34, blank=True, default="")
    number = models.CharField(max_length=40, blank=True, default="", help_text="As statements write it, without IBAN.")
    dialect = models.JSONField(default=dict, blank=True)
    made_by = models.CharField(max_length=80)

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="bank_account_is_named", condition=~Q(iban="") | ~Q(number="")),
            models.UniqueConstraint(fields=["iban", "currency"], condition=~Q(iban=""), name="bank_account_iban"),
            models.UniqueConstraint(fields=["number", "currency"], condition=~Q(number=""), name="bank_account_number"),
        )

    def __str__(self) -> str:
        return self.code


class BankStatement(models.Model):
    """What the bank says happened on one account over some days. Never changes, and adds up to the unit.

    One file may hold several: `position` counts them from 1. `sha256` and `size` are of the whole file, which is
    kept under that hash.
    """

    id = ids.IdField("bs")
    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="statements", db_index=False)
    kind = models.CharField(max_length=10, help_text="camt.053, MT940 or CSV.")
    name = models.CharField(max_length=200, help_text="What the file was called.")
    size = models.BigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    position = models.PositiveIntegerField()
    reference = models.CharField(max_length=80, blank=True, default="", help_text="The bank's number of it.")
    from_day = models.DateField()
    to_day = models.DateField()
    currency = models.CharField(max_length=3)
    opening_minor = models.BigIntegerField()
    closing_minor = models.BigIntegerField()
    lines = models.PositiveIntegerField()
    uploaded_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    opening = money.View()
    closing = money.View()

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="bank_statement_days", condition=Q(from_day__lte=F("to_day"))),
            models.UniqueConstraint(fields=["sha256", "position"], name="bank_statement_file_once"),
        )
        indexes = (models.Index(fields=["account", "to_day"], name="bank_statement_days_of"),)

    def __str__(self) -> str:
        return f"{self.from_day} to {self.to_day}"


class LineStatus(models.TextChoices):
    """What a line of a statement is to us."""

    WAITING = "waiting", "Not compared yet"
    MATCHED = "matched", "It is a payout, or a refund that we paid"
    CHOOSE = "choose", "Several payouts could be it: choose"
    UNEXPLAINED = "unexplained", "Nothing of ours explains it"
    SET_ASIDE = "set_aside", "Not ours: somebody has said why"


class BankLine(records.Record):
    """One movement of a bank account, plus when it rises; what the bank says of it never changes.

    `folded` is all that it says without spaces and signs, in capitals: banks break references into pieces.
    """

    LOCK_RANK = 85

    id = ids.IdField("bl")
    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, db_index=False)
    statement = models.ForeignKey(BankStatement, on_delete=models.PROTECT, related_name="rows", db_index=False)
    number = models.PositiveIntegerField(help_text="Its place in the statement, from 1.")
    day = models.DateField(help_text="Booked by the bank.")
    value_day = models.DateField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=80, blank=True, default="")
    end_to_end = models.CharField(max_length=80, blank=True, default="")
    counterparty = models.CharField(max_length=140, blank=True, default="")
    text = models.CharField(max_length=2000, blank=True, default="")
    bank_reference = models.CharField(max_length=80, blank=True, default="")
    reversal = models.BooleanField(default=False)
    folded = models.TextField(blank=True, default="")
    status = models.CharField(max_length=12, choices=LineStatus, default=LineStatus.WAITING)
    said_by = models.CharField(max_length=80, blank=True, default="", help_text="Who has set it aside.")
    said_because = models.CharField(max_length=200, blank=True, default="")

    amount = money.View()

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="bank_line_status", condition=Q(status__in=LineStatus.values)),
            models.CheckConstraint(
                name="bank_line_set_aside_says_why",
                condition=~Q(status="set_aside") | (~Q(said_by="") & ~Q(said_because="")),
            ),
            models.UniqueConstraint(fields=["statement", "number"], name="bank_line_once"),
        )
        indexes = (
            models.Index(
                fields=["account", "day"],
                name="bank_line_open",
                condition=Q(status__in=["waiting", "choose", "unexplained"]),
            ),
        )

    def __str__(self) -> str:
        return f"{money.text(self.amount)} on {self.day}"


class MatchKind(models.TextChoices):
    """What a line is."""

    ARRIVED = "arrived", "The payout has arrived"
    SENT_BACK = "sent_back", "Our bank has sent the payout back"
    TRANSFER = "transfer", "A refund that finance has paid from here"
    TRANSFER_RETURNED = "returned", "Such a refund has come back"


OF_A_PAYOUT = (MatchKind.ARRIVED, MatchKind.SENT_BACK)


class BankMatch(records.Record):
    """What one line is: a payout, or a refund by bank transfer; never changes, but may be undone, once.

    `number` counts the matches of a payout from 1; with it the match is a source of the ledger of its own. Refunds by
    bank transfer were booked when they were confirmed: their matches book nothing.
    """

    LOCK_RANK = 88

    id = ids.IdField("bm")
    line = models.ForeignKey(BankLine, on_delete=models.PROTECT, related_name="matches")
    kind = models.CharField(max_length=10, choices=MatchKind)
    payout = models.ForeignKey(Payout, null=True, blank=True, on_delete=models.PROTECT, related_name="bank_matches")
    transfer = models.ForeignKey(
        BankTransfer, null=True, blank=True, on_delete=models.PROTECT, related_name="bank_matches"
    )
    number = models.PositiveIntegerField(default=1)
    because = models.CharField(max_length=200, help_text="How it was recognised, or why a person says so.")
    made_by = models.CharField(max_length=80)
    undone_by = models.CharField(max_length=80, blank=True, default="")
    undone_because = models.CharField(max_length=200, blank=True, default="")
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "reporting"
        verbose_name_plural = "bank matches"
        constraints = (
            models.CheckConstraint(name="bank_match_kind", condition=Q(kind__in=MatchKind.values)),
            models.CheckConstraint(
                name="bank_match_is_one_thing",
                condition=Q(kind__in=[kind.value for kind in OF_A_PAYOUT], payout__isnull=False, transfer__isnull=True)
                | Q(kind__in=["transfer", "returned"], payout__isnull=True, transfer__isnull=False),
            ),
            models.CheckConstraint(
                name="bank_match_undone_by_another",
                condition=Q(undone_at__isnull=True, undone_by="")
                | Q(undone_at__isnull=False) & ~Q(undone_by="") & ~Q(undone_because="") & ~Q(undone_by=F("made_by")),
            ),
            models.UniqueConstraint(
                fields=["line"], condition=Q(undone_at__isnull=True), name="bank_match_line_is_one_thing"
            ),
            models.UniqueConstraint(
                fields=["payout", "kind"],
                condition=Q(undone_at__isnull=True, payout__isnull=False),
                name="bank_match_payout_once",
            ),
            models.UniqueConstraint(
                fields=["transfer", "kind"],
                condition=Q(undone_at__isnull=True, transfer__isnull=False),
                name="bank_match_transfer_once",
            ),
            models.UniqueConstraint(
                fields=["payout", "number"], condition=Q(payout__isnull=False), name="bank_match_number"
            ),
        )

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def source(self) -> str:
        """What the ledger calls this movement: the payout, and after an undone match the payout's second, third."""
        return str(self.payout_id) if self.number == 1 else f"{self.payout_id}/{self.number}"
