"""The statements of the simulated bank, which shares no line with us, read the same in every form."""

import io
from collections.abc import Mapping
from typing import Any

from reporting.bankfiles import reading, sheet
from reporting.bankfiles.base import BankLine, BankStatement
from tests.simulator import conftest as simulators
from tests.simulator import process

own, movable = simulators.own, simulators.movable

DAY = 86_400
ENGLISH = {
    "separator": ",", "decimal": ".", "dates": "YYYY-MM-DD", "encoding": "utf-8",
    "columns": {"account": "Account", "day": "Booking date", "amount": "Amount", "text": "Text", "balance": "Balance"},
}  # fmt: skip
GERMAN = {
    "separator": ";", "decimal": ",", "dates": "DD.MM.YYYY", "encoding": "cp1252",
    "columns": {"day": "Buchungstag", "amount": "Betrag", "text": "Verwendungszweck", "balance": "Saldo"},
}  # fmt: skip


def read(own: process.Simulator, wishes: str, dialect: Mapping[str, Any] | None = None) -> BankStatement:
    """The statement of a day, as our readers see it."""
    body = own.ask("GET", f"/_sim/bank/statement?{wishes}").body
    how = sheet.dialect(dialect) if dialect is not None else None
    _, [statement] = reading.read(io.BytesIO(body), how, sheet.Known(currency="EUR"))
    return statement


def test_every_form_of_the_simulated_bank_says_the_same(own: process.Simulator) -> None:
    merchant = own.merchant(currency="eur", country="DE")
    merchant.pay(capture_method="automatic", amount=10_000, currency="eur")
    merchant.cause("bank_fee", amount=250, text="ACCOUNT FEE & CO")
    own.advance(4 * DAY)
    merchant.cause("bank_line", amount=1_234, text="RENT", party="TENANT <1>")
    merchant.cause("payout_returned")
    own.advance(4 * DAY)
    seen: list[BankLine] = []
    closing = 1_000_000
    for back in range(9, 0, -1):
        wishes = f"account={merchant.code}&day={process.day(own.now() - back * DAY)}"
        newest = read(own, f"{wishes}&format=camt053&version=08")
        assert newest.opening_minor == closing, "days follow each other"
        closing = newest.closing_minor
        lines = [(line.day, line.amount_minor) for line in newest.lines]
        seen += newest.lines
        others = [read(own, f"{wishes}&format=camt053&version=02"), read(own, f"{wishes}&format=mt940")]
        if lines:
            others += [
                read(own, f"{wishes}&format=csv", ENGLISH),
                read(own, f"{wishes}&format=csv-de", GERMAN),
            ]
        for other in others:
            assert (other.opening_minor, other.closing_minor) == (newest.opening_minor, newest.closing_minor)
            assert [(line.day, line.amount_minor) for line in other.lines] == lines
        assert [one.account_iban for one in others[:2]] == [newest.account_iban] * 2
        assert [(line.reversal, line.counterparty) for line in others[0].lines] == [
            (line.reversal, line.counterparty) for line in newest.lines
        ]
        assert [line.reversal for line in others[1].lines] == [line.reversal for line in newest.lines]
    trace = merchant.v1.payouts.list().data[-1].trace_id
    assert trace is not None
    payout = next(line for line in seen if line.amount_minor > 5_000)
    assert (str(trace.value) in payout.text, payout.counterparty) == (True, "STRIPE")
    assert [line.amount_minor for line in seen if line.reversal] == [-payout.amount_minor]
