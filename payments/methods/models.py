"""Saved payment methods: what a customer may pay with again, and by which tokens the PSPs keep it."""

from django.db import models
from django.db.models import Q

from payments.gateway.models import ProviderAccount
from payments.kernel import ids, records


class PaymentMethod(records.Record, records.Announced):
    """A payment method of a customer that PSPs keep. Card numbers never reach us: here is what customers know it by."""

    LOCK_RANK = 60

    id = ids.IdField("pm")
    client = models.ForeignKey("payments.ApiClient", on_delete=models.PROTECT)
    customer = models.ForeignKey("payments.Customer", on_delete=models.PROTECT, related_name="payment_methods")
    method = models.CharField(max_length=24, help_text="Its code in the catalogue of payment methods.")
    brand = models.CharField(max_length=24, blank=True, default="", help_text="As the PSP calls it.")
    last4 = models.CharField(max_length=4, blank=True, default="")
    exp_month = models.PositiveSmallIntegerField(null=True, blank=True)
    exp_year = models.PositiveSmallIntegerField(null=True, blank=True)
    wallet = models.CharField(max_length=24, blank=True, default="")
    fingerprint = models.CharField(max_length=80, blank=True, default="", help_text="The same for the same card.")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        verbose_name = "saved method"
        constraints = (
            models.UniqueConstraint(
                fields=["customer", "fingerprint"],
                name="payment_method_once",
                condition=Q(deleted_at__isnull=True) & ~Q(fingerprint=""),
            ),
            models.CheckConstraint(
                name="payment_method_month", condition=Q(exp_month__isnull=True) | Q(exp_month__range=(1, 12))
            ),
        )
        indexes = (
            models.Index(fields=["customer", "id"], name="payment_method_customer"),
            models.Index(fields=["last4", "id"], name="payment_method_last4", condition=~Q(last4="")),
        )

    def __str__(self) -> str:
        return f"{self.brand or self.method} •••• {self.last4}" if self.last4 else self.method


class PaymentMethodToken(records.Record):
    """Under which token one provider account keeps a method, for which customer of its own (`payer`).

    One that has `retired` pays no more: the PSP is asked to keep it no longer, and has `forgotten` it once it says so.
    """

    LOCK_RANK = 61

    id = ids.IdField("tok")
    payment_method = models.ForeignKey(PaymentMethod, on_delete=models.PROTECT, related_name="tokens")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT)
    token = models.CharField(max_length=200)
    payer = models.CharField(max_length=80, help_text="The PSP's reference of the customer.")
    retired_at = models.DateTimeField(null=True, blank=True)
    forgotten_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        constraints = (
            models.UniqueConstraint(fields=["account", "token"], name="method_token_once"),
            models.UniqueConstraint(
                fields=["payment_method", "account"],
                name="method_token_one_alive",
                condition=Q(retired_at__isnull=True),
            ),
            models.CheckConstraint(
                name="method_token_forgotten_after",
                condition=Q(forgotten_at__isnull=True) | Q(retired_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.payment_method_id} at {self.account_id}"


class MethodSuccess(models.Model):
    """How often customers who were there have paid with a method of late, in a country, or anywhere (country "")."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    method = models.CharField(max_length=24)
    country = models.CharField(max_length=2, blank=True, help_text="Empty: all countries together.")
    tried = models.PositiveIntegerField(help_text="Attempts that have come to an end.")
    paid = models.PositiveIntegerField(help_text="Those of them that were authorised or captured.")
    measured_at = models.DateTimeField()

    class Meta:
        app_label = "payments"
        verbose_name = "success of a method"
        constraints = (
            models.UniqueConstraint(fields=["method", "country"], name="method_success_once"),
            models.CheckConstraint(name="method_success_of_tries", condition=Q(paid__lte=models.F("tried"))),
        )

    def __str__(self) -> str:
        return f"{self.method} in {self.country or 'all countries'}: {self.paid} of {self.tried}"


class Payer(records.Record):
    """The customer that a PSP has made for one of ours, where it saves methods only for customers of its own."""

    id = ids.IdField("payer")
    customer = models.ForeignKey("payments.Customer", on_delete=models.PROTECT)
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT)
    reference = models.CharField(max_length=80)

    class Meta:
        app_label = "payments"
        constraints = (
            models.UniqueConstraint(fields=["customer", "account"], name="payer_one_per_account"),
            models.UniqueConstraint(fields=["account", "reference"], name="payer_reference"),
        )

    def __str__(self) -> str:
        return self.reference
