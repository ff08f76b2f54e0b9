"""The tables of reports, of settlement, of what does not agree, and of what is wrong."""

from reporting.models.alerts import Alert, AlertChannel, AlertMessage, AlertRule, ChannelKind, Notice, Silence, Told
from reporting.models.bank import BankAccount, BankLine, BankMatch, BankStatement, LineStatus, MatchKind
from reporting.models.baselines import Baseline, BaselineKind, BaselineMark, IssuerBaseline
from reporting.models.canaries import CanaryOutcome, CanaryRun
from reporting.models.closing import CheckState, Close, CloseCheck, CloseKind, Item
from reporting.models.discrepancies import Discrepancy, DiscrepancyKind, PspBalance, TieOut, Wanted
from reporting.models.incidents import Diversion, EntryKind, Incident, IncidentEntry, IncidentKind
from reporting.models.levels import Grain, LevelCount, ServiceLevel
from reporting.models.rates import ExchangeRate
from reporting.models.rollups import (
    AtRest,
    AttemptsDay,
    AttemptsHour,
    AttemptsMinute,
    IssuerMinute,
    RollupMark,
    TallyDay,
    TallyHour,
    TallyMinute,
)
from reporting.models.runs import FileFormat, ReportDownload, ReportRun, ReportSchedule, Rhythm, Way
from reporting.models.settlements import Match, Payout, SettlementFile, SettlementLine

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertMessage",
    "AlertRule",
    "AtRest",
    "AttemptsDay",
    "AttemptsHour",
    "AttemptsMinute",
    "BankAccount",
    "BankLine",
    "BankMatch",
    "BankStatement",
    "Baseline",
    "BaselineKind",
    "BaselineMark",
    "CanaryOutcome",
    "CanaryRun",
    "ChannelKind",
    "CheckState",
    "Close",
    "CloseCheck",
    "CloseKind",
    "Discrepancy",
    "DiscrepancyKind",
    "Diversion",
    "EntryKind",
    "ExchangeRate",
    "FileFormat",
    "Grain",
    "Incident",
    "IncidentEntry",
    "IncidentKind",
    "IssuerBaseline",
    "IssuerMinute",
    "Item",
    "LevelCount",
    "LineStatus",
    "Match",
    "MatchKind",
    "Notice",
    "Payout",
    "PspBalance",
    "ReportDownload",
    "ReportRun",
    "ReportSchedule",
    "Rhythm",
    "RollupMark",
    "ServiceLevel",
    "SettlementFile",
    "SettlementLine",
    "Silence",
    "TallyDay",
    "TallyHour",
    "TallyMinute",
    "TieOut",
    "Told",
    "Wanted",
    "Way",
]
