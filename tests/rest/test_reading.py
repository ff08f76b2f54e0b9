"""Strict reading: one JSON object that says what it means, and one problem that says what is wrong with it."""

import json

import pytest

from tests.rest.conftest import Caller, problem

pytestmark = [pytest.mark.urls("tests.rest.doors"), pytest.mark.django_db]

GOOD = {
    "name": "chair",
    "amount": 1999,
    "currency": "JPY",
    "country": "NO",
    "maker": "cus_" + "a" * 32,
    "made": "2026-11-22T05:48:03+01:00",
    "parts": [{"sku": "leg", "quantity": 4}],
    "metadata": {"room": "kitchen"},
}


def refused(shop: Caller, *, raw: bytes) -> tuple[int, str]:
    response = shop.post("/v1/things", raw=raw)
    return response.status_code, problem(response)["code"]


def test_a_good_body_is_taken(shop: Caller) -> None:
    assert shop.post("/v1/things", GOOD).status_code == 201


def test_the_character_set_may_be_named(shop: Caller) -> None:
    assert shop.post("/v1/things", GOOD, content_type="application/json; charset=UTF-8").status_code == 201


@pytest.mark.parametrize(
    "media",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=latin-1",
        "application/jsonp",
    ],
)
def test_any_other_media_type_is_415(shop: Caller, media: str) -> None:
    response = shop.post("/v1/things", GOOD, content_type=media)
    assert (response.status_code, problem(response)["code"]) == (415, "media_type_unsupported")


def test_more_than_a_megabyte_is_413(shop: Caller) -> None:
    assert refused(shop, raw=b'{"name": "' + b"x" * 1_000_000 + b'"}') == (413, "body_too_large")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"chair"',
        b"null",
        b"12",
        b"{} {}",
        b"{'name': 1}",
        b'{"name": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"name": "a", "name": "b"}',
        b'{"parts": [{"sku": "a", "sku": "b"}]}',
        b'{"amount": NaN}',
        b'{"amount": Infinity}',
        b'{"amount": -Infinity}',
        b'{"amount": 1e999}',
        b'{"amount": ' + b"9" * 5000 + b"}",
        b'{"name": "a\\u0000b"}',
        b'{"a\\u0000b": 1}',
        b'{"name": "\\ud800"}',
        b'{"name": "\\udc00\\ud800"}',
        b'{"metadata": ' + b"[" * 40 + b"]" * 40 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=range(23),
)
def test_what_two_readers_could_read_differently_is_malformed(shop: Caller, raw: bytes) -> None:
    assert refused(shop, raw=raw) == (400, "body_malformed")


def test_depth_32_is_still_read(shop: Caller) -> None:
    response = shop.post("/v1/things", raw=b'{"metadata": ' + b"[" * 31 + b"]" * 31 + b"}")
    assert problem(response)["code"] != "body_malformed"


def test_many_shallow_brackets_are_fine(shop: Caller) -> None:
    parts = [{"sku": f"leg {n}", "quantity": 1} for n in range(100)]
    assert shop.post("/v1/things", {**GOOD, "parts": parts}).status_code == 201


def test_a_whole_surrogate_pair_is_fine(shop: Caller) -> None:
    response = shop.post("/v1/things", raw=b'{"name": "\\ud83e\\ude91", "amount": 1}')
    assert response.status_code == 201
    assert response.json()["name"] == "\N{CHAIR}"


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"amout": 1}, "parameter_unknown", "amout"),
        ({"parts": [{"sku": "leg"}]}, "parameter_missing", "parts[0].quantity"),
        (
            {"parts": [{"sku": "leg", "quantity": 1}, {"sku": "leg", "quantity": "1"}]},
            "parameter_invalid",
            "parts[1].quantity",
        ),
        ({"parts": [{"sku": "leg", "quantity": 1, "colour": "red"}]}, "parameter_unknown", "parts[0].colour"),
        ({"amount": "1999"}, "parameter_invalid", "amount"),
        ({"amount": 19.99}, "parameter_invalid", "amount"),
        ({"amount": 1999.0}, "parameter_invalid", "amount"),
        ({"amount": True}, "parameter_invalid", "amount"),
        ({"amount": None}, "parameter_invalid", "amount"),
        ({"amount": 0}, "parameter_invalid", "amount"),
        ({"amount": -1}, "parameter_invalid", "amount"),
        ({"amount": 10**14}, "parameter_invalid", "amount"),
        ({"amount": 10**30}, "parameter_invalid", "amount"),
        ({"currency": "eur"}, "currency_unknown", "currency"),
        ({"currency": "XAU"}, "currency_unknown", "currency"),
        ({"country": "no"}, "parameter_invalid", "country"),
        ({"country": "UK"}, "parameter_invalid", "country"),
        ({"maker": "pi_" + "a" * 32}, "parameter_invalid", "maker"),
        ({"maker": "cus_" + "a" * 32 + "\n"}, "parameter_invalid", "maker"),
        ({"made": "2026-11-22T05:48:03"}, "parameter_invalid", "made"),
        ({"made": 1}, "parameter_invalid", "made"),
        ({"name": ""}, "parameter_invalid", "name"),
        ({"name": "x" * 101}, "parameter_invalid", "name"),
        ({"name": "a\tb"}, "parameter_invalid", "name"),
        ({"name": "4242 4242 4242 4242"}, "card_number_refused", "name"),
        ({"metadata": {"k": 1}}, "parameter_invalid", "metadata.k"),
        ({"metadata": {"k": None}}, "parameter_invalid", "metadata.k"),
        ({"metadata": {"card": "paid with 4111-1111-1111-1111"}}, "card_number_refused", "metadata.card"),
        ({"metadata": {"k": "x" * 501}}, "parameter_invalid", "metadata.k"),
        ({"metadata": {str(n): "" for n in range(51)}}, "parameter_invalid", "metadata"),
        ({"metadata": []}, "parameter_invalid", "metadata"),
        ({"metadata": {"4242424242424242": "x"}}, "card_number_refused", "metadata"),
        ({"name": "   "}, "parameter_invalid", "name"),
        ({"name": "chair\u2028table"}, "parameter_invalid", "name"),
        ({"name": "\u202e99.91"}, "parameter_invalid", "name"),
        ({"name": "\u2066chair"}, "parameter_invalid", "name"),
        ({"made": "1795000000"}, "parameter_invalid", "made"),
        ({"made": 1795000000}, "parameter_invalid", "made"),
        ({"currency": "CLF"}, "currency_unknown", "currency"),
    ],
)
def test_the_problem_names_what_is_wrong(shop: Caller, change: dict[str, object], code: str, param: str) -> None:
    response = shop.post("/v1/things", {**GOOD, **change})
    document = problem(response)
    assert (response.status_code, document["code"], document["param"]) == (400, code, param)
    assert document["errors"][0] == {"code": code, "param": param, "detail": document["errors"][0]["detail"]}


def test_a_missing_parameter_is_named(shop: Caller) -> None:
    document = problem(shop.post("/v1/things", {"name": "chair"}))
    assert (document["code"], document["param"]) == ("parameter_missing", "amount")


def test_an_empty_body_is_an_empty_object(shop: Caller) -> None:
    document = problem(shop.post("/v1/things"))
    assert (document["code"], document["param"]) == ("parameter_missing", "name")


def test_all_errors_are_listed(shop: Caller) -> None:
    document = problem(shop.post("/v1/things", {"amount": "1", "x": 1}))
    assert [error["param"] for error in document["errors"]] == ["name", "amount", "x"]


def test_no_more_errors_than_somebody_reads(shop: Caller) -> None:
    assert len(problem(shop.post("/v1/things", {**GOOD, **{f"x{n}": 1 for n in range(1000)}}))["errors"]) == 20


def test_a_refused_card_number_is_never_repeated(shop: Caller) -> None:
    response = shop.post("/v1/things", {**GOOD, "metadata": {"card": "4242424242424242"}})
    assert "4242" not in response.content.decode()


def test_a_parameter_that_could_be_a_card_number_is_not_quoted_as_unknown_text(shop: Caller) -> None:
    response = shop.post("/v1/things", {**GOOD, "amount": "4242424242424242"})
    assert "4242" not in response.content.decode()


@pytest.mark.parametrize(
    "body",
    [
        {"4242424242424242": 1},
        {"metadata": {"4242424242424242": "x"}},
        {"metadata": {"4242 4242 4242 4242": 5}},
    ],
)
def test_not_even_as_the_name_of_a_parameter(shop: Caller, body: dict[str, object]) -> None:
    response = shop.post("/v1/things", {**GOOD, **body})
    assert response.status_code == 400
    assert "4242" not in response.content.decode()
    query = shop.get("/v1/things?4242424242424242=1")
    assert query.status_code == 400
    assert "4242" not in query.content.decode()


def test_a_problem_stays_short(shop: Caller) -> None:
    response = shop.post("/v1/things", {**GOOD, "x" * 900_000: 1})
    assert problem(response)["code"] == "parameter_unknown"
    assert len(response.content) < 2_000


def test_an_operation_without_a_body_takes_none(shop: Caller) -> None:
    response = shop.post(f"/v1/things/{shop.client.pk}/sleep", {"deep": True})
    document = problem(response)
    assert (document["code"], document["param"]) == ("parameter_unknown", "deep")


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("colour=red", "parameter_unknown", "colour"),
        ("created[eq]=2026-11-22T00:00:00Z", "parameter_unknown", "created[eq]"),
        ("limit=0", "parameter_invalid", "limit"),
        ("limit=101", "parameter_invalid", "limit"),
        ("limit=ten", "parameter_invalid", "limit"),
        ("limit=1.0", "parameter_invalid", "limit"),
        ("limit=%2B1", "parameter_invalid", "limit"),
        ("limit=+1", "parameter_invalid", "limit"),
        ("limit=1_0", "parameter_invalid", "limit"),
        ("limit=", "parameter_invalid", "limit"),
        ("limit=1&limit=2", "parameter_invalid", "limit"),
        ("brand=a%00b", "parameter_invalid", "brand"),
        ("brand=", "parameter_invalid", "brand"),
        ("brand=%20", "parameter_invalid", "brand"),
        ("brand=%ff", "parameter_invalid", "brand"),
        ("starting_after=", "parameter_invalid", "starting_after"),
        ("ending_before=", "parameter_invalid", "ending_before"),
        ("created[gte]=1", "parameter_invalid", "created[gte]"),
        ("created[gte]=1795000000", "parameter_invalid", "created[gte]"),
        ("created[gte]=2026-11-22", "parameter_invalid", "created[gte]"),
        ("created[gte]=yesterday", "parameter_invalid", "created[gte]"),
        ("created[gte]=2026-11-22T00:00:00", "parameter_invalid", "created[gte]"),
        ("created=2026-11-22T00:00:00Z", "parameter_invalid", "created"),
        ("created=1&created[gte]=2026-11-22T00:00:00Z", "parameter_invalid", "created"),
    ],
)
def test_queries_are_read_as_strictly(shop: Caller, query: str, code: str, param: str) -> None:
    response = shop.get(f"/v1/things?{query}")
    document = problem(response)
    assert (response.status_code, document["code"], document["param"]) == (400, code, param)


def test_an_operation_without_a_query_takes_none(shop: Caller) -> None:
    document = problem(shop.get(f"/v1/things/{shop.client.pk}?verbose=1"))
    assert (document["code"], document["param"]) == ("parameter_unknown", "verbose")
    assert problem(shop.post("/v1/things?x=1", GOOD))["code"] == "parameter_unknown"


def test_a_flood_of_parameters_is_refused(shop: Caller) -> None:
    response = shop.get("/v1/things?" + "&".join(f"p{n}=1" for n in range(2000)))
    assert (response.status_code, problem(response)["code"]) == (400, "request_malformed")


def test_answers_are_json_that_means_the_same_to_everybody(shop: Caller) -> None:
    assert json.loads(shop.post("/v1/things", GOOD).content)["created_at"].count("T") == 1


def test_chunks_that_nobody_put_together_are_no_empty_body(shop: Caller) -> None:
    response = shop.post("/v1/things", GOOD, Transfer_Encoding="chunked")
    assert (response.status_code, problem(response)["code"]) == (411, "length_required")


def test_a_compressed_body_is_415(shop: Caller) -> None:
    response = shop.post("/v1/things", GOOD, Content_Encoding="gzip")
    assert (response.status_code, problem(response)["code"]) == (415, "media_type_unsupported")
    assert shop.post("/v1/things", GOOD, Content_Encoding="identity").status_code == 201
