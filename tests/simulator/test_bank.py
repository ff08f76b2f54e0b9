"""The merchant's bank: what the PSPs sent and took stands there to the cent, in every form."""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from tests.simulator import process

DAY = 86_400
SWIFT_LINE = re.compile(r":61:\d{10}(R?[CD])([\d,]+)N[A-Z]{3}\S{1,16}//\S{1,16}\r\n:86:((?:(?!\r\n[:-]).)+)", re.DOTALL)
Line = tuple[Decimal, str]


@pytest.fixture
def merchant(own: process.Simulator) -> process.Merchant:
    """An American account with a clock of its own."""
    return own.merchant()


def ask(merchant: process.Account, day: str, form: str, **more: str) -> process.Answer:
    """The statement of a day."""
    wishes = "&".join(f"{name}={value}" for name, value in {"account": merchant.code, "day": day, **more}.items())
    return merchant.simulator.ask("GET", f"/_sim/bank/statement?{wishes}&format={form}")


def camt(merchant: process.Account, day: str, version: str = "08") -> tuple[list[Decimal], list[Line]]:
    """Opening and closing balance, and the lines."""
    body = ask(merchant, day, "camt053", version=version).body
    root = ElementTree.fromstring(body)  # noqa: S314  our own file
    space = {"c": f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"}

    def amount(element: ElementTree.Element) -> Decimal:
        shown = Decimal(element.findtext("c:Amt", "", space))
        return -shown if element.findtext("c:CdtDbtInd", "", space) == "DBIT" else shown

    balances = [amount(found) for found in root.iterfind(".//c:Bal", space)]
    entries = root.findall(".//c:Ntry", space)
    lines = [(amount(found), found.findtext(".//c:Ustrd", "", space)) for found in entries]
    came = sum(value for value, _ in lines if value > 0)
    assert Decimal(root.findtext(".//c:TtlCdtNtries/c:Sum", "", space)) == came
    assert root.findtext(".//c:TtlDbtNtries/c:NbOfNtries", "", space) == str(sum(value < 0 for value, _ in lines))
    status = [found.findtext("c:Sts/c:Cd" if version == "08" else "c:Sts", "", space) for found in entries]
    assert status == ["BOOK"] * len(entries)
    return balances, lines


def mt940(merchant: process.Account, day: str) -> tuple[list[Decimal], list[Line]]:
    """Opening and closing balance, and the lines."""
    text = ask(merchant, day, "mt940").body.decode("ascii")
    assert text.endswith("\r\n-\r\n")

    def amount(mark: str, shown: str) -> Decimal:
        # RC is the reversal of a credit: money leaves.
        return Decimal(shown.replace(",", ".")) * (-1 if mark in {"D", "RC"} else 1)

    balances = [amount(*found) for found in re.findall(r":6[02]F:([CD])\d{6}[A-Z]{3}([\d,]+)", text)]
    lines = re.findall(
        r":61:\d{10}(R?[CD])([\d,]+)N[A-Z]{3}\S{1,16}//\S{1,16}\r\n:86:((?:(?!\r\n[:-]).)+)", text, re.DOTALL
    )
    assert len(lines) == text.count(":61:")
    return balances, [(amount(mark, shown), said.replace("\r\n", "")) for mark, shown, said in lines]


def table(merchant: process.Account, day: str) -> list[Line]:
    """The lines; the balance behind each is right."""
    rows = list(csv.DictReader(io.StringIO(ask(merchant, day, "csv").body.decode())))
    for before, row in itertools.pairwise(rows):
        assert Decimal(before["Balance"]) + Decimal(row["Amount"]) == Decimal(row["Balance"])
    return [(Decimal(row["Amount"]), row["Text"]) for row in rows]


def days(own: process.Simulator, count: int) -> Iterator[str]:
    """The days that are over, the oldest first."""
    return (process.day(own.now() - back * DAY) for back in range(count, 0, -1))


def test_every_form_says_the_same_and_days_follow_each_other(
    merchant: process.Merchant, own: process.Simulator
) -> None:
    intent = merchant.pay(capture_method="automatic", amount=10_000)
    merchant.cause("bank_fee", amount=250, text="ACCOUNT FEE Ü & CO")
    own.advance(4 * DAY)
    merchant.v1.refunds.create(params={"payment_intent": intent.id})
    merchant.cause("bank_line", amount=1_234, text="RENT", party="TENANT <1>")
    own.advance(2 * DAY)
    merchant.cause("payout_returned")
    own.advance(4 * DAY)
    before = Decimal("10000.00")
    seen: list[Line] = []
    for day in days(own, 10):
        (opening, closing), lines = camt(merchant, day)
        assert opening == before
        assert opening + sum(amount for amount, _ in lines) == closing
        assert camt(merchant, day, "02") == ([opening, closing], lines)
        balances, swift = mt940(merchant, day)
        assert balances == [opening, closing]
        assert (
            [amount for amount, _ in swift] == [amount for amount, _ in lines] == [a for a, _ in table(merchant, day)]
        )
        seen += lines
        before = closing
    trace = merchant.v1.payouts.list().data[-1].trace_id
    assert trace is not None
    assert [amount for amount, _ in seen] == [
        Decimal("-2.50"), Decimal("96.80"), Decimal("12.34"), Decimal("-100.00"), Decimal("100.00"), Decimal("-100.00")
    ]  # fmt: skip
    assert seen[1][1] == f"STRIPE {trace.value}"
    assert seen[4][1].startswith("RETURN STRIPE ")


def test_what_came_back_is_reversed(merchant: process.Merchant, own: process.Simulator) -> None:
    merchant.pay(capture_method="automatic")
    own.advance(4 * DAY)
    merchant.cause("payout_returned")
    day = process.day(own.now())
    own.advance(DAY)
    body = ask(merchant, day, "camt053").body
    assert b"<CdtDbtInd>DBIT</CdtDbtInd><RvslInd>true</RvslInd>" in body
    assert body.count(b"<Dbtr><Pty><Nm>STRIPE</Nm></Pty></Dbtr>") == 1, "the payer is who had paid"
    assert re.search(rb":61:\d{10}RC19,12NRTI\w+//\w+", ask(merchant, day, "mt940").body)


def test_a_payout_that_came_back_on_its_way_never_was_at_the_bank(
    merchant: process.Merchant, own: process.Simulator
) -> None:
    merchant.pay(capture_method="automatic")
    while not merchant.v1.payouts.list().data:
        own.advance(DAY)
    merchant.cause("payout_returned")
    own.advance(3 * DAY)
    lines = [line for day in days(own, 6) for line in table(merchant, day)]
    assert [amount for amount, _ in lines] == [Decimal("19.12")], "the second attempt alone"


def test_yen_have_no_decimals_and_germans_a_comma(own: process.Simulator) -> None:
    merchant = own.merchant(currency="jpy", country="JP")
    merchant.cause("bank_line", amount=150_000, text="Überweisung")
    day = process.day(own.now())
    own.advance(DAY)
    assert b"C150000,NMSC" in ask(merchant, day, "mt940").body
    assert b"<Amt Ccy='JPY'>150000</Amt>" in ask(merchant, day, "camt053").body
    euros = own.merchant(currency="eur", country="DE")
    euros.cause("bank_line", amount=1_999, text="Überweisung")
    day = process.day(own.now())
    own.advance(DAY)
    header, row = ask(euros, day, "csv-de").body.decode("cp1252").splitlines()
    assert header.split(";")[4:] == ["Betrag", "Währung", "Saldo"]
    assert row.split(";")[3:] == ["Überweisung", "19,99", "EUR", "10019,99"]


def test_accounts_may_share_a_bank_account(own: process.Simulator) -> None:
    iban = "DE89370400440532013000"
    both = [own.merchant(currency="eur", settings={"bank_account": iban}) for _ in range(2)]
    for amount, merchant in enumerate(both, 1):
        merchant.cause("bank_line", amount=amount)
    day = process.day(own.now())
    own.advance(DAY)
    assert [amount for amount, _ in table(both[0], day)] == [Decimal("0.01"), Decimal("0.02")]
    assert own.ask("GET", f"/_sim/bank/statement?account={iban}&day={day}&format=csv").status == 200
    shown = own.ask("GET", "/_sim/bank/accounts").json()["bank_accounts"]
    codes = {merchant.code for merchant in both}
    assert [row["bank_account"] for row in shown if row["account"] in codes] == [iban, iban]


def test_an_iban_holds(merchant: process.Merchant, own: process.Simulator) -> None:
    shown = own.ask("GET", "/_sim/bank/accounts").json()["bank_accounts"]
    (row,) = [row for row in shown if row["account"] == merchant.code]
    iban: str = row["bank_account"]
    assert int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97 == 1


def test_there_is_no_statement_of_a_day_that_is_not_over(merchant: process.Merchant, own: process.Simulator) -> None:
    yesterday = process.day(own.now() - DAY)
    assert ask(merchant, process.day(own.now()), "csv").status == 400
    assert ask(merchant, "yesterday", "csv").status == 400
    assert ask(merchant, yesterday, "pdf").status == 400
    assert ask(merchant, yesterday, "camt053", version="13").status == 400
    assert own.ask("GET", f"/_sim/bank/statement?account=nobody&day={yesterday}").status == 404
    assert ask(merchant, yesterday, "camt053").status == 200
