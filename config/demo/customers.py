"""Where the demo's customers come from, what they pay with at which provider account, and what they do then."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final


class Acts(Enum):
    """What a customer still has to do after the payment was asked for."""

    NOTHING = "nothing"
    AT_ONCE = "at_once"
    """Agrees on the page or in the app of their bank."""
    DAYS_LATER = "days_later"
    """Pays the voucher at a counter."""


@dataclass(frozen=True)
class Way:
    """One way to pay: a method at a provider account. Cards have no details here: `card` says whose they are."""

    account: str
    weight: int
    method: str = "card"
    details: Mapping[str, str] = field(default_factory=dict)
    acts: Acts = Acts.NOTHING


@dataclass(frozen=True)
class Market:
    """Where customers come from and what they pay in and with; `rate` units are one US dollar."""

    country: str
    currency: str
    rate: int
    weight: int
    ways: tuple[Way, ...]


MARKETS: Final = (
    Market("US", "USD", 100, 34, (Way("stripe-us", 90), Way("stripe-us", 10, "cashapp", acts=Acts.AT_ONCE))),
    Market(
        "NL",
        "EUR",
        93,
        20,
        (Way("adyen-eu", 50, "ideal", acts=Acts.AT_ONCE), Way("adyen-eu", 30), Way("stripe-eu", 20)),
    ),
    Market(
        "DE",
        "EUR",
        93,
        10,
        (
            Way("stripe-eu", 50, "sepa_debit", {"iban": "DE89370400440532013000", "holder_name": "Ada Lovelace"}),
            Way("adyen-eu", 50),
        ),
    ),
    Market("GB", "GBP", 79, 12, (Way("stripe-eu", 100),)),
    Market(
        "JP",
        "JPY",
        151,
        10,
        (Way("adyen-apac", 60), Way("adyen-apac", 40, "konbini", {"phone": "0312345678"}, Acts.DAYS_LATER)),
    ),
    Market("PL", "PLN", 380, 5, (Way("adyen-eu", 100, "blik", {"code": "777123"}, Acts.AT_ONCE),)),
    Market("BR", "BRL", 550, 4, (Way("stripe-us", 100, "pix", acts=Acts.AT_ONCE),)),
    Market("KW", "KWD", 310, 5, (Way("stripe-eu", 100),)),
)

FEES: Final = (
    ("stripe-us", "", "USD", "2.9", 30),
    ("stripe-us", "", "BRL", "3.9", 162),
    ("stripe-eu", "card", "EUR", "4.4", 25),
    ("stripe-eu", "card", "GBP", "5.4", 22),
    ("stripe-eu", "card", "KWD", "5.4", 89),
    ("stripe-eu", "", "EUR", "2.9", 25),
    ("adyen-eu", "card", "EUR", "1", 0),
    ("adyen-eu", "ideal", "EUR", "0", 25),
    ("adyen-eu", "blik", "PLN", "0.9", 106),
    ("adyen-apac", "card", "JPY", "1", 0),
    ("adyen-apac", "konbini", "JPY", "0.9", 45),
)
"""What the accounts charge: account, method, currency, percent, and a fixed amount in minor units. It is what the
simulator takes (docs/simulator.md): cards from the US at an account elsewhere, conversions included."""

PAID_IN_THE_END: Final = 0.8
"""The share of vouchers, and of customers at their bank's page, that are paid."""

TOKENS: Final = (
    ("pm_card_visa", 67),
    ("pm_card_mastercard", 18),
    ("pm_card_visa_chargeDeclined", 4),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", 5),
    ("pm_card_threeDSecure2Required", 3),
    ("pm_card_createDispute", 2),
    ("pm_card_createIssuerFraudRecord", 1),
)
"""Cards at Stripe: what happens, and how often in a hundred."""

HOLDERS: Final = (
    ("Ada Lovelace", 86),
    ("DECLINED", 4),
    ("NOT_ENOUGH_BALANCE", 5),
    ("CHARGEBACK_WON", 3),
    ("CHARGEBACK", 2),
)
"""Cards at Adyen, whose tests go by the name on the card."""


def card(account: str, chance: random.Random) -> dict[str, Any]:
    """What the account's card fields give for some customer's card: a token at Stripe, encrypted fields at Adyen."""
    if account.startswith("stripe"):
        return {"token": _one_of(TOKENS, chance)}
    return adyen_card(_one_of(HOLDERS, chance))


def good_card(account: str) -> dict[str, Any]:
    """The same for a card that is always approved."""
    return {"token": "pm_card_visa"} if account.startswith("stripe") else adyen_card("Ada Lovelace")


def adyen_card(holder: str) -> dict[str, Any]:
    """What Adyen's card fields give; a test value stands for its encrypted form."""
    return {
        "details": {
            "encryptedCardNumber": "test_4111111111111111",
            "encryptedExpiryMonth": "test_03",
            "encryptedExpiryYear": "test_2030",
            "encryptedSecurityCode": "test_737",
            "holderName": holder,
        }
    }


def _one_of(chances: tuple[tuple[str, int], ...], chance: random.Random) -> str:
    return chance.choices([what for what, _ in chances], [weight for _, weight in chances])[0]
