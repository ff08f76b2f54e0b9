"""Reading refunds, what can be refunded, and holding the rows of one refund under the house's lock order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Q, QuerySet, Sum
from moneyed import Money

from payments.gateway.models import ProviderCall
from payments.intents import selectors as intent_selectors
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.intents.selectors import Held as HeldPayment
from payments.intents.states import CaptureStatus
from payments.kernel import invariants, money
from payments.kernel.jobs import Job
from payments.orders import selectors as order_selectors
from payments.orders.models import OrderLine
from refunds import policy
from refunds.models import EVERY_CLIENT, Dispute, Refund, RefundLimit, RefundLine
from refunds.policy import Limit, Person
from refunds.states import LIVING, RELEASED, LimitStatus


@dataclass
class RefundWithLines:
    """A refund together with its lines."""

    refund: Refund
    lines: Sequence[RefundLine]

    @property
    def pk(self) -> str:
        """The refund's id."""
        return self.refund.pk


@dataclass
class Held(RefundWithLines):
    """The same inside a use case, with its payment: locked, and refund and lines follow that lock."""

    payment: HeldPayment


@dataclass(frozen=True, slots=True)
class Source:
    """Captured money of one attempt of which `available` minor units can be given back.

    It is `wanted` unless it came too late, and waits to be given back by itself.
    """

    payment: HeldPayment
    attempt: PaymentAttempt
    available: int
    wanted: bool
    captured_at: datetime


def refundable(intent: PaymentIntent) -> Money:
    """What can be given back of an intent: captured, less refunded, in flight, in dispute and lost to disputes.

    The one answer for forms and API; exact while the intent is locked.
    """
    return money.from_minor(max(intent.amount_captured_minor - intent.claimed_minor, 0), intent.currency)


def gone_meanwhile(refund: Refund, intent: PaymentIntent) -> str:
    """Why a refund may not leave that has not left yet, in plain words; "" when it may.

    A bank, or somebody at the PSP, has taken what was reserved for it: it would go back twice.
    """
    excess = intent.claimed_minor - intent.amount_captured_minor
    if intent.amount_disputed_minor:
        excess = max(excess, -left_of(refund.attempt_id))
    if excess <= 0:
        return ""
    where = "are in dispute, or were lost to one," if intent.amount_disputed_minor else "went back otherwise"
    return f"{money.text(money.from_minor(excess, intent.currency))} of it {where} since it was asked for"


def refunded_units(lines: Sequence[OrderLine]) -> dict[str, tuple[int, int]]:
    """Per order line: how many units are in refunds that live, and the minor units that they come to."""
    found = RefundLine.objects.filter(line__in=lines, refund__status__in=LIVING).values_list("line_id")
    taken = {
        line_id: (int(units), int(amount))
        for line_id, units, amount in found.annotate(units=Sum("quantity"), worth=Sum("amount_minor"))
    }
    return {line.pk: taken.get(line.pk, (0, 0)) for line in lines}


def sources(payment: HeldPayment) -> list[Source]:
    """The captured money of a payment, by attempt; together never more than is refundable."""
    left = money.to_minor(refundable(payment.intent))
    captured: dict[str, list[Capture]] = {}
    captures = Capture.objects.filter(intent=payment.intent, status=CaptureStatus.SUCCEEDED)
    for capture in captures.select_related("attempt").order_by("captured_at"):
        captured.setdefault(capture.attempt_id, []).append(capture)
    found = []
    for attempt_id, rows in captured.items():
        gone = _given_back(attempt_id) + disputed(attempt_id)
        available = max(0, min(left, sum(row.amount_minor for row in rows) - gone))
        left -= available
        found.append(
            Source(
                payment, rows[-1].attempt, available, not _too_late(rows), rows[-1].captured_at or rows[-1].created_at
            )
        )
    return found


def _too_late(captures: Sequence[Capture]) -> bool:
    """True while the job waits that gives one of these captures back."""
    return Job.objects.filter(unique_key__in=[f"refund_duplicate:{row.pk}" for row in captures]).exists()


def was_given_back(attempt_id: str) -> bool:
    """Whether a refund of this attempt lives, or has succeeded."""
    return Refund.objects.filter(attempt_id=attempt_id, status__in=LIVING).exists()


def _given_back(attempt_id: str) -> int:
    living = Refund.objects.filter(attempt_id=attempt_id, status__in=LIVING)
    return int(living.aggregate(sum=Sum("amount_minor"))["sum"] or 0)


def disputed(attempt_id: str) -> int:
    """What is in dispute of an attempt, or was lost to one: of several payments a bank takes that very one."""
    taken = Dispute.objects.filter(attempt_id=attempt_id, amount_withdrawn_minor__gt=0)
    return int(taken.aggregate(sum=Sum("amount_withdrawn_minor"))["sum"] or 0)


def left_of(attempt_id: str) -> int:
    """What is left of an attempt's own money, whatever its payment comes to; negative when more has gone."""
    captured = Capture.objects.filter(attempt_id=attempt_id, status=CaptureStatus.SUCCEEDED)
    taken = int(captured.aggregate(sum=Sum("amount_minor"))["sum"] or 0)
    return taken - _given_back(attempt_id) - disputed(attempt_id)


def refunds_of(client_id: str) -> QuerySet[Refund]:
    """A client's own refunds."""
    return Refund.objects.filter(client_id=client_id)


def with_lines(refund_id: str, *, client_id: str) -> RefundWithLines:
    """A client's own refund with its lines; `DoesNotExist` for anybody else's."""
    row = refunds_of(client_id).get(pk=refund_id)
    return RefundWithLines(row, lines([row])[row.pk])


def lines(refunds: Sequence[Refund]) -> dict[str, list[RefundLine]]:
    """The lines of these refunds by refund id, in one query."""
    found: dict[str, list[RefundLine]] = {row.pk: [] for row in refunds}
    for line in RefundLine.objects.filter(refund__in=found).order_by("id"):
        found[line.refund_id].append(line)
    return found


def hold(refund_id: str, *, client_id: str | None = None) -> Held:
    """Lock the payment of a refund and read the refund under that lock; `DoesNotExist` when it is not this client's."""
    rows = Refund.objects.all() if client_id is None else refunds_of(client_id)
    attempt_id = rows.values_list("attempt_id", flat=True).get(pk=refund_id)
    payment = intent_selectors.hold_with_attempt(attempt_id)
    return held(payment, Refund.objects.get(pk=refund_id))


def held(payment: HeldPayment, refund: Refund) -> Held:
    """A refund that was read under its payment's lock."""
    return Held(refund, lines([refund])[refund.pk], payment)


def hold_order(order_id: str, *, client_id: str | None = None) -> list[HeldPayment]:
    """Lock an order and all of its intents, in order; `DoesNotExist` when it is not this client's."""
    order = order_selectors.locked(order_id, client_id=client_id)
    intents = PaymentIntent.objects.select_for_update().filter(order_id=order_id).order_by("id")
    return [HeldPayment(intent, order) for intent in intents]


def call(call_id: str) -> ProviderCall:
    """A call to a PSP."""
    return ProviderCall.objects.get(pk=call_id)


def asked_for(refund: Refund) -> Money:
    """What a refund gives back together with those of its request that give money back, or still may."""
    others = Refund.objects.filter(pk__in=refund.related, status__in=LIVING).aggregate(sum=Sum("amount_minor"))
    return money.from_minor(refund.amount_minor + int(others["sum"] or 0), refund.currency)


def alike(intent_id: str, amount_minor: int, *, since: datetime) -> Refund | None:
    """The newest living refund of the same amount of an intent that was made `since`."""
    found = Refund.objects.filter(intent_id=intent_id, amount_minor=amount_minor, created_at__gte=since)
    return found.filter(status__in=LIVING).order_by("-id").first()


# --- whose word lets a refund go, and how far it counts ---


def person(user: AbstractBaseUser | AnonymousUser) -> Person:
    """Somebody of the staff, as refunds know him; being superuser gives no right (docs/decisions/0007)."""
    roles = list(user.groups.order_by("name").values_list("name", flat=True)) if isinstance(user, User) else []
    decides = isinstance(user, User) and not user.is_superuser and user.has_perm("refunds.approve_refund")
    return Person(f"staff {user.get_username()}"[:80], roles, decides)


def person_named(name: str) -> Person:
    """Somebody of the staff by the name that stands with what they did; who has gone has no rights any more."""
    user = User.objects.filter(username=name.removeprefix("staff "), is_active=True).first()
    return Person(name) if user is None else person(user)


def limit_of_client(client_id: str, currency: str) -> Limit | None:
    """What an API client gives back by itself: its own limit, else every client's; None where there is neither."""
    rows = list(
        RefundLimit.objects.filter(status=LimitStatus.ACTIVE, currency=currency).filter(
            Q(client=client_id) | Q(role=EVERY_CLIENT)
        )
    )
    own = [row for row in rows if row.client_id == client_id]
    return _widest(own or rows)


def limit_of_roles(roles: Sequence[str], currency: str) -> Limit | None:
    """What a person in these roles gives back alone; None where no role has a limit."""
    active = RefundLimit.objects.filter(status=LimitStatus.ACTIVE, currency=currency)
    return _widest(active.filter(role__in=[role for role in roles if role != EVERY_CLIENT], client=None))


def _widest(rows: Iterable[RefundLimit]) -> Limit | None:
    return policy.widest(Limit(row.each_minor, row.daily_minor) for row in rows)


def let_go(whose: str, currency: str, *, since: datetime) -> int:
    """Minor units that went, or are going, by somebody's word `since`; what came to nothing does not count."""
    rows = Refund.objects.filter(released_by=whose, currency=currency, released_at__gte=since, status__in=RELEASED)
    return int(rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0)


invariants.declare(
    1,
    "refund_one_object",
    "At most one refund at the PSP per refund of ours",
    """SELECT owner_id, count(DISTINCT provider_reference) || ' refunds at the PSP' FROM payments_providercall
        WHERE kind = 'refund' AND verdict IN ('approved', 'pending') GROUP BY owner_id
       HAVING count(DISTINCT provider_reference) > 1""",
    "SELECT count(*) FROM refunds_refund",
)
invariants.declare(
    5,
    "refund_reservations",
    "What an intent has reserved and refunded is the sum of its refunds",
    """SELECT i.id::text, 'refunding ' || i.amount_refunding_minor || ', refunded ' || i.amount_refunded_minor
         FROM payments_paymentintent i LEFT JOIN refunds_refund r ON r.intent_id = i.id
        GROUP BY i.id HAVING i.amount_refunding_minor <>
              coalesce(sum(r.amount_minor) FILTER (WHERE r.settled_at IS NULL), 0)
           OR i.amount_refunded_minor <> coalesce(sum(r.amount_minor) FILTER (WHERE r.status = 'succeeded'), 0)""",
    "SELECT count(*) FROM payments_paymentintent",
)
invariants.declare(
    5,
    "refund_lines_add_up",
    "A refund by lines is the sum of its lines",
    """SELECT r.id::text, r.amount_minor || ', lines ' || sum(l.amount_minor)
         FROM refunds_refund r JOIN refunds_refundline l ON l.refund_id = r.id
        GROUP BY r.id HAVING r.amount_minor <> sum(l.amount_minor)""",
    "SELECT count(DISTINCT refund_id) FROM refunds_refundline",
)
invariants.declare(
    10,
    "refund_posted",
    "Every refund that succeeded has one posting of that; one that never did has none",
    """SELECT r.id::text, r.status || ' with ' || count(t.id) || ' postings of success'
         FROM refunds_refund r LEFT JOIN payments_transfer t
           ON t.event = CASE r.origin WHEN 'bank' THEN 'refund_transferred' ELSE 'refund_succeeded' END
          AND t.source_id = 're_' || replace(r.id::text, '-', '')
        GROUP BY r.id HAVING (r.status = 'succeeded' AND count(t.id) <> 1)
                          OR (r.status NOT IN ('succeeded', 'bounced') AND count(t.id) <> 0)""",
    "SELECT count(*) FROM refunds_refund",
)
invariants.declare(
    10,
    "refunds_in_flight",
    "The ledger's refunds in flight are the refunds in flight",
    """WITH booked AS (SELECT substr(a.code, 19) AS account, a.currency, -sum(e.amount_minor) AS amount
                         FROM payments_entry e JOIN payments_account a ON a.id = e.account_id
                        WHERE a.code LIKE 'refunds_in_flight/%' GROUP BY a.code, a.currency),
            waiting AS (SELECT p.code AS account, r.currency, sum(r.amount_minor) AS amount
                          FROM refunds_refund r JOIN payments_provideraccount p ON p.id = r.account_id
                         WHERE r.sent_at IS NOT NULL AND r.settled_at IS NULL GROUP BY p.code, r.currency)
       SELECT account || ' ' || currency, coalesce(b.amount, 0) || ' booked, ' || coalesce(w.amount, 0) || ' waiting'
         FROM booked b FULL JOIN waiting w USING (account, currency)
        WHERE coalesce(b.amount, 0) <> coalesce(w.amount, 0)""",
    "SELECT count(*) FROM refunds_refund WHERE settled_at IS NULL",
)
invariants.declare(
    13,
    "refund_owned",
    "Every refund that is not settled has a job, a call that is looked after, or a person: approvals have their queue",
    """WITH waiting AS (SELECT 're_' || replace(id::text, '-', '') AS id, id AS key, status FROM refunds_refund
                         WHERE settled_at IS NULL AND status <> 'needs_approval')
       SELECT id, status FROM waiting r
        WHERE NOT EXISTS (SELECT FROM refunds_banktransfer b WHERE b.refund_id = r.key AND b.decision = '')
          AND NOT EXISTS (SELECT FROM payments_job WHERE name IN ('send_refund', 'send_bulk_refund')
                                                   AND arguments ->> 'refund_id' = r.id)
          AND NOT EXISTS (SELECT FROM payments_providercall WHERE owner_id = r.id AND look_at IS NOT NULL)
          AND NOT EXISTS (SELECT FROM payments_attentionitem WHERE object_id = r.id AND closed_at IS NULL)""",
    "SELECT count(*) FROM refunds_refund WHERE settled_at IS NULL",
)
invariants.declare(
    15,
    "transfer_maker_checker",
    "Every refund by bank transfer has its record, and none has left that a second person has not confirmed",
    """SELECT r.id::text, r.status || ', ' || coalesce(nullif(b.decision, ''), 'not decided') || ' by '
               || coalesce(b.decided_by, 'nobody')
         FROM refunds_refund r LEFT JOIN refunds_banktransfer b ON b.refund_id = r.id
        WHERE r.origin = 'bank'
          AND (b.id IS NULL OR (r.status = 'proposed') <> (b.decision = '')
               OR (r.status = 'canceled') <> (b.decision = 'withdrawn')
               OR (b.decision = 'confirmed' AND b.decided_by = b.proposed_by))""",
    "SELECT count(*) FROM refunds_refund WHERE origin = 'bank'",
)
invariants.declare(
    15,
    "refund_by_two",
    "Who asked for a refund did not decide about it, and who raised a limit did not agree to that",
    """SELECT id::text, 'asked for and decided by ' || requested_by FROM refunds_refund
        WHERE requested_by IN (approved_by, rejected_by)
       UNION ALL
       SELECT id::text, 'waited for approval and is ' || status || ' without' FROM refunds_refund
        WHERE approval_reason <> '' AND approved_by = '' AND released_by <> ''
       UNION ALL
       SELECT id::text, 'proposed and approved by ' || proposed_by FROM refunds_refundlimit
        WHERE proposed_by = approved_by""",
    "SELECT count(*) FROM refunds_refund WHERE approval_reason <> ''",
)
