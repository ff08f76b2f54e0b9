"""Reading intents, and holding the rows of one payment under the house's lock order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Q, QuerySet
from moneyed import Money

from payments.connectors.base import Verdict
from payments.gateway import accounts
from payments.gateway.models import CallKind, ProviderCall
from payments.intents import policy, routing
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent, RoutingRule
from payments.intents.states import HELD, LIVE, AttemptStatus, CaptureStatus
from payments.kernel import clock, ids, money, reads
from payments.methods import selectors as methods
from payments.methods.eligibility import Facts
from payments.orders.models import Order


@dataclass(slots=True)
class Held:
    """The rows of one payment inside a use case, locked in order: order, intent; attempts follow their intent."""

    intent: PaymentIntent
    order: Order | None
    attempt: PaymentAttempt | None = None

    @property
    def pk(self) -> str:
        """The intent's id."""
        return self.intent.pk

    @property
    def tried(self) -> PaymentAttempt:
        """The attempt that the use case is about."""
        if self.attempt is None:
            raise PaymentAttempt.DoesNotExist(f"{self.intent.pk} has no attempt")
        return self.attempt


def intent(intent_id: str, *, client_id: str) -> PaymentIntent:
    """A client's own intent; `DoesNotExist` for anybody else's."""
    return PaymentIntent.objects.get(pk=intent_id, client_id=client_id)


LOCK_BOTH: Final = "ON b.id = a.order_id WHERE a.id = %s FOR UPDATE OF b, a"
"""One statement locks both: PostgreSQL takes the locks in the order that OF names, the order's first."""


def of_customer(customer_id: str) -> QuerySet[PaymentIntent]:
    """Payments of a customer, and those of their orders; found by two indexes, where an OR would read all payments."""
    ordered = PaymentIntent.objects.filter(order__customer_id=customer_id).values("pk")
    own = PaymentIntent.objects.filter(customer_id=customer_id).values("pk")
    return PaymentIntent.objects.filter(pk__in=own.union(ordered))


def hold(intent_id: str, *, client_id: str | None = None) -> Held:
    """Lock an intent and, before it, its order; `DoesNotExist` when it is not this client's."""
    both = reads.pair(PaymentIntent, Order, LOCK_BOTH, [reads.key(PaymentIntent, intent_id)])
    row, order = both or (PaymentIntent.objects.select_for_update().get(pk=intent_id, order=None), None)
    row.order = order
    if client_id is not None and row.client_id != client_id:
        raise PaymentIntent.DoesNotExist
    return Held(row, order)


def hold_with_attempt(attempt_id: str) -> Held:
    """Lock the payment that an attempt belongs to, and read the attempt under that lock."""
    held = hold(PaymentAttempt.objects.values_list("intent_id", flat=True).get(pk=attempt_id))
    held.attempt = PaymentAttempt.objects.get(pk=attempt_id)
    return held


def latest_attempt(row: PaymentIntent) -> PaymentAttempt | None:
    """The attempt that the intent shows to its client."""
    return PaymentAttempt.objects.filter(pk=row.latest_attempt_id).first() if row.latest_attempt_id else None


def latest_attempts(rows: Sequence[PaymentIntent]) -> dict[str, PaymentAttempt]:
    """The same for many intents, by intent id, in one query."""
    wanted = [row.latest_attempt_id for row in rows if row.latest_attempt_id]
    return {attempt.intent_id: attempt for attempt in PaymentAttempt.objects.filter(pk__in=wanted)}


def attempts_made(intent_id: str) -> int:
    """How often it was tried to collect an intent."""
    return PaymentAttempt.objects.filter(intent_id=intent_id).count()


def alive(intent_id: str) -> PaymentAttempt | None:
    """The one attempt of an intent that may still take money and is not superseded."""
    return PaymentAttempt.objects.filter(intent_id=intent_id, status__in=LIVE, superseded_at__isnull=True).first()


def authorized(row: PaymentIntent) -> PaymentAttempt | None:
    """The attempt that holds the intent's reservation."""
    if not row.latest_attempt_id:
        return None
    return PaymentAttempt.objects.filter(pk=row.latest_attempt_id, status=AttemptStatus.AUTHORIZED).first()


HELD_FOR_ORDER: Final = f"""WHERE a.order_id = %s AND a.superseded_at IS NULL
    AND a.status IN ({", ".join(f"'{status}'" for status in HELD)})"""


def held_for_order(order_id: str, *, except_waiting_of: str = "", but: str = "") -> int:
    """Minor units that live or authorised attempts of an order hold, those of the intent `but` apart.

    Superseded attempts do not count, nor what only waits for the customer of the intent `except_waiting_of`:
    that customer has come back and pays otherwise.
    """
    found = reads.rows(PaymentAttempt, HELD_FOR_ORDER, [order_id])
    return sum(
        row.amount_minor
        for row in found
        if row.intent_id != but
        and not (row.intent_id == except_waiting_of and row.status == AttemptStatus.ACTION_REQUIRED)
    )


def reservations(order_id: str) -> list[PaymentAttempt]:
    """Attempts that hold a reservation which somebody waits for, the newest first."""
    rows = PaymentAttempt.objects.filter(order_id=order_id, status=AttemptStatus.AUTHORIZED)
    return list(rows.filter(superseded_at__isnull=True).order_by("-authorized_at"))


def reservations_older(age: timedelta) -> QuerySet[PaymentAttempt]:
    """Reservations that were made so long ago, and have not been held for longer since."""
    since = clock.now() - age
    old = PaymentAttempt.objects.filter(status=AttemptStatus.AUTHORIZED, authorized_at__lt=since)
    return old.filter(Q(extended_at__isnull=True) | Q(extended_at__lt=since))


def adjustment_in_flight(attempt_id: str) -> bool:
    """True while the PSP has been asked to hold a reservation for longer, and has still to say whether it does."""
    made = ProviderCall.objects.filter(owner_id=attempt_id, kind=CallKind.ADJUST)
    return made.filter(look_at__isnull=False).exists()


def told_of(attempt_id: str, kind: CallKind, modification: str) -> ProviderCall | None:
    """Our call of this kind that a PSP's notification is about: by its id of it, else the one it has none for."""
    made = ProviderCall.objects.filter(owner_id=attempt_id, kind=kind).order_by("pk")
    named = made.filter(raw__modification=modification).first()
    return named or made.filter(look_at__isnull=False).exclude(raw__has_key="modification").first()


def reversal(attempt_id: str) -> ProviderCall | None:
    """The last reversal that an attempt's PSP was asked for, whatever came of it."""
    return ProviderCall.objects.filter(owner_id=attempt_id, kind=CallKind.REVERSE).order_by("pk").last()


def reversal_named(attempt_id: str, modification: str) -> ProviderCall | None:
    """The reversal of an attempt that its PSP knows by this id."""
    made = ProviderCall.objects.filter(owner_id=attempt_id, kind=CallKind.REVERSE)
    return made.filter(raw__modification=modification).first() if modification else None


def capture_in_flight(attempt_id: str) -> Capture | None:
    """The capture of an attempt whose outcome is not known yet."""
    return Capture.objects.filter(attempt_id=attempt_id, status__in=("sent", "pending", "unknown")).first()


def cancel_in_flight(attempt: PaymentAttempt) -> bool:
    """True while the PSP has taken a cancel on and has still to say what came of it, or a reversal may be under way.

    Also for an hour after it could not stop a payment that waits for its customer: asking again would not help.
    """
    undo = reversal(attempt.pk)
    if undo is not None and undo.verdict not in (Verdict.DECLINED, Verdict.UNAVAILABLE):
        return True
    made = ProviderCall.objects.filter(owner_id=attempt.pk, kind=CallKind.CANCEL)
    if made.filter(verdict=Verdict.PENDING, raw__has_key="modification").exists():
        return True
    lately = made.filter(verdict=Verdict.DECLINED, sent_at__gte=clock.now() - timedelta(hours=1))
    return attempt.status == AttemptStatus.ACTION_REQUIRED and lately.exists()


def capture_told_of(attempt: PaymentAttempt, reference: str, modification: str) -> Capture | None:
    """The capture that a PSP's notification is about: by our own id, by the PSP's, else the only one there can be."""
    rows = list(Capture.objects.filter(attempt=attempt).order_by("pk"))
    made = dict(ProviderCall.objects.filter(pk__in=[row.call_id for row in rows]).values_list("pk", "raw"))
    known = {row.pk: made.get(row.call_id, {}).get("modification") for row in rows}
    for row in rows:
        if reference == row.pk or known[row.pk] == modification:
            return row
    nameless = [row for row in rows if known[row.pk] is None]
    return nameless[0] if len(nameless) == 1 else None


def capture_taken(attempt_id: str) -> Capture:
    """The capture by which an attempt's money was taken."""
    return Capture.objects.get(attempt_id=attempt_id, status=CaptureStatus.SUCCEEDED)


def capture_meant(attempt_id: str, amount: Money | None) -> Capture | None:
    """Our capture that a PSP's word of a capture is about: the one in flight, else one of this amount that failed."""
    found = capture_in_flight(attempt_id)
    if found is not None or amount is None:
        return found
    failed = Capture.objects.filter(attempt_id=attempt_id, status=CaptureStatus.FAILED)
    return failed.filter(amount_minor=money.to_minor(amount)).order_by("-id").first()


def call(call_id: str) -> ProviderCall:
    """A call to a PSP."""
    return ProviderCall.objects.get(pk=call_id)


def locked_call(call_id: str) -> ProviderCall:
    """A call to a PSP, locked until the end of the transaction."""
    return ProviderCall.objects.select_for_update().get(pk=call_id)


def able(held: Held, method: str, *, token: str, wanted: str | None, channel: str = "") -> frozenset[str]:
    """The codes of the accounts that take this payment with this method; refuses, and lists what would do, without one.

    A token is for the PSP that made it: no other one is asked with it.
    """
    country = held.order.country if held.order is not None else ""
    found = methods.offered(facts(held.intent, country, channel))
    fit = found.accounts(method)
    known = wanted is None or any(row.code == wanted for row in accounts.enabled())
    if not fit or not known or (wanted is not None and wanted not in fit):
        why = found.why_not(method, wanted or "") if known else f"there is no enabled account {wanted}"
        raise routing.PaymentMethodNotAvailable(
            f"{method} cannot be used here: {why}.",
            param="payment_method" if not fit else "payment_method.provider_account",
            available=[
                {"type": one.method.code, "provider_accounts": [account.code for account in one.accounts]}
                for one in found.fits
            ],
        )
    if token and (makers := accounts.makers(token)):
        fit = frozenset(code for code in fit if accounts.account(code).psp in makers)
        if not fit or (wanted is not None and wanted not in fit):
            raise routing.TokenOfAnotherProvider(
                f"This is a token of {' or '.join(sorted(makers))}.", param="payment_method.token"
            )
    return fit


def missing(
    held: Held, method: str, codes: Iterable[str], details: Mapping[str, Any], *, token: bool
) -> dict[str, list[str]]:
    """By account, in the order of their codes, what its PSP requires for a method and neither knows nor is given."""
    offers = {code: methods.offer(method, code) for code in sorted(codes)}
    asks = any(offer.requires or offer.each_time for offer in offers.values())
    known = methods.known(held.intent.customer) if asks else {}
    return {code: offer.missing(known, details, token=token) for code, offer in offers.items()}


def facts(row: PaymentIntent, country: str, channel: str = "") -> Facts:
    """What is to be paid, as far as it decides which methods fit."""
    return Facts(
        amount=row.amount_minor,
        currency=row.currency,
        country=country,
        channel=channel,
        manual_capture=row.capture_method == "manual",
    )


ARMS: Final = f"""
    SELECT rule_arm, count(*), count(*) FILTER (WHERE approved)
      FROM (SELECT rule_arm, bool_or(status IN ('authorized', 'captured', 'capture_failed', 'voided')) AS approved,
                   bool_or(status IN ({", ".join(f"'{status}'" for status in LIVE)})) AS alive
              FROM payments_paymentattempt WHERE rule_id = %s AND created_at >= %s GROUP BY intent_id, rule_arm) AS paid
     WHERE NOT alive GROUP BY rule_arm
"""  # noqa: S608  states of ours


SUCCESSES: Final = f"""
    SELECT method, CASE WHEN grouping(country) = 1 THEN '' ELSE country END, count(*), count(*) FILTER (WHERE paid)
      FROM (SELECT a.method, coalesce(nullif(o.country, ''), c.country, '') AS country,
                   a.status IN ('authorized', 'captured')
                   OR (a.status IN ('voided', 'expired') AND a.authorized_at IS NOT NULL) AS paid
              FROM payments_paymentattempt a
              JOIN payments_paymentintent i ON i.id = a.intent_id
              LEFT JOIN payments_order o ON o.id = i.order_id
              LEFT JOIN payments_customer c ON c.id = i.customer_id
             WHERE a.id >= %s AND NOT a.off_session AND a.saved_method_id IS NULL
               AND a.status NOT IN ('failed', {", ".join(f"'{status}'" for status in LIVE)})) AS tried
     GROUP BY GROUPING SETS ((method, country), (method))
    HAVING grouping(country) = 1 OR country <> ''
"""  # noqa: S608  states of ours


def successes(since: datetime) -> list[tuple[str, str, int, int]]:
    """How often a method was tried since then, and paid with: (method, country, tried, paid), "" for all countries.

    Counted is what a customer chose who was there, once it has come to an end: not what was charged without them, or
    with what they had saved, nor what never reached a PSP. A reservation that was released later was a success; a debit
    that came back, or what the customer walked away from, was none.
    """
    with connection.cursor() as cursor:
        cursor.execute(SUCCESSES, [ids.uuid7(since)])
        return [(method, country, tried, paid) for method, country, tried, paid in cursor.fetchall()]


COMPARED: Final = timedelta(days=1)
"""A rule is compared over its last day: what was good in spring says nothing of today."""


def arms(rule: RoutingRule) -> tuple[policy.Arm, policy.Arm]:
    """What became of the payments of the last day that an active rule has routed, and of those that it spared."""
    since = clock.now() - COMPARED
    with connection.cursor() as cursor:
        cursor.execute(ARMS, [rule.pk, max(since, rule.activated_at or since)])
        found = {arm: policy.Arm(tried=tried, approved=approved) for arm, tried, approved in cursor.fetchall()}
    return found.get(routing.RULE, policy.Arm()), found.get(routing.CONTROL, policy.Arm())
