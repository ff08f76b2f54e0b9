"""Synthetic payments at PSPs' test environments: at which account, and how they are told from payments."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from payments.connectors.base import Authorize, Cancel, Outcome
from payments.gateway import accounts
from payments.gateway.models import ProviderAccount, Psp
from payments.kernel import unit

PREFIX: Final = "cnr"
"""Ids of canaries begin so: a PSP's notification that carries one is about no payment of ours."""

CARDS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    Psp.STRIPE: ("pm_card_visa", {}),
    Psp.ADYEN: (
        "",
        {
            "encryptedCardNumber": "test_4111111111111111",
            "encryptedExpiryMonth": "test_03",
            "encryptedExpiryYear": "test_2030",
            "encryptedSecurityCode": "test_737",
            "holderName": "Canary",
        },
    ),
}
"""Test cards that are approved: a token, and what the PSP's fields would give (docs.stripe.com/testing, docs.adyen.com,
test card numbers)."""


def through() -> Mapping[str, str]:
    """Account -> the account at whose test environment its canary pays.

    A test account stands for itself, but not in production; a live one has a canary where CANARIES names a test account
    for it, and never pays itself.
    """
    named: Mapping[str, str] = settings.CANARIES
    rows = {code: accounts.account(code) for code in accounts.codes()}
    found = {code: other for code, other in named.items() if code in rows and other in rows}
    if not settings.PRODUCTION:
        own = {code: code for code, row in rows.items() if row.enabled and code not in named.values()}
        found = own | found
    return {code: other for code, other in found.items() if not rows[other].livemode}


def is_one(reference: str) -> bool:
    """True when what a PSP tells is about a canary."""
    return reference.startswith(f"{PREFIX}_")


def card(row: ProviderAccount) -> dict[str, Any]:
    """A card that the account's test environment approves, as `Authorize` wants it."""
    token, details = CARDS[row.psp]
    return {"token": token, "details": details}


def authorize(row: ProviderAccount, request: Authorize) -> Outcome:
    """Reserve, past the circuits and the records of calls: what happens here says nothing of payments."""
    unit.refuse_open_transaction("a canary")
    return accounts.connector(row, interactive=True).authorize(request)


def cancel(row: ProviderAccount, request: Cancel) -> Outcome:
    """Release it."""
    unit.refuse_open_transaction("a canary")
    return accounts.connector(row, interactive=True).cancel(request)
