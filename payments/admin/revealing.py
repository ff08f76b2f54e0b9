"""Showing personal data: to who may see it, for one object, after saying why, for a quarter of an hour, on record."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import fresh, reasons, shown
from payments.kernel import audit, clock

LASTS: Final = timedelta(minutes=15)
REVEALED: Final = "revealed"


class RevealForm(forms.Form):
    """Why: everybody who looks later reads it."""

    reason = forms.CharField(
        label=gettext_lazy("Why do you need it?"),
        min_length=5,
        max_length=200,
        validators=[reasons.no_card_number],
        help_text=gettext_lazy("At least five letters. Your name and the reason are on record."),
    )


def viewer(request: HttpRequest, row: Model | None = None) -> shown.Viewer:
    """Who looks at the page of `row`; the same one however often it is asked for within a request."""
    known: dict[str, shown.Viewer] = request.__dict__.setdefault("viewers", {})
    key = "" if row is None else str(row.pk)
    if key not in known:
        plain = shown.Viewer(request.user)
        known[key] = shown.Viewer(
            request.user, revealed=bool(key) and plain.sees_personal_data and _lasts(request, key)
        )
    return known[key]


def _lasts(request: HttpRequest, key: str) -> bool:
    until = request.session.get(REVEALED, {}).get(key, 0)
    return bool(clock.now().timestamp() < until)


def asked(page: Any, request: HttpRequest, row: Model, back: str) -> HttpResponse:
    """Ask why; on POST leave it on record and show this object's personal data from then on. Only who may see any."""
    if not viewer(request).sees_personal_data:
        raise PermissionDenied
    if (ask := fresh.required(request)) is not None:
        return ask
    form = RevealForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        audit.record("personal_data.revealed", str(row.pk), because=form.cleaned_data["reason"])
        _remember(request, str(row.pk))
        messages.success(request, _("Names and addresses of this page are shown to you for 15 minutes."))
        return HttpResponseRedirect(back)
    context = {
        "row": row,
        "form": form,
        "effect": _("You see the names, addresses and raw data of this page for 15 minutes. That is on record."),
        "button": _("Show"),
        "what": shown.short(str(row.pk)),
        "back": back,
    }
    answer: HttpResponse = page.page(request, "admin/confirm.html", _("Show personal data"), context)
    return answer


def _remember(request: HttpRequest, key: str) -> None:
    """With what was shown before and still is."""
    now = clock.now().timestamp()
    kept = {name: until for name, until in request.session.get(REVEALED, {}).items() if until > now}
    request.session[REVEALED] = kept | {key: now + LASTS.total_seconds()}
