"""What staff did can be read by who audits, with the request it was done in."""

from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client, RequestFactory

from payments.kernel import audit
from payments.kernel.audit import AuditEvent
from payments.rest import peers
from tests.backoffice import pages

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
        assert "Refund requested" in found, term
        assert "Job replayed" not in found, term
    shown = pages.text(browser, pages.page_of("payments", "auditevent", row.pk))
    for words in ("staff lena", "192.0.2.7", "req_1", "goodwill", "5.00 EUR"):
        assert words in shown, words


@pytest.mark.parametrize("role", ["support", "support_lead", "finance", "engineer"])
def test_nobody_else_reads_it(staff: Staff, role: str) -> None:
    assert staff(role).get(pages.list_of("payments", "auditevent")).status_code == 403
