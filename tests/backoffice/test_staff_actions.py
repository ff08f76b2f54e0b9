"""Everything that staff send leaves an event: exact where a use case says what it was, by the net otherwise."""

import re
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import URLPattern, URLResolver

from payments.gateway import switches
from payments.gateway.models import ProviderAccount, SwitchKind
from payments.kernel import audit, unit
from payments.kernel.audit import AuditEvent
from payments.kernel.jobs import Job
from payments.management.commands import roles
from refunds.models import Refund
from reporting.models import SettlementFile
from tests import factories
from tests.backoffice import pages, test_pages

full = test_pages.full


def routes(patterns: list[Any], before: str = "") -> list[tuple[str, str]]:
    """Every route of the back office: (its pattern, its name)."""
    found = []
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            found += routes(one.url_patterns, route)
        elif isinstance(one, URLPattern):
            found.append((route, str(one.name)))
    return found


ROUTES = [(route, name) for route, name in routes(list(admin.site.urls[0])) if name not in ("None", "logout", "login")]


def everything(name: str) -> Client:
    """The browser of somebody with every right of every role."""
    user = User.objects.create_user(name, password="correct horse battery staple", is_staff=True)
    wanted = {codename.partition(".")[2] for rights in roles.ROLES.values() for codename in rights}
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    return browser


def of(answer: Any) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(request_id=answer["Request-Id"]).order_by("pk"))


def address(route: str) -> str:
    """A route with ids of rows that are there."""
    parts = route.split("/")
    model = next((m for m in admin.site._registry if [m._meta.app_label, m._meta.model_name] == parts[:2]), None)
    row = None if model is None else model._default_manager.order_by("-pk").first()
    return "/admin/" + re.sub(r"<[^>]+>", str(getattr(row, "pk", "nothing")), route).replace("\\Z", "").lstrip("^")


def test_every_route_of_the_back_office_leaves_an_event_for_what_is_sent_to_it(full: dict[str, Any]) -> None:
    browser = everything("everybody")
    assert len(ROUTES) > 150
    silent = []
    for route, _name in ROUTES:
        answer = browser.post(address(route), {"reason": "It was said so.", "password": "hidden-away"})
        found = of(answer)
        if not found or any(row.by != "staff everybody" or "hidden-away" in str(row.after) for row in found):
            silent.append((route, answer.status_code))

    assert silent == []


def test_what_is_only_looked_at_leaves_none(staff: Any, paid: dict[str, Any]) -> None:
    answer = staff("auditor").get(pages.payment(paid["id"]))

    assert (answer.status_code, of(answer)) == (200, [])


def test_an_action_says_what_it_has_changed_in_the_same_commit(staff: Any, shop: factories.Shop) -> None:
    job = Job.objects.create(name="send_refund", queue="money", state="dead")
    account = ProviderAccount.objects.get(code="stripe-eu")
    browser = staff("engineer")
    off = browser.post(
        pages.page_of("payments", "provideraccount", account.pk, "switch"), {"reason": "It answers nothing."}
    )
    [event] = of(off)
    assert (event.action, event.by, event.because, event.address) == (
        "kill_switch.switched_off",
        "staff engineer",
        "It answers nothing.",
        "127.0.0.1",
    )
    assert event.before == {f"{account.pk} enabled": True}
    assert event.after[f"{account.pk} enabled"] is False
    assert (event.after["kind"], event.after["target"]) == (SwitchKind.ACCOUNT, "stripe-eu")

    [event] = of(browser.post(pages.page_of("payments", "job", job.pk, "replay")))
    assert (event.action, event.object_id) == ("job.replayed", str(job.pk))
    switches.forget()


def test_what_clients_and_jobs_do_is_no_action_of_staff(shop: factories.Shop, paid: dict[str, Any]) -> None:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    factories.work()

    assert Refund.objects.get().status == "succeeded"
    assert not AuditEvent.objects.exists()


def test_a_unit_that_says_nothing_is_recorded_by_what_it_changes(shop: factories.Shop) -> None:
    account = ProviderAccount.objects.get(code="stripe-eu")
    asker = audit.Asker(who=lambda: "staff lena", address="192.0.2.7", request_id="req_1")
    with audit.asked_by(asker), unit.work():
        account.change(enabled=False)
    event = AuditEvent.objects.get()

    assert (event.action, event.object_id) == ("provideraccount.changed", account.pk)
    assert (event.before, event.after) == ({"enabled": True}, {"enabled": False})


def test_who_signs_in_and_out_or_fails_to_is_on_record(db: None) -> None:
    User.objects.create_user("lena", password="correct horse battery staple", is_staff=True)
    browser = Client()
    form = {"username": "lena", "next": "/admin/"}
    [failed] = of(browser.post("/admin/login/", {**form, "password": "a guess"}))
    [came] = of(browser.post("/admin/login/", {**form, "password": "correct horse battery staple"}))
    [went] = of(browser.post("/admin/logout/"))

    assert [(row.action, row.by) for row in (failed, came, went)] == [
        ("user.sign_in_failed", "nobody"),
        ("user.signed_in", "staff lena"),
        ("user.signed_out", "staff lena"),
    ]
    assert failed.object_id == "lena"
    assert "guess" not in str(failed.after)
    assert "correct horse" not in str(came.after)


def test_new_roles_of_somebody_are_named_before_and_after(staff: Any) -> None:
    browser = staff("admin")
    new = User.objects.create_user("newcomer", is_staff=True)
    groups = {name: Group.objects.get(name=name).pk for name in ("support", "finance")}
    new.groups.set([groups["support"]])
    form = {"username": "newcomer", "is_staff": "on", "is_active": "on", "groups": [groups["finance"]]}
    [event] = of(browser.post(pages.page_of("auth", "user", new.pk), form))

    assert (event.action, event.object_id) == ("user.changed", "newcomer")
    assert (event.before["groups"], event.after["groups"]) == (["support"], ["finance"])


def test_a_file_that_leaves_is_on_record(staff: Any, full: dict[str, Any]) -> None:
    file = SettlementFile.objects.exclude(file="").latest("pk")
    answer = staff("finance").get(pages.page_of("reporting", "settlementfile", file.pk, "original"))
    [event] = of(answer)

    assert (event.action, event.object_id, event.by) == ("file.downloaded", file.pk, "staff finance")
    assert file.name in event.after["file"]
