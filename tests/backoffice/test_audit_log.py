"""What staff did can be read by who audits, with the request it was done in."""

from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from payments.admin import shown
from payments.intents.models import PaymentIntent
from payments.kernel import audit, clock, unit
from payments.kernel.audit import AuditEvent
from payments.rest import peers
from refunds.models import Refund
from tests import factories
from tests.backoffice import pages
from tests.backoffice.test_refund_form import fill, send
from tests.refunds.quarrel import Quarrel

Staff = Any


def test_every_page_has_a_request_id_of_ours(boss: Client) -> None:
    first, second = (boss.get("/admin/", headers={"request-id": "chosen-by-me"})["Request-Id"] for _ in range(2))

    assert first.startswith("req_")
    assert first != second
    assert "Request-Id" not in boss.get("/")


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "203.0.113.5", "192.0.2.7"),  # no proxy of ours says so
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "not an address", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::1", "2001:db8::5", "2001:db8::5"),
    ],
)
def test_an_address_is_believed_as_far_as_our_own_proxies_say_it(
    settings: Any, peer: str, header: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("::1")]
    request = RequestFactory().get("/admin/", REMOTE_ADDR=peer, headers={"x-forwarded-for": header})

    assert peers.address_of(request.META) == address


def test_auditors_read_it_and_find_by_object_person_and_request(staff: Staff) -> None:
    asker = audit.Asker(who=lambda: "staff lena", address="192.0.2.7", request_id="req_1")
    with audit.asked_by(asker):
        audit.record("refund.requested", "re_" + "0" * 32, because="goodwill", after={"amount": "5.00 EUR"})
    audit.record("job.replayed", "other")
    browser = staff("auditor")
    row = AuditEvent.objects.get(by="staff lena")

    assert "Refund requested" in pages.text(browser, pages.list_of("payments", "auditevent"))
    for term in ("staff lena", "req_1", "refund.requested", "re_" + "0" * 32, row.pk):
        found = pages.text(browser, pages.list_of("payments", "auditevent"), q=term)
        assert "1 audit event" in found, term
    shown = pages.text(browser, pages.page_of("payments", "auditevent", row.pk))
    for words in ("staff lena", "192.0.2.7", "req_1", "goodwill", "5.00 EUR"):
        assert words in shown, words


@pytest.mark.parametrize("role", ["support", "support_lead", "finance", "engineer"])
def test_nobody_else_reads_it(staff: Staff, role: str) -> None:
    assert staff(role).get(pages.list_of("payments", "auditevent")).status_code == 403


def test_the_log_is_narrowed_by_its_address_and_taken_as_a_file_which_is_on_record(staff: Staff) -> None:
    asker = audit.Asker(who=lambda: "staff lena", address="192.0.2.7", request_id="req_1")
    with audit.asked_by(asker):
        audit.record("refund.requested", "re_1", because="=cmd|' /C calc'!A0", after={"amount": "5.00 EUR"})
    audit.record("job.replayed", "other")
    browser, address = staff("auditor"), pages.list_of("payments", "auditevent")
    today = f"{clock.now():%Y-%m-%d}"
    for query in (
        {"by": "staff lena"},
        {"action": "refund.requested"},
        {"object": "re_1"},
        {"by": "staff lena", "created": today},
    ):
        found = pages.text(browser, address, **query)
        assert "goodwill" not in found
        assert ("1 audit event" in found, query) == (True, query)
    assert "0 audit events" in pages.text(browser, address, created="2020-02-29")
    assert "cannot be narrowed by created" in browser.get(address, {"created": "soon"}, follow=True).content.decode()

    answer = browser.get(address + "file/", {"by": "staff lena"})
    header, line, *rest = b"".join(answer).decode().splitlines()
    assert (header.split(",")[0], rest) == ("sequence", [])
    assert "'=cmd" in line
    assert '{""amount"": ""5.00 EUR""}' in line
    taken = AuditEvent.objects.get(action="audit_log.downloaded")
    assert (taken.by, taken.after) == ("staff auditor", {"narrowed_to": {"by": "staff lena"}})
    assert staff("finance").get(address + "file/").status_code == 403


def test_a_payment_leads_to_what_staff_did_with_it_and_how_its_row_changed(staff: Staff, paid: dict[str, Any]) -> None:
    asker = audit.Asker(who=lambda: "staff lena", address="192.0.2.7", request_id="req_1")
    intent = PaymentIntent.objects.get(pk=paid["id"])
    with audit.asked_by(asker), unit.work():
        intent.change(description="asked by telephone")
        audit.did("payment.annotated", intent.pk, because="The customer called.")
    browser = staff("auditor")
    trail = reverse("admin:payments_auditevent_of", args=[paid["id"]])
    assert trail in browser.get(pages.payment(paid["id"])).content.decode()
    assert trail not in staff("support").get(pages.payment(paid["id"])).content.decode()

    read = pages.text(browser, trail)
    for words in (
        f"staff lena Payment annotated Payment {shown.short(intent.pk)} content_copy The customer called.",
        "Description: [hidden] → [hidden]",
        "Changed",
    ):
        assert words in read, words
    row = AuditEvent.objects.get(object_id=intent.pk)
    event = pages.text(browser, pages.page_of("payments", "auditevent", row.pk))
    assert "Before and after What Before After Description – •••" in event
    assert "asked by telephone" not in event
    assert "Rows that changed" in event
    assert browser.get(reverse("admin:payments_auditevent_of", args=["nothing"])).status_code == 200


def test_a_payment_tells_what_staff_did_with_its_own_things_too(
    staff: Staff, shop: factories.Shop, paid: dict[str, Any]
) -> None:
    """Its refund and its dispute by their kind and id, also from its order's page; not another payment's."""
    support, other = staff("support"), shop.paid(700)
    for one in (paid, other):
        send(support, one, fill(support, one, amount="5.00"))
    refund, foreign = (Refund.objects.get(intent=one["id"]).pk for one in (paid, other))
    quarrel = Quarrel(shop)
    dispute = quarrel.tell(quarrel.news(0, taken=2000, standing="needs_response")).pk
    about = quarrel.intent["id"]
    with audit.asked_by(audit.Asker(who=lambda: "staff lena", address="192.0.2.7", request_id="req_1")):
        audit.record("dispute.accepted", dispute, because="It was broken.")
    browser = staff("auditor")

    def trail(of: str) -> str:
        return pages.text(browser, reverse("admin:payments_auditevent_of", args=[of]))

    assert f"staff support Refund requested Refund {shown.short(refund)}" in trail(paid["id"])
    assert shown.short(foreign) not in trail(paid["id"])
    assert f"Refund requested Refund {shown.short(refund)}" in trail(paid["order"])
    assert f"Dispute accepted Dispute {shown.short(dispute)} content_copy It was broken." in trail(about)
    assert "Staff have done nothing with it, nor with what belongs to it." in trail(other["latest_attempt"]["id"])
