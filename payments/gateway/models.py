"""Legal entities, provider accounts and what they charge, and our calls to PSPs: the only tables that name a PSP."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from payments.connectors.base import Verdict
from payments.kernel import clock, ids, personal, records


class LegalEntity(records.Record):
    """A company of the marketplace: it owns provider accounts and closes its own books."""

    id = ids.IdField("le")
    name = models.CharField(max_length=120, unique=True)
    functional_currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=64, default="UTC")
    closed_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Its books of before this moment take nothing more."
    )

    class Meta:
        app_label = "payments"
        verbose_name_plural = "legal entities"

    def __str__(self) -> str:
        return self.name


class Psp(models.TextChoices):
    """The PSPs that have a connector."""

    ADYEN = "adyen", "Adyen"
    STRIPE = "stripe", "Stripe"


class ProviderAccount(records.Record):
    """One account at one PSP. Its secrets come from the environment, never from this row."""

    id = ids.IdField("pa")
    code = models.SlugField(max_length=40, unique=True)
    psp = models.CharField(max_length=12, choices=Psp)
    legal_entity = models.ForeignKey(LegalEntity, on_delete=models.PROTECT)
    countries = ArrayField(models.CharField(max_length=2), default=list, blank=True, help_text="Empty: every country.")
    currencies = ArrayField(
        models.CharField(max_length=3), default=list, blank=True, help_text="Empty: every currency."
    )
    livemode = models.BooleanField(default=False)
    base_url = models.URLField(blank=True, default="", help_text="Empty: the PSP itself.")
    region = models.CharField(
        max_length=8, blank=True, default="", help_text="The PSP's data centre, where it has several. Empty: its first."
    )
    requests_per_second = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most that we ask of it. Empty: what its PSP allows every account."
    )
    requests_per_second_each = models.PositiveIntegerField(
        null=True, blank=True, help_text="The same for each endpoint. Empty: what its PSP allows. 0: no such limit."
    )
    settles_from = models.DateField(
        null=True, blank=True, help_text="Settlement of before this day is set aside: it was booked elsewhere."
    )
    enabled = models.BooleanField(default=True)
    weight = models.PositiveSmallIntegerField(default=100)

    class Meta:
        app_label = "payments"
        constraints = (models.CheckConstraint(name="provider_account_psp", condition=models.Q(psp__in=Psp.values)),)

    def __str__(self) -> str:
        return self.code


class FeeContract(records.Record):
    """What a provider account charges for one successful payment, as its contract says: a share and a fixed amount.

    Without a method it holds for all that have no line of their own, without a currency for all currencies. It never
    changes: the line with the latest `valid_from` holds, and of two of one day the one that was written last.
    """

    id = ids.IdField("fc")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="fees")
    method = models.CharField(max_length=24, blank=True, default="", help_text="Empty: every method.")
    currency = models.CharField(max_length=3, blank=True, default="", help_text="Empty: every currency.")
    percent = models.DecimalField(max_digits=6, decimal_places=4)
    fixed_minor = models.BigIntegerField(default=0, help_text="In minor units of the currency.")
    valid_from = models.DateField()
    written_by = models.CharField(max_length=80)

    class Meta:
        app_label = "payments"
        constraints = (
            models.CheckConstraint(name="fee_percent", condition=models.Q(percent__gte=0, percent__lt=100)),
            models.CheckConstraint(name="fee_fixed", condition=models.Q(fixed_minor__gte=0)),
            models.CheckConstraint(
                name="fee_fixed_has_a_currency", condition=~models.Q(currency="") | models.Q(fixed_minor=0)
            ),
        )

    def __str__(self) -> str:
        return f"{self.percent.normalize():f} %"


class SwitchKind(models.TextChoices):
    """What can be switched off as a whole."""

    ACCOUNT = "account", "Provider account"
    METHOD = "method", "Payment method"
    COUNTRY = "country", "Country"


class KillSwitch(records.Record):
    """Something takes no new payments: switched off by one person, on again by two. One row for each time.

    `target` is an account's code, a payment method or a country. It is off until `on_at`.
    """

    id = ids.IdField("ks")
    kind = models.CharField(max_length=8, choices=SwitchKind)
    target = models.CharField(max_length=40)
    off_by = models.CharField(max_length=80)
    off_because = models.CharField(max_length=200)
    off_at = models.DateTimeField(default=clock.now)
    asked_by = models.CharField(max_length=80, blank=True, default="", help_text="Who wants it on again.")
    asked_because = models.CharField(max_length=200, blank=True, default="")
    asked_at = models.DateTimeField(null=True, blank=True)
    on_by = models.CharField(max_length=80, blank=True, default="", help_text="Who agreed.")
    on_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        verbose_name_plural = "kill switches"
        constraints = (
            models.CheckConstraint(name="switch_kind", condition=models.Q(kind__in=SwitchKind.values)),
            models.CheckConstraint(name="switch_off_because", condition=~models.Q(off_because="")),
            models.CheckConstraint(
                name="switch_on_by_two",
                condition=models.Q(on_at__isnull=True, on_by="")
                | (
                    models.Q(on_at__isnull=False)
                    & ~models.Q(on_by="")
                    & ~models.Q(asked_by="")
                    & ~models.Q(on_by=models.F("asked_by"))
                ),
            ),
            models.UniqueConstraint(
                fields=["kind", "target"], name="switch_off_once", condition=models.Q(on_at__isnull=True)
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.target}"


class TrafficShift(records.Record):
    """Payments that routing would give an account go elsewhere for a while, where anybody else can take them.

    It keeps `share` of those that match; what is empty matches everything. Open until `ended_at`; at most one open for
    the same payments. `incident` is what it was done about.
    """

    LOCK_RANK = 79

    id = ids.IdField("shift")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="shifts")
    method = models.CharField(max_length=24, blank=True, default="", help_text="Empty: every method.")
    country = models.CharField(max_length=2, blank=True, default="", help_text="Empty: every country.")
    currency = models.CharField(max_length=3, blank=True, default="", help_text="Empty: every currency.")
    share = models.DecimalField(max_digits=5, decimal_places=4, help_text="Of its payments, what it keeps: 0 to 1.")
    because = models.CharField(max_length=200)
    incident = models.CharField(max_length=40, blank=True, default="")
    began_at = models.DateTimeField(default=clock.now)
    set_at = models.DateTimeField(default=clock.now, help_text="Since when it keeps this share.")
    set_by = models.CharField(max_length=80)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        constraints = (
            models.CheckConstraint(name="shift_share", condition=models.Q(share__gte=0, share__lte=1)),
            models.CheckConstraint(
                name="shift_open_keeps_less_than_all",
                condition=models.Q(ended_at__isnull=False, share=1) | models.Q(ended_at__isnull=True, share__lt=1),
            ),
            models.CheckConstraint(name="shift_says_why", condition=~models.Q(because="")),
            models.UniqueConstraint(
                fields=["account", "method", "country", "currency"],
                name="shift_one_open",
                condition=models.Q(ended_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return " ".join(part for part in (self.method, self.country, self.currency) if part) or "everything"


class CallKind(models.TextChoices):
    """What a call asks the PSP to do."""

    AUTHORIZE = "authorize"
    COMPLETE = "complete"
    CAPTURE = "capture"
    CANCEL = "cancel"
    ADJUST = "adjust"
    REVERSE = "reverse"
    REFUND = "refund"
    DEFEND = "defend"
    ACCEPT = "accept"


class ProviderCall(records.Record):
    """One request to a PSP that can move or lose money, committed before it leaves; recovery works on these rows.

    The call's id is its idempotency key. `look_at` is when recovery looks next; it is empty once the answer is known.
    `given` is what the customer's own fields said and no other row has; it is encrypted, and forgotten when there is
    an answer. `plain_given` is the same of a process of before encryption.
    `region` is where the request went: a repetition goes there too, whatever the account's region is by then.
    """

    LOCK_RANK = 70

    id = ids.IdField("call")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT)
    kind = models.CharField(max_length=12, choices=CallKind)
    owner_id = models.CharField(max_length=40, help_text="The attempt, capture, refund or dispute that it is made for.")
    body_hash = models.CharField(max_length=64)
    given = personal.Json(default=dict, db_column="given_cipher")
    plain_given = models.JSONField(default=dict, editable=False, db_column="given")
    region = models.CharField(max_length=16, blank=True, default="")
    sent_at = models.DateTimeField(default=clock.now)
    answered_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=16, blank=True, default="", choices=[(v.value, v.value) for v in Verdict])
    provider_reference = models.CharField(max_length=80, blank=True, default="")
    raw = models.JSONField(default=dict)
    latency_ms = models.PositiveIntegerField(default=0)
    look_at = models.DateTimeField(null=True)
    looks = models.PositiveSmallIntegerField(default=0)

    class Meta:
        app_label = "payments"
        constraints = (
            models.CheckConstraint(name="call_kind", condition=models.Q(kind__in=CallKind.values)),
            models.CheckConstraint(name="call_verdict", condition=models.Q(verdict__in=["", *Verdict])),
        )
        indexes = (
            models.Index(fields=["owner_id"], name="call_owner"),
            models.Index(fields=["look_at"], name="call_look_at", condition=models.Q(look_at__isnull=False)),
            models.Index(fields=["verdict", "id"], name="call_not_approved",
                         condition=models.Q(verdict__in=[one.value for one in Verdict if one != Verdict.APPROVED])),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} for {self.owner_id}"

    @classmethod
    def from_db(cls, *row: Any, **options: Any) -> "ProviderCall":
        """A row as the database has it, encrypted or not yet."""
        found = super().from_db(*row, **options)
        personal.prefer_plain(found, "given")
        return found
