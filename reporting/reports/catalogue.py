"""Every report there is, by name, in the order in which finance asks for them."""

from collections.abc import Mapping
from typing import Final

from reporting.reports import (
    balance,
    declines,
    disputes,
    fees,
    fx,
    gl_journal,
    ledger,
    payments,
    payouts,
    refunds,
    tax,
    trial_balance,
    unsettled_ageing,
)
from reporting.reports.base import Report

REPORTS: Final[Mapping[str, Report]] = {
    report.name: report
    for report in (
        payments.REPORT,
        refunds.REPORT,
        disputes.REPORT,
        fees.REPORT,
        payouts.REPORT,
        balance.REPORT,
        unsettled_ageing.REPORT,
        fx.REPORT,
        tax.REPORT,
        trial_balance.REPORT,
        ledger.REPORT,
        gl_journal.REPORT,
        gl_journal.QUICKBOOKS,
        declines.REPORT,
    )
}
