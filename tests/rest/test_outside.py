"""Whatever is asked below /v1 and leads to no door is a problem, also for those whom browsers' rules would stop."""

import pytest
from django.test import Client

from tests.rest.conftest import problem

HTTP = Client(enforce_csrf_checks=True, raise_request_exception=False)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/v1/", "/v1/nothing", "/v1/orders/ord_1/nothing", "/v1//orders"])
def test_an_address_that_leads_nowhere_is_not_found(method: str, path: str) -> None:
    response = HTTP.generic(method, path, headers={"Request-Id": "mine"})
    assert response.status_code == 404
    assert response["Request-Id"] == "mine"
    if response.content:
        assert problem(response)["code"] == "not_found"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
@pytest.mark.parametrize("path", ["/v1/openapi.json", "/v1/docs"])
def test_the_documents_are_read_and_nothing_else(method: str, path: str) -> None:
    response = HTTP.generic(method, path)
    assert (response.status_code, problem(response)["code"]) == (405, "method_not_allowed")
    assert "GET" in response["Allow"]


@pytest.mark.parametrize("host", ["evil.example", "", "a b"])
@pytest.mark.parametrize("path", ["/v1/orders", "/v1/nothing"])
def test_a_host_that_is_none_of_ours_is_a_problem(host: str, path: str) -> None:
    response = HTTP.get(path, headers={"Host": host})
    assert (response.status_code, problem(response)["code"]) == (400, "request_malformed")


def test_elsewhere_it_is_a_page() -> None:
    response = HTTP.get("/admin/", headers={"Host": "evil.example"})
    assert (response.status_code, response["Content-Type"]) == (400, "text/html; charset=utf-8")
