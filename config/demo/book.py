"""The platform's rows against the simulator's book of truth, object by object."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from payments.gateway.models import ProviderCall
from payments.intents.models import Capture
from refunds.models import Refund

Moved = tuple[str, str, int]
"""Our id of what moved money, its currency, and how much in the PSP's units (the ISO minor units, for most)."""


def differences(book: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the PSP moved and we did not record, and the other way round; empty when both say the same.

    Payments are compared by attempt, refunds by refund, through the references that we sent along; a refund that a
    reversal turned out to be by the PSP's own.
    """
    lines = list(book)
    theirs = Counter([*_payments(lines), *_refunds(lines)])
    ours = Counter([*_our_captures(), *_our_refunds()])
    missing = [
        f"the PSP moved {amount} {currency} for {reference}, we have no such row"
        for reference, currency, amount in (theirs - ours).elements()
    ]
    extra = [
        f"we booked {amount} {currency} for {reference}, the PSP has no such object"
        for reference, currency, amount in (ours - theirs).elements()
    ]
    return [*missing, *extra]


def _payments(lines: list[Mapping[str, Any]]) -> Iterable[Moved]:
    for line in lines:
        if line["object"] == "payment" and line["amount_captured"]:
            yield _reference(line, "attempt"), line["currency"].upper(), line["amount_captured"]


def _refunds(lines: list[Mapping[str, Any]]) -> Iterable[Moved]:
    for line in lines:
        if line["object"] == "refund" and line["status"] == "succeeded":
            reference = _reference(line, "refund")
            known = line["id"] if reference.startswith("att_") else reference
            yield known, line["currency"].upper(), line["amount"]


def _reference(line: Mapping[str, Any], name: str) -> str:
    """Our id: among the metadata, or as the merchant's reference; the PSP's own when it was made outside."""
    return str(line["reference"].get(name) or line.get("merchant_reference") or line["id"])


def _our_captures() -> Iterable[Moved]:
    for row in Capture.objects.filter(status="succeeded"):
        yield row.attempt_id, row.currency, row.amount_minor


def _our_refunds() -> Iterable[Moved]:
    reversals = set(ProviderCall.objects.filter(kind="reverse").values_list("pk", flat=True))
    for row in Refund.objects.filter(status="succeeded").exclude(origin="bank"):
        by_theirs = row.origin == "outside" or row.call_id in reversals
        yield row.provider_reference if by_theirs else row.pk, row.currency, row.amount_minor
