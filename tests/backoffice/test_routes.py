"""Every route of the back office against every role: a route that stands in no row of the table fails."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.backoffice import pages, test_pages
from tests.backoffice.test_roles import LISTS, ROLES

full = test_pages.full

PEOPLE: Final = (*ROLES, "boss")
"""`boss` is a superuser: sees everything and moves no money (docs/decisions/0007)."""
ALL: Final = " ".join(PEOPLE)
PAYMENTS: Final = "support support_lead finance engineer auditor admin boss"
LEADS: Final = "support_lead finance engineer"

EXTRA: Final = {
    "sign_in_code": "",  # nobody who is signed in: they are led to the sign-in or home
    "sign_in_enrol": "",
    "set_language": ALL,
    "confirm_identity": ALL,
    "my_account": ALL,
    "my_sessions_end": ALL,
    "my_factor": ALL,
    "my_codes": ALL,
    "search": ALL,
    "dashboard": "finance engineer auditor admin boss",
    "dashboard_csv": "finance engineer auditor admin boss",
    "uptime": "engineer auditor admin boss",
    "admin:search": ALL,
    "admin:index": ALL,
    "admin:login": ALL,
    "admin:logout": ALL,
    "admin:password_change": ALL,
    "admin:password_change_done": ALL,
    "admin:autocomplete": "",
    "admin:jsi18n": ALL,
    "admin:auth_user_help": "admin boss",
    "admin:auth_user_password_change": "admin boss",
    "admin:payments_killswitch_new": "engineer boss",
    "admin:payments_killswitch_on": "engineer boss",
    "admin:payments_provideraccount_switch": "engineer boss",
    "admin:payments_feecontract_new": "finance boss",
    "admin:payments_inboundevent_replay": "engineer boss",
    "admin:payments_apikey_roll": "engineer boss",
    "admin:payments_apikey_revoke": "engineer boss",
    "admin:payments_event_send": "engineer boss",
    "admin:payments_delivery_again": "engineer boss",
    "admin:payments_endpoint_failed": "engineer boss",
    "admin:payments_endpoint_enable": "engineer boss",
    "admin:payments_customer_erase": "support_lead",
    "admin:payments_job_cancel": "engineer boss",
    "admin:payments_job_replay": "engineer boss",
    "admin:payments_routingrule_new": "engineer boss",
    "admin:payments_routingrule_backtest": "engineer auditor admin boss",
    "admin:payments_routingrule_approve": "engineer boss",
    "admin:payments_routingrule_activate": "engineer boss",
    "admin:payments_routingrule_retire": "engineer boss",
    "admin:reporting_incident_take": "engineer",
    "admin:reporting_incident_note": "engineer",
    "admin:reporting_incident_close": "engineer",
    "admin:reporting_incident_reopen": "engineer",
    "admin:reporting_incident_hold": "engineer",
    "admin:reporting_incident_release": "engineer",
    "admin:reporting_alertchannel_new": "engineer boss",
    "admin:reporting_alertchannel_test": "engineer boss",
    "admin:reporting_alertchannel_off": "engineer boss",
    "admin:reporting_alertchannel_on": "engineer boss",
    "admin:reporting_alertrule_new": "engineer boss",
    "admin:reporting_alertrule_off": "engineer boss",
    "admin:reporting_alertrule_on": "engineer boss",
    "admin:reporting_silence_new": "engineer boss",
    "admin:reporting_silence_end": "engineer boss",
    "admin:payments_auditevent_file": "auditor admin boss",
    "admin:payments_auditevent_of": "auditor admin boss",
    "admin:payments_attentionitem_overview": f"{LEADS} auditor admin boss",
    "admin:payments_attentionitem_assign": LEADS,
    "admin:payments_attentionitem_snooze": LEADS,
    "admin:payments_attentionitem_wake": LEADS,
    "admin:payments_attentionitem_take": LEADS,
    "admin:payments_attentionitem_close": LEADS,
    "admin:payments_attentionitem_again": LEADS,
    "admin:payments_attentionitem_extend": LEADS,
    "admin:payments_attentionitem_propose": "support_lead finance",
    "admin:payments_attentionitem_confirm": "support_lead finance",
    "admin:payments_attentionitem_withdraw": "support_lead finance",
    "admin:payments_attentionitem_release": "support_lead",
    "admin:payments_paymentintent_refund": "support support_lead",
    "admin:refunds_refund_waiting": "support_lead",
    "admin:refunds_refund_cancel": "support support_lead",
    "admin:refunds_refund_approve": "support_lead",
    "admin:refunds_refund_reject": "support_lead",
    "admin:refunds_refundlimit_new": "finance",
    "admin:refunds_refundlimit_agree": "finance",
    "admin:refunds_refundlimit_withdraw": "finance",
    "admin:refunds_refundbatch_new": "support_lead",
    "admin:refunds_refundbatch_ask": "support_lead",
    "admin:refunds_refundbatch_approve": "support_lead",
    "admin:refunds_refundbatch_reject": "support_lead",
    "admin:refunds_refundbatch_check_again": "support_lead",
    "admin:refunds_refundbatch_pause": "support_lead",
    "admin:refunds_refundbatch_resume": "support_lead",
    "admin:refunds_refundbatch_cancel": "support_lead",
    "admin:refunds_refundbatch_problems": "support_lead finance auditor admin boss",
    "admin:refunds_refundbatch_results": "support_lead finance auditor admin boss",
    "admin:refunds_refundbatch_progress": "support_lead finance auditor admin boss",
    "admin:refunds_dispute_rates": PAYMENTS,
    "admin:refunds_dispute_evidence": "support support_lead",
    "admin:refunds_dispute_submit": "support support_lead",
    "admin:refunds_dispute_accept": "support_lead",
    "admin:refunds_disputefile_download": "support support_lead boss",
    "admin:refunds_fraudwarning_keep": "support support_lead",
    "admin:refunds_banktransfer_new": "finance",
    "admin:refunds_banktransfer_confirm": "finance",
    "admin:refunds_banktransfer_withdraw": "finance",
    "admin:refunds_banktransfer_returned": "finance",
    "admin:reporting_bankline_choose": "finance",
    "admin:reporting_bankline_set_aside": "finance",
    "admin:reporting_bankline_look_again": "finance",
    "admin:reporting_bankmatch_undo": "finance",
    "admin:reporting_bankaccount_new": "finance",
    "admin:reporting_bankaccount_edit": "finance",
    "admin:reporting_bankstatement_new": "finance",
    "admin:reporting_bankstatement_file": "finance",
    "admin:reporting_reportrun_new": "finance boss",
    "admin:reporting_reportrun_download": "finance auditor boss",
    "admin:reporting_reportrun_manifest": "finance auditor boss",
    "admin:reporting_reportrun_progress": "finance auditor admin boss",
    "admin:reporting_reportrun_cancel": "finance boss",
    "admin:reporting_reportrun_again": "finance boss",
    "admin:reporting_reportschedule_new": "finance",
    "admin:reporting_reportschedule_pause": "finance",
    "admin:reporting_reportschedule_go_on": "finance",
    "admin:reporting_close_again": "finance",
    "admin:reporting_close_lock": "finance",
    "admin:reporting_close_ask": "finance",
    "admin:reporting_close_agree": "finance",
    "admin:reporting_close_withdraw": "finance",
    "admin:reporting_closecheck_accept": "finance",
    "admin:reporting_discrepancy_take": "finance",
    "admin:reporting_discrepancy_settle": "finance",
    "admin:reporting_discrepancy_accept": "finance",
    "admin:reporting_discrepancy_approve": "finance",
    "admin:reporting_discrepancy_withdraw": "finance",
    "admin:reporting_settlementfile_new": "finance",
    "admin:reporting_settlementfile_original": "finance",
    "admin:reporting_settlementfile_progress": "finance engineer auditor admin boss",
    "admin:reporting_settlementfile_read_again": "finance",
}
"""Route that is no list, page or history of a table -> who may. Everybody else gets 403, whatever they send."""

LEAVES_A_TRACE: Final = {
    "payments_auditevent", "django_admin_log", "payments_staffsession", "reporting_reportdownload",
}  # fmt: skip
"""What is written by looking: who has taken which file, and that a session is used."""


class Route(NamedTuple):
    """A route: its name, its address about the newest row there is, and who may."""

    name: str
    address: str
    roles: str


def named() -> Iterator[tuple[str, int]]:
    """Name and number of arguments of every route below /admin/."""
    for one in get_resolver().url_patterns:
        if isinstance(one, URLResolver) and str(one.pattern) == "admin/":
            yield from _within(one, f"{one.namespace}:" if one.namespace else "")
        elif isinstance(one, URLPattern) and "admin/" in str(one.pattern) and one.name:
            yield one.name, 0


def _within(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, int]]:
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from _within(one, prefix)
        elif one.name:
            yield f"{prefix}{one.name}", one.pattern.regex.groups


def roles_of(name: str) -> str | None:
    """Who may; None where no row says it."""
    if name in EXTRA:
        return EXTRA[name]
    table, _, page = name.removeprefix("admin:").rpartition("_")
    readers = LISTS.get(table.replace("_", ".", 1))
    if readers is None or page not in ("changelist", "change", "history", "add", "delete", "reveal"):
        return None
    if page == "reveal":
        return " ".join(role for role in (*readers.split(), "boss") if role in REVEALERS)
    if page in ("add", "delete"):
        return "admin boss" if (table, page) == ("auth_user", "add") else ""
    return f"{readers} boss"


def routes() -> list[Route]:
    """Every route, about the newest row of its table."""
    found = []
    for name, arguments in named():
        if name in ("admin:app_list", "admin:view_on_site"):
            continue
        roles = roles_of(name)
        assert roles is not None, f"{name} stands in no row of the table"
        given: list[Any] = GIVEN.get(name) or ([_newest(name)] if arguments else [])
        found.append(Route(name, reverse(name, args=given), roles))
    return found


def _newest(name: str) -> object:
    app, model, *_ = name.removeprefix("admin:").split("_")
    rows = apps.get_model(app, model)._default_manager.order_by("-pk")
    row = (rows.filter(username="somebody") if model == "user" else rows).first()
    assert row is not None, f"no row for {name}"
    return row.pk


def written() -> dict[str, int]:
    """Rows of each table that this transaction has written so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
            " WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
        )
        return {table: count for table, count in cursor.fetchall() if table not in LEAVES_A_TRACE}


def _wrong(route: Route, role: str, browser: Client) -> Iterator[tuple[object, ...]]:
    """What one person is answered otherwise than the table says."""
    name, address, roles = route
    may = role in roles.split()
    if may and role != "boss" and name not in EXTRA:
        return  # lists of those who may are opened in test_roles; pages follow the same right
    got = browser.get(address)
    if (got.status_code != 403) is not may and name not in LED:
        yield role, "GET", name, got.status_code
    if not may and name not in LED and (status := browser.post(address).status_code) not in (403, 405):
        yield role, "POST", name, status
    if got.get("X-Frame-Options") != "DENY" or "frame-ancestors 'none'" not in got.get("Content-Security-Policy", ""):
        yield role, "frames", name, got.status_code


def test_every_role_gets_where_it_may_and_nowhere_else(staff: Any, boss: Client, full: dict[str, Any]) -> None:
    """GET of every route as everybody, and POST as everybody who may not: nothing is changed by either."""
    wrong: list[tuple[object, ...]] = []
    every = routes()
    browsers = {role: boss if role == "boss" else staff(role) for role in PEOPLE}
    for browser in browsers.values():
        browser.raise_request_exception = False  # files of rows that the story made by hand are not there
    before = written()
    for route in every:
        for role, browser in browsers.items():
            wrong += _wrong(route, role, browser)
        if (after := written()) != before:
            wrong.append(("somebody", "wrote", route.name, {t for t in after if after[t] != before.get(t, 0)}))
            before = after
    assert not wrong, "\n".join(map(str, wrong))


GIVEN: Final[dict[str, list[Any]]] = {"dashboard": ["volume"], "dashboard_csv": ["volume", "nothing"]}
"""What names a page that is about no row."""
REVEALERS: Final = ("support", "support_lead", "boss")
"""Who may see personal data, once they have said why."""
LED: Final = ("sign_in_code", "sign_in_enrol", "admin:autocomplete")
"""Who is signed in already is led on by these, or asks nothing of them."""


@pytest.mark.parametrize("who", ["without a second factor", "no staff", "nobody"])
def test_who_is_not_in_gets_nowhere(db: None, settings: Any, full: dict[str, Any], who: str) -> None:
    """Every route but the sign-in leads to it, or says that there is nothing to do."""
    call_command("roles", verbosity=0)
    insider = pages.signed_in(User.objects.create_user("insider", is_staff=True))
    assert insider.get("/admin/").status_code == 200
    browser = Client()
    if who == "without a second factor":
        settings.SECOND_FACTOR = True
        browser = pages.signed_in(User.objects.create_superuser("somebody else"))
    elif who == "no staff":
        browser = pages.signed_in(User.objects.create_user("shopper"))
    got_in = []
    before = written()
    for name, address, _ in routes():
        if name in ("admin:login", "set_language"):
            continue
        for answer in (browser.get(address), browser.post(address)):
            led = answer.status_code == 302 and answer["Location"].startswith("/admin/login/")
            if not led and not (name == "admin:logout" and answer["Location"] == "/admin/"):
                got_in.append((name, answer.status_code))
    assert not got_in, "\n".join(map(str, got_in))
    assert written() == before


def test_no_form_is_taken_from_elsewhere(staff: Any, full: dict[str, Any]) -> None:
    """A POST without the token of our own page is refused on every route, whoever sends it."""
    users = []
    for role in ("support_lead", "finance", "engineer", "admin"):
        staff(role)
        users.append(User.objects.get(username=role))
    User.objects.get(username="admin").groups.set(Group.objects.all())
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(users[-1])
    session = browser.session
    session.update({"proven_at": pages.signed_in(users[0]).session["proven_at"]})
    session.save()

    taken = [name for name, address, _ in routes() if browser.post(address).status_code != 403]
    assert taken == []
