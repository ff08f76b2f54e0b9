"""What holds for every report there is: its bytes stay, it ties, it proves itself, and no spreadsheet runs it."""

import csv
import io
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from config.environment import GlAccount
from payments.connectors.disputes import Standing
from payments.gateway.models import LegalEntity, ProviderAccount
from payments.intents import selectors
from payments.intents.models import Capture
from payments.intents.services import moves
from payments.kernel import clock, ids, unit
from reporting.reports import base
from reporting.reports.catalogue import REPORTS
from reporting.services import extraction, manifests
from tests import factories
from tests.byhand import behind_the_guards, sql
from tests.reporting import desk as desks
from tests.reporting import month, settlement, settling
from tests.reporting.desk import Desk, File

LATER = datetime(2026, 11, 9, 12, tzinfo=UTC)
ZONES: Mapping[str, Any] = {"interval_start": "2026-10-01T00:00:00+02:00", "interval_end": "2026-11-01T00:00:00+01:00",
                            "timezone": "Europe/Amsterdam"}  # fmt: skip


def every(desk: Desk, **parameters: Any) -> dict[str, File]:
    """All reports of the same days."""
    return {name: desk.book(name, **(parameters or desks.OCTOBER)) for name in REPORTS}


def happenings(desk: Desk, played: Mapping[str, Mapping[str, Any]], customer: str) -> list[Callable[[], object]]:
    """What may still happen in November to what October left, and anew."""

    def capture_fails() -> None:
        capture = Capture.objects.get(intent=played["euro"]["id"])
        with clock.at(LATER), unit.work():
            moves.reverse(selectors.hold_with_attempt(capture.attempt_id), capture, because="refused", by="test")

    def more_is_settled() -> None:
        line = settling.of(played["won"], occurred_at=LATER, fee=146)
        settlement.paid_out(settling.Account(), "po_nov", LATER, line)

    def erased() -> None:
        assert desk.shop.call("DELETE", f"customers/{customer}").status_code == 200

    def declined() -> None:
        with clock.at(LATER):
            desk.shop.confirm(desk.shop.intent(), token="pm_card_visa_chargeDeclined")

    return [
        capture_fails,
        more_is_settled,
        erased,
        declined,
        lambda: desk.paid(LATER, 777),
        lambda: desk.refunded(LATER, played["mug"], 300),
        lambda: month.dispute(LATER, played["quarrel"], Standing.LOST),
        lambda: month.dispute(LATER, played["mug"], Standing.NEEDS_RESPONSE, taken=999),
        lambda: month.dispute(LATER, played["lost"], Standing.WON, back=4000),
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_closed_period_has_the_same_bytes_whatever_comes_later(desk: Desk, seed: int) -> None:
    customer = desk.shop.post("customers", {"reference": "shopper-9", "email": "ada@example.com", "name": "Ada"})["id"]
    played = month.october(desk, customer=customer)
    settlement.october(played)
    before, there = every(desk), every(desk, **ZONES)
    assert all(file.rows for file in before.values())

    later = happenings(desk, played, customer)
    random.Random(seed).shuffle(later)
    for happens in later:
        happens()
    factories.work()

    for name, file in every(desk).items():
        assert file.raw == before[name].raw, name
        assert file.manifest["as_of"]["complete"] is True
    for name, file in every(desk, **ZONES).items():
        assert file.raw == there[name].raw, name
    november = every(desk, interval_start="2026-11-01T00:00:00Z", interval_end="2026-12-01T00:00:00Z")
    assert [name for name, file in november.items() if not file.rows] == ["fx"], "something has happened everywhere"
    assert [name for name, file in november.items() if not file.manifest["tied"]] == []
    factories.assert_books_close()


def test_every_file_ties_and_is_proven_without_a_database(desk: Desk, tmp_path: Path) -> None:
    settlement.october(month.october(desk))
    for name, file in every(desk).items():
        kept = tmp_path / f"{name}.csv"
        kept.write_bytes(file.raw)
        assert list(manifests.verify(kept, file.manifest)) == [], name
        assert file.manifest["control_totals"], name
        minor = next(row[cell] for row in file.rows for cell in row if cell.endswith("_minor") and row[cell])
        kept.write_bytes(file.raw.replace(f",{minor},".encode(), f",{int(minor) + 1},".encode(), 1))
        assert len(list(manifests.verify(kept, file.manifest))) >= 2, name


@pytest.mark.parametrize("report", REPORTS.values(), ids=list(REPORTS))
def test_a_day_without_anything_is_a_header_that_ties(desk: Desk, report: base.Report) -> None:
    file = desk.book(report.name, interval_start="2026-01-01T00:00:00Z", interval_end="2026-01-02T00:00:00Z")
    assert file.raw == (",".join(report.header) + "\r\n").encode()
    assert file.manifest["tied"] is True


@pytest.mark.parametrize("currency", ["USD", "JPY"])
def test_a_report_can_be_about_one_currency(desk: Desk, currency: str) -> None:
    settlement.october(month.october(desk))
    for name, file in every(desk, **desks.OCTOBER, currency=currency).items():
        assert {row.get("currency") or row["Currency"] for row in file.rows} <= {currency}, name
        assert file.manifest["tied"] is True, name


def test_a_report_can_be_about_one_company(desk: Desk) -> None:
    """Whatever is told of each company comes to what is told of both, and no movement is torn apart."""
    settlement.october(month.october(desk))
    whole = every(desk)
    europe = LegalEntity.objects.create(name="Europe BV", functional_currency="EUR")
    ProviderAccount.objects.filter(code="stripe-eu").update(legal_entity=europe)
    other = ProviderAccount.objects.get(code="stripe-us").legal_entity
    parts = [every(desk, **desks.OCTOBER, legal_entity=company.pk) for company in (europe, other)]

    assert [name for part in parts for name, file in part.items() if not file.manifest["tied"]] == []
    for name in ("payments", "refunds", "disputes", "fees", "payouts", "fx", "tax", "ledger", "declines",
                 "unsettled_ageing", "balance"):  # fmt: skip
        assert sum(len(part[name].rows) for part in parts) == len(whole[name].rows), name
    assert {row["provider_account"] for row in parts[0]["balance"].rows} == {"stripe-eu"}
    assert {row["legal_entity"] for row in parts[0]["gl_journal"].rows} == {"Europe BV"}
    assert parts[0]["trial_balance"].minor("debits") == {"EUR": 12000}


EVIL = '=HYPERLINK("https://evil.example";"a,b")\n@next'
TEXTS = (
    "UPDATE payments_order SET reference = %s || right(id::text, 6)",
    "UPDATE payments_paymentattempt SET provider_reference = %s || provider_reference, method = '@x'",
    "UPDATE payments_legalentity SET name = %s || right(id::text, 6)",
    "UPDATE payments_transfer SET narrative = %s",
    "UPDATE reporting_settlementline SET key = %s || key, psp_type = '+x', method = '-x', detail = E'\\tx'",
    "UPDATE reporting_settlementline SET payment_reference = %s || payment_reference, movement_reference = '@x'",
    "UPDATE refunds_refund SET provider_reference = %s || provider_reference",
    "UPDATE refunds_dispute SET provider_reference = %s || provider_reference",
    "UPDATE reporting_payout SET provider_reference = %s || provider_reference",
    "UPDATE payments_paymentattempt SET decline = decline || jsonb_build_object('card_brand', %s::text)",
)


def poisoned() -> None:
    """What no door lets in, written behind the guards into every text that somebody else may choose."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in TEXTS:
            cursor.execute(statement, [EVIL] * statement.count("%s"))


def test_no_text_of_others_is_run_by_a_spreadsheet(desk: Desk, settings: Settings) -> None:
    settings.GL_ACCOUNTS = [
        GlAccount(code=code, number="+1", name=EVIL, since=datetime(2026, 1, 1, tzinfo=UTC).date())
        for code in ("psp_receivable", "order_clearing")
    ]
    settlement.october(month.october(desk))
    poisoned()
    for name, file in every(desk).items():
        kinds = {column.name: column.kind for column in REPORTS[name].columns}
        rows = list(csv.reader(io.StringIO(file.raw.decode(), newline=""), strict=True))
        assert rows[0] == list(kinds)
        assert len(rows) == file.manifest["rows"] + 1, "a line break within a cell begins no row"
        assert file.raw.endswith(b"\r\n")
        texts = [cell for row in rows[1:] for cell, kind in zip(row, kinds.values(), strict=True)
                 if kind is base.Kind.TEXT]  # fmt: skip
        assert not [cell for cell in texts if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")], name
        if name not in ("balance", "trial_balance", "payouts", "fx", "fees"):
            assert any(cell.startswith(f"'{EVIL}") for cell in texts), name


def test_every_report_says_when_to_use_it() -> None:
    for report in REPORTS.values():
        assert report.use.startswith("Use this when "), report.name
        assert report.use.endswith("."), report.name
        assert 60 <= len(report.use) <= 420, report.name
        assert report.title[0].isupper()


def read(plan: Mapping[str, Any]) -> set[str]:
    """The tables that a plan has really read, out of EXPLAIN (ANALYZE, FORMAT JSON)."""
    here = {plan["Relation Name"]} if plan.get("Relation Name") and plan["Actual Loops"] else set()
    return here.union(*(read(below) for below in plan.get("Plans", ())))


@pytest.mark.parametrize("controls", ["rows", "control"])
@pytest.mark.parametrize("name", ["ledger", "gl_journal", "gl_journal_quickbooks"])
def test_only_the_months_of_the_interval_are_read(desk: Desk, name: str, controls: str) -> None:
    """Entries lie in months; what was booked in others is never looked at."""
    for at in (datetime(2026, 9, 10, tzinfo=UTC), desks.moment(3), desks.moment(20), LATER):
        desk.paid(at)
    report = REPORTS[name]
    given = {"timezone": "UTC", "currency": None, "client": None, **desks.OCTOBER}
    with extraction._snapshot(base.Parameters.from_json(given)) as (cursor, as_of):
        bound = extraction.bind(cursor, report, base.Parameters.from_json(given), (as_of.xid, as_of.next_xid))
        asked = report.query if controls == "rows" else report.control.query
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}", bound)
        [[[plan]]] = cursor.fetchall()
    entries = {table for table in read(plan["Plan"]) if table.startswith("payments_entry")}
    assert entries == {"payments_entry_202610"}


def test_what_was_booked_by_a_statement_that_took_long_is_in_every_report(desk: Desk) -> None:
    """A set is booked as of one moment, and the ids of its last entries are of when they were written."""
    desk.paid(desks.moment(3))
    with behind_the_guards():
        for entry, booked_at in sql("SELECT id, booked_at FROM payments_entry"):
            late = ids.uuid7(booked_at + timedelta(minutes=20))
            sql("UPDATE payments_entry SET id = %s WHERE id = %s", late, entry)
    for name in ("payments", "ledger", "gl_journal", "balance"):
        file = desk.book(name, **desks.OCTOBER)
        assert file.manifest["tied"], name
        assert file.manifest["control_totals"], name
