"""The ways in: signing in, which also proves who somebody is for what comes next."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from payments.admin import fresh


def login(request: HttpRequest) -> HttpResponse:
    """Sign in by name and password."""
    answer: HttpResponse = admin.site.login(request)
    if request.method == "POST" and request.user.is_authenticated and answer.status_code == 302:
        fresh.mark(request.session)
    return answer
