"""The close of a legal entity's days and months: how far each is, and what its checklist says."""

from django.db import models
from django.db.models import F, Q

from payments.gateway.models import LegalEntity
from payments.kernel import ids, records
from reporting.states import CLOSE, CloseStatus


class CloseKind(models.TextChoices):
    """How long the period is."""

    DAY = "day", "Day"
    MONTH = "month", "Month"


class Close(records.Stateful):
    """One day or month of one legal entity, from `starts_at`, inclusive, to `ends_at`, exclusive.

    Days follow one another without a gap, in the entity's time zone as it was when each began. `edition` counts how
    often it was locked. `reports` says which runs show it: `[{"edition": 1, "report": "payments", "run": "rep_…"}]`;
    those of the present edition are final when `proven_at` is set. `reopen_…` is the last wish to open it again, which
    needs a second person.
    """

    MACHINE = CLOSE
    LOCK_RANK = 88

    id = ids.IdField("cls")
    entity = models.ForeignKey(LegalEntity, on_delete=models.PROTECT, related_name="closes")
    kind = models.CharField(max_length=5, choices=CloseKind)
    day = models.DateField(help_text="The day; of a month, its first.")
    time_zone = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=8, default=CLOSE.initial, choices=[(s.value, s.value) for s in CloseStatus])
    edition = models.PositiveSmallIntegerField(default=0)
    reports = models.JSONField(default=list, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    locked_at = models.DateTimeField(null=True, blank=True)
    locked_by = models.CharField(max_length=80, blank=True, default="")
    proven_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when its reports are known to hold all that it will ever hold."
    )
    reopen_asked_by = models.CharField(max_length=80, blank=True, default="")
    reopen_because = models.CharField(max_length=200, blank=True, default="")
    reopen_asked_at = models.DateTimeField(null=True, blank=True)
    reopened_by = models.CharField(max_length=80, blank=True, default="", help_text="The second person.")
    reopened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="close_status", condition=Q(status__in=CLOSE.states)),
            models.CheckConstraint(name="close_kind", condition=Q(kind__in=CloseKind.values)),
            models.CheckConstraint(name="close_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(
                name="close_locked_by_somebody",
                condition=~Q(status="locked") | Q(locked_at__isnull=False, edition__gt=0) & ~Q(locked_by=""),
            ),
            models.CheckConstraint(name="close_wish_says_why", condition=Q(reopen_asked_by="") | ~Q(reopen_because="")),
            models.CheckConstraint(
                name="close_maker_is_not_checker",
                condition=Q(reopened_by="") | ~Q(reopen_asked_by="") & ~Q(reopened_by=F("reopen_asked_by")),
            ),
            models.CheckConstraint(
                name="close_reopened_by_two",
                condition=~Q(status="reopened") | Q(reopened_at__isnull=False) & ~Q(reopened_by=""),
            ),
            models.UniqueConstraint(fields=["entity", "kind", "day"], name="close_once"),
        )

    def __str__(self) -> str:
        return self.words

    @property
    def words(self) -> str:
        """The day or month, as people say it."""
        return f"{self.day:%Y-%m}" if self.kind == CloseKind.MONTH else f"{self.day:%Y-%m-%d}"

    def checklist(self) -> "list[CloseCheck]":
        """Its items in their order; none before it was checked."""
        return sorted(self.checks.all(), key=lambda check: Item.values.index(check.item))


class Item(models.TextChoices):
    """What is on the checklist, in its order."""

    FILES = "files", "All settlement files are in"
    MATCHED = "matched", "Every settlement line is reconciled"
    UNEXPLAINED = "unexplained", "Nothing is unexplained"
    DAYS = "days", "All days of the month are locked"
    BANK = "bank", "The bank has shown every payout"
    BALANCE = "balance", "The trial balance is zero"
    INVARIANTS = "invariants", "The ledger keeps all its rules"
    REPORTS = "reports", "The reports are written and tie to the ledger"


class CheckState(models.TextChoices):
    """What an item says."""

    DONE = "done", "Done"
    WAITING = "waiting", "Waits"
    MISSING = "missing", "Missing"
    ACCEPTED = "accepted", "Accepted"


class CloseCheck(models.Model):
    """One item of a checklist as it was last found. What is missing may be accepted by a person, with the reason.

    `figures` are what it was decided by.
    An acceptance holds while the figures are those that were accepted.
    """

    id = ids.IdField("chk")
    close = models.ForeignKey(Close, on_delete=models.PROTECT, related_name="checks")
    item = models.CharField(max_length=12, choices=Item)
    state = models.CharField(max_length=8, choices=CheckState, default=CheckState.WAITING)
    says = models.CharField(max_length=300, help_text="In words.")
    figures = models.JSONField(default=dict, blank=True)
    checked_at = models.DateTimeField()
    accepted_by = models.CharField(max_length=80, blank=True, default="")
    accepted_because = models.CharField(max_length=200, blank=True, default="")
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_figures = models.JSONField(default=dict, blank=True)

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="close_check_item", condition=Q(item__in=Item.values)),
            models.CheckConstraint(name="close_check_state", condition=Q(state__in=CheckState.values)),
            models.CheckConstraint(
                name="close_check_accepted_says_why",
                condition=~Q(state="accepted")
                | Q(accepted_at__isnull=False) & ~Q(accepted_by="") & ~Q(accepted_because=""),
            ),
            models.UniqueConstraint(fields=["close", "item"], name="close_check_once"),
        )

    def __str__(self) -> str:
        return self.get_item_display()
