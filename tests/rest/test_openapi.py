"""The OpenAPI document: complete, valid, with an example for every operation and a meaning for every code."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson
import pytest
from django.test import Client
from drf_spectacular.plumbing import ComponentRegistry
from pydantic import create_model

from payments.kernel import errors
from payments.rest import openapi, operations
from tests.rest import doors
from tests.rest.conftest import Caller, problem

pytestmark = pytest.mark.urls("tests.rest.doors")


@pytest.fixture
def document() -> dict[str, Any]:
    response = Client().get("/v1/openapi.json")
    assert response.status_code == 200
    found: dict[str, Any] = orjson.loads(response.content)
    return found


def each(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def whole(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the document's components beside it, so that references resolve."""
    return {**schema, "components": document["components"]}


def test_it_is_openapi_3_1_and_names_every_operation(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {name for name, _ in each(document)} == {
        "POST /v1/things",
        "GET /v1/things",
        "GET /v1/things/{thing_id}",
        "DELETE /v1/things/{thing_id}",
        "POST /v1/things/{thing_id}/use",
        "POST /v1/things/{thing_id}/spend",
        "POST /v1/things/{thing_id}/sleep",
        "GET /v1/trouble/{kind}",
    }


def test_every_model_has_its_schema(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert {"Thing", "ThingPage", "NewThing", "Part", "Use", "ProblemShape"} <= schemas.keys()


BOTH = pytest.mark.parametrize(
    "routes",
    [
        pytest.param("here", marks=pytest.mark.urls("tests.rest.doors")),
        pytest.param("platform", marks=pytest.mark.urls("config.urls")),
    ],
)


@BOTH
def test_every_schema_is_one_and_every_reference_leads_somewhere(document: dict[str, Any], routes: str) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.validator_for(whole(document, schema))
    for name in re.findall(rb'"#/components/schemas/([^"]+)"', orjson.dumps(document)):
        assert name.decode() in document["components"]["schemas"]


@BOTH
def test_every_example_is_what_its_schema_says(document: dict[str, Any], routes: str) -> None:
    assert ("/v1/orders" in document["paths"]) == (routes == "platform")
    seen = 0
    for name, operation in each(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for content in (part for body in bodies for part in body["content"].values()):
            assert content["example"] is not None, name
        for part in [*bodies, *operation["responses"].values()]:
            for content in part.get("content", {}).values():
                given = [content["example"]] if "example" in content else []
                for example in [*given, *(one["value"] for one in content.get("examples", {}).values())]:
                    jsonschema_rs.validate(whole(document, content["schema"]), example)
                    seen += 1
    assert seen > 50


def test_a_schema_refuses_what_the_door_refuses(document: dict[str, Any]) -> None:
    schema = whole(document, {"$ref": "#/components/schemas/NewThing"})
    good = {"name": "chair", "amount": 1999}
    assert jsonschema_rs.is_valid(schema, good)
    refused: list[dict[str, Any]] = [
        {"amount": 0},
        {"amount": "1"},
        {"currency": "eur"},
        {"country": "nor"},
        {"maker": "pi_1"},
        {"unknown": 1},
        {"metadata": {"k": 1}},
        {"parts": [{"sku": "x"}]},
    ]
    for bad in refused:
        assert not jsonschema_rs.is_valid(schema, {**good, **bad}), bad
    assert document["components"]["schemas"]["NewThing"]["required"] == ["name", "amount"]


def test_queries_are_described_one_by_one(document: dict[str, Any]) -> None:
    parameters = {one["name"]: one for one in document["paths"]["/v1/things"]["get"]["parameters"]}
    assert set(parameters) == {
        "limit",
        "starting_after",
        "ending_before",
        "brand",
        "created[gte]",
        "created[gt]",
        "created[lte]",
        "created[lt]",
    }
    assert parameters["limit"]["schema"]["maximum"] == 100
    assert parameters["created[gte]"]["schema"]["format"] == "date-time"
    assert parameters["brand"]["schema"]["type"] == "string"
    assert not any(one["required"] for one in parameters.values())


def test_moving_money_is_seen_to_need_a_key(document: dict[str, Any]) -> None:
    def key(path: str) -> dict[str, Any]:
        found = [one for one in document["paths"][path]["post"]["parameters"] if one["name"] == "Idempotency-Key"]
        return dict(found[0])

    assert key("/v1/things/{thing_id}/use")["required"] is True
    assert key("/v1/things")["required"] is False


def test_every_code_that_an_operation_may_refuse_with_is_listed_with_its_meaning(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/things/{thing_id}/use"]["post"]["responses"]
    codes = {
        code
        for response in responses.values()
        for code in response.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    assert {
        "currency_mismatch",
        "idempotency_key_required",
        "idempotency_key_reused",
        "idempotency_key_in_use",
        "scope_missing",
        "api_key_missing",
        "parameter_invalid",
        "body_malformed",
        "internal_error",
    } <= codes
    assert "Two amounts that must share a currency do not." in responses["422"]["description"]


@pytest.mark.django_db
def test_real_problems_are_as_documented(shop: Caller, document: dict[str, Any]) -> None:
    schema = whole(document, {"$ref": "#/components/schemas/ProblemShape"})
    reader = Caller("reader", scopes=())
    for response in [
        shop.post("/v1/things", {"amount": "1"}),
        shop.get("/v1/things/x"),
        reader.get("/v1/things"),
        shop.post("/v1/things", raw=b"{"),
        shop.get("/v1/trouble/database"),
    ]:
        jsonschema_rs.validate(schema, problem(response))


@pytest.mark.django_db
def test_real_answers_are_as_documented(shop: Caller, document: dict[str, Any]) -> None:
    made = shop.post("/v1/things", {"name": "chair", "amount": 1999}).json()
    jsonschema_rs.validate(whole(document, {"$ref": "#/components/schemas/Thing"}), made)
    listed = shop.get("/v1/things").json()
    jsonschema_rs.validate(whole(document, {"$ref": "#/components/schemas/ThingPage"}), listed)


def test_two_shapes_with_one_name_are_a_bug(document: dict[str, Any]) -> None:
    registry = ComponentRegistry()
    openapi.schema_of(doors.Thing, "serialization", registry)
    openapi.schema_of(doors.Thing, "serialization", registry)
    with pytest.raises(errors.Bug, match="one shape is called Thing"):
        openapi.schema_of(create_model("Thing", id=(int, ...)), "serialization", registry)


def test_every_refusal_of_this_layer_has_a_code_a_status_and_a_meaning() -> None:
    ours = [kind for kind in errors.refusals().values() if kind.__module__.startswith("payments.rest.")]
    assert len(ours) > 20
    for kind in ours:
        assert re.fullmatch(r"[a-z][a-z_]+", kind.code)
        assert 400 <= kind.status < 600
        assert openapi.meaning(kind).endswith(".")


def test_keys_and_scopes_are_described(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"
    for name, operation in each(document):
        assert operation["security"] == [{"Bearer": []}], name
        assert "Scope `" in operation["description"]
    assert "publishable or secret" in document["paths"]["/v1/things/{thing_id}"]["get"]["description"]


def test_an_operation_cannot_be_declared_twice_or_without_a_way_back_from_a_crash() -> None:
    def declare(name: str) -> None:
        operations.register(operations.Operation(name=name, summary="", scope="orders:read", example=None), "post")

    with pytest.raises(errors.Bug):
        declare("things.create")
    with pytest.raises(errors.Bug, match="answer after a crash"):
        declare("things.unmade")
    assert "things.unmade" not in operations.REGISTRY


def test_the_page_is_served_by_us_alone() -> None:
    response = Client().get("/v1/docs")
    page = response.content.decode()
    assert response.status_code == 200
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) >= 4
    assert all(source.startswith("/") for source in sources)
    assert not re.search(r"<script(?![^>]* src=)", page)
    assert "style-src 'self' 'unsafe-inline'" in response["Content-Security-Policy"]
    script = Client().get("/v1/docs?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "/v1/openapi.json" in script.content.decode()
    for source in sources:
        if source.startswith("/static/"):
            assert Client().get(source).status_code == 200, source
