"""Lines of a settlement file are loaded whole and once, or the file is refused in words for finance."""

import dataclasses
import itertools
import tracemalloc
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from payments.connectors.settlements import Announced, FileKind, FileRefused, LineType, SettlementLine
from payments.gateway.models import ProviderAccount
from payments.kernel import drain, ids, unit
from payments.kernel.jobs import Job
from payments.kernel.records import StateChange
from reporting.models import Discrepancy, SettlementFile
from reporting.models import SettlementLine as Row
from reporting.services import loading, settlements, staging
from tests import factories
from tests.byhand import refused, sql
from tests.reporting import told

# --- loaded ---


def test_a_batch_is_loaded_with_all_that_its_lines_say(account: ProviderAccount) -> None:
    foreign = told.line("42:9", 1100, fee=-20, gross_minor=1000, gross_currency="KWD", rate=Decimal("1.1"), tax_minor=5,
                        type=LineType.REFUND, our_reference="re_1", detail="d" * 400)  # fmt: skip
    file = told.loaded(account, told.batch(), told.closed("42", told.line("42:1"), foreign))

    assert (file.status, file.lines, file.told_before, file.set_aside, file.problem) == ("loaded", 3, 0, 0, "")
    assert file.loaded_at is not None
    [_, row, out] = Row.objects.order_by("number")
    assert (row.number, row.key, row.type, row.gross_minor, row.gross_currency) == (2, "42:9", "refund", 1000, "KWD")
    assert (row.settled_minor, row.fee_minor, row.tax_minor, row.net_minor) == (1100, -20, 5, 1115)
    assert (row.rate, row.our_reference, row.match, len(row.detail)) == (Decimal("1.1"), "re_1", "missing_here", 300)
    assert (row.occurred_at, row.payout_reference, row.account_id, row.file_id) == (
        told.NOON,
        "42",
        account.pk,
        file.pk,
    )
    assert out.net_minor == -(1000 + 1115)
    assert row.pk < out.pk
    assert list(StateChange.objects.filter(object_id=file.pk).values_list("to_state", "because")) == [
        ("loaded", "3 lines")
    ]


def test_words_are_kept_letter_by_letter(account: ProviderAccount) -> None:
    words = ["a\ttab", "two\nlines", "c:\\new\\N", "\r", "\\N", "", "naïve ✓"]
    told.loaded(account, told.day(), [told.line(str(n), detail=said) for n, said in enumerate(words)])
    assert list(Row.objects.order_by("number").values_list("detail", flat=True)) == words


def test_a_day_on_which_nothing_moved_is_loaded_too(account: ProviderAccount) -> None:
    file = told.loaded(account, told.day(), [])
    assert (file.status, file.lines) == ("loaded", 0)


def test_a_file_is_loaded_once(account: ProviderAccount) -> None:
    file = told.loaded(account, told.batch(), told.closed())
    loading.take(file, account, told.closed(), by="another worker")
    loading.load(file.pk)

    assert Row.objects.count() == 3


def test_what_was_changed_on_the_disk_is_not_loaded(account: ProviderAccount, directory: Path) -> None:
    file = told.kept(account, told.batch())
    (directory.parent / file.file).write_bytes(b"a lie!")
    loading.load(file.pk)

    file.refresh_from_db()
    assert (file.status, Row.objects.count()) == ("refused", 0)
    assert file.problem.startswith("The file was changed where it is kept")


BAD: dict[str, tuple[Announced, list[SettlementLine], str]] = {
    "no lines": (told.batch(), [], "The file has no lines: nothing says what batch 42 is made of."),
    "a sum": (
        told.batch(), [*told.closed()[:-1], told.paid_out("42", 1200)],
        "The lines of batch 42 must sum to nothing, and 2.70 EUR are left.",
    ),
    "no payout": (
        told.batch(), told.closed()[:-1], "The lines of batch 42 must sum to nothing, and 14.70 EUR are left."
        " No line says where it went: the line of the payout is missing.",
    ),
    "each currency by itself": (
        told.batch(), [told.line("1"), told.line("2", -1000, currency="USD", gross_currency="USD")],
        "The lines of batch 42 must sum to nothing, and 10.00 EUR are left."
        " No line says where it went: the line of the payout is missing.",
    ),
    "the same line twice": (
        told.day(), [told.line("a"), told.line("b"), told.line("a")], "Rows 1 and 3 are the same movement, a.",
    ),
    "no key": (told.day(), [told.line("a"), told.line("")], "Row 2 does not say by what it can be known again."),
    "a long key": (
        told.day(), [told.line("k" * 81)], f"Row 1: its key “{'k' * 40}…” is longer than 80 letters.",
    ),
    "no currency": (
        told.day(), [told.line("a", currency="EURO", gross_currency="EURO")],
        "Row 1: “EURO” is no currency of ISO 4217.",
    ),
    "a wrong exponent": (
        told.day(), [told.line("a", 4599, gross_minor=459900)],
        "Row 1 says 4,599.00 EUR gross and 45.99 EUR settled, without converting anything.",
    ),
    "another clock": (
        told.day(), [told.line("a"), told.line("b", occurred_at=told.NOON - timedelta(hours=13))],
        "Row 2 is of 2026-11-01 23:00 UTC, and the file is about 2026-11-02: one of them counts its days by another"
        " clock.",
    ),
    "the future": (
        told.batch(), [told.line("a", occurred_at=told.NOON + timedelta(days=4000))],
        "Row 1 is of 2037-10-15 12:00 UTC: that cannot be.",
    ),
    "a number beyond all": (
        told.day(), [told.line("a", 10**19)],
        'A row holds what no settlement says: value "10000000000000000000" is out of range for type bigint.',
    ),
    "binary": (
        told.day(), [told.line("a", detail="\x00\x01")],
        'A row holds what no settlement says: invalid byte sequence for encoding "UTF8": 0x00.',
    ),
    "mixed encodings": (
        told.day(), [told.line("a"), told.line("b", detail="caf\udce9")],
        "Row 2 holds letters that are none: the file mixes encodings.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_a_file_that_is_not_right_is_refused_whole(account: ProviderAccount, bad: str) -> None:
    announced, lines, words = BAD[bad]
    file = told.loaded(account, announced, lines)

    assert (file.status, file.problem) == ("refused", words)
    assert (file.lines, Row.objects.count()) == (0, 0)


def test_what_a_reader_refuses_after_its_last_line_is_not_loaded(account: ProviderAccount) -> None:
    def cut_off() -> Iterator[SettlementLine]:
        yield from told.closed()
        raise FileRefused("Line 4 is cut off.")

    file = told.loaded(account, told.batch(), cut_off())
    assert (file.status, file.problem, Row.objects.count()) == ("refused", "Line 4 is cut off.", 0)


# --- what two files tell ---


def paid(reference: str, *lines: SettlementLine) -> list[SettlementLine]:
    """The file of a payout, as Stripe has it: keys are those of the days' files."""
    return told.closed(reference, *lines)


def test_a_payouts_file_says_of_known_lines_only_which_payout_they_were_part_of(account: ProviderAccount) -> None:
    known = [told.line("txn_1", 1000, fee=30, tax_minor=6, our_reference="att_1"), told.line("txn_2", 500)]
    told.loaded(account, told.day(), known)
    payout = Announced(reference="po_1", kind=FileKind.PAYOUT, name="po_1.csv")
    other_words = known[0]._replace(fee_minor=36, tax_minor=0, our_reference="", method="", detail="with tax")
    file = told.loaded(account, payout, paid("po_1", other_words, told.line("txn_3", 100)), b"payout")

    assert (file.status, file.lines, file.told_before) == ("loaded", 3, 1)
    found = Row.objects.order_by("file_id", "number").values_list("key", "payout_reference", "fee_minor", "detail")
    assert list(found) == [
        ("txn_1", "po_1", 30, ""), ("txn_2", "", 0, ""), ("txn_3", "po_1", 0, ""), ("po_1:out", "po_1", 0, "TX1 batch"),
    ]  # fmt: skip


def test_the_payouts_file_may_come_first(account: ProviderAccount) -> None:
    payout = Announced(reference="po_1", kind=FileKind.PAYOUT, name="po_1.csv")
    told.loaded(account, payout, paid("po_1", told.line("txn_1")), b"payout")
    file = told.loaded(account, told.day(), [told.line("txn_1"), told.line("txn_2")])

    assert (file.status, file.told_before) == ("loaded", 1)
    assert Row.objects.get(key="txn_1").payout_reference == "po_1"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"settled_minor": 999, "gross_minor": 999}, "gross amount (there 10.00 EUR, here 9.99 EUR), another settled"
         " amount (there 10.00 EUR, here 9.99 EUR)"),
        ({"fee_minor": 1}, "fee (there 0.00 EUR, here 0.01 EUR)"),
        ({"payment_reference": ""}, "payment (there pay_txn_1, here none)"),
        ({"type": LineType.REFUND}, "kind (there capture, here refund)"),
        ({"our_reference": "att_2"}, "reference of ours (there att_1, here att_2)"),
        ({"payout_reference": "po_2"}, "payout (there po_1, here po_2)"),
    ],
)  # fmt: skip
def test_a_known_line_that_says_something_else_refuses_the_file(
    account: ProviderAccount, changed: dict[str, Any], words: str
) -> None:
    told.loaded(account, told.day(), [told.line("txn_1", payout_reference="po_1", our_reference="att_1")])
    other = told.day(date(2026, 11, 3))
    moved = dataclasses.replace(other, day=None)
    lines = [told.line("txn_0"), told.line("txn_1", our_reference="att_1")._replace(**changed)]
    file = told.loaded(account, moved, lines, b"another day")

    assert file.status == "refused"
    assert file.problem == f"Row 2 (txn_1) was loaded from activity_2026-11-02.csv, and says another {words} now."
    assert list(Row.objects.values_list("key", flat=True)) == ["txn_1"]
    [difference] = Discrepancy.objects.filter(kind="file_conflict")
    assert (difference.subject_id, difference.detail) == (file.pk, file.problem)

    settlements.read_again(file.pk, by="staff finance")
    loading.take(file, account, [told.line("txn_0")], by="worker")
    difference.refresh_from_db()
    assert difference.status == "cleared"


def test_accounts_do_not_know_each_others_lines(account: ProviderAccount) -> None:
    told.loaded(account, told.batch(), told.closed())
    other = ProviderAccount.objects.get(code="adyen-apac")
    assert told.loaded(other, told.batch(), told.closed()).status == "loaded"
    assert Row.objects.count() == 6


# --- before our time ---


def test_lines_of_before_the_cut_over_are_set_aside_unless_their_payment_is_ours(
    account: ProviderAccount, sim: factories.Simulator
) -> None:
    shop = factories.shop()
    intent = shop.paid()
    stripe = ProviderAccount.objects.get(code="stripe-us")
    ours = intent["latest_attempt"]["provider_reference"]
    ProviderAccount.objects.filter(pk=stripe.pk).update(settles_from=told.DAY + timedelta(days=1))
    stripe.refresh_from_db()
    later = told.NOON + timedelta(hours=12)
    lines = [
        told.line("1", payment_reference=ours), told.line("2"), told.line("3", type=LineType.FEE, payment_reference=""),
        told.line("4", occurred_at=later), told.line("5", occurred_at=later - timedelta(microseconds=1)),
    ]  # fmt: skip
    announced = dataclasses.replace(told.day(), day=None)
    file = told.loaded(stripe, announced, lines)

    assert (file.lines, file.set_aside) == (5, 3)
    found = Row.objects.order_by("number").values_list("match", flat=True)
    assert list(found) == ["missing_here", "set_aside", "set_aside", "missing_here", "set_aside"]


# --- what the database refuses, and how much it takes ---


def test_files_and_lines_stay_as_they_came(account: ProviderAccount) -> None:
    told.loaded(account, told.batch(), told.closed())
    row = Row.objects.earliest("number")

    with refused("a settlement file is kept as it came"):
        SettlementFile.objects.update(sha256="0" * 64)
    with refused("a settlement file is kept as it came"):
        sql("DELETE FROM reporting_settlementfile")
    with refused("a line of a settlement is kept as it came"):
        Row.objects.update(settled_minor=1)
    with refused("a line of a settlement is kept as it came"):
        Row.objects.filter(pk=row.pk).delete()
    Row.objects.update(match="matched", movement_id="cap_1", payout_reference="43")


def test_a_line_is_of_a_file_of_its_own_account(account: ProviderAccount) -> None:
    file = told.loaded(account, told.batch(), told.closed())
    other = ProviderAccount.objects.get(code="adyen-apac")
    row = Row.objects.earliest("number")
    for strange in ({"account": other, "file": file}, {"account": account, "file_id": ids.new("st")}):
        with refused("of this account, which is not there"):
            Row.objects.create(
                number=9, key="9", type="fee", psp_type="Fee", occurred_at=row.occurred_at, gross_minor=0,
                gross_currency="EUR", settled_minor=0, currency="EUR", **strange,
            )  # fmt: skip


def test_progress_is_told_while_lines_are_read(account: ProviderAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(staging, "PROGRESS_LINES", 2)
    file = told.kept(account, told.batch())
    seen = []

    def lines() -> Iterator[SettlementLine]:
        for one in told.closed("42", *(told.line(f"42:{n}") for n in range(4))):
            seen.append(SettlementFile.objects.get().lines)
            yield one

    loading.take(file, account, lines(), by="worker")
    assert seen == [0, 0, 2, 2, 4]
    assert SettlementFile.objects.get().lines == 5


def test_who_is_overtaken_while_reading_leaves_what_is_loaded_as_it_is(
    account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(staging, "PROGRESS_LINES", 2)
    file = told.kept(account, told.batch())

    def overtaken() -> Iterator[SettlementLine]:
        loading.take(file, account, told.closed(), by="another worker")
        yield from told.closed()

    loading.take(file, account, overtaken(), by="worker")
    file.refresh_from_db()
    assert (file.status, file.lines, Row.objects.count()) == ("loaded", 3, 3)


def test_a_worker_that_was_taken_for_dead_loads_nothing(account: ProviderAccount) -> None:
    file = told.kept(account, told.batch())
    job = Job.objects.get(name="load_settlement")
    Job.objects.filter(pk=job.pk).update(fence=job.fence + 1)
    with unit.joined_by(drain.Lease(job)), pytest.raises(unit.Stale):
        loading.take(file, account, told.closed(), by="worker")

    assert (SettlementFile.objects.get().status, Row.objects.count()) == ("stored", 0)


def test_many_lines_take_no_more_memory_than_few(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        lines = (told.line(str(n)) for n in itertools.repeat(7, count))
        with (tmp_path / "spool").open("wb") as sink:
            tracemalloc.start()
            staging.spool(lines, sink, lambda _: None)
            try:
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    few, many = peak(1000), peak(50_000)
    assert many < few + 100_000, "bytes at their highest"
