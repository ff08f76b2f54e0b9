"""How payment methods look to clients."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.templatetags.static import static

from payments.methods.eligibility import Fit, Offered
from payments.methods.models import PaymentMethod


def available(
    found: Offered,
    public: Mapping[str, Mapping[str, str]],
    kept: Sequence[PaymentMethod],
    person: Mapping[str, str],
    *,
    locale: str,
) -> dict[str, Any]:
    """What fits, named in the customer's language; `public` are the clients' options by provider account.

    What is required leaves out what the customer's record says (`person`).
    """
    return {
        "object": "available_payment_methods",
        "saved": [saved(row) for row in kept],
        "data": [_method(fit, _providers(fit, public, person), locale) for fit in found.fits],
        "unavailable": [{"type": code, "reason": why} for code, why in found.reasons.items()],
    }


def _method(fit: Fit, providers: Sequence[Mapping[str, Any]], locale: str) -> dict[str, Any]:
    method = fit.method
    return {
        "type": method.code,
        "family": method.family,
        "flow": method.flow,
        "name": method.name(locale),
        "logo": f"{settings.PUBLIC_URL}{static(method.logo_path)}",
        "confirmed": method.confirmed,
        "refundable": all(method.offers[account.psp].refund for account in fit.accounts),
        "providers": providers,
    }


def _providers(fit: Fit, public: Mapping[str, Mapping[str, str]], person: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "provider_account": one.code,
            "psp": one.psp,
            "public": dict(public[one.code]),
            "required": fit.method.offers[one.psp].missing(person, {}, token=False),
        }
        for one in fit.accounts
    ]


def saved(row: PaymentMethod) -> dict[str, Any]:
    """The `payment_method` object of the API: what a customer knows a saved method by."""
    return {
        "id": row.pk,
        "object": "payment_method",
        "type": row.method,
        "customer": row.customer_id,
        "brand": row.brand or None,
        "last4": row.last4 or None,
        "exp_month": row.exp_month,
        "exp_year": row.exp_year,
        "wallet": row.wallet or None,
        "deleted_at": row.deleted_at,
        "created_at": row.created_at,
    }
