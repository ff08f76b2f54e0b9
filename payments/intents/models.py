"""Payment intents, their attempts, captures, and the rules by which attempts are routed."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Cast, Right

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.intents.states import (
    ATTEMPT,
    CAPTURE,
    COUNTED_AS,
    INTENT,
    RULE,
    AttemptStatus,
    CaptureStatus,
    IntentStatus,
    RuleStatus,
)
from payments.kernel import clock, ids, meters, money, records
from payments.methods.catalogue import METHODS
from payments.methods.models import PaymentMethod

LIFETIME: Final = timedelta(days=7)
"""How long an intent that nobody pays stays payable."""


RARE_INTENTS: Final = ("requires_action", "requires_capture", "reversed", "canceled", "expired")
RARE_ATTEMPTS: Final = ("unknown", "failed", "voided", "expired", "capture_failed")
RARE_CAPTURES: Final = ("pending", "unknown", "failed", "reversed")
"""States that people look for and few rows are in: found by an index that a payment which goes well is never in."""


def _expiry() -> datetime:
    return clock.now() + LIFETIME


def _client_secret() -> str:
    return secrets.token_urlsafe(24)


class PaymentIntent(records.Stateful, records.Announced):
    """One wish to collect an amount, of an order or on its own. Amounts are minor units of its one currency.

    `amount_captured` and `amount_refunded` are gross and never go down, except when a capture or refund is undone;
    `amount_refunding` is reserved by refunds in flight, `amount_disputed` is in dispute or was lost to one.
    """

    MACHINE = INTENT
    LOCK_RANK = 20
    PERSONAL = frozenset({"metadata", "description"})

    id = ids.IdField("pi")
    client = models.ForeignKey("payments.ApiClient", on_delete=models.PROTECT, db_index=False)  # intent_client
    order = models.ForeignKey(
        "payments.Order", null=True, blank=True, on_delete=models.PROTECT, related_name="intents", db_index=False
    )  # intent_order
    customer = models.ForeignKey(
        "payments.Customer", null=True, blank=True, on_delete=models.PROTECT, db_index=False
    )  # intent_customer
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    amount_capturable_minor = models.BigIntegerField(default=0)
    amount_captured_minor = models.BigIntegerField(default=0)
    amount_refunding_minor = models.BigIntegerField(default=0)
    amount_refunded_minor = models.BigIntegerField(default=0)
    amount_disputed_minor = models.BigIntegerField(default=0)
    over_returned = models.BooleanField(default=False, help_text="The PSP gave back more than we took.")
    status = models.CharField(max_length=24, default=INTENT.initial, choices=[(s.value, s.value) for s in IntentStatus])
    capture_method = models.CharField(
        max_length=10, default="automatic", choices=[("automatic", "automatic"), ("manual", "manual")]
    )
    setup_future_usage = models.CharField(
        max_length=12,
        blank=True,
        default="",
        choices=[("on_session", "on_session"), ("off_session", "off_session")],
        help_text="What it is paid with is saved for the customer, to be charged when they are there, or are not too.",
    )
    client_secret = models.CharField(max_length=64, default=_client_secret, editable=False)
    next_action = models.JSONField(null=True, blank=True)
    last_payment_error = models.JSONField(null=True, blank=True)
    latest_attempt_id = models.CharField(max_length=40, blank=True, default="")
    cancel_reason = models.CharField(
        max_length=40, blank=True, default="", help_text="Set when a cancel was wished for."
    )
    description = models.CharField(max_length=500, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    expires_at = models.DateTimeField(default=_expiry)

    amount = money.View()
    amount_capturable = money.View()
    amount_captured = money.View()
    amount_refunding = money.View()
    amount_refunded = money.View()
    amount_disputed = money.View()

    class Meta:
        app_label = "payments"
        constraints = (
            models.CheckConstraint(name="intent_status", condition=Q(status__in=INTENT.states)),
            models.CheckConstraint(
                name="intent_future_usage",
                condition=Q(setup_future_usage="")
                | Q(setup_future_usage__in=["on_session", "off_session"], customer__isnull=False),
            ),
            models.CheckConstraint(name="intent_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="intent_amounts_not_negative",
                condition=Q(
                    amount_capturable_minor__gte=0,
                    amount_captured_minor__gte=0,
                    amount_refunding_minor__gte=0,
                    amount_refunded_minor__gte=0,
                ),
            ),
            models.CheckConstraint(
                name="intent_refunds_within_captured",
                condition=Q(over_returned=True)
                | Q(
                    amount_captured_minor__gte=F("amount_refunding_minor")
                    + F("amount_refunded_minor")
                    + F("amount_disputed_minor")
                ),
            ),
            models.CheckConstraint(name="intent_disputed_not_negative", condition=Q(amount_disputed_minor__gte=0)),
        )
        indexes = (
            models.Index(fields=["order", "id"], name="intent_order"),
            models.Index(fields=["customer", "id"], name="intent_customer"),
            models.Index(fields=["client", "id"], name="intent_client"),
            models.Index(Right(Cast("id", models.TextField()), 4), name="intent_last_four"),
            models.Index(fields=["amount_minor", "id"], include=["currency"], name="intent_amount"),
            GinIndex(OpClass("metadata", name="jsonb_path_ops"), name="intent_metadata", condition=~Q(metadata={})),
            models.Index(fields=["status", "id"], name="intent_rare", condition=Q(status__in=RARE_INTENTS)),
            models.Index(
                fields=["expires_at"],
                name="intent_expiry",
                condition=Q(status__in=["requires_payment_method", "requires_action"]),
            ),
        )

    def __str__(self) -> str:
        return f"{money.text(self.amount)} {self.status}"

    @property
    def claimed_minor(self) -> int:
        """Minor units of what was captured that have gone back, are on their way, or are disputed."""
        return self.amount_refunding_minor + self.amount_refunded_minor + self.amount_disputed_minor


class PaymentAttempt(records.Stateful):
    """One try to collect an intent's amount with one provider account and one method.

    `order_id` repeats the intent's, so that the money which lives for an order is one indexed query.
    """

    MACHINE = ATTEMPT
    LOCK_RANK = 30

    id = ids.IdField("att")
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="attempts")
    order_id = models.CharField(max_length=40, blank=True, default="")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, db_index=False)  # attempt_account
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    accepted_minor = models.BigIntegerField(
        null=True, blank=True, help_text="What the PSP took, where that is more and two people have accepted it."
    )
    status = models.CharField(
        max_length=16, default=ATTEMPT.initial, choices=[(s.value, s.value) for s in AttemptStatus]
    )
    method = models.CharField(max_length=24)
    token = models.CharField(max_length=200, blank=True, help_text="The PSP's token of the payment method.")
    capture = models.BooleanField(default=True, help_text="Take the money at once.")
    off_session = models.BooleanField(default=False)
    saves = models.BooleanField(default=False, help_text="What it is paid with is saved for the customer.")
    payer = models.CharField(max_length=80, blank=True, default="", help_text="The PSP's reference of the customer.")
    saved_method = models.ForeignKey(
        PaymentMethod, null=True, blank=True, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    return_url = models.CharField(max_length=2000, blank=True, default="")
    channel = models.CharField(max_length=8, blank=True, default="", help_text="web, ios or android, where it is said.")
    call_id = models.CharField(max_length=40)
    provider_reference = models.CharField(max_length=80, blank=True, default="")
    reason_for_route = models.CharField(max_length=200, blank=True, default="")
    route = models.JSONField(default=dict, blank=True, help_text="Who would have been next, and who was left out.")
    rule_id = models.CharField(max_length=40, blank=True, default="", help_text="The routing rule that had a say.")
    rule_arm = models.CharField(max_length=8, blank=True, default="", help_text="Routed by it, or spared to compare.")
    card_brand = models.CharField(max_length=24, blank=True, default="", help_text="As the PSP calls it.")
    card_last4 = models.CharField(max_length=4, blank=True, default="", help_text="What the customer reads us.")
    issuer = models.CharField(
        max_length=40, blank=True, default="", help_text="Who has issued the card: its name, else six digits."
    )
    decline = models.JSONField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    authorized_at = models.DateTimeField(null=True, blank=True)
    extended_at = models.DateTimeField(
        null=True, blank=True, help_text="When the PSP was last asked to hold the reservation for longer, and did."
    )

    amount = money.View()

    class Meta:
        app_label = "payments"
        constraints = (
            models.CheckConstraint(name="attempt_status", condition=Q(status__in=ATTEMPT.states)),
            models.CheckConstraint(name="attempt_amount_positive", condition=Q(amount_minor__gt=0)),
            models.UniqueConstraint(
                fields=["intent"],
                name="attempt_one_alive",
                condition=Q(
                    status__in=["ready", "sent", "action_required", "pending", "unknown"], superseded_at__isnull=True
                ),
            ),
            models.UniqueConstraint(
                fields=["account", "provider_reference"],
                name="attempt_provider_reference",
                condition=~Q(provider_reference=""),
            ),
        )
        indexes = (
            models.Index(
                fields=["order_id"],
                name="attempt_order_held",
                condition=Q(status__in=["ready", "sent", "action_required", "pending", "unknown", "authorized"]),
            ),
            models.Index(fields=["account", "id"], name="attempt_account"),
            models.Index(
                fields=["card_last4", "id"], include=["intent"], name="attempt_last4", condition=~Q(card_last4="")
            ),
            models.Index(
                fields=["card_last4", "amount_minor", "id"],
                include=["intent"],
                name="attempt_last4_amount",
                condition=~Q(card_last4=""),
            ),
            models.Index(fields=["rule_id", "created_at"], name="attempt_rule", condition=~Q(rule_id="")),
            models.Index(fields=["status", "id"], name="attempt_rare", condition=Q(status__in=RARE_ATTEMPTS)),
        )

    def __str__(self) -> str:
        return f"{self.method}: {self.status}"

    def counted(self, before: str, after: str) -> None:
        """What it came to, once; what becomes of what was approved is told by captures."""
        outcome = COUNTED_AS.get(after)
        if outcome is None or before == AttemptStatus.AUTHORIZED:
            return
        if outcome == "declined":
            outcome = f"declined_{(self.decline or {}).get('category', 'hard')}"
        account = accounts.name_of(self.account_id)
        meters.ATTEMPTS.add(account, meters.known(self.method, METHODS), outcome)
        meters.ATTEMPTED.add(account, self.currency, outcome, amount=self.amount_minor)


class Capture(records.Stateful):
    """One capture of an attempt's authorisation; an automatic capture is one too. `final` releases the rest."""

    MACHINE = CAPTURE
    LOCK_RANK = 40

    id = ids.IdField("cap")
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="captures")
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="captures")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    status = models.CharField(
        max_length=12, default=CAPTURE.initial, choices=[(s.value, s.value) for s in CaptureStatus]
    )
    final = models.BooleanField(default=True)
    call_id = models.CharField(max_length=40, help_text="The call that captured: the attempt's own when automatic.")
    captured_at = models.DateTimeField(null=True, blank=True)

    amount = money.View()

    class Meta:
        app_label = "payments"
        constraints = (
            models.CheckConstraint(name="capture_status", condition=Q(status__in=CAPTURE.states)),
            models.CheckConstraint(name="capture_amount_positive", condition=Q(amount_minor__gt=0)),
            models.UniqueConstraint(
                fields=["attempt"],
                name="capture_one_in_flight",
                condition=Q(status__in=["sent", "pending", "unknown"]),
            ),
        )
        indexes = (models.Index(fields=["status", "id"], name="capture_rare", condition=Q(status__in=RARE_CAPTURES)),)

    def __str__(self) -> str:
        return f"{money.text(self.amount)} {self.status}"

    def counted(self, before: str, after: str) -> None:  # noqa: ARG002  the base's
        """Where nothing was taken, or it was undone; what was taken is counted where it is booked."""
        if after != CaptureStatus.SUCCEEDED:
            meters.CAPTURES.add(accounts.name_of(self.attempt.account_id), after)


class RoutingRule(records.Stateful):
    """One line of the rule book. What it says never changes: whoever wants another rule drafts another one.

    Empty lists match everything; an empty `split` blocks. `split` is a list of provider account codes with weights,
    in their order. Who drafted it neither approves nor activates it: the database refuses that too.
    """

    MACHINE = RULE
    LOCK_RANK = 80

    id = ids.IdField("rule")
    name = models.CharField(max_length=60)
    priority = models.PositiveSmallIntegerField(default=100, help_text="The smallest is read first.")
    status = models.CharField(max_length=10, default=RULE.initial, choices=[(s.value, s.value) for s in RuleStatus])
    split = models.JSONField(default=list, blank=True)
    methods = ArrayField(models.CharField(max_length=24), default=list, blank=True)
    currencies = ArrayField(models.CharField(max_length=3), default=list, blank=True)
    countries = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    amount_from_minor = models.BigIntegerField(null=True, blank=True)
    amount_to_minor = models.BigIntegerField(null=True, blank=True, help_text="Below this amount.")
    brands = ArrayField(models.CharField(max_length=24), default=list, blank=True)
    bins = ArrayField(models.CharField(max_length=8), default=list, blank=True, help_text="First digits of a card.")
    segments = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    channels = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    control_percent = models.PositiveSmallIntegerField(default=10, help_text="Spared by the rule, to compare with.")
    drafted_by = models.CharField(max_length=80)
    approved_by = models.CharField(max_length=80, blank=True, default="")
    activated_by = models.CharField(max_length=80, blank=True, default="")
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        constraints = (
            models.CheckConstraint(name="rule_status", condition=Q(status__in=RULE.states)),
            models.CheckConstraint(name="rule_control", condition=Q(control_percent__lte=50)),
            models.CheckConstraint(
                name="rule_maker_is_not_checker",
                condition=~Q(approved_by=F("drafted_by")) & ~Q(activated_by=F("drafted_by")),
            ),
            models.CheckConstraint(
                name="rule_approved_before_active",
                condition=~Q(status__in=["approved", "active"]) | ~Q(approved_by=""),
            ),
            models.CheckConstraint(
                name="rule_active_by_somebody",
                condition=~Q(status="active") | (~Q(activated_by="") & Q(activated_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="rule_amounts_have_one_currency",
                condition=Q(amount_from_minor__isnull=True, amount_to_minor__isnull=True) | Q(currencies__len=1),
            ),
        )
        indexes = (models.Index(fields=["priority", "id"], name="rule_active", condition=Q(status="active")),)

    def __str__(self) -> str:
        return self.name
