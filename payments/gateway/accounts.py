"""From a provider account's row to the connector that speaks for it."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.conf import settings
from django.db import DatabaseError

from payments.connectors import base, http
from payments.connectors.adyen import connector as adyen
from payments.connectors.stripe import connector as stripe
from payments.gateway import limits
from payments.gateway.models import ProviderAccount, Psp
from payments.kernel import meters, unit
from payments.kernel.errors import Bug, Refusal

CACHE_SECONDS: Final = 5.0
"""How long a process may go on with an account's row as it was: a switch off works within this time."""

REPORT_USER: Final = "REPORT_USER"
"""Who fetches an account's reports at Adyen: `user:password`."""

http.before_request = unit.refuse_open_transaction
http.after_request = meters.waited


class ProviderAccountUnknown(Refusal):
    """There is no provider account with this code, or it is switched off."""

    code, status = "provider_account_unknown", 422


class _Accounts:
    """All accounts by code and by id, read again after a few seconds."""

    def __init__(self) -> None:
        self._read_at = -CACHE_SECONDS
        self._rows: dict[str, ProviderAccount] = {}

    def rows(self) -> dict[str, ProviderAccount]:
        if time.monotonic() - self._read_at > CACHE_SECONDS:
            rows = list(ProviderAccount.objects.select_related("legal_entity").order_by("code"))
            self._rows = {key: row for row in rows for key in (row.code, row.pk)}
            self._read_at = time.monotonic()
        return self._rows

    def forget(self) -> None:
        self._read_at = -CACHE_SECONDS


_accounts = _Accounts()


def forget() -> None:
    """Read the accounts anew at the next question."""
    _accounts.forget()


def account(code: str) -> ProviderAccount:
    """The account with this code or id; `ProviderAccountUnknown` when there is none."""
    try:
        return _accounts.rows()[code]
    except KeyError:
        raise ProviderAccountUnknown(f"There is no provider account {code!r}.", param="provider_account") from None


def codes() -> Sequence[str]:
    """Every account there is, by code."""
    return [code for code, row in _accounts.rows().items() if code == row.code]


def name_of(account_id: str) -> str:
    """The code by which figures tell this account apart; `other` where nobody can say, and nothing is raised."""
    try:
        return account(account_id).code
    except (ProviderAccountUnknown, DatabaseError):
        return meters.OTHER


def enabled() -> Sequence[ProviderAccount]:
    """The accounts that take new payments, by code."""
    tested = settings.CANARIES.values()  # accounts that only canaries pay at
    return [row for code, row in _accounts.rows().items() if code == row.code and row.enabled and code not in tested]


def connector(row: ProviderAccount, *, interactive: bool = True, region: str | None = None) -> base.Connector:
    """The connector for an account; `interactive` calls give up sooner than background ones.

    A repetition names the `region` that its first request went to; else it is the account's.
    """
    there = row.region if region is None else region
    rates = limits.rates(row)
    return _connector(
        _Way(row.psp, row.code, row.base_url, there, livemode=row.livemode, rates=rates), interactive=interactive
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """What leads from an account's row to its PSP."""

    psp: str
    code: str
    base_url: str
    region: str
    livemode: bool
    rates: limits.Rates


@cache
def _connector(way: _Way, *, interactive: bool) -> base.Connector:
    match way.psp:
        case Psp.STRIPE:
            return stripe.StripeConnector(_stripe(way, interactive=interactive))
        case Psp.ADYEN:
            return adyen.AdyenConnector(_adyen(way, interactive=interactive))
        case _:
            raise Bug(f"no connector for the PSP {way.psp!r}")


def _stripe(way: _Way, *, interactive: bool) -> stripe.Settings:
    return stripe.Settings(
        account=way.code,
        api_key=secret(way.code, "API_KEY")[0],
        publishable_key=secret(way.code, "PUBLISHABLE_KEY")[0],
        webhook_secrets=secret(way.code, "WEBHOOK_SECRET"),
        base_url=way.base_url or None,
        livemode=way.livemode,
        interactive=interactive,
        gate=limits.gate(way.code, way.rates, interactive=interactive),
    )


def _adyen(way: _Way, *, interactive: bool) -> adyen.Settings:
    """A live account speaks to an address of its own, which its prefix is the beginning of."""
    live = way.livemode and not way.base_url
    return adyen.Settings(
        account=way.code,
        api_key=secret(way.code, "API_KEY")[0],
        client_key=secret(way.code, "CLIENT_KEY")[0],
        hmac_keys=secret(way.code, "HMAC_KEY"),
        merchant_account=secret(way.code, "MERCHANT_ACCOUNT")[0],
        live_prefix=secret(way.code, "LIVE_PREFIX")[0] if live else "",
        region=way.region,
        report_user=report_user(way.code),
        base_url=way.base_url or None,
        livemode=way.livemode,
        interactive=interactive,
        gate=limits.gate(way.code, way.rates, interactive=interactive),
    )


def report_user(code: str) -> str:
    """Who fetches the account's reports, "" when nobody does: payments need none."""
    return secret(code, REPORT_USER)[0] if os.environ.get(variable(code, REPORT_USER)) else ""


def makers(token: str) -> frozenset[str]:
    """The PSPs with an enabled account whose tokens look like this one."""
    return frozenset(row.psp for row in enabled() if connector(row).made(token))


def teller(psp: str) -> type[base.Connector]:
    """Whose `keeps_events` and `tells_daily` say how a PSP can be asked for what has happened; and if it `reverses`."""
    match psp:
        case Psp.STRIPE:
            return stripe.StripeConnector
        case Psp.ADYEN:
            return adyen.AdyenConnector
        case _:
            raise Bug(f"no connector for the PSP {psp!r}")


def variable(code: str, name: str) -> str:
    """The environment variable of an account's secret: `stripe-us` and `API_KEY` are `STRIPE_US_API_KEY`."""
    return f"{code.upper().replace('-', '_')}_{name}"


def secret(code: str, name: str) -> tuple[str, ...]:
    """An account's secret from the environment, all values during a rotation.

    Two values are separated by a comma, which none may contain.
    """
    wanted = variable(code, name)
    values = tuple(value.strip() for value in os.environ.get(wanted, "").split(",") if value.strip())
    if not values:
        raise Bug(f"the environment has no {wanted}")
    of_a_test = any("_test_" in value or value.startswith("test_") for value in values)
    if settings.PRODUCTION and of_a_test and code not in settings.CANARIES.values():
        raise Bug(f"{wanted} is a test key in production")
    return values
