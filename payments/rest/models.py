"""Who may call the API, with which keys, and what was answered to which idempotency key."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from payments.kernel import clock, ids, personal


class ApiClient(models.Model):
    """A program of the merchant that calls the API; it sees its own objects and no others.

    What the books of the whole platform come to is not an object of anybody's: it takes the scope `finance:read`.
    """

    id = ids.IdField("cli")
    name = models.CharField(max_length=80, unique=True)
    brand = models.CharField(max_length=80, blank=True, default="")
    return_urls = ArrayField(
        models.CharField(max_length=500),
        default=list,
        blank=True,
        help_text="Beginnings of addresses that customers may be sent to; app schemes too.",
    )
    order_lifetime_days = models.PositiveSmallIntegerField(default=30, help_text="How long an unpaid order stays open.")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        app_label = "payments"

    def __str__(self) -> str:
        return self.name


class KeyKind(models.TextChoices):
    """`secret` stays on the client's servers, `publishable` is in its app and its page for everybody to read."""

    SECRET = "secret", "Secret (server)"
    PUBLISHABLE = "publishable", "Publishable (app and page)"


class ApiKey(models.Model):
    """One key of a client: its public beginning and a hash of the whole, never the key itself."""

    id = ids.IdField("key")
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, related_name="keys")
    kind = models.CharField(max_length=12, choices=KeyKind, default=KeyKind.SECRET)
    prefix = models.CharField(max_length=8, unique=True)
    hash = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    rotated_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="rotated_to")

    class Meta:
        app_label = "payments"
        constraints = (models.CheckConstraint(name="api_key_kind", condition=models.Q(kind__in=KeyKind.values)),)

    def __str__(self) -> str:
        return f"{'pk' if self.kind == KeyKind.PUBLISHABLE else 'sk'}_{self.prefix}_…"


class IdempotencyKey(models.Model):
    """A client's key for one operation, the object it concerns, and, once there is one, the answer, encrypted.

    An answer may be about a person. `plain_body` is one of a process of before encryption; it ends with its key.

    The primary key is time-ordered, so old rows are found by it.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, related_name="+")
    operation = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    object_id = models.CharField(max_length=40)
    status = models.PositiveSmallIntegerField(null=True)
    body = personal.Bytes(default=None, db_column="body_cipher")
    plain_body = models.BinaryField(null=True, editable=False, db_column="body")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        app_label = "payments"
        constraints = (
            models.UniqueConstraint(fields=["client", "operation", "key"], name="idempotency_key_once"),
            models.CheckConstraint(
                name="idempotency_key_answer",
                condition=models.Q(status__isnull=True, body__isnull=True, plain_body__isnull=True)
                | (
                    models.Q(status__isnull=False) & (models.Q(body__isnull=False) | models.Q(plain_body__isnull=False))
                ),
            ),
        )
        indexes = (models.Index(fields=["object_id"], name="idempotency_key_object"),)

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"

    @classmethod
    def from_db(cls, *row: Any, **options: Any) -> "IdempotencyKey":
        """A row as the database has it, encrypted or not yet."""
        found = super().from_db(*row, **options)
        personal.prefer_plain(found, "body")
        return found


class ApiRequest(models.Model):
    """One request that came through a door of the API: what was asked and what came of it, without its body.

    Written in batches a second later, so that no request waits for it; split by day on its id, and kept for thirty
    days. No foreign keys are enforced: it is a log.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    at = models.DateTimeField(default=clock.now)
    client = models.ForeignKey(
        ApiClient, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    address = models.CharField(max_length=45, help_text="Of a server with a secret key; customers' are not kept.")
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=300, help_text="Without its query.")
    operation = models.CharField(max_length=60)
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=60, help_text="Of the problem, when it was one.")
    microseconds = models.PositiveIntegerField()
    outside_microseconds = models.IntegerField(db_default=0, help_text="Of these, waiting for PSPs.")
    request_id = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=255)
    object_ids = ArrayField(models.CharField(max_length=48), help_text="Objects in the address and in the answer.")

    class Meta:
        app_label = "payments"
        verbose_name = "API request"
        indexes = (
            models.Index(fields=["request_id"], name="api_request_id"),
            models.Index(fields=["key", "id"], name="api_request_key"),
            models.Index(fields=["client", "id"], name="api_request_client"),
            models.Index(
                fields=["idempotency_key"], name="api_request_idempotency", condition=~models.Q(idempotency_key="")
            ),
            GinIndex(fields=["object_ids"], name="api_request_objects"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.status}"
