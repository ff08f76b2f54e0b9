"""The tables of reports, of settlement, and of what does not agree."""

from reporting.models.bank import BankAccount, BankLine, BankMatch, BankStatement, LineStatus, MatchKind
from reporting.models.closing import CheckState, Close, CloseCheck, CloseKind, Item
from reporting.models.discrepancies import Discrepancy, DiscrepancyKind, PspBalance, TieOut, Wanted
from reporting.models.runs import FileFormat, ReportDownload, ReportRun, ReportSchedule, Rhythm, Way
from reporting.models.settlements import Match, Payout, SettlementFile, SettlementLine

__all__ = [
    "BankAccount",
    "BankLine",
    "BankMatch",
    "BankStatement",
    "CheckState",
    "Close",
    "CloseCheck",
    "CloseKind",
    "Discrepancy",
    "DiscrepancyKind",
    "FileFormat",
    "Item",
    "LineStatus",
    "Match",
    "MatchKind",
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
