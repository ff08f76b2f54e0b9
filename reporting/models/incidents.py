"""What is or was wrong: incidents with their scope and what they cost, and the timeline of each."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db import models
from django.db.models import Q

from payments.gateway.models import TrafficShift
from payments.kernel import clock, ids, records
from payments.kernel.attention import Severity
from reporting.states import DIVERSION, INCIDENT, DiversionStatus, IncidentStatus


class IncidentKind(models.TextChoices):
    """What is wrong."""

    OUTAGE = "outage", "Almost nothing is approved"
    UNAVAILABLE = "unavailable", "Providers cannot be reached, or do not answer"
    APPROVAL_DROP = "approval_drop", "Fewer payments are approved than usual"
    DECLINE_SHIFT = "decline_shift", "Payments are declined for other reasons than usual"
    SLOW = "slow", "Answers take longer than usual"
    UNFINISHED = "unfinished", "Payments are begun and not finished"
    VOLUME_DROP = "volume_drop", "Far fewer people pay than usual"
    WEBHOOK_SILENCE = "webhook_silence", "A provider has stopped sending notifications"
    QUEUE_LAG = "queue_lag", "Jobs wait for too long"
    DELIVERY_LAG = "delivery_lag", "Clients learn too late what happened"
    SETTLEMENT_LATE = "settlement_late", "A settlement file is late"
    RECOVERY_BACKLOG = "recovery_backlog", "Payments whose outcome is not known pile up"
    CARD_TESTING = "card_testing", "Somebody seems to try stolen cards"


SCOPE: Final = ("account", "method", "country", "currency", "channel", "issuer")
"""The dimensions in which something may be wrong, in the order in which they are told."""

_K = IncidentKind
QUIET: Final[Mapping[IncidentKind, timedelta]] = {
    **dict.fromkeys(_K, timedelta(minutes=10)),
    **dict.fromkeys((_K.OUTAGE, _K.UNAVAILABLE, _K.QUEUE_LAG, _K.DELIVERY_LAG), timedelta(minutes=5)),
    **dict.fromkeys((_K.DECLINE_SHIFT, _K.CARD_TESTING, _K.SETTLEMENT_LATE), timedelta(minutes=30)),
}
"""An incident that was not found any more for so long, while we looked, is over. Our own rule: long enough that a good
minute between bad ones closes nothing, short enough that the next outage is another incident."""


class Incident(records.Stateful):
    """Something that is wrong, at the narrowest place that explains it. At most one open per kind and scope.

    `scope` is a subset of `SCOPE`, each with its value; empty is everywhere. `lost_minor` is what was not approved
    because of it, `per_minute_minor` what is not approved in a minute now, and `worst_minor` that of its worst minute:
    minor units by currency, as estimated against what was usual. `figures` is what was last found, `words` the sentence
    about it. `folded` is how many narrower findings are told in this one.

    It was last found at `seen_at`, and at its own `scope`, not in a part of it, at `whole_at`. Since `quiet_at` it has
    not been found, though somebody looked. `merged_into` is the one that is about the same.
    """

    MACHINE = INCIDENT
    LOCK_RANK = 95

    id = ids.IdField("inc")
    kind = models.CharField(max_length=20, choices=IncidentKind)
    scope = models.JSONField(default=dict, blank=True)
    severity = models.CharField(max_length=8, choices=Severity)
    status = models.CharField(
        max_length=8, default=INCIDENT.initial, choices=[(s.value, s.value) for s in IncidentStatus]
    )
    words = models.CharField(max_length=500)
    since = models.DateTimeField(help_text="When it began, as far as can be told.")
    opened_at = models.DateTimeField(default=clock.now, help_text="When it was found.")
    seen_at = models.DateTimeField(default=clock.now)
    whole_at = models.DateTimeField(default=clock.now)
    quiet_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    lost_minor = models.JSONField(default=dict, blank=True)
    per_minute_minor = models.JSONField(default=dict, blank=True)
    worst_minor = models.JSONField(default=dict, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    folded = models.PositiveIntegerField(default=0)
    taken_by = models.CharField(max_length=80, blank=True, default="", help_text="Who looks after it.")
    taken_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=80, blank=True, default="", help_text="Empty: it was over by itself.")
    closed_because = models.CharField(max_length=500, blank=True, default="")
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged")

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="incident_status", condition=Q(status__in=INCIDENT.states)),
            models.CheckConstraint(name="incident_kind", condition=Q(kind__in=IncidentKind.values)),
            models.CheckConstraint(name="incident_severity", condition=Q(severity__in=Severity.values)),
            models.CheckConstraint(
                name="incident_closed_at",
                condition=Q(status="open", closed_at__isnull=True, merged_into__isnull=True)
                | Q(status="closed", closed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="incident_closed_by_somebody_says_why", condition=Q(closed_by="") | ~Q(closed_because="")
            ),
            models.UniqueConstraint(fields=["kind", "scope"], name="incident_one_open", condition=Q(status="open")),
        )
        indexes = (
            models.Index(fields=["opened_at"], name="incident_opened"),
            models.Index(fields=["closed_at"], name="incident_closed", condition=Q(status="closed")),
        )

    def __str__(self) -> str:
        return self.words


class Diversion(records.Stateful):
    """The payments of an incident's place that go elsewhere, and come back step by step. One for each incident.

    `scope` is the account with what narrows it; `shift` is what routing goes by. `step_at` is when the last step was
    made, `fallbacks` how often trying it again went badly. While it is held, `held_by` decides and nobody else.
    """

    MACHINE = DIVERSION
    LOCK_RANK = 96

    id = ids.IdField("div")
    incident = models.OneToOneField(Incident, on_delete=models.PROTECT, related_name="diversion")
    scope = models.JSONField()
    shift = models.ForeignKey(TrafficShift, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=8, default=DIVERSION.initial, choices=[(s.value, s.value) for s in DiversionStatus]
    )
    step_at = models.DateTimeField(default=clock.now)
    fallbacks = models.PositiveIntegerField(default=0)
    held_by = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="diversion_status", condition=Q(status__in=DIVERSION.states)),
            models.CheckConstraint(
                name="diversion_held_by_somebody",
                condition=Q(status="held") & ~Q(held_by="") | ~Q(status="held") & Q(held_by=""),
            ),
            models.CheckConstraint(
                name="diversion_goes_by_a_shift", condition=Q(status__in=["back", "held"]) | Q(shift__isnull=False)
            ),
        )
        indexes = (models.Index(fields=["status"], name="diversion_moving", condition=~Q(status="back")),)

    def __str__(self) -> str:
        return f"{self.get_status_display()}"

    @property
    def share(self) -> Decimal:
        """What the place keeps of its payments now, 0 to 1."""
        return Decimal(1) if self.shift is None or self.shift.ended_at is not None else self.shift.share


class EntryKind(models.TextChoices):
    """What happened in an incident."""

    OPENED = "opened", "Found"
    GREW = "grew", "Became worse"
    NARROWED = "narrowed", "Is narrower than it seemed"
    WIDENED = "widened", "Is wider than it seemed"
    MERGED = "merged", "Another incident is about the same"
    MOVED = "moved", "Payments go elsewhere"
    PROBING = "probing", "A part of the payments tries it again"
    FELL_BACK = "fell_back", "Trying it again went badly"
    RESTORED = "restored", "Payments go there again"
    HELD = "held", "A person keeps payments where they are"
    TAKEN = "taken", "Somebody looks after it"
    NOTE = "note", "Note"
    CLOSED = "closed", "Over"
    REOPENED = "reopened", "Not over"


class IncidentEntry(models.Model):
    """One thing that happened in an incident, or was said of it. Append-only. `by` is empty for what no person did."""

    id = ids.IdField("ince")
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=10, choices=EntryKind)
    at = models.DateTimeField(default=clock.now)
    words = models.TextField()
    by = models.CharField(max_length=80, blank=True, default="")
    figures = models.JSONField(default=dict, blank=True)

    class Meta:
        app_label = "reporting"
        verbose_name_plural = "incident entries"
        constraints = (
            models.CheckConstraint(name="incident_entry_kind", condition=Q(kind__in=EntryKind.values)),
            models.CheckConstraint(name="incident_entry_says_something", condition=~Q(words="")),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.words}"
