"""A caller of the tests' doors."""

import json
from typing import Any

import pytest
from django.test import Client

from payments.rest import keys
from payments.rest.models import ApiClient, KeyKind


class Caller:
    """One API client with one key; speaks JSON."""

    def __init__(self, name: str, *, kind: KeyKind = KeyKind.SECRET, scopes: tuple[str, ...] = keys.SCOPES) -> None:
        self.client, _ = ApiClient.objects.get_or_create(name=name)
        self.key = keys.create(self.client, kind=kind, scopes=scopes)
        self._http = Client(raise_request_exception=False)

    def get(self, path: str, **headers: str) -> Any:
        return self._http.get(path, headers=self._headers(headers))

    def post(
        self, path: str, body: object = None, *, key: str | None = None, raw: bytes | None = None, **headers: str
    ) -> Any:
        given = {"Idempotency-Key": key} if key is not None else {}
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        kind = headers.pop("content_type", "application/json")
        return self._http.generic("POST", path, sent, kind, headers=self._headers({**given, **headers}))

    def delete(self, path: str) -> Any:
        return self._http.delete(path, headers=self._headers({}))

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.key}", **{name.replace("_", "-"): more[name] for name in more}}
        return {name: value for name, value in headers.items() if value}


@pytest.fixture
def shop(db: None) -> Caller:
    """A caller that may do everything."""
    return Caller("shop")


def problem(response: Any) -> dict[str, Any]:
    """The problem document of a response, which must be one."""
    assert response["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(response.content)
    assert document["status"] == response.status_code
    assert document["request_id"] == response["Request-Id"]
    assert {"type", "title", "detail", "code"} <= document.keys()
    return document
