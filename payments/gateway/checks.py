"""Proving an account's credentials and settings with harmless questions to its PSP."""

from collections.abc import Iterator
from typing import Final

from payments.connectors.adyen import checks as adyen
from payments.connectors.checks import Finding
from payments.connectors.stripe import checks as stripe
from payments.gateway import accounts
from payments.gateway.models import ProviderAccount, Psp
from payments.kernel import unit
from payments.kernel.errors import Bug

SECRETS: Final = {
    Psp.STRIPE: ("API_KEY", "PUBLISHABLE_KEY", "WEBHOOK_SECRET"),
    Psp.ADYEN: ("API_KEY", "CLIENT_KEY", "HMAC_KEY", "MERCHANT_ACCOUNT"),
}
LIVE_SECRETS: Final = {Psp.STRIPE: (), Psp.ADYEN: ("LIVE_PREFIX",)}
"""What an account has besides when real money moves at the PSP itself."""


def check(account: ProviderAccount) -> Iterator[Finding]:
    """Each finding as it is made. What the environment lacks is said, and then nothing is asked."""
    unit.refuse_open_transaction("a question to a PSP")
    psp, base_url = Psp(account.psp), account.base_url or None
    names = (*SECRETS[psp], *(LIVE_SECRETS[psp] if account.livemode and not base_url else ()))
    known: dict[str, tuple[str, ...]] = {}
    for name in names:
        try:
            known[name] = accounts.secret(account.code, name)
        except Bug as missing:
            yield Finding("environment", right=False, says=str(missing))
    if len(known) < len(names):
        return
    if psp is Psp.STRIPE:
        yield from stripe.findings(
            api_key=known["API_KEY"][0],
            publishable_key=known["PUBLISHABLE_KEY"][0],
            webhook_secrets=known["WEBHOOK_SECRET"],
            base_url=base_url,
            livemode=account.livemode,
        )
    else:
        given = adyen.Given(
            api_key=known["API_KEY"][0],
            client_key=known["CLIENT_KEY"][0],
            hmac_keys=known["HMAC_KEY"],
            merchant_account=known["MERCHANT_ACCOUNT"][0],
            base_url=base_url,
            live_prefix=known.get("LIVE_PREFIX", ("",))[0],
            region=account.region,
            livemode=account.livemode,
            report_user=accounts.report_user(account.code),
        )
        yield from adyen.findings(given)
