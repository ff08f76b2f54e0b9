"""Bank statements of our own making: small, whole, and easy to break in one place."""

from collections.abc import Mapping, Sequence

IBAN = "DE89370400440532013000"

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.{}"


def balance(code: str, amount: str, day: str, *, currency: str = "EUR", way: str = "CRDT") -> str:
    """One balance of camt.053."""
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='{currency}'>{amount}</Amt>"
        f"<CdtDbtInd>{way}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def entry(amount: str, *, way: str = "CRDT", currency: str = "EUR", day: str = "2026-11-03", **more: str) -> str:
    """One entry of camt.053; `details` and `before` are XML, `status` is that of version 08 unless `sts` is given."""
    status = more.get("sts") or f"<Sts><Cd>{more.get('status', 'BOOK')}</Cd></Sts>"
    return (
        f"<Ntry><Amt Ccy='{currency}'>{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd>{more.get('before', '')}{status}"
        f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{more.get('value', day)}</Dt></ValDt>"
        f"<AcctSvcrRef>{more.get('bank_reference', '')}</AcctSvcrRef>{more.get('details', '')}"
        f"<AddtlNtryInf>{more.get('text', '')}</AddtlNtryInf></Ntry>"
    )


def details(text: str, *, end_to_end: str = "NOTPROVIDED", name: str = "", amount: str = "") -> str:
    """One transaction of an entry, as version 08 writes it."""
    said = f"<Amt Ccy='EUR'>{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>" if amount else ""
    return (
        f"<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>{said}"
        f"<RltdPties><Dbtr><Pty><Nm>{name}</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
    )


def camt(
    *parts: str, opening: str = "1000.00", closing: str, version: str = "08", account: str = IBAN, head: str = ""
) -> bytes:
    """A camt.053 file of one statement in euros over the 3rd of November 2026."""
    began, ended = balance("OPBD", opening, "2026-11-02"), balance("CLBD", closing, "2026-11-03")
    return document(statement(*parts, opening=began, closing=ended, account=account), version=version, head=head)


def statement(*entries: str, opening: str, closing: str, account: str = IBAN, number: str = "211") -> str:
    """One `Stmt`; the balances are XML."""
    return (
        f"<Stmt><Id>S-{number}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><Acct><Id><IBAN>{account}</IBAN></Id></Acct>"
        f"{opening}{closing}{''.join(entries)}</Stmt>"
    )


def document(*statements: str, version: str = "08", head: str = "") -> bytes:
    """The file around the statements."""
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>{head}<Document xmlns='{NAMESPACE.format(version)}'><BkToCstmrStmt>"
        f"<GrpHdr><MsgId>M</MsgId></GrpHdr>{''.join(statements)}</BkToCstmrStmt></Document>"
    ).encode()


def mt940(*lines: str, opening: str = "C261102EUR1000,00", closing: str, number: str = "211/1", tag: str = "F") -> str:
    """An MT940 statement; `tag` M instead of F makes both of its balances ones that are carried."""
    return "\r\n".join(
        (":20:STARTUMS", f":25:{IBAN}", f":28C:{number}", f":60{tag}:{opening}", *lines, f":62{tag}:{closing}", "-", "")
    )


GERMAN = {
    "separator": ";", "decimal": ",", "dates": "DD.MM.YYYY", "encoding": "utf-8",
    "columns": {
        "day": "Buchungstag", "value_day": "Valuta", "counterparty": "Name", "text": "Verwendungszweck",
        "amount": "Betrag", "currency": "Währung", "balance": "Saldo",
    },
}  # fmt: skip
"""How a bank in Germany writes its files."""


def sheet(rows: Sequence[Sequence[str]], *, header: Sequence[str], separator: str = ";") -> bytes:
    """A CSV file."""
    return "\r\n".join(separator.join(row) for row in (header, *rows)).encode()


def columns(**named: str) -> Mapping[str, object]:
    """An American bank's dialect with these columns."""
    return {"separator": ",", "decimal": ".", "dates": "MM/DD/YYYY", "encoding": "utf-8", "columns": named}
