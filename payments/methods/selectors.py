"""What can be paid with now: the catalogue, held against the provider accounts as this process knows them."""

import time
from dataclasses import replace
from typing import Any, Final

from django.db.models import QuerySet

from payments.connectors.base import Shopper
from payments.gateway import accounts, switches
from payments.gateway.models import ProviderAccount, SwitchKind
from payments.kernel import invariants
from payments.methods import catalogue, eligibility, shapes
from payments.methods.catalogue import Offer
from payments.methods.eligibility import Facts, Offered
from payments.methods.models import MethodSuccess, Payer, PaymentMethod, PaymentMethodToken
from payments.orders import selectors as orders
from payments.orders.models import Customer
from payments.orders.services import CustomerUnknown

MEASURES_SECONDS: Final = 60.0
"""How long a process orders methods by what it has read."""


class _Measures:
    """The success of methods as it was measured last, read again after a minute."""

    def __init__(self) -> None:
        self._read_at = -MEASURES_SECONDS
        self._shares: eligibility.Shares = {}

    def shares(self) -> eligibility.Shares:
        if time.monotonic() - self._read_at > MEASURES_SECONDS:
            self._shares = eligibility.shares(MethodSuccess.objects.values_list("method", "country", "tried", "paid"))
            self._read_at = time.monotonic()
        return self._shares

    def forget(self) -> None:
        self._read_at = -MEASURES_SECONDS


_measures = _Measures()


def forget() -> None:
    """Read anew at the next question how methods have done."""
    _measures.forget()


def offered(facts: Facts) -> Offered:
    """What fits, best first, less what is switched off; no query, unless it is time to read again what stands still."""
    off = switches.off(SwitchKind.METHOD)
    known = [_account(row, facts.currency) for row in accounts.enabled()]
    if facts.country in switches.off(SwitchKind.COUNTRY):
        known = []
    on = {code: one for code, one in catalogue.METHODS.items() if code not in off}
    found = eligibility.offered(facts, known, on, _measures.shares())
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


def extending() -> dict[str, list[str]]:
    """By PSP, the methods of which it holds a reservation for longer."""
    found: dict[str, list[str]] = {}
    for method in catalogue.METHODS.values():
        for psp, can in method.offers.items():
            if can.extends:
                found.setdefault(psp, []).append(method.code)
    return found


def known(customer: Customer | None) -> dict[str, str]:
    """What a customer's record says of who pays, by the names that offers have for it."""
    person = Shopper(name=customer.name, email=customer.email) if customer is not None else Shopper()
    return {name: getattr(person, name) for name in ("name", "email", "first_name", "last_name")}


def available(facts: Facts, *, customer: str | None, locale: str, client_id: str) -> dict[str, Any]:
    """What fits, as clients see it; a customer's country and language count where none are said.

    `CustomerUnknown` when the customer is not this client's.
    """
    row = orders.customers_of(client_id).filter(pk=customer).first() if customer is not None else None
    if row is not None:
        facts, locale = replace(facts, country=facts.country or row.country), locale or row.locale
    elif customer is not None:
        raise CustomerUnknown(f"There is no customer {customer}.", param="customer")
    found = offered(facts)
    codes = {account.code for fit in found.fits for account in fit.accounts}
    kept = saved_for(customer, found) if customer is not None else []
    return shapes.available(found, {code: _public(code) for code in codes}, kept, known(row), locale=locale)


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


# --- saved methods ---


def saved_of(customer_id: str) -> QuerySet[PaymentMethod]:
    """What a customer can pay with again."""
    rows = PaymentMethod.objects.filter(customer_id=customer_id, deleted_at__isnull=True)
    return rows.filter(customer__erased_at__isnull=True)


def saved_for(customer_id: str, found: Offered) -> list[PaymentMethod]:
    """What a customer can pay with again here, newest first: an account that takes the payment keeps it."""
    rows = saved_of(customer_id).prefetch_related("tokens").order_by("-pk")
    return [
        row
        for row in rows
        if any(
            token.retired_at is None and accounts.account(token.account_id).code in found.accounts(row.method)
            for token in row.tokens.all()
        )
    ]


def method(method_id: str, *, client_id: str, lock: bool = False) -> PaymentMethod:
    """A client's own saved method, also one that was deleted; `DoesNotExist` for anybody else's."""
    rows = PaymentMethod.objects.select_for_update(no_key=True) if lock else PaymentMethod.objects
    return rows.get(pk=method_id, client_id=client_id)


def same(customer_id: str, fingerprint: str) -> PaymentMethod | None:
    """The living method of a customer with this fingerprint, locked."""
    if not fingerprint:
        return None
    rows = PaymentMethod.objects.select_for_update(no_key=True)
    return rows.filter(customer_id=customer_id, fingerprint=fingerprint, deleted_at__isnull=True).first()


def token(account_id: str, value: str) -> PaymentMethodToken | None:
    """What we know of a PSP's token."""
    rows = PaymentMethodToken.objects.select_related("payment_method")
    return rows.filter(account_id=account_id, token=value).first()


def live_tokens(method_id: str) -> QuerySet[PaymentMethodToken]:
    """The tokens by which a saved method can be paid with."""
    return PaymentMethodToken.objects.filter(payment_method_id=method_id, retired_at__isnull=True)


def payer(customer_id: str | None, account_id: str) -> str:
    """As whom the PSP of an account knows a customer, "" when it has no customers of its own, or not this one yet."""
    found = (
        Payer.objects.filter(customer_id=customer_id, account_id=account_id) if customer_id else Payer.objects.none()
    )
    return found.values_list("reference", flat=True).first() or ""


invariants.declare(
    13,
    "retired_tokens_are_forgotten",
    "Every token that a PSP is to keep no longer has a job",
    """SELECT id::text, 'retired without a job' FROM payments_paymentmethodtoken t
        WHERE retired_at IS NOT NULL AND forgotten_at IS NULL AND NOT EXISTS (
              SELECT FROM payments_job WHERE unique_key = 'forget_token:tok_' || replace(t.id::text, '-', ''))""",
    "SELECT count(*) FROM payments_paymentmethodtoken WHERE retired_at IS NOT NULL",
)
invariants.declare(
    13,
    "deleted_methods_pay_no_more",
    "No saved method that was deleted has a token by which it could be paid with",
    """SELECT t.id::text, 'alive' FROM payments_paymentmethodtoken t
         JOIN payments_paymentmethod m ON m.id = t.payment_method_id
        WHERE m.deleted_at IS NOT NULL AND t.retired_at IS NULL""",
    "SELECT count(*) FROM payments_paymentmethod WHERE deleted_at IS NOT NULL",
)
