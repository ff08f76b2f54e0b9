"""How long requests take, by the template of their route, and how busy this process's connections and threads are."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from payments.kernel import meters, tracing

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
NO_ROUTE: Final = "none"
API: Final = "v1/"
EVERY_SECONDS: Final = 5.0
RAISED: Final = "countinghouse.raised"


class MeasuringMiddleware:
    """Counts each request with its time, and for the API also without the time that PSPs took."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The next middleware's answer."""
        began = time.perf_counter()
        method = meters.known(request.method or "", METHODS)
        came_from = request.META.get("HTTP_TRACEPARENT", "")
        with meters.waits_told() as waits, tracing.span(method, tracing.Kind.SERVER, came_from=came_from):
            response = self.get_response(request)
            route = route_of(request)
            _describe(method, route, response, request.META.pop(RAISED, None))
        seconds = time.perf_counter() - began
        meters.HTTP.took(method, route, f"{response.status_code // 100}xx", seconds=seconds)
        if route.startswith(API):
            meters.OWN.took(method, route, seconds=max(0.0, seconds - sum(waits)))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Keep what a view has raised until it is known what is answered; most of it is a page that is not there."""
        request.META[RAISED] = exception


def _describe(method: str, route: str, response: HttpResponseBase, raised: Exception | None) -> None:
    """Say in the open span what was asked for and answered, in OpenTelemetry's own words for HTTP."""
    status = response.status_code
    tracing.rename(f"{method} {route}")
    tracing.tell({"http.request.method": method, "http.route": route, "http.response.status_code": status})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        if raised is not None:
            tracing.broke(raised)
        tracing.failed(str(status))


def route_of(request: HttpRequest) -> str:
    """The route's template as it stands in the code, never the address that somebody has typed."""
    match = request.resolver_match
    return (match.route or "/") if match is not None else NO_ROUTE


_COUNTED: Final = {"requests_queued": "waited", "requests_errors": "refused"}


class Pool:
    """What the pool of this process says of itself; its running totals are added to ours by what they have grown."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._lock = threading.Lock()

    def tell(self) -> None:
        """Bring the figures up to date; a process without a pool has none."""
        pool = getattr(connection, "pool", None)
        if pool is None:
            return
        with self._lock:
            found: dict[str, int] = pool.get_stats()
            size, free = found.get("pool_size", 0), found.get("pool_available", 0)
            standing = {"busy": size - free, "free": free, "awaited": found.get("requests_waiting", 0)}
            for state, count in standing.items():
                meters.POOL.stands(state, at=count)
            for name, outcome in _COUNTED.items():
                meters.POOL_WAITS.add(outcome, amount=self._grown(found, name))
            meters.POOL_WAITED.add("waited", amount=self._grown(found, "requests_wait_ms") / 1000)

    def _grown(self, found: dict[str, int], name: str) -> int:
        now = found.get(name, 0)
        grown = now - self._told.get(name, 0)
        self._told[name] = now
        return max(0, grown)


pool = Pool()


def keep_telling(*more: Callable[[], Any]) -> None:
    """Tell every few seconds from now on, in a thread of its own: also of a process that nobody asks."""

    def serve() -> None:
        while True:
            for tell in (pool.tell, *more):
                tell()
            time.sleep(EVERY_SECONDS)

    threading.Thread(target=serve, name="figures", daemon=True).start()
