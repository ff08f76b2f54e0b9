"""The provider accounts of development and tests, and the secrets that they share with the simulator."""

import json
import secrets
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Account:
    """One account at a PSP as an installation without real ones has it."""

    code: str
    psp: str
    country: str
    currency: str

    def variable(self, name: str) -> str:
        """The environment variable of one of its secrets, STRIPE_US_API_KEY."""
        return f"{self.code.upper().replace('-', '_')}_{name}"

    def webhook_url(self, platform: str) -> str:
        """Where the PSP sends this account's notifications."""
        return f"{platform}/webhooks/{self.psp}/{self.code}"


ACCOUNTS: Final = (
    Account("stripe-us", psp="stripe", country="US", currency="usd"),
    Account("stripe-eu", psp="stripe", country="NL", currency="eur"),
    Account("adyen-eu", psp="adyen", country="NL", currency="eur"),
    Account("adyen-apac", psp="adyen", country="SG", currency="sgd"),
)

REAL_ONLY: Final = tuple(account.variable("LIVE_PREFIX") for account in ACCOUNTS if account.psp == "adyen")
"""What a real account has besides, and one at the simulator has not: where it answers."""

STRIPE_EVENTS: Final = [
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "radar.early_fraud_warning.created",
    "radar.early_fraud_warning.updated",
    "charge.refund.updated",
    "payment_method.updated",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payout.created",
    "payout.updated",
    "payout.paid",
    "payout.failed",
    "payout.canceled",
    "payout.reconciliation_completed",
    "reporting.report_run.succeeded",
]
"""What a webhook endpoint at Stripe subscribes to: what is acted upon, and nothing that is only stored."""


def new_secrets() -> dict[str, str]:
    """Fresh secrets of every account, by environment variable."""
    return {
        account.variable(name): value
        for account in ACCOUNTS
        for name, value in (_of_stripe() if account.psp == "stripe" else _of_adyen(account)).items()
    }


def _of_stripe() -> dict[str, str]:
    return {
        "API_KEY": f"sk_test_{secrets.token_hex(24)}",
        "PUBLISHABLE_KEY": f"pk_test_{secrets.token_hex(24)}",
        "WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
    }


def _of_adyen(account: Account) -> dict[str, str]:
    """The HMAC key is hexadecimal, as Adyen shows it; the merchant account is a name; who fetches reports has both."""
    return {
        "API_KEY": f"AQE{secrets.token_hex(24)}",
        "CLIENT_KEY": f"test_{secrets.token_hex(16).upper()}",
        "HMAC_KEY": secrets.token_hex(32).upper(),
        "MERCHANT_ACCOUNT": f"Countinghouse_{account.country}",
        "REPORT_USER": f"report@Company.Countinghouse:{secrets.token_hex(16)}",
    }


def for_simulator(known: dict[str, str], *, platform: str) -> str:
    """SIMULATOR_ACCOUNTS: what the simulator has to know to act as these accounts.

    Their notifications go to `platform`, an address, or nowhere when it is "".
    """
    return json.dumps([_told(account, known, platform) for account in ACCOUNTS])


def _told(account: Account, known: dict[str, str], platform: str) -> dict[str, object]:
    facts: dict[str, object] = {
        "code": account.code,
        "psp": account.psp,
        "country": account.country,
        "currency": account.currency,
        "api_key": known[account.variable("API_KEY")],
        "webhook_url": account.webhook_url(platform) if platform else "",
    }
    if account.psp == "adyen":
        return facts | {
            "publishable_key": known[account.variable("CLIENT_KEY")],
            "webhook_secret": known[account.variable("HMAC_KEY")],
            "settings": {
                "merchant_account": known[account.variable("MERCHANT_ACCOUNT")],
                "report_user": known[account.variable("REPORT_USER")],
                "accounting_report": True,
            },
        }
    return facts | {
        "publishable_key": known[account.variable("PUBLISHABLE_KEY")],
        "webhook_secret": known[account.variable("WEBHOOK_SECRET")],
        "events": STRIPE_EVENTS,
    }
