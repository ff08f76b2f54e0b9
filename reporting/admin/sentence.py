"""What happened to a payment, in the words that support says on the phone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.states import AttemptStatus, IntentStatus
from payments.kernel import money
from refunds.models import Refund
from refunds.states import IN_FLIGHT, RefundStatus

WHY_FAILED: Final[Mapping[str, tuple[Any, Any]]] = {
    "amount_not_supported": (
        gettext_lazy("because the provider cannot send this amount"),
        gettext_lazy("Ask for an amount that it can send."),
    ),
    "refund_method_closed": (
        gettext_lazy("because the card or account is closed"),
        gettext_lazy("Ask the customer for another way to be paid back."),
    ),
    "refund_balance_insufficient": (
        gettext_lazy("because our balance at the provider was too low"),
        gettext_lazy("Tell finance, then ask for the refund again."),
    ),
    "refund_payment_disputed": (
        gettext_lazy("because the customer disputes the payment with their bank"),
        gettext_lazy("Do not refund: the dispute decides about the money."),
    ),
    "refund_exceeds_payment": (
        gettext_lazy("because the provider says that more would go back than was paid"),
        gettext_lazy("Tell the payments engineers before trying again."),
    ),
    "transfer_returned": (
        gettext_lazy("because the customer's bank sent the transfer back"),
        gettext_lazy("Ask the customer for the right account and tell finance."),
    ),
    "refund_declined": (
        gettext_lazy("because the bank refused it"),
        gettext_lazy("Try once more later, or agree on another way with the customer."),
    ),
}
"""Why a refund did not work, and what to do about it."""

_OTHERWISE: Final = gettext_lazy("Tell the payments engineers.")


def why_failed(refund: Refund) -> str:
    """Why a refund failed or came back, and what to do: `because the bank refused it. Try once more later.`"""
    code = refund.failure_reason
    known = WHY_FAILED.get(code)
    why, advice = known or (_("because %(why)s") % {"why": code.replace("_", " ") or _("nobody said why")}, _OTHERWISE)
    return f"{why}. {advice}"


def told(intent: PaymentIntent, attempt: PaymentAttempt | None, refunds: Sequence[Refund]) -> str:
    """The whole story in one to three sentences; `attempt` is the one that the intent shows."""
    return " ".join(part for part in (_paid(intent, attempt), *_given_back(intent, refunds)) if part)


def error(intent: PaymentIntent) -> str:
    """Why the last try came to nothing, and what the customer was told; "" when there is no error."""
    found = intent.last_payment_error
    if not found:
        return ""
    code = shown.within(shown.said(str(found.get("decline_code") or found.get("code") or "")))
    said = {"why": code, "told": found.get("customer_message")}
    if said["told"]:
        return _("The last try failed: %(why)s. The customer was told: “%(told)s”") % said
    return _("The last try failed: %(why)s.") % said


def method(attempt: PaymentAttempt | None) -> str:
    """Visa •4242, card, or the method's own name."""
    if attempt is None:
        return ""
    if attempt.card_last4:
        brand = attempt.card_brand.replace("_", " ").title() or _("card")
        return f"{brand} •{attempt.card_last4}"
    return _("card") if attempt.method == "card" else shown.method(attempt.method)


def status(row: PaymentIntent) -> str:
    """How it stands, as agents say it: what has gone back is not just paid."""
    if not row.amount_refunded_minor or row.status != IntentStatus.SUCCEEDED:
        return shown.status(row.status)
    if row.amount_refunded_minor < row.amount_captured_minor:
        return shown.status("partially_refunded", _("Partly refunded"))
    return shown.status("refunded", _("Refunded"))


def _paid(intent: PaymentIntent, attempt: PaymentAttempt | None) -> str:
    said = {
        "amount": shown.amount_text(intent.amount),
        "method": method(attempt) or shown.NOTHING,
        "where": attempt.account.code if attempt is not None else shown.NOTHING,
    }
    match intent.status:
        case IntentStatus.SUCCEEDED:
            return _succeeded(intent, said)
        case IntentStatus.REQUIRES_CAPTURE:
            return _("%(amount)s are reserved by %(method)s at %(where)s, and not taken yet.") % said
        case IntentStatus.REQUIRES_ACTION:
            return (
                _("The customer must confirm %(amount)s by %(method)s with their bank first. Nothing was taken yet.")
                % said
            )
        case IntentStatus.PROCESSING:
            return _processing(attempt) % said
        case _:
            return _not_paid(intent, attempt) % said


def _succeeded(intent: PaymentIntent, said: dict[str, str]) -> str:
    taken, day = shown.amount_text(intent.amount_captured), _captured_at(intent)
    if intent.amount_captured_minor == intent.amount_minor:
        amount = taken
    else:
        amount = _("%(taken)s of %(amount)s") % {**said, "taken": taken}
    if day is None:
        return _("Paid %(amount)s by %(method)s, captured by %(where)s.") % {**said, "amount": amount}
    return _("Paid %(amount)s by %(method)s on %(day)s, captured by %(where)s.") % {
        **said, "amount": amount, "day": _day(day),
    }  # fmt: skip


def _processing(attempt: PaymentAttempt | None) -> str:
    if attempt is not None and attempt.status == AttemptStatus.UNKNOWN:
        return _(
            "Whether %(where)s took %(amount)s by %(method)s is not known yet; it is being asked."
            " Nobody should pay again."
        )
    return _("%(amount)s by %(method)s are on their way: %(where)s has the payment and will say what came of it.")


def _not_paid(intent: PaymentIntent, attempt: PaymentAttempt | None) -> str:
    match intent.status:
        case IntentStatus.REQUIRES_PAYMENT_METHOD if attempt is not None:
            return _("%(amount)s are not paid, and can be tried again.")
        case IntentStatus.REQUIRES_PAYMENT_METHOD:
            return _("%(amount)s are not paid yet.")
        case IntentStatus.REVERSED:
            return _(
                "%(amount)s had been taken by %(method)s, but the capture failed afterwards:"
                " %(where)s did not keep the money."
            )
        case IntentStatus.CANCELED:
            return _("The payment of %(amount)s was canceled.")
        case _:
            return _("The payment of %(amount)s was not made in time.")


def _on_the_way(intent: PaymentIntent, refunds: Sequence[Refund]) -> list[str]:
    """What has not come to anything: what waits for people is not on its way."""
    said, left = [], intent.amount_refunding_minor
    for status, words in (
        (RefundStatus.NEEDS_APPROVAL, _("%(amount)s are to go back, when a second person has approved it.")),
        (RefundStatus.HELD, _("%(amount)s go back in a moment, and can still be taken back.")),
    ):
        minor = sum(row.amount_minor for row in refunds if row.status == status)
        if minor:
            said.append(words % {"amount": shown.amount_text(money.from_minor(minor, intent.currency))})
        left -= minor
    if left > 0:
        amount = shown.amount_text(money.from_minor(left, intent.currency))
        said.append(_("%(amount)s are on their way back.") % {"amount": amount})
    return said


def _given_back(intent: PaymentIntent, refunds: Sequence[Refund]) -> list[str]:
    said = []
    if intent.amount_refunded_minor:
        said.append(_gone(intent, refunds))
    said += _on_the_way(intent, refunds)
    came_back = [row for row in refunds if row.status == RefundStatus.BOUNCED]
    if came_back:
        why = {"why": why_failed(came_back[-1])}
        said.append(_("A refund came back, the customer did not get it, %(why)s") % why)
    failed = [row for row in refunds if row.status in (RefundStatus.FAILED, RefundStatus.CANCELED_AT_PSP)]
    if failed and not any(row.status in IN_FLIGHT for row in refunds):
        said.append(_failed(failed))
    if intent.over_returned:
        said.append(_("More went back than was taken."))
    return said


def _gone(intent: PaymentIntent, refunds: Sequence[Refund]) -> str:
    """How much went back, and when the last of it did."""
    days = [row.settled_at for row in refunds if row.status == RefundStatus.SUCCEEDED and row.settled_at]
    said = {"amount": shown.amount_text(intent.amount_refunded), "day": _day(max(days)) if days else ""}
    if intent.amount_refunded_minor == intent.amount_captured_minor:
        return (_("All of it went back on %(day)s.") if days else _("All of it went back.")) % said
    return (_("%(amount)s went back on %(day)s.") if days else _("%(amount)s went back.")) % said


def _failed(refunds: Sequence[Refund]) -> str:
    """How many failed, and why the newest of them did."""
    last = refunds[-1]
    said = {"amount": shown.amount_text(last.amount), "why": why_failed(last), "advice": _OTHERWISE}
    if last.status == RefundStatus.CANCELED_AT_PSP:
        words = _("A refund of %(amount)s was canceled at the provider. %(advice)s") % said
    else:
        words = _("A refund of %(amount)s failed, %(why)s") % said
    if len(refunds) == 1:
        return words
    return _("%(count)s refunds failed. The last: %(last)s") % {"count": len(refunds), "last": words}


def _captured_at(intent: PaymentIntent) -> datetime | None:
    return max((row.captured_at for row in intent.captures.all() if row.captured_at), default=None)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %b %Y}"
