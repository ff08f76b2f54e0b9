"""Bodies that are no JSON, or mean two things, or are too large: every operation refuses them and writes nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests import factories
from tests.api.conftest import ABSENT, QUERIES, ROUTES, Route, counts, documented

WITH_BODY = [route for route in ROUTES if route.method in ("POST", "PATCH")]
WITH_JSON = [route for route in WITH_BODY if route.operation.form is None]
WITH_FORM = [route for route in WITH_BODY if route.operation.form is not None]


def bad(good: dict[str, Any]) -> Iterator[tuple[str, bytes, str]]:
    """Names, bytes and the code that answers them; all but the first few begin like a good body."""
    text = json.dumps(good or {"a": "b"})
    yield "nothing like JSON", b"reference=A-1", "body_malformed"
    yield "cut off", text[:-1].encode(), "body_malformed"
    yield "more after the end", f"{text}{text}".encode(), "body_malformed"
    yield "a list", f"[{text}]".encode(), "body_malformed"
    yield "a word", b'"order"', "body_malformed"
    yield "null", b"null", "body_malformed"
    yield "another encoding", text.encode("utf-16"), "body_malformed"
    yield "no UTF-8", text.replace('"}', '\udcff"}').encode("utf-8", "surrogateescape") + b"\xff", "body_malformed"
    yield "the same key twice", f'{text[:-1]}, "metadata": {{"a": "1", "a": "2"}}}}'.encode(), "body_malformed"
    yield "NUL", f'{text[:-1]}, "metadata": {{"a": "\\u0000"}}}}'.encode(), "body_malformed"
    yield "half a surrogate pair", f'{text[:-1]}, "metadata": {{"a": "\\ud800"}}}}'.encode(), "body_malformed"
    yield "not a number", f'{text[:-1]}, "amount": NaN}}'.encode(), "body_malformed"
    yield "infinity", f'{text[:-1]}, "amount": 1e999}}'.encode(), "body_malformed"
    yield "endless digits", f'{text[:-1]}, "amount": {"9" * 9000}}}'.encode(), "body_malformed"
    yield "too deep", f'{text[:-1]}, "metadata": {"[" * 40}{"]" * 40}}}'.encode(), "body_malformed"
    yield "far too deep", b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "body_malformed"
    yield "too large", f'{text[:-1]}, "note": "{"x" * 1_000_000}"}}'.encode(), "body_too_large"
    yield "a stranger's field", f'{text[:-1]}, "surprise": 1}}'.encode(), "parameter_unknown"


def send(shop: factories.Shop, route: Route, raw: bytes, media: str = "application/json") -> Any:
    """The bytes as they are, to an object that is not there: what is sent is read before anything is looked up."""
    path = route.at(*["x_" + ABSENT] * route.path.count("{}"))
    headers = {"authorization": f"Bearer {shop.key}", "idempotency-key": "k"}
    return shop.http.generic(route.method, f"/v1/{path}", raw, content_type=media, headers=headers)


@pytest.mark.parametrize("route", WITH_JSON, ids=lambda route: route.name)
def test_a_bad_body_is_a_clear_4xx_and_leaves_nothing(shop: factories.Shop, route: Route) -> None:
    before = counts()
    for name, raw, code in bad(dict(route.operation.example_body or {})):
        answer = send(shop, route, raw)
        problem = answer.json()
        assert problem["code"] == code, (name, problem)
        assert answer.status_code == {"body_too_large": 413}.get(code, 400), name
        assert answer["Content-Type"] == "application/problem+json"
        assert len(answer.content) < 2_000, name
        assert code in documented(route.method, route.path.replace("{}", "x"))
        if code == "parameter_unknown":
            assert problem["param"] in ("surprise", "a"), name
    assert counts() == before


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
@pytest.mark.parametrize(
    "media", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_a_body_is_json_and_says_so(shop: factories.Shop, route: Route, media: str) -> None:
    before = counts()
    answer = send(shop, route, b'{"a": 1}', media)
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")
    assert counts() == before


def field(name: str, value: bytes = b"x", file: str = "") -> bytes:
    """One part of a form."""
    named = f'; filename="{file}"' if file else ""
    head = f'--y\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + value + b"\r\n"


@pytest.mark.parametrize("route", WITH_FORM, ids=lambda route: route.name)
def test_a_bad_form_is_a_clear_4xx_and_leaves_nothing(shop: factories.Shop, route: Route) -> None:
    before, form = counts(), route.operation.form
    assert form is not None
    text, file, end = form.texts[0], form.files[0], b"--y--\r\n"
    for name, raw, code in (
        ("nothing like a form", b"reference=A-1", "body_malformed"),
        ("JSON", b'{"a": "b"}', "body_malformed"),
        ("a stranger's field", field("surprise") + end, "parameter_unknown"),
        ("a stranger's file", field("surprise", file="a.pdf") + end, "parameter_unknown"),
        ("a card number for a name", field("4242424242424242") + end, "parameter_unknown"),
        ("a file where a text belongs", field(text, file="a.pdf") + end, "parameter_unknown"),
        ("a text where a file belongs", field(file) + end, "parameter_unknown"),
        ("the same field twice", field(text) + field(text) + end, "body_malformed"),
        ("the same file twice", field(file, file="a") + field(file, file="b") + end, "body_malformed"),
        ("NUL", field(text, b"a\x00b") + end, "body_malformed"),
        ("no UTF-8", field(text, b"\xff\xfe") + end, "body_malformed"),
        ("too much text", field(text, b"x" * 1_100_000) + end, "body_malformed"),
        ("two thousand fields", b"".join(field(f"f{number}") for number in range(2_000)) + end, "body_malformed"),
        ("too large", field(file, b"x" * form.largest, file="a.pdf") + end, "body_too_large"),
    ):
        answer = send(shop, route, raw, "multipart/form-data; boundary=y")
        assert answer.json()["code"] == code, (name, answer.json())
        assert answer.status_code == {"body_too_large": 413}.get(code, 400), name
        assert "4242424242424242" not in answer.content.decode()
        assert code in documented(route.method, route.path.replace("{}", "x"))
    assert counts() == before


@pytest.mark.parametrize("route", WITH_JSON, ids=lambda route: route.name)
def test_a_card_number_is_never_repeated(shop: factories.Shop, route: Route) -> None:
    body = {
        **(route.operation.example_body or {}),
        "metadata": {"note": "4242 4242 4242 4242"},
        "card": "4242424242424242",
    }
    answer = send(shop, route, json.dumps(body).encode())
    assert answer.status_code == 400
    assert "4242" not in answer.content.decode()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_query_that_nobody_knows_is_refused(shop: factories.Shop, route: Route) -> None:
    path = route.at(*["x_" + ABSENT] * route.path.count("{}"))
    needed = QUERIES.get(route.path, "?")
    answer = shop.call(route.method, f"{path}{needed}&surprise=1".replace("?&", "?"), route.operation.example_body)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (400, "parameter_unknown", "surprise")
