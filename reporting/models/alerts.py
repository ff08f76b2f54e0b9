"""Who is told what is wrong: channels, the rules that choose them, silences, and what each channel was told."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from payments.kernel import clock, ids, personal, records
from payments.kernel.attention import Severity


class ChannelKind(models.TextChoices):
    """How a channel is spoken to."""

    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack, or what takes its webhooks"
    PAGERDUTY = "pagerduty", "PagerDuty, or what takes its events (v2)"


class AlertChannel(records.Record):
    """One place where people are reached.

    `address` is where, encrypted, for it is a secret: `to` of an e-mail, `url` of a webhook, with PagerDuty's events
    `routing_key` as well. `shown` is what of it pages show. It is broken since `broken_at`: it has refused several
    messages in a row, and the other channels know.
    """

    id = ids.IdField("ach")
    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=10, choices=ChannelKind)
    address = personal.Json(default=dict, db_column="address_cipher")
    shown = models.CharField(max_length=80)
    enabled = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    broken_at = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True, help_text="Not tried again before.")
    told_at = models.DateTimeField(null=True, blank=True, help_text="When it last took a message.")
    problem = models.CharField(max_length=200, blank=True, default="", help_text="Why it did not take the last one.")
    made_by = models.CharField(max_length=80)

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="alert_channel_kind", condition=Q(kind__in=ChannelKind.values)),
            models.CheckConstraint(name="alert_channel_has_an_address", condition=Q(address__isnull=False)),
        )

    def __str__(self) -> str:
        return self.name


class Source(models.TextChoices):
    """Where it comes from that something is wrong."""

    INCIDENT = "incident", "Incidents"
    ATTENTION = "attention", "What needs a person"
    SLO = "slo", "Service levels"
    CHANNEL = "channel", "Alert channels"


class AlertRule(records.Record):
    """What is told to which channels. An alert goes to every channel of every rule that it fits.

    It fits when it comes from `source`, is of one of `kinds` (empty: any), at least as severe as `least`, and may lie
    in `scope`: one that is wider concerns it too. What comes within `wait_seconds` of the first is told together.
    What lasts, and nobody has taken, is told again after `repeat_minutes` (0: never).
    """

    id = ids.IdField("alr")
    name = models.CharField(max_length=80, unique=True)
    source = models.CharField(max_length=10, choices=Source)
    kinds = ArrayField(models.CharField(max_length=24), default=list, blank=True, help_text="Empty: any.")
    least = models.CharField(max_length=8, choices=Severity, default=Severity.URGENT)
    scope = models.JSONField(default=dict, blank=True)
    channels: "models.ManyToManyField[AlertChannel, Any]" = models.ManyToManyField(AlertChannel, related_name="rules")
    wait_seconds = models.PositiveSmallIntegerField(default=20)
    repeat_minutes = models.PositiveIntegerField(default=60)
    enabled = models.BooleanField(default=True)
    live_since = models.DateTimeField(default=clock.now, help_text="What began before is not told.")
    made_by = models.CharField(max_length=80)

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="alert_rule_source", condition=Q(source__in=Source.values)),
            models.CheckConstraint(name="alert_rule_least", condition=Q(least__in=Severity.values)),
            models.CheckConstraint(name="alert_rule_waits_minutes_at_most", condition=Q(wait_seconds__lte=600)),
        )

    def __str__(self) -> str:
        return self.name


class Silence(records.Record):
    """Nobody is told of what lies in it, until it ends: everything where nothing is named. What lasts is told then."""

    id = ids.IdField("sil")
    source = models.CharField(max_length=10, choices=Source, blank=True, default="")
    kinds = ArrayField(models.CharField(max_length=24), default=list, blank=True)
    scope = models.JSONField(default=dict, blank=True)
    because = models.CharField(max_length=200)
    until = models.DateTimeField()
    made_by = models.CharField(max_length=80)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Somebody ended it before its time.")
    ended_by = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="silence_says_why", condition=~Q(because="") & ~Q(made_by="")),
            models.CheckConstraint(
                name="silence_ended_by_somebody",
                condition=Q(ended_at__isnull=True, ended_by="") | (Q(ended_at__isnull=False) & ~Q(ended_by="")),
            ),
        )
        indexes = (models.Index(fields=["until"], name="silence_until"),)

    def __str__(self) -> str:
        return self.because


class Alert(records.Record):
    """Something that is wrong and that people may have to be told: an incident, a matter, a service level, a channel.

    `key` is what it is about: our id of it, or a name. One is open per key. `words` is the sentence that is told,
    `more` what stands below it, `page` where it is shown. `taken_by` is who looks after it: it is not told again.
    """

    id = ids.IdField("alt")
    source = models.CharField(max_length=10, choices=Source)
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=24)
    severity = models.CharField(max_length=8, choices=Severity)
    scope = models.JSONField(default=dict, blank=True)
    words = models.CharField(max_length=500)
    more = models.JSONField(default=dict, blank=True)
    page = models.CharField(max_length=200, blank=True, default="")
    opened_at = models.DateTimeField(default=clock.now)
    taken_by = models.CharField(max_length=80, blank=True, default="")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="alert_source", condition=Q(source__in=Source.values)),
            models.CheckConstraint(name="alert_severity", condition=Q(severity__in=Severity.values)),
            models.UniqueConstraint(
                fields=["source", "key"], name="alert_one_open", condition=Q(closed_at__isnull=True)
            ),
        )
        indexes = (models.Index(fields=["key", "id"], name="alert_key"),)

    def __str__(self) -> str:
        return self.words


class Told(models.TextChoices):
    """What a channel is told of an alert."""

    NOTHING = "", "Nothing"
    OPENED = "opened", "It is wrong"
    WORSE = "worse", "It has become worse"
    REPEATED = "repeated", "It is still wrong"
    TAKEN = "taken", "Somebody looks after it"
    CLOSED = "closed", "It is over"


class AlertMessage(records.Record):
    """One message to one channel, written before it is sent. What was sent and not recorded is sent again as it is.

    `requests` are what is sent: JSON bodies without the secret, or one e-mail. `lines` says it for people.
    """

    id = ids.IdField("amg")
    channel = models.ForeignKey(AlertChannel, on_delete=models.PROTECT, related_name="messages")
    test = models.BooleanField(default=False)
    lines = ArrayField(models.TextField(), default=list)
    requests = models.JSONField(default=list)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    gave_up_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="HTTP, when there was an answer.")
    problem = models.CharField(max_length=200, blank=True, default="")
    milliseconds = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        app_label = "reporting"
        constraints = (
            models.UniqueConstraint(
                fields=["channel"],
                name="alert_message_one_on_its_way",
                condition=Q(sent_at__isnull=True, gave_up_at__isnull=True, test=False),
            ),
        )
        indexes = (models.Index(fields=["channel", "id"], name="alert_message_channel"),)

    def __str__(self) -> str:
        return self.lines[0] if self.lines else str(self.pk)


class Notice(records.Record):
    """What one channel is told of one alert: what it knows (`told`), and what it is to be told next (`wish`) and when.

    `message` is the last one about it, and `carries` what that one tells while it is on its way. `bundle` is the key
    under which the channel knows it, which many alerts of one message share. `silence` is why it was not told yet.
    """

    id = ids.IdField("ntc")
    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="notices")
    channel = models.ForeignKey(AlertChannel, on_delete=models.PROTECT, related_name="notices", db_index=False)
    repeat_minutes = models.PositiveIntegerField(default=0)
    wish = models.CharField(max_length=8, choices=Told, blank=True, default="")
    due_at = models.DateTimeField(null=True, blank=True)
    message = models.ForeignKey(AlertMessage, null=True, blank=True, on_delete=models.PROTECT, related_name="notices")
    carries = models.CharField(max_length=8, choices=Told, blank=True, default="")
    told = models.CharField(max_length=8, choices=Told, blank=True, default="")
    told_at = models.DateTimeField(null=True, blank=True)
    bundle = models.CharField(max_length=80, blank=True, default="")
    silence = models.ForeignKey(Silence, null=True, blank=True, on_delete=models.PROTECT, related_name="notices")

    class Meta:
        app_label = "reporting"
        default_permissions: ClassVar[Sequence[str]] = ("view",)
        constraints = (
            models.CheckConstraint(name="notice_told", condition=Q(told__in=Told.values) & Q(wish__in=Told.values)),
            models.CheckConstraint(
                name="notice_wish_is_due", condition=Q(wish="", due_at__isnull=True) | Q(due_at__isnull=False)
            ),
            models.UniqueConstraint(fields=["alert", "channel"], name="notice_once_per_channel"),
        )
        indexes = (
            models.Index(fields=["channel", "due_at"], name="notice_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["bundle"], name="notice_bundle", condition=~Q(bundle="")),
        )

    def __str__(self) -> str:
        return f"{self.get_told_display()}: {self.alert_id}"
