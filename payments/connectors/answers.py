"""What every connector does with an answer, and with its absence."""

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
from moneyed import Money

from payments.connectors import http
from payments.connectors.base import Outcome, Verdict
from payments.connectors.declines import DECLINES
from payments.kernel import money, redaction


class NothingToldYet(Exception):
    """What would tell of this time is not there; it may come later, and that it does not come proves nothing."""


def content(answer: http.Answer) -> dict[str, Any]:
    """The JSON object in an answer, empty when there is none: a proxy's page, a cut body."""
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def scaled(value: int, currency: str, decimals: int) -> Money | None:
    """What a PSP means by an integer in a currency to which it gives so many decimals; None when it is no money."""
    said = Money(Decimal(value).scaleb(-decimals), currency)
    try:
        money.to_minor(said)
    except money.AmountInvalid:
        return None
    return said


def issuer(bank: object, *digits: object) -> str:
    """What we know an issuer by: the bank's name as the PSP tells it, else the first six digits of the card.

    Six and the last four may be kept of a card's number (PCI DSS 3.4.1); of more digits six are taken. "" when neither
    is told, or the name is none: its first sign is a letter, and no digits follow one another as in a card's number.
    """
    name = " ".join(bank.upper().split())[:40] if isinstance(bank, str) else ""
    if name[:1].isalpha() and redaction.text(name) == name:
        return name
    told = (one[:6] for one in digits if isinstance(one, str) and one.isascii() and one.isdecimal())
    return next((one for one in told if len(one) == 6), "")


def refused_here(code: str, detail: str) -> Outcome:
    """Nothing was sent: the PSP could not do it."""
    return Outcome(verdict=Verdict.DECLINED, decline=DECLINES[code], detail=detail)


def learned(ask: Callable[[], Outcome], failed: Callable[[http.FailedError], Outcome]) -> Outcome:
    """What `ask` learns, or what its failure proves, and how long that took."""
    started = time.monotonic()
    try:
        with http.question():
            outcome = ask()
    except http.FailedError as failure:
        outcome = failed(failure)
    except money.AmountInvalid as invalid:
        outcome = refused_here("amount_not_supported", invalid.detail)
    return replace(outcome, latency_ms=round((time.monotonic() - started) * 1000))
