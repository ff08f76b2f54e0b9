"""Refunds, and the order lines that they give back."""

from django.db import models
from django.db.models import F, Q

from payments.gateway.models import ProviderAccount
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.kernel import clock, ids, money, records
from payments.kernel.attention import AttentionItem
from payments.orders.models import OrderLine
from refunds.states import IN_FLIGHT, REFUND, RefundStatus


class Reason(models.TextChoices):
    """Why money is given back."""

    REQUESTED_BY_CUSTOMER = "requested_by_customer", "Requested by the customer"
    DUPLICATE = "duplicate", "Paid twice"
    FRAUDULENT = "fraudulent", "Fraudulent"
    NOT_DELIVERED = "not_delivered", "Not delivered"
    DAMAGED = "damaged", "Damaged or not as described"
    PRICE_ADJUSTMENT = "price_adjustment", "Price adjustment"
    GOODWILL = "goodwill", "Goodwill"
    OTHER = "other", "Other (say why in the note)"


class Origin(models.TextChoices):
    """Where a refund comes from."""

    API = "api", "A client, by the API"
    STAFF = "staff", "The back office"
    DUPLICATE = "duplicate", "By itself: the money came too late"
    OUTSIDE = "outside", "Made outside, at the PSP"
    BANK = "bank", "Finance, by bank transfer"


class Refund(records.Stateful, records.Announced):
    """Money given back of one attempt's captured money. Amounts are minor units of its one currency.

    `sent_at` is set once the ledger carries it as in flight, `settled_at` while nothing is awaited. `order_id` repeats
    the intent's. `related` are the other refunds of the same request, when it needed money of several payments.
    """

    MACHINE = REFUND
    LOCK_RANK = 50

    id = ids.IdField("re")
    client = models.ForeignKey("payments.ApiClient", on_delete=models.PROTECT)
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="refunds")
    order_id = models.CharField(max_length=40, blank=True, default="")
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="refunds")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    status = models.CharField(max_length=16, default=REFUND.initial, choices=[(s.value, s.value) for s in RefundStatus])
    reason = models.CharField(max_length=24, choices=Reason)
    note = models.CharField(max_length=500, blank=True, default="")
    origin = models.CharField(max_length=10, choices=Origin)
    requested_by = models.CharField(max_length=80)
    duplicate_of = models.ForeignKey(
        Capture,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The capture that came too late and is given back.",
    )
    failure_reason = models.CharField(max_length=80, blank=True, default="")
    call_id = models.CharField(max_length=40, blank=True, default="")
    provider_reference = models.CharField(
        max_length=80, blank=True, default="", help_text="The PSP's id of the refund."
    )
    related = models.JSONField(default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    amount = money.View()

    class Meta:
        app_label = "refunds"
        constraints = (
            models.CheckConstraint(name="refund_status", condition=Q(status__in=REFUND.states)),
            models.CheckConstraint(name="refund_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="refund_reason", condition=Q(reason__in=Reason.values)),
            models.CheckConstraint(name="refund_origin", condition=Q(origin__in=Origin.values)),
            models.CheckConstraint(
                name="refund_settled",
                condition=Q(status__in=IN_FLIGHT, settled_at__isnull=True)
                | (~Q(status__in=IN_FLIGHT) & Q(settled_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="refund_by_bank_or_by_psp",
                condition=Q(
                    origin="bank",
                    status__in=["proposed", "succeeded", "canceled", "bounced"],
                    call_id="",
                    provider_reference="",
                    sent_at__isnull=True,
                )
                | (~Q(origin="bank") & ~Q(status="proposed")),
            ),
            models.CheckConstraint(name="refund_note", condition=~Q(reason="other", note="")),
            models.UniqueConstraint(
                fields=["account", "provider_reference"],
                name="refund_provider_reference",
                condition=~Q(provider_reference=""),
            ),
            models.UniqueConstraint(
                fields=["duplicate_of"], name="refund_one_per_duplicate", condition=Q(duplicate_of__isnull=False)
            ),
        )
        indexes = (
            models.Index(fields=["order_id"], name="refund_order", condition=~Q(order_id="")),
            models.Index(fields=["client", "id"], name="refund_client"),
            models.Index(fields=["status"], name="refund_unsettled", condition=Q(settled_at__isnull=True)),
        )

    def __str__(self) -> str:
        return f"{money.text(self.amount)} {self.status}"


class RefundLine(models.Model):
    """So many units of one order line in one refund, and what they come to (none when the line cost nothing)."""

    id = ids.IdField("rl")
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="lines")
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="refund_lines")
    quantity = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()

    amount = money.View()

    class Meta:
        app_label = "refunds"
        constraints = (
            models.UniqueConstraint(fields=["refund", "line"], name="refund_line_once"),
            models.CheckConstraint(name="refund_line_quantity", condition=Q(quantity__gt=0)),
            models.CheckConstraint(name="refund_line_not_negative", condition=Q(amount_minor__gte=0)),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.line_id}"


class Decision(models.TextChoices):
    """What the second person has said to a bank transfer."""

    WAITING = "", "Waits for the second person"
    CONFIRMED = "confirmed", "Confirmed"
    WITHDRAWN = "withdrawn", "Withdrawn"


class BankTransfer(records.Record):
    """What two people say of a refund that finance has made by bank transfer: one records it, another confirms it.

    The refund (origin `bank`) has the amount; no PSP hears of it. `item` is the matter that it settles, none
    when finance acted by itself. `returned_on` is the day on which the customer's bank had sent it back.
    """

    LOCK_RANK = 55

    id = ids.IdField("bt")
    refund = models.OneToOneField(Refund, on_delete=models.PROTECT, related_name="transfer")
    item = models.ForeignKey(
        AttentionItem, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    bank_account = models.CharField(max_length=40, help_text="Which of our bank accounts paid.")
    bank_reference = models.CharField(max_length=80, help_text="How the bank calls the transfer.")
    value_date = models.DateField(help_text="When it left the account.")
    because = models.CharField(max_length=200)
    proposed_by = models.CharField(max_length=80)
    proposed_at = models.DateTimeField(default=clock.now)
    decision = models.CharField(max_length=10, blank=True, default="", choices=Decision)
    decided_by = models.CharField(max_length=80, blank=True, default="")
    decided_because = models.CharField(max_length=200, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    returned_by = models.CharField(max_length=80, blank=True, default="")
    returned_because = models.CharField(max_length=200, blank=True, default="")
    returned_on = models.DateField(null=True, blank=True, help_text="When it was on the account again.")

    class Meta:
        app_label = "refunds"
        constraints = (
            models.CheckConstraint(name="transfer_decision", condition=Q(decision__in=Decision.values)),
            models.CheckConstraint(
                name="transfer_says_what_and_why",
                condition=~Q(bank_account="") & ~Q(bank_reference="") & ~Q(because="") & ~Q(proposed_by=""),
            ),
            models.CheckConstraint(
                name="transfer_decided_by_somebody",
                condition=Q(decision="", decided_by="", decided_at__isnull=True)
                | (~Q(decision="") & ~Q(decided_by="") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="transfer_maker_is_not_checker",
                condition=~Q(decision="confirmed") | ~Q(decided_by=F("proposed_by")),
            ),
            models.CheckConstraint(
                name="transfer_returned_once_confirmed",
                condition=Q(returned_by="", returned_on__isnull=True)
                | (Q(decision="confirmed", returned_on__isnull=False) & ~Q(returned_by="")),
            ),
            models.UniqueConstraint(
                fields=["bank_account", "bank_reference"],
                name="transfer_recorded_once",
                condition=~Q(decision="withdrawn"),
            ),
        )
        indexes = (
            models.Index(fields=["item"], name="transfer_item", condition=Q(item__isnull=False)),
            models.Index(fields=["proposed_at"], name="transfer_waiting", condition=Q(decision="")),
        )

    def __str__(self) -> str:
        return f"{self.bank_account} {self.bank_reference}"
