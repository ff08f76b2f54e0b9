"""Figures for monitoring: what is unexplained, and what does not agree, by kind and age. Scraped from inside."""

from collections.abc import Iterable, Mapping

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators import cache, http

from payments.kernel import clock
from reporting import selectors

FROM_OUTSIDE = frozenset(
    f"HTTP_{name}"
    for name in ("FORWARDED", "VIA", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_REAL_IP")
)
"""What proxies say; one that ends TLS says at least X-Forwarded-Proto, or no page of ours would be reached."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@http.require_safe
@cache.never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format. What comes through a proxy comes from outside, and finds nothing here."""
    if not FROM_OUTSIDE.isdisjoint(request.META):
        return HttpResponseNotFound()
    return HttpResponse("".join(f"{line}\n" for line in _lines()), content_type=CONTENT_TYPE)


def _lines() -> Iterable[str]:
    tied = [({"account": code, "currency": currency}, row) for (code, currency), row in selectors.unexplained().items()]
    unexplained = "Minor units between what a PSP says it owes us and what our books come to."
    yield from _gauge("unexplained_minor", unexplained, [(labels, row.unexplained_minor) for labels, row in tied])
    age = [(labels, int((clock.now() - row.as_of).total_seconds())) for labels, row in tied]
    yield from _gauge("tie_out_age_seconds", "Since what is unexplained was looked at.", age)
    found = selectors.open_differences()
    count = [({"kind": kind}, count) for kind, count, _ in found]
    yield from _gauge("discrepancies_open", "Differences that nobody has settled.", count)
    oldest = [({"kind": kind}, int((clock.now() - since).total_seconds())) for kind, _, since in found]
    yield from _gauge("discrepancies_oldest_seconds", "Since the oldest of them happened.", oldest)


def _gauge(name: str, meaning: str, values: Iterable[tuple[Mapping[str, str], int]]) -> Iterable[str]:
    """One metric; codes, currencies and kinds hold nothing that the format would have to escape."""
    yield f"# HELP countinghouse_{name} {meaning}"
    yield f"# TYPE countinghouse_{name} gauge"
    for labels, value in values:
        said = ",".join(f'{label}="{text}"' for label, text in labels.items())
        yield f"countinghouse_{name}{{{said}}} {value}"
