"""Asking whether it is still you: before money, rights or personal data move on one person's word."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from payments.admin import origins
from payments.kernel import audit, clock
from payments.staff import factors, guesses

LASTS: Final = timedelta(minutes=10)
PROVEN: Final = "proven_at"
FACTOR: Final = "second_factor"
"""In a session: signed in with one."""
WRONG_CODE: Final = gettext_lazy("This code is not right, or was used already. Wait for the next one and enter that.")
WRONG: Final = {"password": gettext_lazy("This is not your password."), "code": WRONG_CODE}
"""What proves who somebody is, in the order in which it is looked at."""
KEPT: Final = "kept_form"
MOST_KEPT: Final = 10_000
"""Characters of a form that are kept for the way back; a longer one is written again."""


class ProofForm(forms.Form):
    """What only this person knows."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        help_text=gettext_lazy("The six digits that your app shows, or one of your recovery codes."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "none"}),
    )
    next = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)

    def __init__(self, user: User, data: Any = None, **more: Any) -> None:
        super().__init__(data, **more)
        self.user = user
        if not factors.has(user):
            del self.fields["code"]

    def prove(self, origin: guesses.Origin) -> bool:
        """Whether it is them; the form says why not. Wrong proofs are counted with those at the sign-in.

        Each for itself: who knows the password and signs in with it elsewhere does not get to guess codes anew here.
        """
        name = self.user.get_username()
        for what in (one for one in WRONG if one in self.fields):
            try:
                attempt = guesses.begin(what, name, origin)
            except guesses.TooMany as refusal:
                self.add_error(None, wait_text(refusal.wait))
                return False
            if not self._right(what):
                self.add_error(what, WRONG[what])
                audit.record("user.confirmation_failed", name, after={"wrong": what})
                return False
            attempt.was_right()
        return True

    def _right(self, what: str) -> bool:
        said = self.cleaned_data[what]
        return self.user.check_password(said) if what == "password" else factors.proves(self.user, said)


def required(request: HttpRequest, back: str = "") -> HttpResponse | None:
    """None when this person has proven within the last 10 minutes who they are; otherwise the answer to give.

    It leads to *Confirm it is you*, and from there back to `back`, or to the page itself. What a POST had filled in
    is kept and stands in the page's form again: nothing is done by confirming, the form is sent once more.
    """
    if proven(request):
        return None
    back = back or request.get_full_path()
    if request.method == "POST":
        _keep(request, back)
    return HttpResponseRedirect(f"{reverse('confirm_identity')}?{urlencode({'next': back})}")


def proven(request: HttpRequest) -> bool:
    """Whether they have proven within the last 10 minutes who they are."""
    at = request.session.get(PROVEN)
    return isinstance(at, float) and 0 <= clock.now().timestamp() - at < LASTS.total_seconds()


def mark(session: SessionBase) -> None:
    """They have proven it now: by signing in, or here."""
    session[PROVEN] = clock.now().timestamp()


def refill(request: HttpRequest, context: Mapping[str, Any]) -> None:
    """Put what was kept of a form into the page's form, once."""
    form = context.get("form")
    kept = request.session.get(KEPT)
    if request.method != "GET" or not kept or kept["back"] != request.get_full_path() or not proven(request):
        return
    del request.session[KEPT]
    if isinstance(form, forms.BaseForm) and not form.is_bound:
        hidden = {field.name for field in form.hidden_fields()}
        form.initial.update((name, value) for name, value in kept["fields"].items() if name not in hidden)


def _keep(request: HttpRequest, back: str) -> None:
    fields = {
        name: values[0] if len(values) == 1 else values
        for name, values in request.POST.lists()
        if name != "csrfmiddlewaretoken" and "password" not in name
    }
    small = sum(len(str(value)) for value in fields.values()) <= MOST_KEPT
    request.session[KEPT] = {"back": back, "fields": fields if small else {}}


def confirm(request: HttpRequest) -> HttpResponse:
    """*Confirm it is you*: the password; then back to where it was asked for."""
    back = safe(request.POST.get("next") or request.GET.get("next") or "")
    sent = request.POST if request.method == "POST" else None
    form = ProofForm(cast(User, request.user), sent, initial={"next": back})
    if form.is_valid() and form.prove(origins.of(request)):
        audit.record("user.confirmed", form.user.get_username())
        mark(request.session)
        request.session.cycle_key()  # a session that was taken over before is worth nothing after
        if request.session.get(KEPT, {}).get("back") == back:
            messages.info(request, _("It is you. Nothing has been done yet: look at the form and send it once more."))
        else:
            messages.success(request, _("It is you. You are not asked again for 10 minutes."))
        return HttpResponseRedirect(back)
    context = {**admin.site.each_context(request), "title": _("Confirm it is you"), "form": form, "back": back}
    return TemplateResponse(request, "admin/fresh.html", context)


def wait_text(wait: timedelta) -> str:
    """How long nothing is looked at, in words."""
    seconds = max(1, int(wait.total_seconds() + 0.999))
    if seconds < 60:
        return ngettext(
            "Too many wrong tries. Try again in %(count)d second.",
            "Too many wrong tries. Try again in %(count)d seconds.",
            seconds,
        ) % {"count": seconds}
    minutes = -(-seconds // 60)
    return ngettext(
        "Too many wrong tries. Try again in %(count)d minute.",
        "Too many wrong tries. Try again in %(count)d minutes.",
        minutes,
    ) % {"count": minutes}


def safe(address: str) -> str:
    """Where it leads back: a page of the back office, nowhere else."""
    home = reverse("admin:index")
    local = url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if local and address.startswith(home) else home
