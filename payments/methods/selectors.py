"""What can be paid with now: the catalogue, held against the provider accounts as this process knows them."""

from dataclasses import replace
from typing import Any

from payments.gateway import accounts, switches
from payments.gateway.models import ProviderAccount, SwitchKind
from payments.methods import catalogue, eligibility, shapes
from payments.methods.catalogue import Offer
from payments.methods.eligibility import Facts, Offered
from payments.orders import selectors as orders
from payments.orders.services import CustomerUnknown


def offered(facts: Facts) -> Offered:
    """What fits these facts, less what is switched off; no query, unless accounts or switches are read again."""
    off = switches.off(SwitchKind.METHOD)
    known = [_account(row, facts.currency) for row in accounts.enabled()]
    if facts.country in switches.off(SwitchKind.COUNTRY):
        known = []
    found = eligibility.offered(facts, known, {code: one for code, one in catalogue.METHODS.items() if code not in off})
    found.reasons.update(dict.fromkeys(off, "it is switched off"))
    return found


def _account(row: ProviderAccount, currency: str) -> eligibility.Account:
    return eligibility.Account(
        code=row.code,
        psp=row.psp,
        countries=frozenset(row.countries),
        currencies=frozenset(row.currencies),
        says=accounts.connector(row).can_say(currency),
    )


def offer(method: str, account_id: str) -> Offer:
    """How the PSP of an account (by id or code) takes a method."""
    return catalogue.offer(method, accounts.account(account_id).psp)


def available(facts: Facts, *, customer: str | None, locale: str, client_id: str) -> dict[str, Any]:
    """What fits, as clients see it; a customer's country and language count where none are said.

    `CustomerUnknown` when the customer is not this client's.
    """
    if customer is not None:
        known = orders.customers_of(client_id).filter(pk=customer).first()
        if known is None:
            raise CustomerUnknown(f"There is no customer {customer}.", param="customer")
        facts, locale = replace(facts, country=facts.country or known.country), locale or known.locale
    found = offered(facts)
    codes = {account.code for fit in found.fits for account in fit.accounts}
    return shapes.available(found, {code: _public(code) for code in codes}, locale=locale)


def _public(code: str) -> dict[str, str]:
    """What a client needs to make a token with an account: public values only."""
    return dict(accounts.connector(accounts.account(code)).client_options())


def client_options(found: Offered) -> list[dict[str, Any]]:
    """What fits, the other way round: per provider account its PSP, the methods it takes, and its public values."""
    taken: dict[str, tuple[str, list[str]]] = {}
    for fit in found.fits:
        for account in fit.accounts:
            taken.setdefault(account.code, (account.psp, []))[1].append(fit.method.code)
    return [
        {"provider_account": code, "psp": psp, "methods": methods, "public": _public(code)}
        for code, (psp, methods) in sorted(taken.items())
    ]
