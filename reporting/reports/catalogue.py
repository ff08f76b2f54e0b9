"""Every report there is, by name."""

from collections.abc import Mapping
from typing import Final

from reporting.reports import balance, declines, disputes, gl_journal, ledger, payments, refunds, trial_balance
from reporting.reports.base import Report

REPORTS: Final[Mapping[str, Report]] = {
    report.name: report
    for report in (
        payments.REPORT,
        refunds.REPORT,
        disputes.REPORT,
        balance.REPORT,
        trial_balance.REPORT,
        ledger.REPORT,
        gl_journal.REPORT,
        gl_journal.QUICKBOOKS,
        declines.REPORT,
    )
}
