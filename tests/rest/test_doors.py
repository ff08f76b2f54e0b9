"""What every door does: request ids, problems, methods, media types, ETags."""

import json
import logging

import pytest
from django.test import Client

from tests.rest.conftest import Caller, problem

pytestmark = [pytest.mark.urls("tests.rest.doors"), pytest.mark.django_db]


@pytest.fixture
def chair(shop: Caller) -> str:
    made = shop.post("/v1/things", {"name": "chair", "amount": 1999})
    assert made.status_code == 201
    return str(made.json()["id"])


def test_a_thing_is_made_and_read(shop: Caller, chair: str) -> None:
    response = shop.get(f"/v1/things/{chair}")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    document = response.json()
    assert (document["id"], document["object"], document["name"]) == (chair, "thing", "chair")
    assert document["created_at"].endswith("Z")


def test_a_thing_is_dropped_without_a_word(shop: Caller, chair: str) -> None:
    response = shop.delete(f"/v1/things/{chair}")
    assert (response.status_code, response.content) == (204, b"")
    assert "Content-Type" not in response
    assert shop.get(f"/v1/things/{chair}").status_code == 404


def test_the_callers_request_id_is_kept(shop: Caller, chair: str) -> None:
    assert shop.get(f"/v1/things/{chair}", Request_Id="trace-42.a_b")["Request-Id"] == "trace-42.a_b"


@pytest.mark.parametrize("given", ["", "with blank", "x" * 65, "-leading", "new\tline", "ümlaut"])
def test_any_other_request_id_is_replaced(shop: Caller, chair: str, given: str) -> None:
    found = shop.get(f"/v1/things/{chair}", Request_Id=given)["Request-Id"]
    assert found.startswith("req_")
    assert len(found) == 36


def test_a_problem_carries_the_request_id(shop: Caller) -> None:
    response = shop.get("/v1/things/cli_" + "0" * 32, Request_Id="mine")
    assert problem(response)["request_id"] == "mine"
    assert response.status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "chair",
        "cus_" + "0" * 32,
        "cli_" + "g" * 32,
        "cli_%00",
        "%ED%A0%80",
        "cli_" + "0" * 99,
    ],
)
def test_an_id_that_cannot_be_one_is_not_found(shop: Caller, name: str) -> None:
    response = shop.get(f"/v1/things/{name}")
    assert (response.status_code, problem(response)["code"]) == (404, "not_found")


def test_an_address_that_leads_nowhere_is_a_problem(shop: Caller) -> None:
    response = shop.get("/v1/nothing/here")
    assert (response.status_code, problem(response)["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_is_not_offered_is_405(shop: Caller, chair: str, method: str) -> None:
    response = Client().generic(method, f"/v1/things/{chair}", headers={"Authorization": f"Bearer {shop.key}"})
    assert (response.status_code, problem(response)["code"]) == (405, "method_not_allowed")
    assert {"GET", "DELETE"} <= set(response["Allow"].replace(" ", "").split(","))


def test_head_is_get_without_a_body(shop: Caller, chair: str) -> None:
    response = Client().head(f"/v1/things/{chair}", headers={"Authorization": f"Bearer {shop.key}"})
    assert (response.status_code, response.content) == (200, b"")
    assert response["ETag"]


def test_a_caller_that_cannot_read_json_gets_406(shop: Caller, chair: str) -> None:
    response = shop.get(f"/v1/things/{chair}", Accept="text/html, image/*")
    assert (response.status_code, problem(response)["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "application/json",
        "text/html, application/json;q=0.5",
    ],
)
def test_a_caller_that_can_read_json_gets_it(shop: Caller, chair: str, accept: str) -> None:
    assert shop.get(f"/v1/things/{chair}", Accept=accept).status_code == 200


def test_what_did_not_change_is_not_sent_again(shop: Caller, chair: str) -> None:
    first = shop.get(f"/v1/things/{chair}")
    again = shop.get(f"/v1/things/{chair}", If_None_Match=f'"other", W/{first["ETag"]}')
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert shop.get(f"/v1/things/{chair}", If_None_Match="*").status_code == 304

    shop.post(f"/v1/things/{chair}/spend", key="s")
    changed = shop.get(f"/v1/things/{chair}", If_None_Match=first["ETag"])
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]


def test_answers_to_writes_are_never_cached(shop: Caller) -> None:
    response = shop.post("/v1/things", {"name": "stool", "amount": 1})
    assert response["Cache-Control"] == "no-store"
    assert "ETag" not in response


def test_a_download_goes_out_as_it_is(shop: Caller) -> None:
    response = shop.get("/v1/trouble/none")
    assert (response["Content-Type"], response.content) == ("text/csv", b"a,b\r\n")


def test_a_bug_is_a_500_that_names_the_request_and_hides_the_rest(
    shop: Caller, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.ERROR):
        response = shop.get("/v1/trouble/bug", Request_Id="the-one")
    document = problem(response)
    assert (response.status_code, document["code"], document["request_id"]) == (500, "internal_error", "the-one")
    assert "a bug of ours" not in response.content.decode()
    logged = capfd.readouterr().err + capfd.readouterr().out + caplog.text
    assert "request_failed" in logged
    assert "a bug of ours" in logged
    assert "the-one" in logged


def test_a_database_that_is_away_is_503_and_says_when_to_come_back(shop: Caller) -> None:
    response = shop.get("/v1/trouble/database")
    assert (response.status_code, problem(response)["code"]) == (503, "temporarily_unavailable")
    assert response["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("stale", 409, "object_changed"),
        ("bad", 400, "request_malformed"),
    ],
)
def test_what_others_raise_is_a_problem_too(shop: Caller, kind: str, status: int, code: str) -> None:
    response = shop.get(f"/v1/trouble/{kind}")
    assert (response.status_code, problem(response)["code"]) == (status, code)


def test_a_problem_is_told_in_words_and_codes(shop: Caller) -> None:
    document = json.loads(shop.get("/v1/nothing").content)
    assert document["type"] == "urn:countinghouse:problem:not_found"
    assert document["title"] == "Not found"
    assert document["detail"] == "There is nothing at this address."
