"""Dashboards: their figures are what the payments say, lead to the lists behind them, and ask the database little."""

import csv
import html
import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payments.kernel import clock
from payments.kernel.audit import AuditEvent
from reporting.models import ExchangeRate
from reporting.uptime import resting, rollups
from tests import factories
from tests.backoffice import pages
from tests.backoffice.conftest import Staff

SEEN_BY = {
    "volume": "finance engineer auditor admin",
    "approval": "finance engineer auditor admin",
    "declines": "finance engineer auditor admin",
    "latency": "finance engineer auditor admin",
    "funnel": "finance engineer auditor admin",
    "returns": "support_lead finance engineer auditor admin",
    "rest": "finance engineer auditor admin",
}
ROLES = ("support", "support_lead", "finance", "engineer", "auditor", "admin", "nobody")
QUERIES = {"volume": 22, "approval": 22, "declines": 22, "latency": 22, "funnel": 22, "returns": 20, "rest": 18}
"""Session, person, menu, rates, choices, and the sums of both periods: as many for a million payments as for none."""


def board(browser: Client, name: str, **query: str) -> str:
    """A dashboard as its visitors read it."""
    return pages.text(browser, reverse("dashboard", args=[name]), **query)


def table(browser: Client, name: str, slug: str, **query: str) -> list[dict[str, str]]:
    """The rows of a chart's CSV."""
    answer = browser.get(reverse("dashboard_csv", args=[name, slug]), query)
    assert answer.status_code == 200, answer.content
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


@pytest.fixture
def week(shop: factories.Shop) -> dict[str, str]:
    """Three payments and a decline of yesterday, two payments of the day before; counted."""
    now = clock.now()
    ExchangeRate.objects.create(currency="USD", day=now.date(), per_euro=Decimal("1.25"), source="ECB")
    with clock.at(now - timedelta(days=2)):
        shop.paid(1000)
        shop.paid(1500)
    with clock.at(now - timedelta(days=1)):
        shop.paid(2000, country="DE")
        shop.paid(700)
        shop.confirm(shop.intent(shop.order(5000, "EUR", country="NL")), account="stripe-eu")
        shop.confirm(shop.intent(), "pm_card_visa_chargeDeclined")
        shop.confirm(shop.intent(capture_method="manual"))
        intent = shop.paid(3000)
        shop.post("refunds", {"payment_intent": intent["id"], "amount": 500, "reason": "damaged"})
        factories.work()
    while rollups.advance():
        pass
    resting.measure()
    return {"period": "yesterday", "currency": "EUR"}


def test_volume_is_what_was_approved_in_one_currency_and_compared(staff: Staff, week: dict[str, str]) -> None:
    browser = staff("finance")
    shown = board(browser, "volume", **week)

    assert "How much is paid?" in shown
    assert "Approved 111.59 EUR" in shown, "20 + 7 + 30 + 19.99 dollars, and 50 euro"
    assert "▲ 458.0 % more than in the period before" in shown, "which was 25 dollars"
    assert "Approved payments 5 ▲ 150.0 % more" in shown
    assert "Amounts are converted to EUR, at rates of" in shown
    rows = table(browser, "volume", "currencies", **week)
    assert [(row["Currency"], row["Approved payments"], row["Amount"], row["In EUR"]) for row in rows] == [
        ("USD", "4", "76.99", "61.59"),
        ("EUR", "1", "50.00", "50.0"),
    ]
    hours = table(browser, "volume", "count", **week)
    assert (len(hours), sum(int(row["This period"]) for row in hours)) == (24, 5)
    assert "Left out, for want of a rate" not in shown
    ExchangeRate.objects.all().delete()
    assert "Left out, for want of a rate: USD" in board(browser, "volume", **week)


def test_approval_is_told_by_provider_method_and_country(staff: Staff, week: dict[str, str]) -> None:
    browser = staff("engineer")
    shown = board(browser, "approval", **week)

    assert "Approval rate 83.3 % ▼ 16.7 points less than in the period before" in shown
    accounts = table(browser, "approval", "account", **week)
    assert [list(row.values()) for row in accounts] == [
        ["stripe-us", "5", "4", "80.0", "100.0"],
        ["stripe-eu", "1", "1", "100.0", ""],
    ]
    countries = {row["Country"]: row["Approval rate"] for row in table(browser, "approval", "country", **week)}
    assert countries == {"US": "75.0", "DE": "100.0", "NL": "100.0"}
    [only] = table(browser, "approval", "account", country="NL", **week)
    assert (only["Provider account"], only["Attempts"]) == ("stripe-eu", "1"), "a part is looked at alone"


def test_every_figure_leads_to_as_many_rows(staff: Staff, week: dict[str, str]) -> None:
    browser = staff("engineer")
    for name, expected in (("approval", 5), ("declines", 3), ("latency", 2)):
        page = browser.get(reverse("dashboard", args=[name]), week).content.decode()
        links = re.findall(r'<a class="bo-link" href="(/admin/[^"]+created=[^"]+)">([\d,]+)</a>', page)
        links += [
            (one, "") for one in re.findall(r'<td[^>]*><a class="bo-link" href="(/admin/[^"]+created=[^"]+)"', page)
        ]
        assert len(links) >= expected, name
        for address, count in links:
            answer = browser.get(html.unescape(address))
            assert answer.status_code == 200, address
            if count:
                assert answer.context["cl"].result_count == int(count), address


def test_declines_say_why_and_how_many(staff: Staff, week: dict[str, str]) -> None:
    browser = staff("auditor")
    rows = {row["Reason"]: row["Attempts"] for row in table(browser, "declines", "reasons", **week)}

    assert rows["declined_soft"] == "1"
    assert sum(map(int, rows.values())) == 1
    address = reverse("admin:payments_paymentattempt_changelist")
    found = browser.get(address, {"decline__is": "soft"})
    assert (found.context["cl"].result_count, found.status_code) == (1, 200)
    assert "kind of decline" in pages.plain(found.content.decode()).lower()
    assert browser.get(address, {"fate": "nonsense"}).status_code == 302, "what is understood by nobody is taken out"


def test_the_funnel_and_what_goes_back(staff: Staff, week: dict[str, str]) -> None:
    lead, finance = staff("support_lead"), staff("finance")
    steps = [row["Payments"] for row in table(finance, "funnel", "steps", **week)]
    assert steps == ["6", "6", "5", "4"]
    shown = board(lead, "returns", **week)
    assert "Refunds 4.00 EUR" in shown
    assert "Refunds per 100 captured 25.0 %" in shown
    [reason] = table(lead, "returns", "refund", **week)
    assert list(reason.values()) == ["damaged", "1", "4.0"]
    assert "There were none in this period." in shown, "no disputes"
    answers = {row["Provider account"]: row["Answers"] for row in table(finance, "latency", "account", **week)}
    assert answers == {"stripe-us": "5", "stripe-eu": "1"}
    rest = table(finance, "rest", "ages", currency="EUR")
    assert {"What it waits for": "authorized", "Since": "2", "Number": "1", "Amount": "15.99"} in rest


def test_a_csv_that_was_taken_is_on_record(staff: Staff, week: dict[str, str]) -> None:
    browser = staff("finance")
    answer = browser.get(reverse("dashboard_csv", args=["volume", "currencies"]), week)

    assert answer["content-disposition"].startswith('attachment; filename="volume-currencies-')
    event = AuditEvent.objects.get(action="dashboard.downloaded")
    assert (event.object_id, event.by) == ("volume/currencies", "staff finance")
    assert browser.get(reverse("dashboard_csv", args=["volume", "nothing"])).status_code == 404


@pytest.mark.parametrize("role", ROLES)
def test_every_role_sees_its_dashboards_and_no_others(staff: Staff, role: str) -> None:
    browser = staff(role)
    for name, roles in SEEN_BY.items():
        sees = role in roles.split()
        address = reverse("dashboard", args=[name])
        assert browser.get(address).status_code == (200 if sees else 403), name
        assert browser.post(address).status_code in (403, 405)
        taken = browser.get(reverse("dashboard_csv", args=[name, "nothing"])).status_code
        assert taken == (404 if sees else 403)
        assert (address in browser.get("/admin/").content.decode()) is sees


def test_without_payments_it_is_said_in_words(boss: Client) -> None:
    for name in SEEN_BY:
        shown = board(boss, name)
        assert (
            "Nothing happened in this period." in shown
            or "none in this period" in shown
            or "Nothing is on its way" in shown
        )
    assert "Nothing has been counted yet." in board(boss, "volume")
    assert boss.get(reverse("dashboard", args=["nonsense"])).status_code == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"period": "custom"}, "Choose a period, or give both days of one."),
        ({"period": "custom", "since": "2026-11-05", "until": "2026-11-03"}, "The last day lies before the first."),
        ({"period": "custom", "since": "2020-01-01", "until": "2026-01-01"}, "At most 731 days"),
        ({"period": "custom", "since": "soon", "until": "later"}, "A day is written like 2026-11-25."),
        ({"period": "nonsense"}, "Choose a period"),
        ({"compare": "nonsense"}, "Choose what to compare with."),
        ({"currency": "XXQ"}, "There is no rate for this currency."),
    ],
)
def test_what_cannot_be_understood_is_said(boss: Client, query: dict[str, str], words: str) -> None:
    assert words in board(boss, "approval", **query)
    assert boss.get(reverse("dashboard_csv", args=["approval", "rate"]), query).status_code == 404


@pytest.mark.parametrize("name", SEEN_BY)
def test_a_dashboard_asks_as_little_whatever_the_volume(boss: Client, week: dict[str, str], name: str) -> None:
    counts = set()
    for query in (week, {"period": "90", "compare": "year"}, {"period": "today", "currency": "USD"}):
        with CaptureQueriesContext(connection) as asked:
            board(boss, name, **query)
        sources = [
            one["sql"]
            for one in asked
            if re.search(r"payments_(paymentattempt|paymentintent)|refunds_refund\b", one["sql"])
        ]
        assert sources == [], "figures come from sums alone"
        counts.add(len(asked))
    assert max(counts) <= QUERIES[name], counts
