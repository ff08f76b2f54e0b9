"""camt.053 of ISO 20022, versions 02 and later: the bank's statement in XML."""

import io
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final
from xml.etree.ElementTree import Element, ParseError

import defusedxml
from defusedxml import ElementTree

from reporting.bankfiles import base
from reporting.bankfiles.base import BankLine, BankStatement, BankStatementInvalid, Page

_NAMESPACE: Final = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.(\d{3})\.001\.(\d{2})\}Document")
_AMOUNT: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,5})?|\.[0-9]{1,5}")
_DEEPEST: Final = 40
"""The schema nests less than half as deep."""

_OTHER_MESSAGES: Final = {"052": "a report of a day that has not ended", "054": "a notification of single entries"}
_OPENING: Final = ("OPBD", "PRCD")
_CLOSING: Final = "CLBD"
_CARRIED: Final = "ITBD"
_TEXTS: Final = ("RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref", "AddtlTxInf", "RtrInf/Rsn/Cd")
_NOT_PROVIDED: Final = ("NOTPROVIDED", "NOT PROVIDED", "NONREF")


def read(content: bytes) -> list[BankStatement]:
    """The statements of a file, proven. Entries that are not booked yet (`PDNG`, `INFO`) are none of its lines.

    `BankStatementInvalid` for anything else, and for a file with a document type or entities: a statement needs none,
    and they are how small files become large ones. ISO 20022, BankToCustomerStatement.
    """
    try:
        return base.joined(_pages(content))
    except ParseError as error:
        row = error.position[0]
        raise BankStatementInvalid(
            f"Line {row} is no XML: the file is cut off, damaged, or not written in the encoding that it names."
        ) from None
    except defusedxml.DefusedXmlException:
        raise BankStatementInvalid("The file defines a document type or entities, which no bank does.") from None
    except (LookupError, UnicodeError, ValueError):
        raise BankStatementInvalid("The file names an encoding that nobody here can read.") from None


def _pages(content: bytes) -> Iterator[Page]:
    """Statement by statement; an entry is let go of as soon as it is read, so that no tree of the file is held."""
    depth, known, lines = 0, False, list[BankLine]()
    for event, element in ElementTree.iterparse(io.BytesIO(content), events=("start", "end"), forbid_dtd=True):
        name = element.tag.rpartition("}")[2]
        if event == "start":
            depth += 1
            if depth > _DEEPEST:
                raise BankStatementInvalid("The file nests deeper than a statement does.")
            known = known or (name == "Document" and _is_statement(element.tag))
            continue
        depth -= 1
        if name == "Ntry" and known:
            lines.extend(_entry(element, f"Entry {len(lines) + 1}"))
            element.clear()
        elif name == "Stmt" and known:
            yield _page(element, lines)
            lines = []
            element.clear()
    if not known:
        raise BankStatementInvalid("This is XML, and no camt.053 statement.")


def _is_statement(tag: str) -> bool:
    found = _NAMESPACE.fullmatch(tag)
    if found is None:
        raise BankStatementInvalid("This is XML, and no camt.053 statement.")
    message, version = found.groups()
    if message != "053":
        what = _OTHER_MESSAGES.get(message, "another message")
        raise BankStatementInvalid(
            f"This is camt.{message}, {what}. Ask the bank for camt.053, the statement of the day."
        )
    if version < "02":
        raise BankStatementInvalid(f"This is version {version} of camt.053; 02 and later are read.")
    return True


def _page(statement: Element, lines: list[BankLine]) -> Page:
    reference = base.kept(
        "reference", _text(statement, "ElctrncSeqNb") or _text(statement, "LglSeqNb"), _text(statement, "Id")
    )
    where = f"Statement {reference or '1'}"
    balances = [_balance(each, where) for each in statement.findall("{*}Bal")]
    opening = next((found for code in _OPENING for found in balances if found[0] == code), None)
    closing = next((found for found in balances if found[0] == _CLOSING), None)
    carried = [found for found in balances if found[0] == _CARRIED]
    begins, ends = opening or next(iter(carried), None), closing or next(reversed(carried), None)
    if begins is None or ends is None or (begins is ends):
        which = "opening (OPBD)" if begins is None or begins is ends else "closing (CLBD)"
        raise BankStatementInvalid(f"{where} has no {which} balance: nothing would prove that it is whole.")
    if begins[2] != ends[2]:
        raise BankStatementInvalid(f"{where} begins in {begins[2]} and ends in {ends[2]}.")
    from_day, to_day = _days(statement, begins[3], ends[3], lines, where)
    return Page(
        statement=BankStatement(
            account_iban=base.plain(_text(statement, "Acct/Id/IBAN") or _text(statement, "Acct/Id/Othr/Id"), 40),
            currency=begins[2],
            reference=reference,
            from_day=from_day,
            to_day=to_day,
            opening_minor=begins[1],
            closing_minor=ends[1],
            lines=tuple(lines),
        ),
        first=opening is not None,
        last=closing is not None,
    )


def _balance(balance: Element, where: str) -> tuple[str, int, str, date]:
    """Its kind, signed amount, currency and day."""
    amount, currency = _amount(balance, f"{where}, a balance")
    day = _day(balance.find("{*}Dt"), f"{where}, a balance")
    return _text(balance, "Tp/CdOrPrtry/Cd"), amount, currency, day


def _days(statement: Element, opened: date, closed: date, lines: list[BankLine], where: str) -> tuple[date, date]:
    said = statement.find("{*}FrToDt")
    if said is None:
        return base.period(opened, closed, (line.day for line in lines))
    return _date(_text(said, "FrDtTm"), where), _date(_text(said, "ToDtTm"), where)


def _entry(entry: Element, where: str) -> list[BankLine]:
    """A booked entry: one line, or one for each of a batch's transactions where they sum to the entry."""
    if (_text(entry, "Sts/Cd") or _text(entry, "Sts")) != "BOOK":
        return []
    amount_minor, currency = _amount(entry, where)
    booked, value = entry.find("{*}BookgDt"), entry.find("{*}ValDt")
    day = _day(booked if booked is not None else value, where)
    details = entry.findall("{*}NtryDtls/{*}TxDtls")
    parts = [_part(each, entry, currency, where) for each in details]
    split = [part for part in parts if part is not None]
    whole = len(parts) > 1 and len(split) == len(parts) and sum(split) == amount_minor
    pieces = list(zip(split, ([each] for each in details), strict=True)) if whole else [(amount_minor, details)]
    return [
        BankLine(
            day=day,
            value_day=_day(value, where) if value is not None else day,
            amount_minor=piece,
            currency=currency,
            reversal=_text(entry, "RvslInd") in ("true", "1"),
            **_words(entry, of),
        )
        for piece, of in pieces
    ]


def _part(details: Element, entry: Element, currency: str, where: str) -> int | None:
    """What one transaction of an entry adds to it, in the entry's currency; None where the bank does not say."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        amount = details.find(_path(path))
        if amount is not None and amount.get("Ccy") == currency:
            sign = _sign(details if details.find("{*}CdtDbtInd") is not None else entry, where)
            return sign * base.minor(_decimal(amount.text, where), currency, where)
    return None


def _words(entry: Element, details: list[Element]) -> dict[str, str]:
    """What the bank writes about a line. Who is on the other side stands as debtor of a credit, creditor of a debit."""
    other = "Dbtr" if _text(entry, "CdtDbtInd") == "CRDT" else "Cdtr"
    if _text(entry, "RvslInd") in ("true", "1"):
        other = "Cdtr" if other == "Dbtr" else "Dbtr"
    names = [_text(each, f"RltdPties/{other}/{path}") for each in details for path in ("Pty/Nm", "Nm")]
    texts = [text for each in details for path in _TEXTS for text in _all(each, path)]
    references = [_text(each, f"Refs/{name}") for each in details for name in ("InstrId", "TxId", "PmtInfId", "MsgId")]
    services = [_text(each, "Refs/AcctSvcrRef") for each in details]
    return {
        "reference": base.kept("reference", *map(_said, (_text(entry, "NtryRef"), *references))),
        "end_to_end": base.kept("end_to_end", *(_said(_text(each, "Refs/EndToEndId")) for each in details)),
        "counterparty": base.kept("counterparty", *names),
        "text": base.kept("text", *texts, _text(entry, "AddtlNtryInf")),
        "bank_reference": base.kept("bank_reference", _said(_text(entry, "AcctSvcrRef")), *map(_said, services)),
    }


def _said(reference: str) -> str:
    """A reference, unless it only says that there is none (EPC: `NOTPROVIDED`)."""
    return "" if reference.upper() in _NOT_PROVIDED else reference


def _amount(of: Element, where: str) -> tuple[int, str]:
    """Its signed amount and currency. A reversal needs no care: `CdtDbtInd` is its own direction (ISO 20022)."""
    amount = of.find("{*}Amt")
    if amount is None:
        raise BankStatementInvalid(f"{where} has no amount.")
    currency = amount.get("Ccy", "")
    return _sign(of, where) * base.minor(_decimal(amount.text, where), currency, where), currency


def _sign(of: Element, where: str) -> int:
    said = _text(of, "CdtDbtInd")
    if said not in ("CRDT", "DBIT"):
        raise BankStatementInvalid(f"{where} does not say whether money came or went (CdtDbtInd).")
    return 1 if said == "CRDT" else -1


def _decimal(text: str | None, where: str) -> Decimal:
    written = (text or "").strip()
    if not _AMOUNT.fullmatch(written):
        raise BankStatementInvalid(f"{where}: {base.plain(written, 40)!r} is no amount.")
    try:
        return Decimal(written)
    except InvalidOperation:
        raise BankStatementInvalid(f"{where}: {base.plain(written, 40)!r} is no amount.") from None


def _day(of: Element | None, where: str) -> date:
    return _date("" if of is None else _text(of, "Dt") or _text(of, "DtTm"), where)


def _date(text: str, where: str) -> date:
    """A day as the bank writes it: its own, whatever the zone of a time beside it."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise BankStatementInvalid(f"{where}: {base.plain(text, 40)!r} is no day.") from None


def _path(path: str) -> str:
    return "/".join(f"{{*}}{name}" for name in path.split("/"))


def _text(of: Element, path: str) -> str:
    return (of.findtext(_path(path)) or "").strip()


def _all(of: Element, path: str) -> Iterator[str]:
    return (each.text or "" for each in of.findall(_path(path)))
