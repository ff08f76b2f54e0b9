"""Incidents in the back office: what is wrong in plain words, and what engineers do about it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from payments.kernel import clock
from payments.kernel.attention import Severity
from payments.kernel.audit import AuditEvent
from reporting.admin.incidents import span
from reporting.models import Diversion, Incident, IncidentKind
from reporting.services import incidents
from reporting.uptime.findings import Finding
from tests import factories
from tests.backoffice import pages

LIST = "/admin/reporting/incident/"


@pytest.fixture
def dark(staff: Any, shop: factories.Shop) -> Incident:
    """A provider is dark since five minutes."""
    now = clock.now()
    found = Finding(IncidentKind.OUTAGE, {"account": "adyen-eu", "country": "NL"}, Severity.URGENT,
                    now - timedelta(minutes=5), {"EUR": 12_300}, {"expected": 95.5, "seen": 0.0},
                    "Nothing is approved at adyen-eu from NL.")  # fmt: skip
    incidents.report([found], at=now)
    return Incident.objects.get()


def page(row: Incident, tail: str = "change") -> str:
    return f"{LIST}{row.pk}/{tail}/"


def test_the_page_says_what_is_wrong_what_it_costs_and_what_was_done(staff: Any, dark: Incident) -> None:
    engineer: Client = staff("engineer")
    shown = pages.text(engineer, page(dark))

    assert "Nothing is approved at adyen-eu from NL, since" in shown
    assert "615.00 EUR was not approved because of it, 123.00 EUR a minute now." in shown
    assert "## Why it happened" in shown, "the text for a post-mortem"
    assert "Expected" in shown
    assert "At adyen-eu, from NL" in pages.text(engineer, LIST)
    assert "Nothing is approved at adyen-eu from NL." in pages.text(engineer, reverse("admin:index"))


def test_engineers_look_after_it_note_hold_close_and_open_again(staff: Any, dark: Incident) -> None:
    engineer: Client = staff("engineer")
    engineer.post(page(dark, "take"))
    engineer.post(page(dark, "note"), {"reason": "Adyen says that a data centre is away."})
    engineer.post(page(dark, "hold"), {"share": "0.1", "reason": "Until their engineer calls."})
    assert Diversion.objects.get().status == "held"
    assert "All but 10% of its payments go elsewhere, as staff engineer wants it." in pages.text(engineer, page(dark))

    engineer.post(page(dark, "release"))
    engineer.post(page(dark, "close"), {"reason": "It is well again."})
    dark.refresh_from_db()
    assert (dark.status, dark.closed_by, dark.taken_by) == ("closed", "staff engineer", "staff engineer")
    engineer.post(page(dark, "reopen"), {"reason": "It is not."})
    dark.refresh_from_db()
    assert dark.status == "open"

    shown = pages.text(engineer, page(dark))
    assert "Adyen says that a data centre is away. (staff engineer)" in shown
    done = AuditEvent.objects.filter(object_id=dark.pk).order_by("sequence").values_list("action", flat=True)
    assert list(done) == ["incident.taken", "incident.noted", "incident.traffic_held", "incident.traffic_released",
                          "incident.closed", "incident.reopened"]  # fmt: skip


def test_where_paying_is_not_the_matter_no_payments_are_held(staff: Any, shop: factories.Shop) -> None:
    now = clock.now()
    late = Finding(IncidentKind.SETTLEMENT_LATE, {"account": "adyen-eu"}, Severity.SOON, now, words="No file came.")
    incidents.report([late], at=now)
    row, engineer = Incident.objects.get(), staff("engineer")

    assert "Hold its payments" not in pages.text(engineer, page(row))
    engineer.post(page(row, "hold"), {"share": "0", "reason": "Wherever it goes."})
    assert not Diversion.objects.exists()


def test_others_read_and_do_nothing(staff: Any, dark: Incident) -> None:
    for role in ("support", "finance", "auditor"):
        browser: Client = staff(role)
        assert browser.get(page(dark)).status_code == 200
        assert "I look after it" not in pages.text(browser, page(dark))
        assert {browser.post(page(dark, tail)).status_code for tail in ("take", "note", "hold", "close")} == {403}


def test_where_nothing_is_wrong_it_is_said(staff: Any) -> None:
    engineer: Client = staff("engineer")
    assert "Nothing was ever wrong." in pages.text(engineer, LIST)
    assert "All well: nothing is wrong." in pages.text(engineer, reverse("admin:index"))


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (None, "since 2026-11-25 23:10"),
        (0.5, "2026-11-25 23:10 to 23:40"),
        (1, "2026-11-25 23:10 to 2026-11-26 00:10"),
        (24, "2026-11-25 23:10 to 2026-11-26 23:10"),
    ],
)
def test_an_end_on_another_day_is_said_with_its_day(hours: float | None, said: str) -> None:
    began = datetime(2026, 11, 25, 23, 10, tzinfo=UTC)
    over = None if hours is None else began + timedelta(hours=hours)
    assert span(Incident(since=began, closed_at=over)) == said
