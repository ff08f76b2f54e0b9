"""Pages without a sign-in: where links to files lead, as long as they are valid, and whether payments go through."""

from django.core import signing
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_control, never_cache

from payments.kernel.errors import Refusal
from reporting.services import links
from reporting.uptime import status


@method_decorator(never_cache, name="dispatch")
class File(View):
    """`/reports/{signed token}`"""

    def get(self, request: HttpRequest, token: str) -> HttpResponse | FileResponse:
        """The file, from our disk or from the bucket; what was forged or is too old says so in words."""
        try:
            found = links.follow(token)
        except signing.BadSignature:
            why = "This link is no longer valid. Ask whoever gave it to you for a new one."
            return render(request, "reporting/no_file.html", {"why": why}, status=404)
        except Refusal as refusal:
            return render(request, "reporting/no_file.html", {"why": refusal.detail}, status=refusal.status)
        elsewhere = links.address(found)
        if elsewhere is not None:
            return HttpResponseRedirect(elsewhere)
        return FileResponse(found.open(), as_attachment=True, filename=found.name, content_type=found.content_type)


@method_decorator(cache_control(public=True, max_age=30), name="dispatch")
class Status(View):
    """`/status`"""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page, the same for everybody; what it shows is found twice a minute, however many ask."""
        return render(request, "status.html", {"status": status.now(), "days": status.DAYS})
