"""The provider accounts of development and tests, and the secrets that they share with the simulator."""

import dataclasses
import json
import secrets


@dataclasses.dataclass(frozen=True)
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


ACCOUNTS = (
    Account("stripe-us", psp="stripe", country="US", currency="usd"),
    Account("stripe-eu", psp="stripe", country="NL", currency="eur"),
)


EVENTS = [
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refund.updated",
]
"""What a webhook endpoint at Stripe subscribes to: what is acted upon, and nothing that is only stored."""


def new_secrets() -> dict[str, str]:
    """Fresh secrets of every account, by environment variable."""
    made = {}
    for account in ACCOUNTS:
        made[account.variable("API_KEY")] = f"sk_test_{secrets.token_hex(24)}"
        made[account.variable("PUBLISHABLE_KEY")] = f"pk_test_{secrets.token_hex(24)}"
        made[account.variable("WEBHOOK_SECRET")] = f"whsec_{secrets.token_hex(24)}"
    return made


def for_simulator(known: dict[str, str], *, platform: str) -> str:
    """SIMULATOR_ACCOUNTS: what the simulator has to know to act as these accounts.

    Their notifications go to `platform`, an address, or nowhere when it is "".
    """
    return json.dumps(
        [
            dataclasses.asdict(account)
            | {
                "api_key": known[account.variable("API_KEY")],
                "publishable_key": known[account.variable("PUBLISHABLE_KEY")],
                "events": EVENTS,
                "webhook_secret": known[account.variable("WEBHOOK_SECRET")],
                "webhook_url": account.webhook_url(platform) if platform else "",
            }
            for account in ACCOUNTS
        ]
    )
