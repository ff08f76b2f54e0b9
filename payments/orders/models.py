"""Customers and their orders with lines."""

from typing import Any

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower, Reverse, Upper

from payments.kernel import ids, money, personal, records
from payments.orders.states import ORDER, OrderStatus

RARE = ("partially_paid", "partially_refunded", "refunded", "canceled", "expired")
"""States that few orders are in: found by an index that an order which goes well is never in."""
HAS_EMAIL = models.Q(email__isnull=False)
HAS_NAME = models.Q(name__isnull=False)


class Customer(records.Record, records.Announced):
    """A person who buys. Who it is, is encrypted (docs/decisions/0029), and can be erased.

    `plain_email` and `plain_name` are what was written before that, or by a process of before that, until
    `manage.py personal_data encrypt` has been there; what they say counts.
    """

    PERSONAL = frozenset({"email", "name", "reference", "metadata"})

    id = ids.IdField("cus")
    client = models.ForeignKey("payments.ApiClient", on_delete=models.PROTECT, db_index=False)  # customer_reference
    reference = models.CharField(max_length=120, help_text="The client's own id for this customer.")
    email = personal.Text(db_column="email_cipher")
    name = personal.Text(db_column="name_cipher")
    plain_email = models.CharField(max_length=254, db_column="email", default="", editable=False)
    plain_name = models.CharField(max_length=200, db_column="name", default="", editable=False)
    country = models.CharField(max_length=2, blank=True, default="")
    locale = models.CharField(max_length=20, blank=True, default="")
    erased_at = models.DateTimeField(null=True, editable=False)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        app_label = "payments"
        permissions = (
            ("see_personal_data", "Can see names and e-mail addresses"),
            ("erase_customer", "Can erase who a customer is"),
        )
        constraints = (
            models.UniqueConstraint(fields=["client", "reference"], name="customer_reference"),
            models.CheckConstraint(
                name="customer_erased_is_nobody",
                condition=models.Q(erased_at__isnull=True)
                | models.Q(email__isnull=True, name__isnull=True, plain_email="", plain_name=""),
            ),
        )
        indexes = (
            models.Index(personal.BlindIndex("email"), name="customer_email_blind", condition=HAS_EMAIL),
            models.Index(personal.BlindIndex("name"), name="customer_name_blind", condition=HAS_NAME),
            models.Index(Lower("plain_email"), name="customer_email", condition=~models.Q(plain_email="")),
            models.Index(Lower("plain_name"), name="customer_name", condition=~models.Q(plain_name="")),
        )

    def __str__(self) -> str:
        return self.reference

    @classmethod
    def from_db(cls, *row: Any, **options: Any) -> "Customer":
        """A row as the database has it, encrypted or not yet."""
        found = super().from_db(*row, **options)
        personal.prefer_plain(found, "email", "name")
        return found


class Order(records.Stateful, records.Announced):
    """What a customer buys. Amounts are minor units of the order's one currency."""

    MACHINE = ORDER
    LOCK_RANK = 10
    PERSONAL = frozenset({"metadata"})

    id = ids.IdField("ord")
    client = models.ForeignKey("payments.ApiClient", on_delete=models.PROTECT, db_index=False)  # order_reference
    reference = models.CharField(max_length=120, help_text="The client's own id for this order.")
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.PROTECT, db_index=False
    )  # order_customer
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=20, default=ORDER.initial, choices=[(s.value, s.value) for s in OrderStatus])
    amount_total_minor = models.BigIntegerField()
    amount_paid_minor = models.BigIntegerField(default=0)
    amount_refunded_minor = models.BigIntegerField(default=0)
    shipping_amount_minor = models.BigIntegerField(default=0)
    discount_amount_minor = models.BigIntegerField(default=0)
    metadata = models.JSONField(default=dict, blank=True)
    expires_at = models.DateTimeField()

    amount_total = money.View()
    amount_paid = money.View()
    amount_refunded = money.View()

    class Meta:
        app_label = "payments"
        constraints = (
            models.UniqueConstraint(fields=["client", "reference"], name="order_reference"),
            models.CheckConstraint(name="order_status", condition=models.Q(status__in=ORDER.states)),
            models.CheckConstraint(name="order_total_positive", condition=models.Q(amount_total_minor__gt=0)),
            models.CheckConstraint(
                name="order_amounts_not_negative",
                condition=models.Q(
                    amount_paid_minor__gte=0,
                    amount_refunded_minor__gte=0,
                    shipping_amount_minor__gte=0,
                    discount_amount_minor__gte=0,
                ),
            ),
        )
        indexes = (
            models.Index(fields=["customer", "id"], name="order_customer"),
            models.Index(
                OpClass(Reverse(Upper("reference")), name="text_pattern_ops"),
                include=["reference", "id"],
                name="order_end",
            ),
            GinIndex(
                OpClass("metadata", name="jsonb_path_ops"), name="order_metadata", condition=~models.Q(metadata={})
            ),
            models.Index(fields=["expires_at"], name="order_expiry", condition=models.Q(status="open")),
            models.Index(fields=["status", "id"], name="order_rare", condition=models.Q(status__in=RARE)),
        )

    def __str__(self) -> str:
        return self.reference


class OrderLine(models.Model):
    """One article of an order. Unit, tax and discount amounts are minor units of the order's currency."""

    id = ids.IdField("line")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveSmallIntegerField()
    sku = models.CharField(max_length=80)
    name = models.CharField(max_length=200)
    quantity = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    unit_amount_minor = models.BigIntegerField()
    tax_amount_minor = models.BigIntegerField(default=0)
    discount_amount_minor = models.BigIntegerField(default=0)
    amount_total_minor = models.BigIntegerField()
    quantity_refunded = models.PositiveIntegerField(default=0)
    seller = models.CharField(max_length=80, blank=True, default="")

    amount_total = money.View()

    class Meta:
        app_label = "payments"
        constraints = (
            models.UniqueConstraint(fields=["order", "position"], name="order_line_position"),
            models.CheckConstraint(
                name="order_line_adds_up",
                condition=models.Q(
                    amount_total_minor=models.F("quantity") * models.F("unit_amount_minor")
                    + models.F("tax_amount_minor")
                    - models.F("discount_amount_minor")
                ),
            ),
            models.CheckConstraint(name="order_line_not_negative", condition=models.Q(amount_total_minor__gte=0)),
            models.CheckConstraint(
                name="order_line_refunded", condition=models.Q(quantity_refunded__lte=models.F("quantity"))
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"
