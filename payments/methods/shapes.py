"""How payment methods look to clients."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.templatetags.static import static

from payments.methods.eligibility import Fit, Offered


def available(found: Offered, public: Mapping[str, Mapping[str, str]], *, locale: str) -> dict[str, Any]:
    """What fits, named in the customer's language; `public` are the clients' options by provider account."""
    return {
        "object": "available_payment_methods",
        "data": [_method(fit, _providers(fit, public), locale) for fit in found.fits],
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


def _providers(fit: Fit, public: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    return [{"provider_account": one.code, "psp": one.psp, "public": dict(public[one.code])} for one in fit.accounts]
