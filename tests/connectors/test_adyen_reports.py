"""Adyen's payments accounting report says what its notifications say, and what is not right in it says nothing."""

import csv
import io
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.connectors import http
from payments.connectors.adyen import accounting, connector, mapping, reports
from payments.connectors.answers import NothingToldYet
from payments.connectors.base import EventKind, PspEvent, Verdict
from payments.kernel import money
from tests.connectors.adyen_bench import AdyenBench
from tests.connectors.benches import authorize, cancel_of, capture_of, paid, refund_of
from tests.connectors.letters import MERCHANT, account, signed, told
from tests.connectors.relay import Relay

FILE = "payments_accounting_report_2026_11_24.csv"
USER = "report@Company.Test:secret"
DAY = datetime(2026, 11, 24, tzinfo=UTC)
HEADER = ("Company Account", *accounting.TOLD, "User Name")
PSP = "8535296650153317"
ATTEMPT, REFUND = "att_1", "re_1"


def row(record: str, **facts: str) -> dict[str, str]:
    """A row of 10 EUR."""
    known = {
        "Company Account": "TestCompany",
        "Merchant Account": MERCHANT,
        "Psp Reference": PSP,
        "Merchant Reference": ATTEMPT,
        "Payment Method": "visa",
        "Payment Currency": "EUR",
        "Record Type": record,
        "Booking Date": "2026-11-24 12:00:00",
        "TimeZone": "CET",
        "User Name": "Ada Lovelace",
    }
    return known | {name.replace("_", " "): value for name, value in facts.items()}


def file(*rows: Mapping[str, str], header: tuple[str, ...] = HEADER) -> bytes:
    """The whole report."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


AUTHORISED = row("Authorised", **{"Received (PC)": "-10.00", "Authorised (PC)": "10.00"})
CAPTURED = row(
    "SentForSettle",
    **{"Authorised (PC)": "-10.00", "Captured (PC)": "10.00"},
    Modification_Psp_Reference="853C",
    Modification_Merchant_Reference="cap_1",
)
RELEASED = row("Cancelled", **{"Authorised (PC)": "-10.00"}, Modification_Psp_Reference="853X")
GIVEN_BACK = row(
    "SentForRefund",
    **{"Captured (PC)": "-4.00"},
    Modification_Psp_Reference="853R",
    Modification_Merchant_Reference=REFUND,
)


def events(*rows: Mapping[str, str]) -> list[PspEvent]:
    """What a report of these rows tells, payment by payment."""
    ours = account()
    return [
        event
        for body in accounting.accounts(file(*rows), FILE, MERCHANT)
        for event in ours.translate_notification(body)
    ]


def only(*rows: Mapping[str, str]) -> PspEvent:
    [event] = events(*rows)
    return event


# --- what a record means ---


@pytest.mark.parametrize(
    ("rows", "key", "kind", "verdict"),
    [
        ([AUTHORISED], f"AUTHORISATION:{PSP}:true", "payment_updated", "approved"),
        ([row("Refused", **{"Received (PC)": "-10.00"})], f"AUTHORISATION:{PSP}:false", "payment_updated", "declined"),
        ([row("Error", **{"Received (PC)": "-10.00"})], f"AUTHORISATION:{PSP}:false", "payment_updated", "declined"),
        ([CAPTURED], "CAPTURE:853C:true", "capture_updated", "approved"),
        ([RELEASED], f"Cancelled:{PSP}:853X", "cancel_updated", "canceled"),
        ([row("Expired", **{"Authorised (PC)": "-10.00"})], f"EXPIRE:{PSP}:true", "payment_updated", "canceled"),
        ([row("Expired", **{"Received (PC)": "-10.00"})], f"OFFER_CLOSED:{PSP}:true", "payment_updated", "declined"),
        ([GIVEN_BACK], "REFUND:853R:true", "refund_updated", "approved"),
        (
            [GIVEN_BACK | {"Record Type": "RefundFailed", "Captured (PC)": "4.00"}],
            "REFUND_FAILED:853R:true",
            "refund_updated",
            "declined",
        ),
        (
            [GIVEN_BACK | {"Record Type": "RefundedReversed", "Captured (PC)": "4.00"}],
            "REFUNDED_REVERSED:853R:true",
            "refund_updated",
            "declined",
        ),
        ([CAPTURED | {"Record Type": "CaptureFailed"}], "CAPTURE_FAILED:853C:true", "capture_updated", "declined"),
    ],
)  # fmt: skip
def test_each_record_has_its_meaning_and_the_key_of_its_notification(
    rows: list[dict[str, str]], key: str, kind: str, verdict: str
) -> None:
    event = only(*rows)
    assert event.outcome is not None
    assert (event.event_key, event.kind, event.outcome.verdict, event.problem) == (key, kind, verdict, "")
    assert event.provider_reference == PSP
    assert event.occurred_at == datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize("record", ["Received", "Settled", "Refunded"])
def test_what_another_row_tells_is_left_out(record: str) -> None:
    assert events(row(record, **{"Captured (PC)": "-10.00"})) == []


@pytest.mark.parametrize("record", ["Chargeback", "Something New"])
def test_records_that_nothing_acts_on_are_kept_and_counted(record: str) -> None:
    event = only(row(record))
    assert (event.kind, event.type, event.reference, event.problem) == (EventKind.UNUSED, record, "", "")


def test_amounts_are_major_units_of_any_sign() -> None:
    refund = only(GIVEN_BACK).outcome
    yen = only(AUTHORISED | {"Payment Currency": "JPY", "Authorised (PC)": "1200"}).outcome
    assert refund is not None
    assert yen is not None
    assert (refund.amount, yen.amount) == (money.from_minor(400, "EUR"), money.from_minor(1200, "JPY"))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"Authorised (PC)": ""}, "Authorised (PC) is no amount"),
        ({"Authorised (PC)": "ten"}, "Authorised (PC) is no number"),
        ({"Authorised (PC)": "NaN"}, "Authorised (PC) is no number"),
        ({"Authorised (PC)": "10.001"}, "fraction of a minor unit"),
        ({"Payment Currency": "XYZ"}, "Authorised (PC) is no amount"),
    ],
)
def test_a_row_that_is_not_understood_says_why_and_takes_no_notifications_place(
    facts: dict[str, str], why: str
) -> None:
    event = only(AUTHORISED | facts)
    assert why in event.problem
    assert event.outcome is None
    assert not event.event_key.startswith("AUTHORISATION")


def test_a_refund_that_has_no_name_proves_nothing() -> None:
    event = only(GIVEN_BACK | {"Modification Psp Reference": ""})
    assert event.problem == "the report does not say which refund it is"


def test_what_a_capture_leaves_ends_no_payment() -> None:
    """Adyen books both in one second, in any order."""
    rest = RELEASED | {"Authorised (PC)": "-3.00", "Modification Psp Reference": ""}
    for rows in ([AUTHORISED, rest, CAPTURED], [CAPTURED, rest, AUTHORISED]):
        assert [(event.type, event.kind) for event in events(*rows)] == [
            ("Authorised", "payment_updated"),
            ("SentForSettle", "capture_updated"),
            ("Cancelled", "unused"),
        ]


def test_of_a_reservation_that_was_let_go_only_the_end_counts() -> None:
    assert [(event.type, event.kind) for event in events(RELEASED, AUTHORISED)] == [
        ("Authorised", "unused"),
        ("Cancelled", "cancel_updated"),
    ]


def test_a_capture_that_happens_by_itself_could_not_be_missed() -> None:
    assert not only(CAPTURED).retold
    assert only(CAPTURED | {"Modification Merchant Reference": ATTEMPT}).retold


def test_what_is_told_twice_counts_once() -> None:
    assert len(events(AUTHORISED, AUTHORISED)) == 1


def test_nothing_of_people_is_kept() -> None:
    [body] = accounting.accounts(file(AUTHORISED), FILE, MERCHANT)
    assert b"Lovelace" not in body


# --- the file ---


def test_columns_are_found_by_their_names() -> None:
    mixed = list(HEADER)
    random.Random(7).shuffle(mixed)
    american = [name.replace("Authorised", "Authorized").upper() for name in mixed]
    text = file(AUTHORISED, CAPTURED, header=tuple(mixed)).decode().split("\n", 1)
    shuffled = accounting.accounts(f"\ufeff{','.join(american)}\r\n{text[1]}".encode(), FILE, MERCHANT)
    [event, _] = account().translate_notification(shuffled[0])
    assert event == events(AUTHORISED, CAPTURED)[0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"<html>Sign in</html>\n", "lacks a column"),
        (file(AUTHORISED, header=HEADER[:-1])[:-3], "row of another length"),
        (file(AUTHORISED, header=HEADER[:-1])[:-1], "cut off"),
        (file(AUTHORISED, header=(*HEADER, "Record Type")), "has it twice: Record Type"),
        (file(AUTHORISED) + b"one,two\n", "row of another length"),
        (file(AUTHORISED, AUTHORISED | {"Merchant Account": "Somebody"}), "another merchant account"),
        (file(AUTHORISED, AUTHORISED | {"Psp Reference": ""}), "does not say what happened to which payment"),
        (file(AUTHORISED, AUTHORISED | {"Psp Reference": "A:B"}), "does not say what happened to which payment"),
        (file(AUTHORISED, CAPTURED | {"Modification Psp Reference": "\x00"}), "does not say what happened"),
        (file(AUTHORISED, AUTHORISED | {"Booking Date": "24/11/2026"}), "when it was booked"),
        (b'"' + file(AUTHORISED), "no CSV"),
        (b"\xff\xfe\x00", "no CSV"),
    ],
)
def test_a_file_that_is_not_right_is_refused_as_a_whole(content: bytes, why: str) -> None:
    with pytest.raises(mapping.UnreadableError, match=why):
        accounting.accounts(content, FILE, MERCHANT)


@given(st.integers(min_value=0, max_value=len(file(AUTHORISED, CAPTURED, GIVEN_BACK))))
def test_wherever_a_file_is_cut_no_half_a_row_is_read(end: int) -> None:
    """All columns are read here, so that any of them may be the last."""
    whole = file(AUTHORISED, CAPTURED, GIVEN_BACK, header=HEADER[1:-1])
    rows = accounting.rows(whole, accounting.TOLD)
    try:
        found = accounting.rows(whole[:end], accounting.TOLD)
    except mapping.UnreadableError:
        return
    assert found == rows[: len(found)]


@given(st.binary(max_size=400))
def test_whatever_is_there_instead_of_a_report_is_an_answer_that_cannot_be_read(content: bytes) -> None:
    try:
        accounting.accounts(content, FILE, MERCHANT)
    except mapping.UnreadableError:
        return
    pytest.fail("no such bytes are a report")


# --- who is asked ---


def test_adyens_own_reports_are_at_its_own_host() -> None:
    def at(*, livemode: bool) -> str:
        facts: dict[str, Any] = {"user": USER, "merchant_account": MERCHANT, "base_url": None}
        return reports.source(**facts, livemode=livemode).address

    assert at(livemode=True) == "https://ca-live.adyen.com/reports/download"
    assert at(livemode=False) == "https://ca-test.adyen.com/reports/download"


def test_what_a_notification_says_of_a_reports_address_is_not_followed() -> None:
    item = {
        "eventCode": "REPORT_AVAILABLE",
        "success": "true",
        "merchantAccountCode": MERCHANT,
        "merchantReference": "",
        "pspReference": FILE,
        "amount": {"currency": "EUR", "value": 0},
        "reason": f"https://evil.example/{FILE}",
    }
    [event] = account().read_notification(told(signed(item)), {}, now=DAY)
    assert (event.kind, event.outcome, event.problem) == (EventKind.UNUSED, None, "")


def test_a_webhook_cannot_pass_for_a_report() -> None:
    """Whoever knows how rows are kept still has no signature."""
    [body] = accounting.accounts(file(AUTHORISED), FILE, MERCHANT)
    with pytest.raises(Exception, match="other environment"):
        account().read_notification(body, {}, now=DAY)


# --- over the wire ---


@pytest.fixture
def reporting(adyen: AdyenBench) -> AdyenBench:
    """An account whose reports are made daily, under a merchant account that no other one has."""
    adyen.merchant_account = adyen.account.replace("-", "_")
    settings = {"merchant_account": adyen.merchant_account, "report_user": USER, "accounting_report": True}
    adyen.simulator.ask("PUT", f"accounts/{adyen.account}", {"settings": settings})
    return adyen


def fetching(bench: AdyenBench, base_url: str | None = None, user: str = USER) -> connector.AdyenConnector:
    """The account's connector, with its report user."""
    known = bench.connector(base_url=base_url)
    assert isinstance(known, connector.AdyenConnector)
    return connector.AdyenConnector(replace(known._settings, report_user=user))


def told_of(bench: AdyenBench, day: datetime, *, user: str = USER, base_url: str | None = None) -> list[PspEvent]:
    """What the day's report tells."""
    ours = fetching(bench, base_url, user)
    bodies = ours.events_since(day, day + timedelta(days=1))
    return [event for body in bodies for event in ours.translate_notification(body)]


def today(bench: AdyenBench) -> datetime:
    return bench.simulator.now().replace(hour=0, minute=0, second=0, microsecond=0)


def essence(event: PspEvent) -> tuple[object, ...]:
    """What two ways of telling the same must agree on."""
    outcome = event.outcome
    assert outcome is not None, event
    said = (outcome.verdict, outcome.amount, outcome.captured, outcome.provider_reference, outcome.modification)
    named = (event.kind, event.provider_reference, event.modification_reference)
    return (*named, event.reference, *(said if outcome.verdict is Verdict.APPROVED else said[:1]))


def test_the_report_tells_what_the_notifications_told(reporting: AdyenBench) -> None:
    bench, ours, day = reporting, reporting.connector(), today(reporting)
    payments = [paid(bench, capture=False)[1] for _ in range(2)]
    refund = refund_of(paid(bench)[1], "4.00")
    bench.final(ours.refund(refund))
    bench.final(ours.capture(capture_of(payments[0], "10.00")))
    bench.final(ours.cancel(cancel_of(payments[1])))
    ours.authorize(authorize(bench, "DECLINED"))
    bench.rest()
    notified = {event.event_key: essence(event) for event in bench.told() if event.outcome is not None}
    bench.simulator.ask("POST", "clock", {"advance_seconds": 24 * 3600})
    reported = {event.event_key: essence(event) for event in told_of(bench, day) if event.outcome is not None}

    same = notified.keys() & reported.keys()
    kinds = sorted(key.split(":")[0] + key[-5:] for key in same)
    assert kinds == ["AUTHORISATION:true"] * 2 + ["AUTHORISATIONfalse", "CAPTURE:true", "REFUND:true"]
    assert {key: notified[key] for key in same} == {key: reported[key] for key in same}
    others = sorted(key.partition(":")[0] for key in reported.keys() - same)
    assert others == ["CAPTURE", "Cancelled"], "the one that happens by itself, and one that has three names"


def test_a_day_that_is_not_over_has_no_report(reporting: AdyenBench) -> None:
    with pytest.raises(NothingToldYet, match="Adyen has no payments_accounting_report_"):
        told_of(reporting, today(reporting))


@pytest.mark.parametrize(
    ("fault", "why"),
    [("error_503_before", "HTTP 503"), ("rate_limit_429", "HTTP 429"), ("reset_after", "no whole answer")],
)
def test_a_report_that_does_not_come_is_a_request_that_failed(reporting: AdyenBench, fault: str, why: str) -> None:
    reporting.simulator.fault("reports.download", fault, reporting.account)
    with pytest.raises(http.FailedError, match=why):
        told_of(reporting, today(reporting))


def test_a_wrong_report_user_is_told_apart(reporting: AdyenBench) -> None:
    with pytest.raises(http.FailedError, match=r"HTTP 401 for .+: see the report user"):
        told_of(reporting, today(reporting), user="nobody:x")


def test_a_report_is_asked_for_where_the_account_has_it_and_nowhere_else(reporting: AdyenBench, wire: Relay) -> None:
    moved = {"Location": "http://127.0.0.1:1/elsewhere"}
    wire.answer("GET /adyen/reports", 302, b"", moved)
    with pytest.raises(http.FailedError, match="HTTP 302"):
        told_of(reporting, DAY, base_url=wire.url)
    [asked] = wire.passed
    assert asked.path == f"/adyen/reports/download/MerchantAccount/{reporting.merchant_account}/{FILE}"
    assert asked.headers["Authorization"].startswith("Basic ")


def test_a_file_that_is_not_right_tells_nothing_at_all(reporting: AdyenBench, wire: Relay) -> None:
    mine = AUTHORISED | {"Merchant Account": reporting.merchant_account}
    wire.answer("GET /adyen/reports", 200, file(mine, AUTHORISED))
    listed = fetching(reporting, wire.url).events_since(DAY, DAY + timedelta(days=1))
    with pytest.raises(http.FailedError, match="another merchant account"):
        next(listed)
