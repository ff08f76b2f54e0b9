"""What Stripe says of a payout: how it stands, and whether its itemised report can be asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from payments.connectors.settlements import Announced, FileKind, PayoutNews
from payments.connectors.stripe import mapping
from payments.kernel import money

Json = Mapping[str, Any]

REPORT: Final = "payout_reconciliation.itemized.5"

STATUSES: Final = {
    **dict.fromkeys(("pending", "in_transit"), "announced"),
    **{status: status for status in ("paid", "failed", "canceled")},
}


def news(payout: Json) -> PayoutNews:
    """How a payout stands. `mapping.UnreadableError` when it does not say."""
    status = mapping.text(payout, "status")
    if status not in STATUSES:
        raise mapping.UnreadableError("the payout has a status that is not known")
    amount = mapping.from_stripe(payout.get("amount"), payout.get("currency"))
    because = [mapping.optional(payout, name) for name in ("failure_code", "failure_message")]
    return PayoutNews(
        reference=mapping.text(payout, "id"),
        status=STATUSES[status],
        currency=amount.currency.code,
        amount_minor=money.to_minor(amount),
        automatic=payout.get("automatic") is True,
        created_at=made_at(payout),
        arrives_on=_moment(payout.get("arrival_date")).date() if payout.get("arrival_date") else None,
        trace=mapping.optional(mapping.part(payout, "trace_id"), "value"),
        detail=": ".join(filter(None, because))[:300],
    )


def is_itemised(payout: Json) -> bool:
    """Whether Stripe says what a payout is made of: an automatic one, once it is sorted."""
    return payout.get("automatic") is True and payout.get("reconciliation_status") == "completed"


def announced(payout: Json) -> Announced:
    """The itemised report of a payout, which can be asked for."""
    said = news(payout)
    return Announced(
        reference=said.reference,
        kind=FileKind.PAYOUT,
        name=f"payout_reconciliation_{said.reference}.csv",
        day=said.arrives_on,
        currency=said.currency,
        total_minor=said.amount_minor,
    )


def made_at(payout: Json) -> datetime:
    """When it was made. `mapping.UnreadableError` when it does not say."""
    return _moment(payout.get("created"))


def _moment(seconds: object) -> datetime:
    found = mapping.moment(seconds)
    if found is None:
        raise mapping.UnreadableError("a payout does not say when")
    return found
