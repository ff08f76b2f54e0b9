"""What monitoring scrapes: what all processes of this machine have counted, and how things stand in the database."""

import hmac
from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators import cache, http

from payments.kernel import meterfiles
from reporting.uptime import figures
from reporting.uptime.figures import Figure

FROM_OUTSIDE = frozenset(
    f"HTTP_{name}"
    for name in ("FORWARDED", "VIA", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_REAL_IP")
)
"""What proxies say; one that ends TLS says at least X-Forwarded-Proto, or no page of ours would be reached."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@http.require_safe
@cache.never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format. Who may not read it finds nothing here."""
    if not _may_read(request):
        return HttpResponseNotFound()
    standing = "".join(f"{line}\n" for figure in figures.found() for line in _lines(figure))
    return HttpResponse([meterfiles.collected(), standing.encode()], content_type=CONTENT_TYPE)


def _may_read(request: HttpRequest) -> bool:
    """Who shows the token, from wherever; while there is none, who comes from inside and not through a proxy."""
    if settings.METRICS_TOKEN:
        shown = request.META.get("HTTP_AUTHORIZATION", "")
        return hmac.compare_digest(shown.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    return FROM_OUTSIDE.isdisjoint(request.META)


def _lines(figure: Figure) -> Iterable[str]:
    """One figure; codes, currencies and kinds hold nothing that the format would have to escape."""
    yield f"# HELP countinghouse_{figure.name} {figure.meaning}"
    yield f"# TYPE countinghouse_{figure.name} gauge"
    for labels, value in figure.values:
        said = ",".join(f'{label}="{text}"' for label, text in labels.items())
        yield f"countinghouse_{figure.name}{{{said}}} {value}"
