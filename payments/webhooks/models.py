"""Events for clients, where they are delivered to and how that went; and notifications from PSPs."""

import secrets
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from payments.connectors.base import EventKind
from payments.kernel import clock, ids, records

RESPONSE_BYTES = 1024
"""How much of an endpoint's answer is read and kept."""


def new_secret() -> str:
    """A signing secret as Standard Webhooks wants it: `whsec_` and 32 random bytes."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


class Rendered(DjangoJSONEncoder):
    """JSON as clients read it: times in UTC with all their digits and `Z`."""

    def default(self, o: Any) -> Any:
        if isinstance(o, datetime):
            return o.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
        return super().default(o)


class Event(models.Model):
    """One change of one object, as its client sees it. Append-only; `sequence` counts per object without gaps."""

    id = ids.IdField("evt")
    client = models.ForeignKey("payments.ApiClient", on_delete=models.PROTECT, db_index=False)
    type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=40)
    sequence = models.PositiveIntegerField()
    data = models.JSONField(encoder=Rendered, help_text="The object after the change.")
    previous = models.JSONField(encoder=Rendered, null=True, help_text="The fields that changed, as they were before.")
    created_at = models.DateTimeField(default=clock.now)
    dispatched_at = models.DateTimeField(null=True, help_text="When its deliveries were planned.")
    xid = records.TransactionId()

    class Meta:
        app_label = "payments"
        constraints = (models.UniqueConstraint(fields=["object_id", "sequence"], name="event_sequence"),)
        indexes = (
            models.Index(fields=["id"], name="event_undispatched", condition=Q(dispatched_at__isnull=True)),
            models.Index(fields=["client", "id"], name="event_client"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.object_id} #{self.sequence}"


class Endpoint(records.Record):
    """An address of a client that receives events. Deleted ones stay, because their deliveries do."""

    id = ids.IdField("we")
    client = models.ForeignKey("payments.ApiClient", on_delete=models.PROTECT)
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True, default="")
    event_types = ArrayField(models.CharField(max_length=60), help_text="`*`, a type, or a prefix like `order.*`.")
    secret = models.CharField(max_length=100, default=new_secret, editable=False)
    previous_secret = models.CharField(max_length=100, blank=True, default="", editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, help_text="Until then both secrets sign.")
    tests = models.PositiveIntegerField(default=0, editable=False, help_text="Test events so far, which they count.")
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True, default="")
    failing_since = models.DateTimeField(null=True, blank=True, help_text="The first failure after the last success.")
    paused_until = models.DateTimeField(null=True, blank=True, help_text="Set when it gave no answer.")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        indexes = (models.Index(fields=["client", "id"], name="endpoint_client"),)

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    """`pending` is tried until it succeeds or its time is over."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Delivery(models.Model):
    """One event on its way to one endpoint. Partitioned by month on its id.

    `object_id` and `sequence` repeat the event's, so that what has to go first is one indexed query.
    """

    id = ids.IdField("wd")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, db_index=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT)
    object_id = models.CharField(max_length=40)
    sequence = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, default=clock.now)
    last_status = models.PositiveSmallIntegerField(null=True, help_text="The HTTP status, when there was an answer.")
    last_error = models.CharField(max_length=200, blank=True, default="")
    response = models.TextField(blank=True, default="", help_text="The beginning of the last answer.")
    delivered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "payments"
        verbose_name_plural = "deliveries"
        constraints = (models.CheckConstraint(name="delivery_state", condition=Q(state__in=DeliveryState.values)),)
        indexes = (
            models.Index(
                fields=["endpoint", "object_id", "sequence"],
                name="delivery_pending",
                condition=Q(state=DeliveryState.PENDING),
            ),
            models.Index(fields=["endpoint", "id"], name="delivery_endpoint"),
        )

    def __str__(self) -> str:
        return f"{self.object_id} #{self.sequence}: {self.state}"


class DeliveryTry(models.Model):
    """One time that a delivery was sent: what was answered, and how long it took. Partitioned by month on its id."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    delivery_id = models.UUIDField(help_text="No foreign key: months of deliveries leave as a whole.")
    at = models.DateTimeField(default=clock.now)
    status = models.PositiveSmallIntegerField(null=True, help_text="The HTTP status, when there was an answer.")
    error = models.CharField(max_length=200, blank=True, default="")
    response = models.TextField(blank=True, default="", help_text="The beginning of the answer.")
    milliseconds = models.PositiveIntegerField(null=True)

    class Meta:
        app_label = "payments"
        verbose_name = "try of a delivery"
        verbose_name_plural = "tries of deliveries"
        indexes = (models.Index(fields=["delivery_id", "id"], name="delivery_try"),)

    def __str__(self) -> str:
        return f"{self.status or self.error}"


class EventReplay(records.Record):
    """Somebody wishes events to be sent to an endpoint once more: those from `first` to `last`, or what failed of them.

    It goes on by itself, some hundreds at a time, so that an endpoint is not flooded; `reached` is how far it came.
    """

    LOCK_RANK = 91

    id = ids.IdField("wr")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="replays")
    first = models.UUIDField(help_text="The first event; of failed ones the first delivery.")
    last = models.UUIDField(help_text="What comes later is delivered anyway.")
    reached = models.UUIDField(null=True)
    only_failed = models.BooleanField(default=False)
    since = models.DateTimeField(null=True, help_text="What was asked for, where it was a moment.")
    planned = models.PositiveIntegerField(default=0)
    because = models.CharField(max_length=200, blank=True, default="")
    by = models.CharField(max_length=120)
    done_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "payments"

    def __str__(self) -> str:
        return f"{self.planned} deliveries again, asked by {self.by}"


class InboundState(models.TextChoices):
    """`waiting` is ahead of what we know, `failed` is not understood; nothing here acts on the kind of `ignored`."""

    RECEIVED = "received"
    PROCESSED = "processed"
    WAITING = "waiting"
    FAILED = "failed"
    IGNORED = "ignored"


class CameBy(models.TextChoices):
    """How we learned of what a PSP has to tell."""

    WEBHOOK = "webhook", "The PSP's webhook"
    SWEEP = "sweep", "The hourly look at the PSP's list"
    RESYNC = "resync", "A look at the PSP's list by hand"


class InboundEvent(models.Model):
    """One notification of a PSP, kept as it came. Its key is unique per account for ever."""

    id = ids.IdField("in")
    provider_account = models.ForeignKey("payments.ProviderAccount", on_delete=models.PROTECT, db_index=False)
    event_key = models.CharField(max_length=200)
    type = models.CharField(max_length=80)
    kind = models.CharField(max_length=24, choices=[(kind.value, kind.value) for kind in EventKind])
    came_by = models.CharField(max_length=8, choices=CameBy, default=CameBy.WEBHOOK)
    body = models.BinaryField(help_text="The bytes that the PSP signed; what happens is read from them, also again.")
    provider_reference = models.CharField(
        max_length=80, blank=True, default="", help_text="The PSP's id of the payment."
    )
    state = models.CharField(max_length=10, choices=InboundState, default=InboundState.RECEIVED)
    attempts = models.PositiveIntegerField(default=0)
    note = models.TextField(blank=True, default="", help_text="Why it was not processed.")
    effects = models.JSONField(null=True, help_text="What acting on it has written (`kernel.effects`).")
    received_at = models.DateTimeField(default=clock.now)
    processed_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "payments"
        constraints = (
            models.UniqueConstraint(fields=["provider_account", "event_key"], name="inbound_event_key"),
            models.CheckConstraint(name="inbound_state", condition=Q(state__in=InboundState.values)),
        )
        indexes = (
            models.Index(fields=["id"], name="inbound_body_kept", condition=~Q(body=b"")),
            models.Index(
                fields=["provider_reference"], name="inbound_provider_reference", condition=~Q(provider_reference="")
            ),
            models.Index(
                fields=["received_at"],
                name="inbound_unfinished",
                condition=Q(state__in=["received", "waiting", "failed"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.event_key}"


class InboundReplay(models.Model):
    """Somebody had a notification acted upon once more, and what that came to. Stays for ever."""

    id = ids.IdField("inr")
    inbound = models.ForeignKey(InboundEvent, on_delete=models.PROTECT, related_name="replays")
    because = models.CharField(max_length=200)
    by = models.CharField(max_length=120)
    asked_at = models.DateTimeField(default=clock.now)
    done_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, blank=True, default="", help_text="What the notification was afterwards.")
    note = models.TextField(blank=True, default="", help_text="Why it was not processed.")
    effects = models.JSONField(default=list)

    class Meta:
        app_label = "payments"

    def __str__(self) -> str:
        return f"replay of {self.inbound_id} by {self.by}"


class EventSweep(records.Record):
    """How far an account's PSP was asked for what no webhook has brought. One row per account that can be asked."""

    id = ids.IdField("sweep")
    provider_account = models.OneToOneField("payments.ProviderAccount", on_delete=models.PROTECT)
    swept_until = models.DateTimeField(help_text="All that happened before this is in.")
    looked_at = models.DateTimeField(null=True)
    missed = models.PositiveBigIntegerField(default=0, help_text="How many events no webhook had brought, so far.")
    problem = models.TextField(blank=True, default="", help_text="Why the last look failed.")

    class Meta:
        app_label = "payments"

    def __str__(self) -> str:
        return f"swept until {self.swept_until:%Y-%m-%d %H:%M:%S}"
