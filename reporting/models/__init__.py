"""The tables of reports, of settlement, and of what does not agree."""

from reporting.models.discrepancies import Discrepancy, DiscrepancyKind, PspBalance, TieOut, Wanted
from reporting.models.runs import FileFormat, ReportDownload, ReportRun, ReportSchedule, Rhythm, Way
from reporting.models.settlements import Match, Payout, SettlementFile, SettlementLine

__all__ = [
    "Discrepancy",
    "DiscrepancyKind",
    "FileFormat",
    "Match",
    "Payout",
    "PspBalance",
    "ReportDownload",
    "ReportRun",
    "ReportSchedule",
    "Rhythm",
    "SettlementFile",
    "SettlementLine",
    "TieOut",
    "Wanted",
    "Way",
]
