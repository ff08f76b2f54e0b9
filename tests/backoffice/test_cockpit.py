"""The page of a payment answers what is asked on the phone: what to say, where the money is, what staff have done."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.intents.models import PaymentAttempt
from payments.kernel import audit, clock
from payments.kernel.jobs import Job
from payments.rest import requestlog
from payments.rest.models import ApiRequest
from refunds.models import Refund
from reporting.models import Incident, Payout
from tests import factories
from tests.backoffice import pages
from tests.reporting.settling import Account, of


def shown(client: Client, payment: str) -> str:
    return pages.text(client, pages.payment(payment))


def test_what_to_tell_the_customer(staff: Any, shop: factories.Shop, paid: dict[str, Any]) -> None:
    support = staff("support")
    said = shown(support, paid["id"])
    assert "What to tell the customer “Your payment went through." in said
    assert "Where the money is now 19.99 USD taken At the PSP. No settlement file has told of it yet." in said

    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    assert "“A refund of 5.00 USD is being looked at." in shown(support, paid["id"])
    factories.later("send_refund")
    said = shown(support, paid["id"])
    assert "“We have sent 5.00 USD back to your Visa •4242. It should be there by" in said
    assert "The customer should see it by" in said
    assert "5.00 USD given back With the customer's bank or wallet." in said.replace("&#x27;", "'")

    declined = shop.intent()
    shop.call("POST", f"payment_intents/{declined['id']}/confirm", factories.card("pm_card_chargeDeclined"))
    assert "Nothing was taken" in shown(support, declined["id"])
    assert "“You have not paid yet" in shown(support, shop.intent()["id"])


def test_what_cannot_be_done_is_said_with_the_reason(staff: Any, paid: dict[str, Any]) -> None:
    assert "Refund Refunds are made by support." in shown(staff("finance"), paid["id"])
    said = shown(staff("support"), paid["id"])
    assert "Cancel The money was taken: it goes back by a refund." in said
    assert "Charge again Never from here: the customer pays in the shop." in said


def test_what_staff_did_and_what_is_still_to_be_done_stand_in_the_timeline(
    staff: Any, shop: factories.Shop, paid: dict[str, Any]
) -> None:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    refund = Refund.objects.get()
    audit.record("personal_data.revealed", paid["id"], because="She wants a receipt", after={"api_key": "sk_1"})
    requestlog.flush()
    job = Job.objects.get(arguments__contains={"refund_id": refund.pk})
    said = shown(staff("support"), paid["id"])

    assert "Done by staff: Personal data revealed She wants a receipt" in said
    assert "sk_1" not in said
    assert "The shop asked us: POST /v1/refunds answered 201 in" in said
    assert f"Still to be done: {job.name.replace('_', ' ').capitalize()} ready, due" in said
    request = ApiRequest.objects.get(path="/v1/refunds")
    page = pages.page_of("payments", "apirequest", request.pk)
    assert page in staff("engineer").get(pages.payment(paid["id"])).content.decode()
    assert page not in staff("support_lead").get(pages.payment(paid["id"])).content.decode(), "not theirs to read"


def test_the_page_asks_no_more_for_a_long_story(boss: Client, shop: factories.Shop, paid: dict[str, Any]) -> None:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 100, "reason": "goodwill"})
    factories.later("send_refund")
    with CaptureQueriesContext(connection) as few:
        shown(boss, paid["id"])
    for amount in (101, 102, 103):
        shop.post("refunds", {"payment_intent": paid["id"], "amount": amount, "reason": "goodwill"})
        audit.record("personal_data.revealed", paid["id"], because="asked")
    factories.later("send_refund")
    with CaptureQueriesContext(connection) as many:
        shown(boss, paid["id"])

    assert len(many) <= len(few), sorted(query["sql"][:80] for query in many)


def test_the_incident_in_which_it_was_tried_is_named(staff: Any, shop: factories.Shop, paid: dict[str, Any]) -> None:
    now = clock.now()

    def wrong(since: float, until: float | None, kind: str = "outage", **scope: str) -> Incident:
        return Incident.objects.create(
            kind=kind, scope=scope, severity="urgent", words="…", since=now + timedelta(minutes=since),
            status="open" if until is None else "closed", closed_because="" if until is None else "It is over.",
            closed_at=None if until is None else now + timedelta(minutes=until),
        )  # fmt: skip

    told = [wrong(-5, None, account="stripe-us", country="US"), wrong(-9, 1, "slow")]
    told.append(wrong(-3, None, "approval_drop", issuer=PaymentAttempt.objects.get().issuer))
    wrong(-3, None, "approval_drop", issuer="ANOTHER BANK")
    wrong(-5, None, account="stripe-eu")
    wrong(-9, -2, account="stripe-us")
    wrong(-9, None, "settlement_late", account="stripe-us")
    page = staff("support").get(pages.payment(paid["id"])).content.decode()

    assert page.count("It was tried while something was wrong") == len(told)
    assert all(row.pk in page for row in told)
    assert "Almost nothing is approved</a> at stripe-us, from US, since" in page


@pytest.fixture
def settled(paid: dict[str, Any]) -> Payout:
    """The payment's capture stands in a settlement line that belongs to a payout."""
    psp = Account()
    psp.settle(of(paid, payout_reference="po_1Qabc"))
    return Payout.objects.create(
        account_id=psp.pk, provider_reference="po_1Qabc", currency="USD", amount_minor=1999,
        announced_at=clock.now(), arrives_on=(clock.now() + timedelta(days=2)).date(),
    )  # fmt: skip


def test_the_money_is_followed_into_the_payout(staff: Any, paid: dict[str, Any], settled: Payout) -> None:
    for role in ("support", "finance"):
        said = shown(staff(role), paid["id"]).replace(" ,", ",")
        assert f"in payout po_1Qabc, due on {settled.arrives_on:%-d %b %Y}." in said
