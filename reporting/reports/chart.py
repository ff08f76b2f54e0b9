"""How accounts of the ledger are called in the general ledger of the company: the map that journals are written by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.conf import settings


@dataclass(frozen=True, slots=True)
class GlAccount:
    """From a day on, an account of the ledger (`psp_fees/stripe-us`), or all of a code (`psp_fees`), is called so."""

    code: str
    number: str
    name: str
    since: date


NAMES: Final[Mapping[str, str]] = {
    "psp_receivable": "PSP receivable",
    "psp_reserve": "PSP reserve",
    "cash_in_transit": "Cash in transit",
    "disputes_held": "Disputes held",
    "bank": "Bank",
    "refunds_in_flight": "Refunds in flight",
    "order_clearing": "Order clearing",
    "psp_fees": "PSP fees",
    "fee_tax": "Tax on PSP fees",
    "dispute_fees": "Dispute fees",
    "dispute_losses": "Dispute losses",
    "bank_charges": "Bank charges",
    "fx_clearing": "Currency clearing",
    "fx_result": "Currency result",
    "rounding": "Rounding",
    "suspense": "Suspense",
}
"""What accounts are called where the company has not said otherwise; without numbers."""


def accounts() -> Sequence[GlAccount]:
    """The map: our names, and those of the setting `GL_ACCOUNTS`.

    A line holds for days from `since` on, so that journals of closed days stay what they were while lines are added.
    """
    ours = [GlAccount(code, "", name, date.min) for code, name in NAMES.items()]
    return [*ours, *(GlAccount(one.code, one.number, one.name, one.since) for one in settings.GL_ACCOUNTS)]


def binds() -> Mapping[str, Any]:
    """The map as parameters of `NAMED`."""
    found = accounts()
    return {
        "gl_codes": [one.code for one in found],
        "gl_numbers": [one.number for one in found],
        "gl_names": [one.name for one in found],
        "gl_since": [one.since for one in found],
    }


NAMED: Final = """LEFT JOIN LATERAL (
    SELECT number, CASE WHEN code = account.code OR account.code NOT LIKE '%%/%%' THEN name
                        ELSE name || ':' || split_part(account.code, '/', 2) END AS name
      FROM unnest(%(gl_codes)s::text[], %(gl_numbers)s::text[], %(gl_names)s::text[], %(gl_since)s::date[])
           AS known (code, number, name, since)
     WHERE code IN (account.code, split_part(account.code, '/', 1)) AND since <= b.day
     ORDER BY length(code) DESC, since DESC LIMIT 1) gl ON true"""
"""What an account is called on a day; a dimension is a sub-account, behind a colon as QuickBooks wants it."""
