"""Bank statements as files: camt.053 (ISO 20022), MT940 (SWIFT), and the tables of two banks.

Sources: ISO 20022 message definitions camt.053.001.02 and .08; SWIFT Standards MT940.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from xml.sax.saxutils import escape

from payments.simulator import bank
from payments.simulator.bank import Statement
from payments.simulator.settlement import BankEntry

BIC = "SIMUNL2A"
NEWEST, OLDEST = "08", "02"
# Domain, family and sub-family of ISO 20022, and the type of SWIFT, for each kind of line that came or left.
CODES = {
    "payout": ("PMNT", "RCDT", "ESCT", "NTRF"),
    "payout_returned": ("PMNT", "RCDT", "RRTN", "NRTI"),
    "withdrawal": ("PMNT", "RDDT", "ESDD", "NDDT"),
    "withdrawal_returned": ("PMNT", "RDDT", "UPDD", "NRTI"),
    "top_up": ("PMNT", "ICDT", "ESCT", "NTRF"),
    "fee": ("ACMT", "MDOP", "CHRG", "NCHG"),
    "other": ("PMNT", "RCDT", "OTHR", "NMSC"),
}
RETURNED = frozenset({"payout_returned", "withdrawal_returned"})
NOT_PROVIDED = "NOTPROVIDED"


@dataclass(frozen=True, slots=True)
class Written:
    """A file."""

    name: str
    kind: str
    content: bytes


class UnknownFormatError(ValueError):
    """A form that no bank here writes."""


def written(statement: Statement, form: str, version: str = NEWEST) -> Written:
    """The statement as a file. Raises UnknownFormatError."""
    if form not in _FORMS or version not in {OLDEST, NEWEST}:
        known = ", ".join(sorted(_FORMS))
        raise UnknownFormatError(f"format must be one of {known}; version of camt053 {OLDEST} or {NEWEST}")
    ending, kind, write = _FORMS[form]
    name = f"{statement.account}_{statement.currency}_{_day(statement):%Y%m%d}.{ending}"
    return Written(name, kind, write(statement, version))


def _day(statement: Statement) -> date:
    return datetime.fromtimestamp(statement.day, UTC).date()


def _number(statement: Statement) -> int:
    """Statements are numbered by the days of the year."""
    return _day(statement).timetuple().tm_yday


def _shown(statement: Statement, amount: Decimal) -> str:
    """Unsigned, with the currency's decimals."""
    return f"{abs(amount):.{bank.exponent(statement.currency)}f}"


# --- camt.053 -------------------------------------------------------------------------------------------------------


def _camt(statement: Statement, version: str) -> bytes:
    day, currency = _day(statement), statement.currency
    evening = f"{day + timedelta(days=1)}T01:00:00Z"
    bic = "BIC" if version == OLDEST else "BICFI"
    reference = f"{statement.account}-{currency}-{day:%Y%m%d}"
    parts = [
        "<?xml version='1.0' encoding='UTF-8'?>\n",
        f"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}'><BkToCstmrStmt>",
        f"<GrpHdr><MsgId>{day:%Y%m%d}{_number(statement):03d}{currency}</MsgId><CreDtTm>{evening}</CreDtTm></GrpHdr>",
        f"<Stmt><Id>{reference[:35]}</Id><ElctrncSeqNb>{_number(statement)}</ElctrncSeqNb><CreDtTm>{evening}</CreDtTm>",
        f"<FrToDt><FrDtTm>{day}T00:00:00Z</FrDtTm><ToDtTm>{day}T23:59:59Z</ToDtTm></FrToDt>",
        f"<Acct><Id><IBAN>{statement.account}</IBAN></Id><Ccy>{currency}</Ccy>",
        f"<Svcr><FinInstnId><{bic}>{BIC}</{bic}></FinInstnId></Svcr></Acct>",
        _balance(statement, "OPBD", statement.opening, day - timedelta(days=1)),
        _balance(statement, "CLBD", statement.closing, day),
        _summary(statement),
        *(_entry(statement, entry, version) for entry in statement.entries),
        "</Stmt></BkToCstmrStmt></Document>\n",
    ]
    return "".join(parts).encode()


def _way(amount: Decimal | int) -> str:
    return f"<CdtDbtInd>{'DBIT' if amount < 0 else 'CRDT'}</CdtDbtInd>"


def _money(statement: Statement, amount: Decimal) -> str:
    return f"<Amt Ccy='{statement.currency}'>{_shown(statement, amount)}</Amt>"


def _balance(statement: Statement, code: str, amount: Decimal, day: date) -> str:
    kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
    return f"<Bal>{kind}{_money(statement, amount)}{_way(amount)}<Dt><Dt>{day}</Dt></Dt></Bal>"


def _summary(statement: Statement) -> str:
    parts = []
    for name, came in (("TtlCdtNtries", True), ("TtlDbtNtries", False)):
        amounts = [bank.major(e.amount, e.currency) for e in statement.entries if (e.amount >= 0) is came]
        total = _shown(statement, sum(amounts, Decimal(0)))
        parts.append(f"<{name}><NbOfNtries>{len(amounts)}</NbOfNtries><Sum>{total}</Sum></{name}>")
    return f"<TxsSummry>{''.join(parts)}</TxsSummry>"


def _entry(statement: Statement, entry: BankEntry, version: str) -> str:
    amount, day = bank.major(entry.amount, entry.currency), _day(statement)
    domain, family, kind, _ = CODES[entry.code]
    old = version == OLDEST
    status = "<Sts>BOOK</Sts>" if old else "<Sts><Cd>BOOK</Cd></Sts>"
    money = f"{_money(statement, amount)}{_way(entry.amount)}"
    return "".join(
        (
            f"<Ntry>{money}{'<RvslInd>true</RvslInd>' if entry.code in RETURNED else ''}{status}",
            f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt><AcctSvcrRef>{entry.id}</AcctSvcrRef>",
            f"<BkTxCd><Domn><Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{kind}</SubFmlyCd></Fmly></Domn></BkTxCd>",
            f"<NtryDtls><TxDtls><Refs><EndToEndId>{escape(entry.reference or NOT_PROVIDED)}</EndToEndId></Refs>",
            "" if old else money,
            _party(entry, old=old),
            f"<RmtInf><Ustrd>{escape(entry.text)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
        )
    )


def _party(entry: BankEntry, *, old: bool) -> str:
    if not entry.party:
        return ""
    # What is reversed keeps its roles.
    left = (entry.amount < 0) is not (entry.code in RETURNED)
    side, name = "Cdtr" if left else "Dbtr", f"<Nm>{escape(entry.party)}</Nm>"
    return f"<RltdPties><{side}>{name if old else f'<Pty>{name}</Pty>'}</{side}></RltdPties>"


# --- MT940 ----------------------------------------------------------------------------------------------------------

# The letters of SWIFT's character set X.
_OTHER_LETTERS = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_WIDTH = 65


def _swift(text: str) -> str:
    return _OTHER_LETTERS.sub(" ", text)


def _comma(statement: Statement, amount: Decimal) -> str:
    """With the comma that SWIFT wants even where nothing follows it."""
    shown = _shown(statement, amount)
    return shown.replace(".", ",") if "." in shown else f"{shown},"


def _mt940(statement: Statement, _version: str) -> bytes:
    day = _day(statement)

    def balance(amount: Decimal, on: date) -> str:
        return f"{'D' if amount < 0 else 'C'}{on:%y%m%d}{statement.currency}{_comma(statement, amount)}"

    lines = [
        f":20:STMT{day:%y%m%d}",
        f":25:{statement.account}",
        f":28C:{_number(statement)}/1",
        f":60F:{balance(statement.opening, day - timedelta(days=1))}",
        *(line for entry in statement.entries for line in _swift_entry(statement, entry)),
        f":62F:{balance(statement.closing, day)}",
        "-",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _swift_entry(statement: Statement, entry: BankEntry) -> Iterator[str]:
    day, amount = _day(statement), bank.major(entry.amount, entry.currency)
    mark = "D" if entry.amount < 0 else "C"
    if entry.code in RETURNED:
        # The reversal of a credit is a debit, and the other way round.
        mark = "RC" if entry.amount < 0 else "RD"
    reference = _swift(entry.reference)[:16] or "NONREF"
    head = f":61:{day:%y%m%d}{day:%m%d}{mark}{_comma(statement, amount)}{CODES[entry.code][3]}"
    yield f"{head}{reference}//{entry.id[:16]}"
    words = [("EREF", entry.reference), ("NAME", entry.party), ("REMI", entry.text)]
    text = "".join(f"/{name}/{_swift(value)}" for name, value in words if value)
    chunks = [text[place : place + _WIDTH] for place in range(0, len(text), _WIDTH)]
    yield f":86:{chunks[0]}"
    yield from chunks[1:6]


# --- tables ---------------------------------------------------------------------------------------------------------

_ENGLISH = [
    *("Account", "Booking date", "Value date", "Amount", "Currency", "Balance"),
    *("Counterparty", "Text", "Reference", "Bank reference"),
]
_GERMAN = ["Buchungstag", "Valuta", "Name", "Verwendungszweck", "Betrag", "Währung", "Saldo"]


def _balances(statement: Statement) -> Iterator[tuple[BankEntry, str, str]]:
    """Every line, its amount, and what is there after it."""
    there = statement.opening
    for entry in statement.entries:
        amount = bank.major(entry.amount, entry.currency)
        there += amount
        yield entry, f"{amount:f}", f"{there:f}"


def _table(statement: Statement, _version: str) -> bytes:
    day, text = _day(statement).isoformat(), io.StringIO()
    rows = csv.writer(text)
    rows.writerow(_ENGLISH)
    for entry, amount, there in _balances(statement):
        said = (entry.party, entry.text, entry.reference, entry.id)
        rows.writerow([statement.account, day, day, amount, entry.currency, there, *said])
    return text.getvalue().encode()


def _german(statement: Statement, _version: str) -> bytes:
    day, text = f"{_day(statement):%d.%m.%Y}", io.StringIO()
    rows = csv.writer(text, delimiter=";")
    rows.writerow(_GERMAN)
    for entry, amount, there in _balances(statement):
        money = (amount.replace(".", ","), entry.currency, there.replace(".", ","))
        rows.writerow([day, day, entry.party, f"{entry.text} {entry.reference}".strip(), *money])
    return text.getvalue().encode("cp1252", "replace")


_FORMS: dict[str, tuple[str, str, Callable[[Statement, str], bytes]]] = {
    "camt053": ("xml", "application/xml", _camt),
    "mt940": ("sta", "text/plain", _mt940),
    "csv": ("csv", "text/csv", _table),
    "csv-de": ("csv", "text/csv; charset=windows-1252", _german),
}
