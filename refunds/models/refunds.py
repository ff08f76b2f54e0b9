"""Refunds, the order lines that they give back, and the limits that they are held to."""

from typing import Final

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.kernel import clock, ids, meters, money, records
from payments.kernel.attention import AttentionItem, Decision
from payments.orders.models import OrderLine
from refunds.states import IN_FLIGHT, LIMIT, REFUND, LimitStatus, RefundStatus


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
    BULK = "bulk", "A bulk upload of the back office"


class Refund(records.Stateful, records.Announced):
    """Money given back of one attempt's captured money. Amounts are minor units of its one currency.

    `sent_at` is set once the ledger carries it as in flight, `settled_at` while nothing is awaited. `order_id` repeats
    the intent's. `related` are the other refunds of the same request, when it needed money of several payments.

    `released_by` is whose limit let it go (`client:cli_…` or `staff ada`): its amount counts there for 24 hours.
    `approval_reason` says why a second person was asked, who never is the one who asked: the database refuses that.
    """

    MACHINE = REFUND
    LOCK_RANK = 50
    PERSONAL = frozenset({"note", "metadata"})

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
    acquirer_reference = models.CharField(
        max_length=40, blank=True, default="", help_text="The ARN, by which the customer's bank finds it."
    )
    related = models.JSONField(default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    approval_reason = models.CharField(max_length=200, blank=True, default="")
    approved_by = models.CharField(max_length=80, blank=True, default="")
    rejected_by = models.CharField(max_length=80, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_because = models.CharField(max_length=500, blank=True, default="")
    released_by = models.CharField(max_length=80, blank=True, default="")
    released_at = models.DateTimeField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True, help_text="Until then it can be taken back.")
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    amount = money.View()

    class Meta:
        app_label = "refunds"
        permissions = (("approve_refund", "Can approve or reject refunds of others"),)
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
            models.CheckConstraint(
                name="refund_maker_is_not_checker",
                condition=~Q(approved_by=F("requested_by")) & ~Q(rejected_by=F("requested_by")),
            ),
            models.CheckConstraint(
                name="refund_approved_by_somebody", condition=~Q(status="approved") | ~Q(approved_by="")
            ),
            models.CheckConstraint(
                name="refund_rejected_by_somebody",
                condition=~Q(status="rejected") | ~Q(rejected_by="") & ~Q(decided_because=""),
            ),
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
            GinIndex(OpClass("metadata", name="jsonb_path_ops"), name="refund_metadata", condition=~Q(metadata={})),
            models.Index(fields=["amount_minor", "id"], name="refund_amount"),
            models.Index(fields=["requested_by", "id"], name="refund_of_staff", condition=Q(origin="staff")),
            models.Index(
                fields=["acquirer_reference"], name="refund_acquirer_reference", condition=~Q(acquirer_reference="")
            ),
            models.Index(fields=["status"], name="refund_unsettled", condition=Q(settled_at__isnull=True)),
            models.Index(
                fields=["released_by", "currency", "released_at"],
                name="refund_released",
                condition=~Q(released_by=""),
            ),
        )

    def __str__(self) -> str:
        return f"{money.text(self.amount)} {self.status}"

    def counted(self, before: str, after: str) -> None:  # noqa: ARG002  the base's
        """What it came to, and what was given back."""
        account = accounts.name_of(self.account_id)
        meters.REFUNDS.add(account, after)
        if after == RefundStatus.SUCCEEDED:
            meters.REFUNDED.add(account, self.currency, amount=self.amount_minor)


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


EVERY_CLIENT: Final = "api"
"""The role of API clients that have no limit of their own."""


class RefundLimit(records.Stateful):
    """How much goes back of one currency on the word of one role or API client; beyond it a second person is asked.

    Amounts are minor units, none for any amount: `each` at once, `daily` within 24 hours, per person of the role. What
    a limit says stays: another one replaces it. One that allows more waits for a second person, and the database
    refuses a first one who acts as both.
    """

    MACHINE = LIMIT
    LOCK_RANK = 80

    id = ids.IdField("lim")
    role = models.CharField(max_length=24, blank=True, default="", help_text="Of staff; `api`: every other client.")
    client = models.ForeignKey(
        "payments.ApiClient", null=True, blank=True, on_delete=models.PROTECT, related_name="refund_limits"
    )
    currency = models.CharField(max_length=3)
    each_minor = models.BigIntegerField(null=True, blank=True)
    daily_minor = models.BigIntegerField(null=True, blank=True)
    status = models.CharField(max_length=10, default=LIMIT.initial, choices=[(s.value, s.value) for s in LimitStatus])
    proposed_by = models.CharField(max_length=80)
    approved_by = models.CharField(max_length=80, blank=True, default="")
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "refunds"
        constraints = (
            models.CheckConstraint(name="limit_status", condition=Q(status__in=LIMIT.states)),
            models.CheckConstraint(
                name="limit_of_one", condition=Q(role="", client__isnull=False) | (~Q(role="") & Q(client__isnull=True))
            ),
            models.CheckConstraint(
                name="limit_not_negative",
                condition=(Q(each_minor__isnull=True) | Q(each_minor__gte=0))
                & (Q(daily_minor__isnull=True) | Q(daily_minor__gte=0)),
            ),
            models.CheckConstraint(name="limit_maker_is_not_checker", condition=~Q(approved_by=F("proposed_by"))),
            models.UniqueConstraint(
                fields=["role", "client", "currency"],
                name="limit_one_active",
                condition=Q(status="active"),
                nulls_distinct=False,
            ),
        )

    def __str__(self) -> str:
        return f"{self.role or self.client_id} {self.currency}"
