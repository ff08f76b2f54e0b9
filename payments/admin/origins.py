"""Where a request comes from, for counting guesses: its address, its browser, and the cookie of one that is known."""

from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from payments.kernel import audit
from payments.staff import guesses
from payments.staff.guesses import Origin


def cookie_name() -> str:
    """`__Host-`: no other host and no plain connection can set it (RFC 6265bis, section 4.1.3)."""
    return "__Host-browser" if settings.SESSION_COOKIE_SECURE else "browser"


AGE: Final = int(guesses.KNOWN.total_seconds())


def of(request: HttpRequest) -> Origin:
    """Where this request comes from."""
    return Origin(
        address=audit.address() or request.META.get("REMOTE_ADDR", ""),
        token=request.COOKIES.get(cookie_name(), ""),
        agent=request.headers.get("User-Agent", ""),
    )


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Know this browser from now on."""
    response.set_cookie(
        cookie_name(),
        guesses.remember(user, of(request)),
        max_age=AGE,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Lax",
    )
