"""What stands in the files: every movement once, in the ledger's order, in the chosen currency and time zone."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from payments.intents import selectors
from payments.intents.models import Capture
from payments.intents.services import moves
from payments.kernel import clock, unit
from payments.ledger import selectors as ledger
from payments.orders.models import Order
from payments.rest.models import ApiClient
from reporting.reports import base, catalogue
from tests import factories
from tests.refunds.psp import Psp
from tests.reporting import desk as desks
from tests.reporting import month, settlement
from tests.reporting.desk import Desk


def reverse(intent_id: str) -> None:
    """The PSP says that a capture has failed after all."""
    capture = Capture.objects.get(intent=intent_id)
    with unit.work():
        moves.reverse(selectors.hold_with_attempt(capture.attempt_id), capture, because="the bank refused", by="test")


def test_a_payment_is_one_row(desk: Desk, shop: factories.Shop) -> None:
    intent = desk.paid(desks.moment(3, 9, 30), 1999, reference="A-77")
    file = desk.file(**desks.OCTOBER, timezone="Europe/Amsterdam")

    [row] = file.rows
    capture = Capture.objects.get()
    [transfer] = ledger.journal([capture.pk])
    assert row == {
        "report_version": "1",
        "transfer_id": transfer.pk,
        "movement": "captured",
        "currency": "USD",
        "amount": "19.99",
        "amount_minor": "1999",
        "created_utc": "2026-10-03T09:30:00Z",
        "created_local": "2026-10-03T11:30:00+02:00",
        "booked_utc": "2026-10-03T09:30:00Z",
        "payment_intent_id": intent["id"],
        "capture_id": capture.pk,
        "attempt_id": capture.attempt_id,
        "order_id": intent["order"],
        "order_reference": "A-77",
        "country": "US",
        "client_id": shop.client.pk,
        "psp": "stripe",
        "provider_account": "stripe-us",
        "provider_reference": intent["latest_attempt"]["provider_reference"],
        "method": "card",
    }
    assert file.raw.endswith(b"\r\n")
    assert file.raw.count(b"\n") == file.raw.count(b"\r\n") == 2
    assert file.control() == file.summed() == [("captured", "USD", 1, 1999)]
    factories.assert_books_close()


def test_a_capture_that_fails_later_is_a_negative_row_of_its_own(desk: Desk) -> None:
    intent = desk.paid(desks.moment(3), 1999)
    with clock.at(datetime(2026, 11, 5, tzinfo=UTC)):
        reverse(intent["id"])

    assert desk.file(**desks.OCTOBER).summed() == [("captured", "USD", 1, 1999)]
    always = desk.file()
    assert always.summed() == always.control() == [("capture_reversed", "USD", 1, -1999), ("captured", "USD", 1, 1999)]
    assert always.column("amount") == ["19.99", "-19.99"]
    assert always.manifest["tied"] is True
    factories.assert_books_close()


def test_refunds_and_those_that_bounce(desk: Desk, sim: factories.Simulator, simulator: str) -> None:
    intent = desk.paid(desks.moment(3), 1999)
    desk.refunded(desks.moment(4), intent, 5)
    sim.scenario("refunds.create", "bounced_refund", seconds=0, times=1)
    bounced = desk.refunded(desks.moment(5), intent, 700)
    psp = Psp(simulator)
    with clock.at(desks.moment(20)):
        psp.notify(psp.events_once("refund.failed"))

    file = desk.file("refunds", **desks.OCTOBER)
    assert file.column("movement") == ["refund_succeeded", "refund_succeeded", "refund_bounced"]
    assert file.column("amount") == ["0.05", "7.00", "-7.00"]
    assert (file.rows[2]["refund_id"], file.rows[2]["created_utc"]) == (bounced["id"], "2026-10-20T12:00:00Z")
    assert {row["payment_intent_id"] for row in file.rows} == {intent["id"]}
    assert (file.rows[0]["reason"], file.rows[0]["origin"]) == ("goodwill", "api")
    assert file.control() == file.summed()
    assert file.manifest["tied"] is True
    assert desk.file("payments").summed() == [("captured", "USD", 1, 1999)]
    factories.assert_books_close()


def test_what_left_a_bank_is_in_the_report_of_refunds_on_its_value_date(
    desk: Desk, sim: factories.Simulator, simulator: str
) -> None:
    month.transferred(desk, sim, Psp(simulator))

    file = desk.file("refunds", **desks.OCTOBER)
    assert file.column("movement") == ["refund_succeeded", "refund_bounced", "refund_transferred"]
    assert (file.rows[2]["amount"], file.rows[2]["origin"]) == ("7.00", "bank")
    assert file.rows[2]["created_utc"] == "2026-10-21T00:00:00Z"
    assert file.control() == file.summed()
    assert file.manifest["tied"] is True
    factories.assert_books_close()


def test_every_currency_has_its_own_decimals(desk: Desk) -> None:
    desk.paid(desks.moment(1), 105, "USD")
    desk.paid(desks.moment(2), 1999, "JPY")
    desk.paid(desks.moment(3), 12340, "KWD")
    desk.paid(desks.moment(4), 2500, "JPY")

    file = desk.file(**desks.OCTOBER)
    assert file.column("amount") == ["1.05", "1999", "12.340", "2500"]
    assert file.control() == file.summed() == [
        ("captured", "JPY", 2, 4499), ("captured", "KWD", 1, 12340), ("captured", "USD", 1, 105)]  # fmt: skip
    assert [total["amount"] for total in file.manifest["control_totals"]] == ["4499", "12.340", "1.05"]
    for _, currency, _, minor in file.summed():
        assert ledger.trial_balance()["psp_receivable/stripe-us", currency] == minor
    assert desk.file(**desks.OCTOBER, currency="JPY").summed() == [("captured", "JPY", 2, 4499)]


def test_the_interval_is_that_of_the_time_zone(desk: Desk) -> None:
    """On 25 October 2026 Amsterdam leaves summer time: October is 745 hours long there."""
    for at in (
        datetime(2026, 9, 30, 21, 59, 59, tzinfo=UTC),
        datetime(2026, 9, 30, 22, 0, tzinfo=UTC),
        datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC),
        datetime(2026, 10, 31, 23, 0, tzinfo=UTC),
    ):
        desk.paid(at)

    there = {"interval_start": "2026-10-01T00:00:00+02:00", "interval_end": "2026-11-01T00:00:00+01:00"}
    assert desk.file(**there, timezone="Europe/Amsterdam").column("created_local") == [
        "2026-10-01T00:00:00+02:00", "2026-10-31T23:59:59+01:00"]  # fmt: skip
    assert desk.file(**desks.OCTOBER).column("created_utc") == [
        "2026-10-31T22:59:59Z", "2026-10-31T23:00:00Z"]  # fmt: skip


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])  # noqa: RUF001
def test_text_that_a_spreadsheet_would_run_is_disarmed(desk: Desk, first: str) -> None:
    desk.paid(desks.moment(3), reference=f'{first}HYPERLINK("https://evil.example";"a,b")')
    desk.paid(desks.moment(4), reference="A-1=2")

    references = desk.file(**desks.OCTOBER).column("order_reference")
    assert references == [f'\'{first}HYPERLINK("https://evil.example";"a,b")', "A-1=2"]


def test_line_breaks_within_a_cell_stay_what_they_are(desk: Desk) -> None:
    """No door lets them in; what an older import has left is shown as it is, and proven."""
    for day, reference in enumerate(['two\nlines, "quoted"', "carriage\r\nreturn", "\tindented", "\\."], start=1):
        Order.objects.filter(pk=desk.paid(desks.moment(day))["order"]).update(reference=reference)

    file = desk.file(**desks.OCTOBER)
    assert file.column("order_reference") == ['two\nlines, "quoted"', "carriage\r\nreturn", "'\tindented", "\\."]
    assert (file.manifest["rows"], file.manifest["tied"]) == (4, True)


def test_a_payment_without_an_order_has_empty_cells(desk: Desk, shop: factories.Shop) -> None:
    shop.confirm(shop.post("payment_intents", {"amount": 1200, "currency": "EUR"}), account="stripe-eu")

    [row] = desk.file().rows
    assert (row["order_id"], row["order_reference"], row["country"]) == ("", "", "")
    assert row["provider_account"] == "stripe-eu"


def test_an_empty_interval_is_a_header_that_ties(desk: Desk) -> None:
    file = desk.file(interval_start="2026-01-01T00:00:00Z", interval_end="2026-01-02T00:00:00Z")

    assert file.raw == (",".join(catalogue.REPORTS["payments"].header) + "\r\n").encode()
    assert (file.run["rows"], file.run["tied"], file.control()) == (0, True, [])


def test_no_file_holds_personal_data(desk: Desk, shop: factories.Shop) -> None:
    customer = shop.post("customers", {"reference": "shopper-9", "email": "ada@example.com", "name": "Ada Lovelace"})
    settlement.october(month.october(desk, customer=customer["id"]))

    for report in catalogue.REPORTS:
        raw = desk.book(report).raw
        assert raw.count(b"\r\n") >= 2, report
        assert not [word for word in (b"ada@", b"Ada", b"shopper-9", customer["id"].encode()) if word in raw]


@pytest.mark.django_db
def test_python_and_postgresql_know_the_same_time_zones(db: None) -> None:
    zones = sorted(base.zones())
    assert len(zones) > 400
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(now() AT TIME ZONE zone) FROM unnest(%s::text[]) zone", [zones])
        assert cursor.fetchone() == (len(zones),)


def test_cells_that_totals_are_read_from_are_never_quoted() -> None:
    for report in catalogue.REPORTS.values():
        assert len(set(report.header)) == len(report.columns)
        how = report.control
        assert {*how.sums, *filter(None, (how.by, how.count))} <= set(report.header)
        if how.by:
            last = max(report.header.index(name) for name in (how.by, "currency", *how.sums))
            assert base.Kind.TEXT not in [column.kind for column in report.columns[: last + 1]]


def test_a_client_gets_its_own_rows_and_staff_everybodys(desk: Desk, shop: factories.Shop) -> None:
    other = Desk(factories.shop("other"))
    desk.paid(desks.moment(1), 100)
    other.paid(desks.moment(2), 200)

    assert [file.summed() for file in (desk.file(), other.file())] == [
        [("captured", "USD", 1, 100)], [("captured", "USD", 1, 200)]]  # fmt: skip
    assert desk.file().manifest["parameters"]["client"] == ApiClient.objects.get(name="shop").pk
