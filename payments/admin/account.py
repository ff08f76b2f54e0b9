"""My account: where one is signed in, one's second factor and password."""

import re
from typing import Any, Final, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from payments.admin import fresh, shown
from payments.admin.login import enrolling, page
from payments.kernel import audit
from payments.staff import factors, sessions
from payments.staff.models import SecondFactor, StaffSession

BROWSERS: Final = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
                   ("Safari/", "Safari"))  # fmt: skip
SYSTEMS: Final = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
                  ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip


def browser(agent: str) -> str:
    """What a browser says it is, as people call it: Firefox on Linux."""
    name = next((words for mark, words in BROWSERS if mark in agent), "")
    system = next((words for mark, words in SYSTEMS if mark in agent), "")
    if name and system:
        return _("%(browser)s on %(system)s") % {"browser": name, "system": system}
    return name or system or re.sub(r"[^\w ./-]", "", agent)[:40] or _("Unknown browser")


def account(request: HttpRequest) -> HttpResponse:
    """The page."""
    user = cast(User, request.user)
    here = sessions.hashed(request.session.session_key or "")
    rows = [
        {"browser": browser(row.agent), "address": row.address, "started": shown.moment(row.started_at),
         "seen": shown.moment(row.seen_at), "here": row.key == here}
        for row in StaffSession.objects.filter(user=user).order_by("-seen_at")
    ]  # fmt: skip
    context = {
        "sessions": rows,
        "others": sum(not row["here"] for row in rows),
        "factor": SecondFactor.objects.filter(user=user).first(),
        "roles": ", ".join(map(shown.role, user.groups.order_by("name").values_list("name", flat=True))),
    }
    return page(request, "admin/account.html", _("My account"), context)


def end_others(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere else."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user = cast(User, request.user)
    ended = sessions.end_all(user.pk, but=request.session.session_key or "")
    audit.record("user.sessions_ended", user.get_username(), after={"ended": ended})
    messages.success(
        request,
        ngettext("%(count)d other session has ended.", "%(count)d other sessions have ended.", ended)
        % {"count": ended},
    )
    return HttpResponseRedirect(reverse("my_account"))


def factor(request: HttpRequest) -> HttpResponse:
    """Enrol a second factor, or another one in the place of the old."""
    if (ask := fresh.required(request, reverse("my_factor"))) is not None:
        return ask
    codes, context = enrolling(request, cast(User, request.user))
    if not codes:
        return page(request, "admin/my_factor.html", _("Set up your second factor"), context)
    _ended_elsewhere(request)
    return _shown(request, codes)


def codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes in the place of the old ones."""
    user = cast(User, request.user)
    if (ask := fresh.required(request, reverse("my_account"))) is not None:
        return ask
    if request.method != "POST" or not factors.has(user):
        return HttpResponseRedirect(reverse("my_account"))
    return _shown(request, factors.renew_codes(user))


def password(request: HttpRequest) -> HttpResponse:
    """Another password; who is signed in elsewhere with the old one is signed out."""
    if (ask := fresh.required(request, reverse("admin:password_change"))) is not None:
        return ask
    answer: Any = admin.site.password_change(request)
    if request.method == "POST" and answer.status_code == 302:
        audit.record("user.password_changed", request.user.get_username())
        _ended_elsewhere(request)
    return cast(HttpResponse, answer)


def _ended_elsewhere(request: HttpRequest) -> None:
    """What has changed about this person counts at once: a new key here, and no session elsewhere."""
    request.session[fresh.FACTOR] = factors.has(cast(User, request.user))
    request.session.cycle_key()
    sessions.end_all(cast(User, request.user).pk, but=request.session.session_key or "")


def _shown(request: HttpRequest, codes: list[str]) -> HttpResponse:
    context = {"codes": codes, "back": reverse("my_account")}
    answer: HttpResponse = page(request, "admin/my_codes.html", _("Your recovery codes"), context)
    answer["Cache-Control"] = "no-store"
    return answer
