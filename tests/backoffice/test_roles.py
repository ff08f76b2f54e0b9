"""Who may open what, and do what: every role against every page and action."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from payments.gateway.models import ProviderAccount
from payments.kernel.jobs import Job
from refunds.models import Refund
from reporting.models import ReportRun
from tests.backoffice import pages

ROLES = ("support", "finance", "engineer", "nobody")
LISTS = {
    "payments.paymentintent": "support finance engineer",
    "payments.order": "support finance engineer",
    "payments.orderline": "support finance engineer",
    "payments.paymentattempt": "support finance engineer",
    "payments.capture": "support finance engineer",
    "refunds.refund": "support finance engineer",
    "refunds.refundline": "support finance engineer",
    "payments.customer": "support engineer",
    "payments.statechange": "support engineer",
    "payments.account": "finance",
    "payments.transfer": "finance",
    "payments.entry": "finance",
    "reporting.reportrun": "finance",
    "payments.legalentity": "engineer",
    "payments.provideraccount": "engineer",
    "payments.providercall": "engineer",
    "payments.job": "engineer",
    "payments.attentionitem": "engineer",
    "payments.event": "engineer",
    "payments.endpoint": "engineer",
    "payments.delivery": "engineer",
    "payments.inboundevent": "engineer",
    "payments.apiclient": "engineer",
    "payments.apikey": "engineer",
    "payments.idempotencykey": "engineer",
    "auth.user": "",
    "auth.group": "",
}
"""Table -> the roles that may read it. Everybody else gets 403."""


@pytest.mark.parametrize("role", ROLES)
def test_every_role_opens_its_lists_and_no_others(staff: Any, role: str) -> None:
    browser: Client = staff(role)
    opened = {name for name in LISTS if browser.get(pages.list_of(*name.split("."))).status_code == 200}
    refused = {name for name in LISTS if browser.get(pages.list_of(*name.split("."))).status_code == 403}

    assert opened == {name for name, roles in LISTS.items() if role in roles.split()}
    assert opened | refused == set(LISTS)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_does_what_it_may_and_nothing_else(staff: Any, paid: dict[str, Any], role: str) -> None:
    """Action -> the roles that may; the page answers those with 200 or 302, and everybody else with 403."""
    job = Job.objects.create(name="send_refund", queue="money", state="dead")
    account = ProviderAccount.objects.get(code="stripe-eu")
    run = ReportRun.objects.create(
        report="payments", report_version=1, requested_by="a test", number=1, status="ready", tied=True, manifest={},
        sha256="0" * 64, file="gone", ready_at=paid["created_at"],
        parameters={"interval_start": "2026-11-01T00:00:00Z", "interval_end": "2026-12-01T00:00:00Z",
                    "timezone": "UTC", "currency": None, "client": None},
    )  # fmt: skip
    actions = {
        pages.payment(paid["id"]): "support finance engineer",
        pages.payment(paid["id"], "refund"): "support",
        pages.page_of("payments", "provideraccount", account.pk, "switch"): "engineer",
        pages.page_of("payments", "job", job.pk, "replay"): "engineer",
        pages.list_of("reporting", "reportrun") + "new/": "finance",
        pages.page_of("reporting", "reportrun", run.pk, "progress"): "finance",
        pages.page_of("reporting", "reportrun", run.pk, "cancel"): "finance",
        pages.page_of("reporting", "reportrun", run.pk, "download"): "finance",
        pages.page_of("reporting", "reportrun", run.pk, "manifest"): "finance",
    }
    browser: Client = staff(role)
    for address, roles in actions.items():
        allowed = (200, 302) if role in roles.split() else (403,)
        assert browser.get(address).status_code in allowed, (role, address)
        if role not in roles.split():
            assert browser.post(address, {"amount": "5.00", "reason": "goodwill"}).status_code in (403, 405), address
    job.refresh_from_db()
    account.refresh_from_db()
    assert (job.state, account.enabled) == ("dead", True), "nothing was done by looking, or by who may not"
    assert not Refund.objects.exists()


@pytest.mark.parametrize("role", ["finance", "engineer"])
def test_who_may_not_refund_sees_no_way_to_do_it(staff: Any, paid: dict[str, Any], role: str) -> None:
    shown = staff(role).get(pages.payment(paid["id"])).content.decode()

    assert "Refunds are made by support." in shown
    assert pages.payment(paid["id"], "refund") not in shown


@pytest.mark.parametrize(("role", "reads"), [("support", True), ("finance", False), ("engineer", False)])
def test_personal_data_is_for_who_talks_to_customers(
    staff: Any,
    paid: dict[str, Any],
    role: str,
    reads: bool,  # noqa: FBT001
) -> None:
    browser: Client = staff(role)
    addresses = [pages.payment(paid["id"]), pages.page_of("payments", "order", paid["order"])]
    addresses += [pages.list_of("payments", "paymentintent"), pages.list_of("payments", "order")]
    if role != "finance":
        addresses.append(pages.page_of("payments", "customer", paid["customer"]))
    for address in addresses:
        shown = browser.get(address).content.decode().lower()
        assert ("jane doe" in shown) is reads, (role, address)
        assert reads or "jane.doe@example.com" not in shown, (role, address)


def test_links_lead_only_where_somebody_may_go(staff: Any, paid: dict[str, Any]) -> None:
    shown = staff("finance").get(pages.payment(paid["id"])).content.decode()

    assert pages.page_of("payments", "order", paid["order"]) in shown
    assert pages.page_of("payments", "customer", paid["customer"]) not in shown


def test_outsiders_are_sent_to_the_login(paid: dict[str, Any]) -> None:
    browser = Client()
    browser.force_login(User.objects.create_user("shopper"))

    for address in (pages.payment(paid["id"]), pages.payment(paid["id"], "refund"), "/admin/"):
        assert browser.get(address).status_code == 302


def test_who_has_no_role_is_told_so(staff: Any) -> None:
    assert "You have no role yet" in pages.text(staff("nobody"), "/admin/")


def test_the_command_can_be_run_again_and_takes_back_what_was_added_by_hand(staff: Any) -> None:
    support = Group.objects.get(name="support")
    rights = set(support.permissions.values_list("codename", flat=True))
    support.permissions.add(*Group.objects.get(name="engineer").permissions.all())
    call_command("roles", verbosity=0)

    assert set(support.permissions.values_list("codename", flat=True)) == rights
    assert set(Group.objects.values_list("name", flat=True)) == {"support", "finance", "engineer"}
