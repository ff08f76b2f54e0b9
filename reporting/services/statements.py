"""Bank accounts and their statements: files that are kept as they came, read, proven, and loaded whole or not."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from django.conf import settings
from django.db import IntegrityError

from payments.gateway.models import LegalEntity
from payments.kernel import audit, clock, ids, jobs, money, unit
from payments.kernel.errors import Refusal
from refunds.services import filing
from reporting import banks
from reporting.bankfiles import base, reading, sheet
from reporting.bankfiles.base import BankStatementInvalid
from reporting.models import BankAccount, BankLine, BankStatement

AT_ONCE: Final = 2_000


class BankAccountInvalid(Refusal):
    """What was written down of a bank account cannot be: its code, its currency, its IBAN, or it is there already."""

    code, status = "bank_account_invalid", 422


class BankStatementOverlaps(Refusal):
    """Days of the statement are in another one that was loaded, or it does not go on where that one ended."""

    code, status = "bank_statement_overlaps", 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A bank account as finance writes it down; `dialect` as `sheet.dialect` reads it, {} for none."""

    code: str
    legal_entity: str
    currency: str
    iban: str = ""
    number: str = ""
    dialect: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file and what was said with it: the account where the file does not name one, balances where it has none."""

    file: BinaryIO
    name: str
    account: str | None = None
    opening: str = ""
    closing: str = ""


# --- accounts -------------------------------------------------------------------------------------------------------


def open_account(draft: Draft, *, by: str) -> BankAccount:
    """Write a bank account down. Its code is that of the ledger, and of `BANK_ACCOUNTS` where it is named there."""
    iban, number = _names(draft.iban, draft.number)
    held = settings.BANK_ACCOUNTS.get(draft.code, draft.currency)
    if held != draft.currency:
        raise BankAccountInvalid(f"{draft.code} holds {held}, as BANK_ACCOUNTS says.", param="currency")
    if draft.currency not in money.EXPONENTS:
        raise BankAccountInvalid("A currency has three letters, like EUR.", param="currency")
    row = BankAccount(
        id=ids.new("ba"),
        code=draft.code,
        legal_entity=LegalEntity.objects.get(pk=draft.legal_entity),
        currency=draft.currency,
        iban=iban,
        number=number,
        dialect=_dialect(draft.dialect),
        made_by=by,
    )
    try:
        with unit.work() as work:
            work.add(row)
            audit.did("bank_account.written_down", row.pk)
            work.returns(row)
    except IntegrityError:
        raise BankAccountInvalid("There is a bank account with this code, IBAN or number.", param="code") from None
    return row


def change_account(account_id: str, *, iban: str, number: str, dialect: Mapping[str, Any]) -> BankAccount:
    """Say anew how statements name the account, and how its CSV files are written. What was loaded stays."""
    named = dict(zip(("iban", "number"), _names(iban, number), strict=True))
    try:
        with unit.work() as work:
            row = BankAccount.objects.select_for_update().get(pk=account_id)
            row.change(**named, dialect=_dialect(dialect))
            audit.did("bank_account.changed", row.pk)
            work.returns(row)
    except IntegrityError:
        raise BankAccountInvalid("Another bank account has this IBAN or number.", param="iban") from None
    return row


def _names(iban: str, number: str) -> tuple[str, str]:
    if iban and not base.is_iban(iban):
        raise BankAccountInvalid("This is no IBAN: its check digits do not fit.", param="iban")
    if not iban and not base.compact(number):
        raise BankAccountInvalid("Write the IBAN, or the number by which statements name the account.", param="iban")
    return base.compact(iban), "" if iban else base.compact(number)


def _dialect(said: Mapping[str, Any]) -> dict[str, Any]:
    if not said:
        return {}
    how = sheet.dialect(said)
    return {name: getattr(how, name) for name in ("separator", "decimal", "dates", "encoding")} | {
        "columns": dict(how.columns)
    }


# --- statements -----------------------------------------------------------------------------------------------------


def upload(said: Upload, *, by: str) -> list[BankStatement]:
    """Keep a file as it came and load all of its statements, or nothing of it; matching follows by itself.

    The same file again is a no-op: the statements that it has become are returned. `BankStatementInvalid` says what is
    wrong with a file, `BankStatementOverlaps` that its days are there with other content.
    """
    content = base.content_of(said.file)
    account = BankAccount.objects.get(pk=said.account) if said.account else None
    sha256 = filing.keep(content)
    if known := list(BankStatement.objects.filter(sha256=sha256).order_by("position")):
        return known
    how = sheet.dialect(account.dialect) if account is not None and account.dialect else None
    kind, found = reading.read(io.BytesIO(content), how, _known(said, account))
    owned = [(_account(one, account), one) for one in found]
    facts = {
        "kind": kind,
        "name": base.plain(said.name, 200),
        "size": len(content),
        "sha256": sha256,
        "uploaded_by": by,
    }
    with unit.work() as work:
        rows = [_loaded(*each, {**facts, "position": n}) for n, each in enumerate(_in_order(owned), start=1)]
        audit.did("bank_statement.uploaded", rows[0].pk if rows else "", because=base.plain(said.name, 200))
        for each in {row.account_id for row in rows}:
            jobs.enqueue("match_bank_lines", account_id=each, unique=f"match_bank_lines/{each}")
        work.returns(rows)
    return rows


def _known(said: Upload, account: BankAccount | None) -> sheet.Known:
    if account is None:
        return sheet.Known(currency="")
    opening, closing = (_balance(text, account.currency) for text in (said.opening, said.closing))
    return sheet.Known(currency=account.currency, opening_minor=opening, closing_minor=closing)


def _balance(text: str, currency: str) -> int | None:
    if not text.strip():
        return None
    try:
        return money.to_minor(money.parse(text.strip(), currency))
    except Refusal:
        example = money.decimal_text(money.from_minor(123456, currency))
        raise BankStatementInvalid(f"Write balances like {example}.", param="opening") from None


def _account(found: base.BankStatement, chosen: BankAccount | None) -> BankAccount:
    """The account that a statement is about: as it names it, or the one that was chosen where it names none."""
    named = base.compact(found.account_iban)
    # some banks write the currency behind the number
    names = {named, named.removesuffix(found.currency)} - {""}
    if not names:
        if chosen is None:
            raise BankStatementInvalid("The file does not say which account it is about: choose it.", param="account")
        account: BankAccount | None = chosen
    else:
        rows = BankAccount.objects.filter(currency=found.currency)
        account = next((row for row in rows if _answers(row, names)), None)
    if account is None:
        raise BankStatementInvalid(
            f"There is no bank account {base.plain(found.account_iban, 40)} in {found.currency}: write it down first."
        )
    if chosen is not None and chosen.pk != account.pk:
        raise BankStatementInvalid(f"The file is about {account.code}, not about {chosen.code}.", param="account")
    if found.currency != account.currency:
        raise BankStatementInvalid(f"The file is in {found.currency}, and {account.code} in {account.currency}.")
    return account


def _answers(account: BankAccount, names: set[str]) -> bool:
    """An IBAN ends with the number that older statements write, behind the bank's own code."""
    return bool({account.iban, account.number} & names) or any(
        len(name) >= 8 and account.iban.endswith(name) for name in names
    )


def _in_order(
    owned: Sequence[tuple[BankAccount, base.BankStatement]],
) -> list[tuple[BankAccount, base.BankStatement]]:
    """By account and day: banks put the newest first as often as the oldest, and accounts are locked in one order."""
    return sorted(owned, key=lambda each: (each[0].pk, each[1].from_day))


def _loaded(account: BankAccount, found: base.BankStatement, facts: Mapping[str, Any]) -> BankStatement:
    BankAccount.objects.select_for_update().get(pk=account.pk)
    today = clock.now().date()
    if (found.to_day - today).days > 1:
        raise BankStatementInvalid(f"The statement ends on {found.to_day}, which has not come yet.")
    row = BankStatement(
        id=ids.new("bs"),
        account=account,
        reference=found.reference,
        from_day=found.from_day,
        to_day=found.to_day,
        currency=found.currency,
        opening_minor=found.opening_minor,
        closing_minor=found.closing_minor,
        lines=len(found.lines),
        **facts,
    )
    _refuse_overlap(row)
    row.save(force_insert=True)
    lines = (_line(row, number, line) for number, line in enumerate(found.lines, start=1))
    BankLine.objects.bulk_create(lines, batch_size=AT_ONCE)
    return row


def _refuse_overlap(row: BankStatement) -> None:
    """The database refuses days that are there already; here it is said in words, and so is a break to neighbours."""
    there = BankStatement.objects.filter(account=row.account_id, from_day__lte=row.to_day, to_day__gte=row.from_day)
    if (other := there.order_by("from_day").first()) is not None:
        same = (other.opening_minor, other.closing_minor, other.lines) == (
            row.opening_minor, row.closing_minor, row.lines,
        )  # fmt: skip
        what = "with the same balances, from another file" if same else "with another content"
        raise BankStatementOverlaps(
            f"{other} of {row.account.code} was loaded before, {what} ({other.pk}). Nothing of this file was loaded."
        )
    for one, next_ in ((banks.before(row), row), (row, banks.after(row.account_id, row.to_day))):
        if one is None or next_ is None or (next_.from_day - one.to_day).days > 1:
            continue
        if one.closing_minor != next_.opening_minor:
            raise BankStatementOverlaps(
                f"{row.account.code} ended {one.to_day} with {money.text(one.closing)} and began {next_.from_day} with"
                f" {money.text(next_.opening)}: one of the two statements is wrong. Nothing of this file was loaded."
            )


def _line(statement: BankStatement, number: int, line: base.BankLine) -> BankLine:
    words = {name: getattr(line, name) for name in base.WIDTHS}
    return BankLine(
        id=ids.new("bl"),
        account_id=statement.account_id,
        statement=statement,
        number=number,
        day=line.day,
        value_day=line.value_day,
        amount_minor=line.amount_minor,
        currency=line.currency,
        reversal=line.reversal,
        folded="|".join(filter(None, map(base.compact, words.values()))),
        **words,
    )
