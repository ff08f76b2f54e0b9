"""Every answer is what the API's document promises: no field missing, none too many, each of its type."""

import json

import pytest

from payments.kernel.jobs import Queue
from tests import factories
from tests.api.conftest import QUERIES, ROUTES, Route
from tests.api.test_tenancy import OBJECTS, kind

READ = [route for route in ROUTES if route.method == "GET" and route.operation.answers is not None]


def exists(shop: factories.Shop, route: Route) -> str:
    """The path of something that is there to be read."""
    if route.path in QUERIES:
        return route.path + QUERIES[route.path]
    if route.path in ("tie_outs", "closes", "status"):
        return route.path  # nobody makes one by the API
    if "{}" not in route.path:
        OBJECTS[f"{route.path}/{{}}"](shop)
        return route.path
    path = route.at(OBJECTS[kind(route)](shop))
    factories.work(Queue.FINANCE)  # a manifest is there once its report is
    return path


@pytest.mark.parametrize("route", READ, ids=lambda route: route.name)
def test_an_answer_is_of_its_shape(shop: factories.Shop, route: Route) -> None:
    model = route.operation.answers
    assert model is not None
    answer = shop.get(exists(shop, route))
    if not route.operation.paged:
        model.model_validate_json(json.dumps(answer))
        return
    assert set(answer) == {"data", "has_more", "next_cursor"}
    assert answer["data"] or "{}" in route.path, "what belongs to one object may be nothing yet"
    for row in answer["data"]:
        model.model_validate_json(json.dumps(row))


@pytest.mark.parametrize("route", READ, ids=lambda route: route.name)
def test_times_are_utc_and_nothing_secret_is_told(shop: factories.Shop, route: Route) -> None:
    text = json.dumps(shop.get(exists(shop, route)))
    assert "+00:00" not in text
    assert "sk_test" not in text
    assert "whsec_" not in text
