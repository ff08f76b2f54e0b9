"""Attention items: money that needs a person, with the reason and, once closed, the evidence."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import models
from moneyed import Money

from payments.kernel import audit, clock, ids, money, records, redaction, unit
from payments.kernel.errors import Refusal


class AttentionKind(models.TextChoices):
    """Why a person is needed."""

    UNKNOWN_OUTCOME = "unknown_outcome", "The PSP's answer is not known"
    AMOUNT_DIFFERS = "amount_differs", "The PSP answered with another amount or currency"
    OVERPAYMENT = "overpayment", "More was taken than was asked for and cannot be given back by itself"
    AUTO_REFUND_LIMIT = "auto_refund_limit", "Automatic refunds stopped at their limit"
    REFUND_BOUNCED = "refund_bounced", "A refund came back after it had succeeded"
    OVER_RETURNED = "over_returned", "More went back than was taken"
    AUTHORIZATION_EXPIRING = "authorization_expiring", "An authorisation expires soon and is not captured"
    CANCEL_REFUSED = "cancel_refused", "The PSP refuses to cancel a payment that nobody wants"
    DISPUTE_DUE = "dispute_due", "A dispute must be answered soon"
    DISPUTE_OVERDUE = "dispute_overdue", "A dispute was not answered in time, or the bank does not decide it"
    DISPUTE_REFUSED = "dispute_refused", "The PSP did not take the answer to a dispute"
    FRAUD_WARNING = "fraud_warning", "A payment was reported as fraud: refund before it becomes a dispute?"
    RULE_ROLLED_BACK = "rule_rolled_back", "A routing rule did worse than its control and was rolled back"
    UNMATCHED_EVENT = "unmatched_event", "The PSP reports something that we do not know"
    CANARY_FAILED = "canary_failed", "A synthetic payment fails at a provider's test environment"
    CLOSE_LATE = "close_late", "A day or month could not be closed in time, or its reports are not right"


class AttentionItem(models.Model):
    """One reason why one object needs a person. At most one open item per kind and object.

    `amount` is the money that it is about, where that is known: what the PSP says, where it says another amount than
    we do. `facts` is what a settlement needs besides. `taken_by` is who looks after it.
    """

    id = ids.IdField("attn")
    kind = models.CharField(max_length=24, choices=AttentionKind)
    object_id = models.CharField(max_length=40)
    detail = models.TextField()
    currency = models.CharField(max_length=3, blank=True, default="")
    amount_minor = models.BigIntegerField(null=True, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    taken_by = models.CharField(max_length=80, blank=True, default="", help_text="Who looks after it.")
    taken_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(default=clock.now)
    snoozed_until = models.DateTimeField(
        null=True, blank=True, help_text="It rests until then, and comes back by itself."
    )
    snoozed_because = models.CharField(max_length=200, blank=True, default="")
    snoozed_by = models.CharField(max_length=80, blank=True, default="")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_because = models.TextField(blank=True, default="")
    closed_by = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        app_label = "payments"
        constraints = (
            models.UniqueConstraint(
                fields=["object_id", "kind"], condition=models.Q(closed_at__isnull=True), name="attention_one_open"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.object_id}"

    @property
    def amount(self) -> Money | None:
        """The money that it is about; None where nobody knows."""
        return None if self.amount_minor is None else money.from_minor(self.amount_minor, self.currency)


class Severity(models.TextChoices):
    """How much it hurts to wait."""

    URGENT = "urgent", "Urgent: money is at stake now"
    SOON = "soon", "Soon: today"
    CALM = "calm", "When there is time"


K, S = AttentionKind, Severity
SEVERITIES: Final[Mapping[AttentionKind, Severity]] = {
    **dict.fromkeys(AttentionKind, S.SOON),
    **dict.fromkeys(
        (K.UNKNOWN_OUTCOME, K.AMOUNT_DIFFERS, K.AUTO_REFUND_LIMIT, K.OVER_RETURNED, K.DISPUTE_OVERDUE,
         K.DISPUTE_REFUSED), S.URGENT),
    K.RULE_ROLLED_BACK: S.CALM,
}  # fmt: skip
OWNERS: Final[Mapping[AttentionKind, str]] = {
    **dict.fromkeys(AttentionKind, "support_lead"),
    **dict.fromkeys((K.AMOUNT_DIFFERS, K.REFUND_BOUNCED, K.OVER_RETURNED, K.CLOSE_LATE), "finance"),
    **dict.fromkeys(
        (K.UNKNOWN_OUTCOME, K.CANCEL_REFUSED, K.RULE_ROLLED_BACK, K.UNMATCHED_EVENT, K.CANARY_FAILED), "engineer"
    ),
}
"""The role that looks after each kind, while no person has taken it."""

SNOOZED_AT_MOST: Final = timedelta(days=30)


class Action(models.TextChoices):
    """What two people can do about money of which a PSP says something else than we do."""

    ACCEPT = "accept", "Accept what the PSP says"
    VOID = "void", "Cancel it at the PSP"
    REFUND = "refund", "Give it back"
    UNDONE = "undone", "It was undone at the PSP"
    STAND = "stand", "Our books are right"
    CLOSE = "close", "Close with evidence"


class Decision(models.TextChoices):
    """What the second person has said to what the first one wants, or has recorded."""

    WAITING = "", "Waits for the second person"
    CONFIRMED = "confirmed", "Confirmed"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Settlement(records.Record):
    """How one person wants to settle an item, and what another one says to it. One at a time waits for an answer."""

    LOCK_RANK = 90

    id = ids.IdField("stl")
    item = models.ForeignKey(AttentionItem, on_delete=models.PROTECT, related_name="settlements")
    action = models.CharField(max_length=8, choices=Action)
    because = models.CharField(max_length=200)
    proposed_by = models.CharField(max_length=80)
    proposed_at = models.DateTimeField(default=clock.now)
    decision = models.CharField(max_length=10, blank=True, default="", choices=Decision)
    decided_by = models.CharField(max_length=80, blank=True, default="")
    decided_because = models.CharField(max_length=200, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        constraints = (
            models.CheckConstraint(name="settlement_action", condition=models.Q(action__in=Action.values)),
            models.CheckConstraint(
                name="settlement_says_why", condition=~models.Q(because="") & ~models.Q(proposed_by="")
            ),
            models.CheckConstraint(
                name="settlement_decided_by_somebody",
                condition=models.Q(decision="", decided_by="", decided_at__isnull=True)
                | (
                    models.Q(decision__in=["confirmed", "withdrawn"], decided_at__isnull=False)
                    & ~models.Q(decided_by="")
                ),
            ),
            models.CheckConstraint(
                name="settlement_maker_is_not_checker",
                condition=~models.Q(decision="confirmed") | ~models.Q(decided_by=models.F("proposed_by")),
            ),
            models.UniqueConstraint(fields=["item"], name="settlement_one_waits", condition=models.Q(decision="")),
        )

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.because}"


class MatterClosed(Refusal):
    """Somebody has settled this matter, or this proposal, before."""

    code, status = "matter_closed", 409


class ProposalWaits(Refusal):
    """Somebody has proposed how to settle this matter: another person answers that first."""

    code, status = "proposal_waits", 409


class NotOffered(Refusal):
    """This matter cannot be settled like that."""

    code, status = "settlement_not_offered", 422


class SnoozedTooLong(Refusal):
    """A matter rests until some moment within the next 30 days."""

    code, status = "snoozed_too_long", 422


class SecondPersonNeeded(Refusal):
    """Who proposed how to settle a matter does not confirm it as well."""

    code, status = "second_person_needed", 403


def open_item(kind: AttentionKind, object_id: str, detail: str, *, amount: Money | None = None, **facts: Any) -> None:
    """Ask for a person, with the open unit of work; nothing happens when the same item is open already."""
    about = {} if amount is None else {"currency": amount.currency.code, "amount_minor": money.to_minor(amount)}
    row = AttentionItem(
        kind=kind, object_id=object_id, detail=redaction.text(detail), opened_at=clock.now(), facts=facts, **about
    )
    unit.current().add(row, once=True)


def take(item_id: str, *, by: str) -> None:
    """Look after an open item, also one that somebody else has looked after: the queue shows who it is."""
    with unit.work():
        _held(item_id)
        unit.current().run(
            "UPDATE payments_attentionitem SET taken_by = %s, taken_at = %s WHERE id = %s",
            [by, clock.now(), ids.decode("attn", item_id)],
        )
        audit.did("matter.taken", item_id)


def assign(item_id: str, *, to: str, because: str) -> None:
    """Give an open item to somebody, who looks after it from now on."""
    with unit.work():
        item = _held(item_id)
        audit.record("matter.assigned", item_id, because=because, before={"by": item.taken_by}, after={"by": to})
        unit.current().run(
            "UPDATE payments_attentionitem SET taken_by = %s, taken_at = %s WHERE id = %s",
            [to, clock.now(), ids.decode("attn", item_id)],
        )


def snooze(item_id: str, *, until: datetime, because: str, by: str) -> None:
    """Let an open item rest until a moment; it comes back by itself, and sooner where it becomes more urgent."""
    now = clock.now()
    if not now < until <= now + SNOOZED_AT_MOST:
        raise SnoozedTooLong("Say a moment within the next 30 days.")
    with unit.work():
        _held(item_id)
        audit.record("matter.snoozed", item_id, because=because, after={"until": until.isoformat()})
        _rest(item_id, until, because, by)


def wake(item_id: str) -> None:
    """Bring an item back before its time."""
    with unit.work():
        _held(item_id)
        audit.record("matter.woken", item_id)
        _rest(item_id, None, "", "")


def _rest(item_id: str, until: datetime | None, because: str, by: str) -> None:
    unit.current().run(
        "UPDATE payments_attentionitem SET snoozed_until = %s, snoozed_because = %s, snoozed_by = %s WHERE id = %s",
        [until, because, by, ids.decode("attn", item_id)],
    )


def _held(item_id: str) -> AttentionItem:
    item = AttentionItem.objects.select_for_update().get(pk=item_id)
    if item.closed_at is not None:
        raise MatterClosed(f"{item.closed_by} has closed this matter: {item.closed_because}.")
    return item


def propose(item_id: str, action: str, *, because: str, by: str) -> Settlement:
    """One person says how an open item is to be settled; who calls has seen that it can be."""
    with unit.work() as work:
        item = _held(item_id)
        waiting = Settlement.objects.filter(item=item, decision=Decision.WAITING).first()
        if waiting is not None:
            raise ProposalWaits(f"{waiting.proposed_by} wants: {waiting}. Answer that first.")
        row = Settlement(item=item, action=action, because=because, proposed_by=by, proposed_at=clock.now())
        work.add(row)
        audit.did("matter.proposed", item_id, because=because)
    return row


def withdraw(settlement_id: str, *, because: str, by: str) -> Settlement:
    """It was proposed by mistake, or the second person disagrees: nothing happens."""
    with unit.work():
        row = waiting(settlement_id)
        row.change(decision=Decision.WITHDRAWN, decided_by=by, decided_because=because, decided_at=clock.now())
        audit.did("matter.withdrawn", row.item_id, because=because)
    return row


def waiting(settlement_id: str) -> Settlement:
    """A proposal with its item, both locked, that waits for its second person; refuses when somebody was quicker."""
    row = Settlement.objects.select_for_update(of=("self", "item")).select_related("item").get(pk=settlement_id)
    if row.decision != Decision.WAITING or row.decided_at is not None:
        raise MatterClosed(f"{row.decided_by} has {row.decision} it already.")
    if row.item.closed_at is not None:
        raise MatterClosed(f"{row.item.closed_by} has closed this matter: {row.item.closed_because}.")
    return row


def confirm(row: Settlement, *, by: str) -> None:
    """Let another person say yes, with the open unit; the caller then does it."""
    if by == row.proposed_by:
        raise SecondPersonNeeded("Who proposed it does not confirm it: somebody else does.")
    row.change(decision=Decision.CONFIRMED, decided_by=by, decided_at=clock.now())
    audit.did("matter.confirmed", row.item_id, because=row.because)


def close_confirmed(settlement_id: str, *, by: str) -> Settlement:
    """Two people say that nothing is left to do: the item closes with their evidence."""
    with unit.work():
        row = waiting(settlement_id)
        confirm(row, by=by)
        settled(row, by=by)
    return row


def settled(row: Settlement, *, by: str) -> None:
    """Close the item of a confirmed proposal with what two people have said, with the open unit."""
    because = f"{row.get_action_display()} ({row.proposed_by}, {by}): {row.because}"
    close_items(row.item.object_id, because=because, by=by, kind=AttentionKind(row.item.kind))


TWO_CLOSE: Final = (
    AttentionKind.OVERPAYMENT, AttentionKind.REFUND_BOUNCED, AttentionKind.OVER_RETURNED, AttentionKind.UNMATCHED_EVENT,
)  # fmt: skip
"""Money that is owed, or that nobody can explain: two people close these."""

ONE_CLOSES: Final = (
    AttentionKind.UNKNOWN_OUTCOME, AttentionKind.AUTHORIZATION_EXPIRING, AttentionKind.CANCEL_REFUSED,
    AttentionKind.RULE_ROLLED_BACK, AttentionKind.CANARY_FAILED,
)  # fmt: skip
"""What one person closes who has looked into it. What is not in either list closes by what is done about it."""


def close(item_id: str, *, because: str, by: str) -> None:
    """One person closes an item with the evidence."""
    with unit.work():
        item = _held(item_id)
        if item.kind not in ONE_CLOSES:
            raise NotOffered("This takes two people, or closes by itself when it is settled.")
        close_items(item.object_id, because=because, by=by, kind=AttentionKind(item.kind))
        audit.did("matter.closed", item_id, because=because)


def open_anew(kind: AttentionKind, object_id: str, detail: str, *, amount: Money | None = None) -> None:
    """The same in other words, where it is open already: something has become more urgent, or more."""
    minor = None if amount is None else money.to_minor(amount)
    unit.current().run(
        "UPDATE payments_attentionitem SET detail = %s, amount_minor = coalesce(%s, amount_minor), snoozed_until = NULL"
        " WHERE object_id = %s AND kind = %s AND closed_at IS NULL",
        [detail, minor, object_id, kind],
    )
    open_item(kind, object_id, detail, amount=amount)


def close_items(object_id: str, *, because: str, by: str, kind: AttentionKind) -> None:
    """Close the open item of this kind, if there is one, with the evidence."""
    unit.current().run(
        "UPDATE payments_attentionitem SET closed_at = %s, closed_because = %s, closed_by = %s"
        " WHERE object_id = %s AND kind = %s AND closed_at IS NULL",
        [clock.now(), because, by, object_id, kind],
    )
