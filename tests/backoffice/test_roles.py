"""Who may open what, and do what: every role against every page and action."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from payments.gateway.models import ProviderAccount
from payments.kernel import clock
from payments.kernel.jobs import Job
from refunds.models import Refund
from reporting.models import ReportRun
from tests.backoffice import pages

ROLES = ("support", "support_lead", "finance", "engineer", "auditor", "admin", "nobody")
LISTS = {
    "payments.paymentintent": "support support_lead finance engineer auditor admin",
    "payments.order": "support support_lead finance engineer auditor admin",
    "payments.orderline": "support support_lead finance engineer auditor admin",
    "payments.paymentattempt": "support support_lead finance engineer auditor admin",
    "payments.capture": "support support_lead finance engineer auditor admin",
    "refunds.refund": "support support_lead finance engineer auditor admin",
    "refunds.refundline": "support support_lead finance engineer auditor admin",
    "refunds.banktransfer": "support support_lead finance engineer auditor admin",
    "refunds.dispute": "support support_lead finance engineer auditor admin",
    "refunds.disputestage": "support support_lead finance engineer auditor admin",
    "refunds.disputemovement": "support support_lead finance engineer auditor admin",
    "refunds.disputefile": "support support_lead finance engineer auditor admin",
    "refunds.fraudwarning": "support support_lead finance engineer auditor admin",
    "reporting.incident": "support support_lead finance engineer auditor admin",
    "refunds.refundbatch": "support_lead finance auditor admin",
    "refunds.refundbatchrow": "support_lead finance auditor admin",
    "payments.customer": "support support_lead engineer auditor admin",
    "payments.paymentmethod": "support support_lead engineer auditor admin",
    "payments.statechange": "support support_lead engineer auditor admin",
    "payments.account": "finance auditor admin",
    "payments.transfer": "finance auditor admin",
    "payments.entry": "finance auditor admin",
    "payments.feecontract": "finance engineer auditor admin",
    "reporting.close": "finance auditor admin",
    "reporting.closecheck": "finance auditor admin",
    "reporting.tieout": "finance auditor admin",
    "reporting.pspbalance": "finance auditor admin",
    "reporting.exchangerate": "finance auditor admin",
    "reporting.discrepancy": "finance auditor admin",
    "reporting.reportrun": "finance auditor admin",
    "reporting.reportschedule": "finance auditor admin",
    "reporting.reportdownload": "finance auditor admin",
    "reporting.payout": "finance auditor admin",
    "reporting.bankaccount": "finance auditor admin",
    "reporting.bankstatement": "finance auditor admin",
    "reporting.bankline": "finance auditor admin",
    "reporting.bankmatch": "finance auditor admin",
    "reporting.settlementfile": "finance engineer auditor admin",
    "reporting.settlementline": "finance engineer auditor admin",
    "refunds.refundlimit": "support support_lead finance auditor admin",
    "payments.legalentity": "engineer auditor admin",
    "payments.provideraccount": "engineer auditor admin",
    "payments.routingrule": "engineer auditor admin",
    "payments.killswitch": "engineer auditor admin",
    "payments.methodsuccess": "engineer auditor admin",
    "payments.providercall": "engineer auditor admin",
    "payments.paymentmethodtoken": "engineer auditor admin",
    "payments.payer": "engineer auditor admin",
    "payments.job": "engineer auditor admin",
    "payments.attentionitem": "support_lead finance engineer auditor admin",
    "payments.settlement": "support_lead finance engineer auditor admin",
    "payments.event": "engineer auditor admin",
    "payments.endpoint": "engineer auditor admin",
    "payments.delivery": "engineer auditor admin",
    "payments.inboundevent": "engineer auditor admin",
    "payments.deliverytry": "engineer auditor admin",
    "payments.eventreplay": "engineer auditor admin",
    "payments.inboundreplay": "engineer auditor admin",
    "payments.eventsweep": "engineer auditor admin",
    "payments.apiclient": "engineer auditor admin",
    "payments.apikey": "engineer auditor admin",
    "payments.jobrun": "engineer auditor admin",
    "payments.apirequest": "engineer auditor admin",
    "payments.idempotencykey": "engineer auditor admin",
    **dict.fromkeys(
        ("reporting.alert", "reporting.alertchannel", "reporting.alertmessage", "reporting.alertrule",
         "reporting.canaryrun", "reporting.notice", "reporting.servicelevel",
         "reporting.silence"), "engineer auditor admin"),
    "payments.auditevent": "auditor admin",
    "payments.rowchange": "auditor admin",
    "payments.staffsession": "auditor admin",
    "payments.secondfactor": "auditor admin",
    "payments.knownbrowser": "auditor admin",
    "payments.signinguess": "auditor admin",
    "auth.user": "auditor admin",
    "auth.group": "auditor admin",
}  # fmt: skip
"""Table -> the roles that may read it. Everybody else gets 403."""


@pytest.mark.parametrize("role", ROLES)
def test_every_role_opens_its_lists_and_no_others(staff: Any, role: str) -> None:
    browser: Client = staff(role)
    said = {name: browser.get(pages.list_of(*name.split("."))).status_code for name in LISTS}

    assert said == {name: 200 if role in roles.split() else 403 for name, roles in LISTS.items()}


def test_every_page_of_the_back_office_stands_in_the_matrix() -> None:
    assert set(LISTS) == {f"{model._meta.app_label}.{model._meta.model_name}" for model in admin.site._registry}


def test_an_auditor_reads_everything_and_makes_and_changes_nothing(staff: Any) -> None:
    browser: Client = staff("auditor")
    rights = set(Group.objects.get(name="auditor").permissions.values_list("codename", flat=True))
    news = [pattern.name for app in admin.site.urls[0] for pattern in getattr(app, "url_patterns", ())
            if str(pattern.name).endswith(("_new", "_add"))]  # fmt: skip

    assert {right.partition("_")[0] for right in rights - {"download_report"}} == {"view"}
    assert len(news) > 10
    for name in news:
        assert browser.post(reverse(f"admin:{name}")).status_code == 403, name


def test_files_that_are_not_the_ledgers_are_for_finance(staff: Any, report: ReportRun) -> None:
    ReportRun.objects.update(tied=False)
    for role, status in (("finance", 200), ("auditor", 403)):
        browser: Client = staff(role)
        assert browser.get(pages.page_of("reporting", "reportrun", report.pk, "manifest")).status_code == status
        shown = browser.get(pages.page_of("reporting", "reportrun", report.pk)).content.decode()
        assert ("Manifest</a>" in shown) is (role == "finance")


@pytest.fixture
def report(db: None) -> ReportRun:
    """A report that is ready, and whose file is gone."""
    return ReportRun.objects.create(
        report="payments", report_version=1, requested_by="a test", number=1, status="ready", tied=True, manifest={},
        sha256="0" * 64, file="gone", ready_at=clock.now(),
        parameters={"interval_start": "2026-11-01T00:00:00Z", "interval_end": "2026-12-01T00:00:00Z",
                    "timezone": "UTC", "currency": None, "client": None},
    )  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_every_role_does_what_it_may_and_nothing_else(
    staff: Any, paid: dict[str, Any], report: ReportRun, role: str
) -> None:
    """Action -> the roles that may; the page answers those with 200 or 302, and everybody else with 403."""
    job = Job.objects.create(name="send_refund", queue="money", state="dead")
    account = ProviderAccount.objects.get(code="stripe-eu")
    actions = {
        pages.payment(paid["id"]): "support support_lead finance engineer auditor admin",
        pages.payment(paid["id"], "refund"): "support support_lead",
        pages.page_of("payments", "provideraccount", account.pk, "switch"): "engineer",
        pages.page_of("payments", "job", job.pk, "replay"): "engineer",
        pages.list_of("reporting", "reportrun") + "new/": "finance",
        pages.page_of("reporting", "reportrun", report.pk, "progress"): "finance auditor admin",
        pages.page_of("reporting", "reportrun", report.pk, "cancel"): "finance",
        pages.page_of("reporting", "reportrun", report.pk, "download"): "finance auditor",
        pages.page_of("reporting", "reportrun", report.pk, "manifest"): "finance auditor",
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


@pytest.mark.parametrize("role", ["finance", "engineer", "auditor", "admin"])
def test_who_may_not_refund_sees_no_way_to_do_it(staff: Any, paid: dict[str, Any], role: str) -> None:
    shown = staff(role).get(pages.payment(paid["id"])).content.decode()

    assert "Refunds are made by support." in shown
    assert pages.payment(paid["id"], "refund") not in shown


@pytest.mark.parametrize(
    ("role", "reads"),
    [
        ("support", True),
        ("support_lead", True),
        ("finance", False),
        ("engineer", False),
        ("auditor", False),
        ("admin", False),
    ],
)
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
        assert "jane doe" not in shown, (role, address)
        assert "jane.doe@example.com" not in shown, (role, address)
    may = browser.get(pages.payment(paid["id"], "reveal"))
    assert may.status_code == (200 if reads else 403)
    if reads:
        assert "Jane Doe" in pages.reveal(browser, "payments", "paymentintent", paid["id"])


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
    assert set(Group.objects.values_list("name", flat=True)) == {
        "support",
        "finance",
        "engineer",
        "auditor",
        "admin",
        "support_lead",
    }


def test_being_superuser_is_not_enough_to_refund(boss: Client, paid: dict[str, Any]) -> None:
    assert "Refunds are made by support." in pages.text(boss, pages.payment(paid["id"]))
    assert boss.get(pages.payment(paid["id"], "refund")).status_code == 403


def test_who_administers_users_gives_rights_to_others_only(staff: Any) -> None:
    browser: Client = staff("admin")
    new = User.objects.create_user("newcomer", is_staff=True)
    boss = User.objects.create_superuser("boss")
    support = Group.objects.get(name="support")
    form = {"username": "newcomer", "is_staff": "on", "is_active": "on", "is_superuser": "on", "groups": [support.pk]}
    saved = browser.post(pages.page_of("auth", "user", new.pk), form)
    new.refresh_from_db()
    assert saved.status_code == 302
    assert (list(new.groups.all()), new.is_superuser) == ([support], False)
    history = pages.text(browser, pages.page_of("auth", "user", new.pk, "history"))
    assert "When (UTC) Who What" in history
    assert "admin Changed" in history

    me = User.objects.get(username="admin")
    browser.post(pages.page_of("auth", "user", me.pk), {"username": "admin", "groups": [support.pk]})
    assert [group.name for group in me.groups.all()] == ["admin"], "nobody gives rights to themselves"
    for page in ("change", "password_change"):
        address = (
            pages.page_of("auth", "user", boss.pk) if page == "change" else f"/admin/auth/user/{boss.pk}/password/"
        )
        assert browser.post(address, {"username": "mine"}).status_code == 403, page


def test_a_role_says_what_it_allows_and_who_has_it(staff: Any) -> None:
    browser: Client = staff("admin")
    group = Group.objects.get(name="admin")
    shown = pages.text(browser, pages.page_of("auth", "group", group.pk))

    assert "See: users" in shown
    assert "Who has it User Active Last login (UTC) admin Yes" in shown
    assert browser.post(pages.page_of("auth", "group", group.pk), {"name": "mine"}).status_code == 405
