"""Requests of staff: each has an id, and says who asks and from where, for whatever it leaves in the audit log."""

import ipaddress
from collections.abc import Callable
from typing import Final

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from payments.kernel import audit, ids

PLACE: Final = "/admin/"
NOBODY: Final = "nobody"

Answer = Callable[[HttpRequest], HttpResponse]


class StaffMiddleware:
    """Stands behind Django's authentication. The id is always ours: who sends one could pass for another request."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve a request of the back office under its id; others pass."""
        if not request.path_info.startswith(PLACE):
            return self._answer(request)
        asker = audit.Asker(who=lambda: who(request), address=address_of(request), request_id=ids.new("req"))
        with audit.asked_by(asker), structlog.contextvars.bound_contextvars(request_id=asker.request_id):
            response = self._answer(request)
        response["Request-Id"] = asker.request_id
        return response


def who(request: HttpRequest) -> str:
    """Who asks, as use cases write it down; people sign in and out while their request is served."""
    return f"staff {request.user.get_username()}"[:80] if request.user.is_authenticated else NOBODY


def address_of(request: HttpRequest) -> str:
    """The IP address of who asks: the other end of the connection, or whom proxies of ours say they speak for.

    A header is believed as far as proxies of ours have written it (`TRUSTED_PROXIES`), from its end.
    """
    found = request.META.get("REMOTE_ADDR", "")
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while hops and _ours(found):
        hop = hops.pop().strip()
        if _parsed(hop) is None:
            break
        found = hop
    return str(found)


def _ours(address: str) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in settings.TRUSTED_PROXIES)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
