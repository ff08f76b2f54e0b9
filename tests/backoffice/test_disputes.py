"""Disputes in the back office: what is said of them, gathering evidence, submitting, accepting; fraud; rates."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from payments.connectors.disputes import DisputeReason, EvidenceDocument, Standing
from payments.kernel import clock
from refunds.models import Dispute, DisputeFile, FraudWarning
from tests import factories
from tests.backoffice import pages
from tests.backoffice.conftest import Staff
from tests.refunds.quarrel import Quarrel

PDF = b"%PDF-1.7 a receipt"


@pytest.fixture(autouse=True)
def _evidence(tmp_path: Path, settings: Any) -> None:
    """Documents of a test go with it."""
    settings.EVIDENCE_DIR = tmp_path


@pytest.fixture
def quarrel(shop: factories.Shop) -> Quarrel:
    """A dispute of 20.00 USD that must be answered in five days."""
    quarrel = Quarrel(shop)
    due = clock.now() + timedelta(days=5, hours=1)
    reason = DisputeReason.PRODUCT_NOT_RECEIVED
    quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE, respond_by=due, reason=reason))
    return quarrel


def page(pk: str, name: str = "change") -> str:
    """The address of a dispute's page."""
    return pages.page_of("refunds", "dispute", pk, name)


LIST = "/admin/refunds/dispute/"


def test_a_dispute_is_told_in_plain_words(staff: Staff, quarrel: Quarrel) -> None:
    support = staff("support")
    shown = pages.text(support, page(quarrel.dispute().pk))
    for words in (
        "The customer's bank has charged back 20.00 USD. Reason: Goods or service not received.",
        "20.00 USD were taken by the PSP until it is decided",
        "Submit evidence or accept it by",
        "(in 5 days)",
        "Show that it arrived: carrier, tracking number and day",
        "Taken by the PSP",
    ):
        assert words.replace("'", "&#x27;") in shown, words
    payment = pages.text(support, pages.payment(quarrel.intent["id"]))
    assert "Disputed 20.00 USD" in payment
    assert "Disputed 20.00 USD was taken by stripe-us" in payment, "the ledger's words"
    assert "The customer&#x27;s bank disputes 20.00 USD" in payment


def test_the_list_is_narrowed_by_the_day_that_is_due(staff: Staff, quarrel: Quarrel) -> None:
    support = staff("support")
    assert "in 5 days" in pages.text(support, LIST)
    for query, there in (("7", True), ("3", False), ("over", False), ("any", True)):
        assert ("in 5 days" in pages.text(support, LIST, due=query)) is there, query
    assert "Within 7 days" in pages.text(support, LIST, due="7")
    assert "20.00 USD" in pages.text(support, LIST, q=quarrel.reference)
    assert "20.00 USD" in pages.text(support, LIST, q=quarrel.intent["id"])


def test_evidence_is_filled_in_kept_and_submitted_once(staff: Staff, quarrel: Quarrel) -> None:
    support, dispute = staff("support"), quarrel.dispute()
    why = support.get(page(dispute.pk, "evidence"))["Location"]
    form = support.post(why, {"reason": "To answer the bank"}, follow=True).content.decode()
    assert "1 × Blue mug (MUG-01), 20.00 USD" in form
    assert "Filled in from what we know: check it." in form
    files = re.findall(
        r'<div><div><div><input type="file"[^>]*></div></div><input type="text" hidden disabled></div>', form
    )
    assert len(files) == len(EvidenceDocument), "a script of the skin would write the file's name into another field"
    assert form.index("Tracking number") < form.index("Billing address"), "what wins this kind comes first"
    assert support.get(page(dispute.pk, "submit")).status_code == 200

    sent = {"shipping_tracking": "1Z999", "product_description": "A blue mug", "other": "paid 4242 4242 4242 4242"}
    refused = support.post(page(dispute.pk, "evidence"), sent)
    assert "looks like it holds a card number" in refused.content.decode()
    sent |= {"other": "Delivered on 2 November"}
    bad = {**sent, "document_receipt": SimpleUploadedFile("a.pdf", b"<html>")}
    assert "A document is a PDF, JPEG or PNG." in support.post(page(dispute.pk, "evidence"), bad).content.decode()
    good = {**sent, "document_receipt": SimpleUploadedFile("a.pdf", PDF)}
    kept = support.post(page(dispute.pk, "evidence"), good, follow=True).content.decode()
    assert "Nothing has gone to the bank" in kept
    assert dispute.stages.get().texts == sent
    assert "a.pdf is kept" in support.get(page(dispute.pk, "evidence")).content.decode()
    file = DisputeFile.objects.get()
    document = pages.page_of("refunds", "disputefile", file.pk, "download")
    got = support.post(support.get(document)["Location"], {"reason": "To answer the bank"}, follow=True)
    assert (got.content, got["Content-Type"], got["X-Content-Type-Options"]) == (PDF, "application/pdf", "nosniff")
    assert got["Content-Disposition"].startswith("attachment")

    assert "is on its way to the bank" in support.post(page(dispute.pk, "submit"), follow=True).content.decode()
    stage = dispute.stages.get()
    assert (stage.answer, stage.answer_by) == ("submit", "staff support")
    again = support.post(page(dispute.pk, "submit"), follow=True).content.decode()
    assert "It does not wait for an answer." in again
    assert "The answer is on its way to the bank." in pages.text(support, page(dispute.pk))


def test_a_lead_accepts_with_a_reason(staff: Staff, quarrel: Quarrel) -> None:
    lead, dispute = staff("support_lead"), quarrel.dispute()
    assert "The customer keeps 20.00 USD." in pages.text(lead, page(dispute.pk, "accept"))
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        asked = lead.post(page(dispute.pk, "accept"), {"reason": "the parcel is lost"})
        assert asked["Location"].startswith("/admin/confirm/"), "money is given up by who has just shown who they are"
    lead.post(page(dispute.pk, "accept"), {"reason": "no"})
    assert dispute.stages.get().answer == ""
    lead.post(page(dispute.pk, "accept"), {"reason": "the parcel is lost"})
    stage = dispute.stages.get()
    assert (stage.answer, stage.answer_because) == ("accept", "the parcel is lost")


@pytest.mark.parametrize(
    ("role", "may"),
    [("support", "evidence submit"), ("support_lead", "evidence submit accept"), ("finance", ""), ("engineer", ""),
     ("admin", "")],
)  # fmt: skip
def test_who_may_answer(staff: Staff, quarrel: Quarrel, role: str, may: str) -> None:
    browser, dispute = staff(role), quarrel.dispute()
    for action in ("evidence", "submit", "accept"):
        allowed = action in may.split()
        assert browser.get(page(dispute.pk, action), follow=True).status_code == (200 if allowed else 403), action
        if not allowed:
            assert browser.post(page(dispute.pk, action), {"reason": "because of that"}).status_code == 403
    shown = browser.get(page(dispute.pk)).content.decode()
    assert (page(dispute.pk, "accept") in shown) is ("accept" in may)
    assert dispute.stages.get().answer == ""


def test_being_superuser_is_not_enough(boss: Client, quarrel: Quarrel) -> None:
    for action in ("evidence", "submit", "accept"):
        assert boss.post(page(quarrel.dispute().pk, action), {"reason": "because"}).status_code == 403


def test_what_customers_say_is_masked_for_who_does_not_talk_to_them(staff: Staff, quarrel: Quarrel) -> None:
    dispute = quarrel.dispute()
    sent = {"customer_email": "jane.doe@example.com", "document_receipt": SimpleUploadedFile("jane.pdf", PDF)}
    staff("support").post(page(dispute.pk, "evidence"), sent)
    shown = pages.text(staff("engineer"), page(dispute.pk))
    assert "jane.doe" not in shown
    assert "jane.pdf" not in shown
    address = pages.page_of("refunds", "disputefile", DisputeFile.objects.get().pk, "download")
    assert staff("finance").get(address).status_code == 403


def test_every_end_has_its_words(staff: Staff, quarrel: Quarrel) -> None:
    support = staff("support")
    for days, standing, words in (
        (6, Standing.UNDER_REVIEW, "The bank looks at our answer"),
        (7, Standing.WON, "It was decided for us."),
        (8, Standing.LOST, "20.00 USD were taken and are lost."),
        (9, Standing.EXPIRED, "Nobody answered in time"),
        (10, Standing.WITHDRAWN, "has given it up"),
    ):
        quarrel.tell(quarrel.news(days, standing=standing))
        assert words in pages.text(support, page(Dispute.objects.get().pk)), standing


def test_a_warning_of_fraud_leads_to_the_refund_or_is_answered(staff: Staff, shop: factories.Shop) -> None:
    quarrel, support = Quarrel(shop), staff("support")
    quarrel.warn()
    warning = FraudWarning.objects.get()
    address = pages.page_of("refunds", "fraudwarning", warning.pk)
    shown = support.get(address).content.decode()
    assert pages.payment(quarrel.intent["id"], "refund") in shown
    keep = pages.page_of("refunds", "fraudwarning", warning.pk, "keep")
    assert staff("finance").post(keep, {"reason": "the payment is good"}).status_code == 403
    support.post(keep, {"reason": "the customer called and knows it"})
    warning.refresh_from_db()
    assert (warning.decision, warning.decided_because) == ("kept", "the customer called and knows it")
    assert "The money is kept: the payment is good" in pages.text(support, address)


def test_rates_by_month_method_and_country(staff: Staff, shop: factories.Shop) -> None:
    for _ in range(3):
        shop.paid(500)
    quarrel = Quarrel(shop)
    event = quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE)
    quarrel.tell(event)
    Dispute.objects.update(opened_at=clock.now())
    quarrel.warn()
    FraudWarning.objects.update(warned_at=clock.now())
    shown = pages.text(staff("finance"), "/admin/refunds/dispute/rates/")
    month = f"{clock.now():%Y-%m}"
    assert f"{month} Visa VAMP 2 4 50.00 % 1.5 % and 1,500 Fine" in shown
    assert f"{month} Card US 4 1 1 25.00 %" in shown
