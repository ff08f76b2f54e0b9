"""Signing in: name and password, then the code of the second factor, or enrolling one where all must have one."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, auth
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from unfold import forms as unfold

from payments.admin import fresh, origins
from payments.kernel import audit, clock
from payments.staff import factors, guesses, sessions, totp

HALF: Final = "half_signed_in"
WITHIN: Final = timedelta(minutes=10)
"""From the password to the code."""


class SignInForm(unfold.AuthenticationForm):  # type: ignore[misc]  # unfold has no types
    """Name and password, which are not looked at while somebody has to wait: not even how long that takes is told."""

    refused = ""

    def clean(self) -> dict[str, Any]:
        """Who it is."""
        if self.refused:
            raise forms.ValidationError(self.refused)
        found: dict[str, Any] = super().clean()
        return found


class CodeForm(forms.Form):
    """What the app shows now, or a recovery code."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        help_text=gettext_lazy("The six digits that your app shows, or one of your recovery codes."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True, "autocapitalize": "none"}),
    )


class EnrolForm(forms.Form):
    """The first code of a new app, and the secret that it was given."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=10,
        help_text=gettext_lazy("The six digits that your app shows for Countinghouse now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    offer = forms.CharField(max_length=400, widget=forms.HiddenInput)


@never_cache
@sensitive_post_parameters("password")
@csrf_protect
def login(request: HttpRequest) -> HttpResponse:
    """Name and password; what comes next depends on the person's second factor."""
    back = fresh.safe(request.GET.get("next", ""))
    if request.method != "POST" and admin.site.has_permission(request):
        return HttpResponseRedirect(back)
    form = SignInForm(request, request.POST or None)
    if request.method == "POST" and (user := _known(request, form)) is not None:
        return _second(request, user, back)
    context = {"form": form, "app_path": request.get_full_path()}
    return page(request, "admin/login.html", _("Sign in"), context)


def _known(request: HttpRequest, form: "SignInForm") -> User | None:
    """The person whose name and password these are; None with the reason in the form."""
    name = str(request.POST.get("username", ""))
    try:
        attempt = guesses.begin("password", name, origins.of(request))
    except guesses.TooMany as refusal:
        form.refused = fresh.wait_text(refusal.wait)
        return None
    if not form.is_valid():
        failed(name)
        return None
    attempt.was_right()
    user: User = form.get_user()
    return user


def failed(name: str, what: str = "password") -> None:
    """Leave it on record; a name that nobody has is not written down, for it may be a password in the wrong field."""
    name = guesses.spelled(name)
    known = User.objects.filter(username=name).exists()
    audit.record("user.sign_in_failed", name if known else "nobody known", after={"wrong": what})


def _second(request: HttpRequest, user: User, back: str) -> HttpResponse:
    has = factors.has(user)
    if not has and not settings.SECOND_FACTOR:
        return finish(request, user, back)
    request.session.flush()  # whatever this browser was before, it is not that person
    request.session[HALF] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "at": clock.now().timestamp(),
        "next": back,
    }
    return HttpResponseRedirect(reverse("sign_in_code" if has else "sign_in_enrol"))


def _halfway(request: HttpRequest) -> tuple[User, str] | None:
    """Who has given the password a moment ago, and where they were going."""
    half = request.session.get(HALF)
    if not half or not 0 <= clock.now().timestamp() - half["at"] < WITHIN.total_seconds():
        return None
    user = User.objects.filter(pk=half["user"], is_active=True, is_staff=True).first()
    if user is None or half["hash"] != user.get_session_auth_hash():
        return None
    return user, half["next"]


@never_cache
@csrf_protect
def code(request: HttpRequest) -> HttpResponse:
    """The code of the second factor."""
    found = _halfway(request)
    if found is None or not factors.has(found[0]):
        return HttpResponseRedirect(reverse("admin:login"))
    user, back = found
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and proven_by_code(request, user, form):
        return finish(request, user, back)
    return page(request, "admin/code.html", _("Enter your code"), {"form": form})


def proven_by_code(request: HttpRequest, user: User, form: forms.Form) -> bool:
    """Whether the form's code is right; the form says why not."""
    try:
        attempt = guesses.begin("code", user.get_username(), origins.of(request))
    except guesses.TooMany as refusal:
        form.add_error("code", fresh.wait_text(refusal.wait))
        return False
    if factors.proves(user, form.cleaned_data["code"]):
        attempt.was_right()
        return True
    failed(user.get_username(), "code")
    form.add_error("code", fresh.WRONG_CODE)
    return False


@never_cache
@csrf_protect
def enrol(request: HttpRequest) -> HttpResponse:
    """A second factor for who has none: nobody gets in without one."""
    found = _halfway(request)
    if found is None or factors.has(found[0]):
        return HttpResponseRedirect(reverse("admin:login"))
    user, back = found
    codes, context = enrolling(request, user)
    if not codes:
        return page(request, "admin/enrol.html", _("Set up your second factor"), context)
    finish(request, user, back)
    answer = page(request, "admin/codes.html", _("Your recovery codes"), {"codes": codes, "back": back})
    origins.remember(request, answer, user)
    return answer


def enrolling(request: HttpRequest, user: User) -> tuple[list[str] | None, dict[str, Any]]:
    """The new recovery codes once the app has shown its code; else what the page of enrolling shows."""
    form = EnrolForm(request.POST if request.method == "POST" else None)
    offer, secret = "", b""
    try:
        offer = request.POST.get("offer", "")
        secret = factors.offered(user, offer) if offer else b""
    except ValueError:
        offer = ""
    if not secret:
        offer = factors.offer(user)
        secret = factors.offered(user, offer)
    elif form.is_valid():
        codes = factors.enrol(user, secret, form.cleaned_data["code"])
        if codes:
            return codes, {}
        audit.record("second_factor.enrolment_failed", user.get_username())
        form.add_error("code", _("This is not the code that belongs to this picture. Enter the next one."))
    context = {
        "form": form, "offer": offer, "picture": factors.picture(user, secret), "secret": totp.written(secret),
    }  # fmt: skip
    return None, context


def finish(request: HttpRequest, user: User, back: str) -> HttpResponse:
    """They are signed in, in a session of its own that says how."""
    backend = settings.AUTHENTICATION_BACKENDS[0]
    auth.login(request, user, backend=backend)  # under a new key: ASVS 7.2.4
    request.session.pop(HALF, None)
    request.session[fresh.FACTOR] = factors.has(user)
    origin = origins.of(request)
    sessions.begin(request.session, {sessions.FROM: origin.address, sessions.WITH: origin.agent})
    fresh.mark(request.session)
    audit.record("user.signed_in", user.get_username(), after={"second_factor": request.session[fresh.FACTOR]})
    answer = HttpResponseRedirect(back)
    origins.remember(request, answer, user)
    return answer


@csrf_protect
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out, by POST alone: no link and no picture signs anybody out."""
    if request.method == "POST" and request.user.is_authenticated:
        audit.record("user.signed_out", request.user.get_username())
    answer: HttpResponse = admin.site.logout(request)
    return answer


def page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    """A page in the admin's look."""
    frame = {**admin.site.each_context(request), "title": title, "subtitle": None}
    return TemplateResponse(request, template, {**frame, **context})
