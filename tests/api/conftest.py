"""The API as its clients' programs use it: two shops that do not see one another, refusals that leave nothing."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern
from django.urls.resolvers import RoutePattern
from pydantic import BaseModel
from rest_framework.views import APIView

from config import urls
from payments.ledger import services as ledger
from payments.rest import keys, openapi, operations
from payments.rest.models import ApiClient, KeyKind
from payments.rest.operations import Operation
from tests import factories

T = TypeVar("T")
ABSENT = "0" * 32
METHODS = ("get", "post", "patch", "delete")


@dataclass(frozen=True)
class Route:
    """One operation at its address: `orders/<str:order_id>` is shown as `orders/{}`."""

    method: str
    path: str
    operation: Operation

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, *address: str) -> str:
        """The address of one object."""
        return self.path.format(*address)


QUERIES = {"payment_methods/available": "?amount=1999&currency=EUR"}
"""What a question that is about no object has to say."""


def _routes() -> Iterator[Route]:
    for pattern in urls.V1:
        if not isinstance(pattern, URLPattern) or not isinstance(pattern.pattern, RoutePattern):
            continue
        view: Any = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
        for method in METHODS:
            found = operations.of(view, method) if issubclass(view, APIView) else None
            if found is not None:
                yield Route(method.upper(), re.sub(r"<[^>]+>", "{}", str(pattern.pattern)), found)


ROUTES = list(_routes())
"""Every operation of config.urls.V1."""


@pytest.fixture
def sim(simulator: str) -> Iterator[factories.Simulator]:
    """The simulator without faults and without a past."""
    control = factories.Simulator(simulator)
    control.calm()
    yield control
    control.calm()


@pytest.fixture
def shop(db: None, sim: factories.Simulator) -> Iterator[factories.Shop]:
    """A client of the API."""
    ledger.forget_accounts()
    yield factories.shop()
    ledger.forget_accounts()


def with_key(
    name: str = "shop", *, kind: KeyKind = KeyKind.SECRET, scopes: tuple[str, ...] = keys.SCOPES
) -> factories.Shop:
    """A client, made when it is new, with a fresh key."""
    key = keys.create_for(name, kind=kind, scopes=scopes)
    return factories.Shop(ApiClient.objects.get(name=name), key, Client())


@pytest.fixture
def stranger(shop: factories.Shop) -> factories.Shop:
    """Another client of the same platform, who may do everything with what is its own."""
    return with_key("another shop")


def counts() -> dict[str, int]:
    """How many rows every table has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition ORDER BY relname"
        )
        names = [row[0] for row in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names))
        return dict(cursor.fetchall())


def refused(
    shop: factories.Shop,
    request: str,
    body: Mapping[str, Any] | None,
    code: str,
    *,
    param: str | None = None,
    **headers: str,
) -> dict[str, Any]:
    """A request ("POST orders") that is a problem with this code and parameter, as documented, and writes nothing."""
    method, _, path = request.partition(" ")
    before = counts()
    answer = shop.call(method, path, body, **headers)
    problem = dict(answer.json())
    assert (problem["code"], problem.get("param")) == (code, param), problem
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert 400 <= answer.status_code < 500
    assert problem["detail"]
    assert counts() == before
    assert code in documented(method, path.partition("?")[0]), f"{request} documents {code}"
    return problem


def documented(method: str, path: str) -> set[str]:
    """The codes that the API's document lists for a request."""
    for route in ROUTES:
        if route.method == method and re.fullmatch(route.path.replace("{}", "[^/]+"), path):
            return {kind.code for kind in openapi.refusals(route.operation, method)}
    raise AssertionError(f"there is no {method} {path}")


def shaped(model: type[BaseModel], answer: Any) -> dict[str, Any]:
    """The object of an answer, which is exactly what the document promises."""
    model.model_validate_json(answer.content)
    return dict(answer.json())


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """What each of `count` threads, which start together, comes to."""
    barrier = threading.Barrier(count, timeout=120)

    def run(number: int) -> T:
        try:
            barrier.wait()
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count), timeout=300))
