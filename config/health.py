"""Liveness and readiness: what a load balancer asks, by address and not by name."""

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations import executor
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators import cache, http


@http.require_safe
@cache.never_cache
def livez(_request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@http.require_safe
@cache.never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """503 without the database or with migrations missing; without Redis 200 and degraded: it loses nothing."""
    checks = {"database": _database(), "redis": _redis()}
    if checks["database"] != "ok":
        return JsonResponse({"status": "unavailable", "checks": checks}, status=503)
    return JsonResponse({"status": "ok" if checks["redis"] == "ok" else "degraded", "checks": checks})


PROBES = {"/livez": livez, "/readyz": readyz}


class ProbesMiddleware:
    """Answers probes before hosts, sessions or https are looked at: they come from inside."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The probe's answer, or the next middleware's."""
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else self.get_response(request)


class _Applied:
    """Whether every migration of this code is applied; once true it stays true for this process."""

    known = False


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "ok" if _migrated() else "migrations missing"
    except DatabaseError:
        return "unreachable"


def _migrated() -> bool:
    if not _Applied.known:
        plan = executor.MigrationExecutor(connection)
        _Applied.known = not plan.migration_plan(plan.loader.graph.leaf_nodes())
    return _Applied.known


def _redis() -> str:
    if not settings.REDIS_URL:
        return "not configured"
    with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=0.3, socket_timeout=0.5) as client:
        try:
            client.ping()
        except redis.RedisError:
            return "unreachable"
    return "ok"
