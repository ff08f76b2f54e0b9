"""The first page of each role: what waits for it, each number leading to the list that it counts."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.gateway.models import ProviderAccount
from payments.kernel import audit, clock, unit
from payments.kernel.attention import AttentionItem, AttentionKind
from payments.kernel.jobs import Job
from reporting.uptime import rollups
from tests import factories
from tests.backoffice import pages
from tests.refunds.quarrel import Quarrel

MOST_QUERIES = 40


def boxes(client: Client) -> dict[str, str]:
    """What stands in each box, by its title."""
    html = client.get("/admin/").content.decode()
    found = re.findall(r'(?s)<section class="bo-card bo-box" aria-label="([^"]+)">(.*?)</section>', html)
    return {title: pages.plain(words).removeprefix(title).strip() for title, words in found}


def links(client: Client) -> Iterator[str]:
    html = client.get("/admin/").content.decode()
    for box in re.findall(r'(?s)<section class="bo-card bo-box".*?</section>', html):
        yield from (link.replace("&amp;", "&") for link in re.findall(r'href="([^"]+)"', box))


@pytest.fixture
def busy(shop: factories.Shop, paid: dict[str, Any], staff: Any) -> dict[str, Client]:
    """Something on every desk."""
    people = {role: staff(role) for role in ("support", "support_lead", "engineer", "finance", "auditor", "admin")}
    much = shop.paid(50_000, reference="B-1")
    for payment, amount in ((paid, "5.00"), (much, "300.00")):
        page = pages.payment(payment["id"], "refund")
        hidden = pages.hidden(people["support"].get(page).content.decode())
        form = {**hidden, "by": "amount", "amount": amount, "reason": "goodwill"}
        assert people["support"].post(page, form).status_code == 302
    quarrel = Quarrel(shop)
    quarrel.tell(quarrel.news(0, taken=2000, standing="needs_response", respond_by=clock.now() + timedelta(hours=20)))
    audit.record("refund.requested", paid["id"])
    with unit.work() as work:
        work.add(AttentionItem(kind=AttentionKind.UNKNOWN_OUTCOME, object_id=paid["id"], detail="no answer"))
    Job.objects.create(name="send_refund", queue="money", state="dead")
    ProviderAccount.objects.filter(code="stripe-eu").update(enabled=False)
    return people


def test_everybody_sees_what_waits_for_them(busy: dict[str, Client]) -> None:
    support, lead, engineer = (boxes(busy[role]) for role in ("support", "support_lead", "engineer"))

    assert list(support) == ["My refunds", "Refunds that did not arrive", "Disputes to answer"]
    assert support["My refunds"].startswith(
        "Yours that wait for a second person 1 300.00 USD of B-1 Needs approval 5.00 USD of A-2026-7731 Held"
    )
    assert support["Refunds that did not arrive"] == "All well: none came back or failed in 30 days."
    assert support["Disputes to answer"] == "Within a day 1 Within 3 days 1 Within 7 days 1"

    assert list(lead)[:3] == ["Approvals", "Bulk refunds", "Needs attention"]
    assert lead["Approvals"].startswith("1 refund to decide about 300.00 USD The oldest waits for 0 min")
    assert lead["Bulk refunds"] == "No upload waits or runs."
    assert "Nobody looks after 1 The PSP&#x27;s answer is not known 1" in lead["Needs attention"]

    assert list(engineer) == ["Incidents", "Uptime in money", "Providers, jobs, deliveries", "Needs attention"]
    assert "stripe-eu Off Dead jobs 1" in engineer["Providers, jobs, deliveries"]

    assert next(iter(boxes(busy["finance"]))) == "The last day"
    assert re.match("Done by staff today [1-9]", boxes(busy["auditor"])["Audit log"])
    assert boxes(busy["admin"])["Staff"].startswith("May sign in 6 Without a second factor 6")


def test_every_number_leads_to_the_list_behind_it(busy: dict[str, Client]) -> None:
    for role, browser in busy.items():
        for link in set(links(browser)):
            answer = browser.get(link)
            assert answer.status_code == 200, (role, link, answer.status_code)
    mine = pages.text(busy["support"], pages.list_of("refunds", "refund"), whose="mine", status__exact="needs_approval")
    assert "300.00 USD" in mine
    assert "5.00 USD" not in mine
    assert "300.00 USD" not in pages.text(busy["support_lead"], pages.list_of("refunds", "refund"), whose="mine")


def test_empty_desks_say_that_all_is_well(staff: Any) -> None:
    lead, engineer = boxes(staff("support_lead")), boxes(staff("engineer"))

    assert lead["Approvals"] == "All decided: no refund waits for a second person."
    assert lead["Needs attention"] == "All well: nothing needs a person."
    assert lead["Disputes to answer"] == "All well: none is due within a week."
    assert engineer["Providers, jobs, deliveries"] == "All well: everything is on, and nothing is late."
    assert engineer["Uptime in money"] == "Nobody has tried to pay in the last hour, nor a week ago."


def test_uptime_is_told_in_money_against_the_same_hour_a_week_ago(staff: Any, shop: factories.Shop) -> None:
    now = clock.now().replace(minute=30)
    for back, token in ((timedelta(days=7), "pm_card_visa"), (timedelta(0), "pm_card_chargeDeclined")):
        with clock.at(now - back - timedelta(hours=1)):
            shop.call("POST", f"payment_intents/{shop.intent()['id']}/confirm", factories.card(token))
    while rollups.advance():
        pass
    with clock.at(now):
        shown = boxes(staff("engineer"))["Uptime in money"]

    assert "Approved 0.0 % A week ago 100.0 % Not approved 19.99 USD" in shown, shown


def test_the_first_page_asks_little_whatever_waits(busy: dict[str, Client]) -> None:
    for browser in busy.values():
        with CaptureQueriesContext(connection) as asked:
            browser.get("/admin/")
        assert len(asked) <= MOST_QUERIES, len(asked)


def test_a_superuser_sees_none_of_the_moneys(boss: Client, paid: dict[str, Any]) -> None:
    assert "Approvals" not in boxes(boss)
    assert "Audit log" in boxes(boss)
