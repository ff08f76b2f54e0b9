"""Validates answers and notifications against Adyen's published OpenAPI documents."""

import functools
import json
from typing import Any

import jsonschema_rs

from tests.simulator import schema

CHECKOUT, WEBHOOKS, DISPUTES = "adyen-checkout", "adyen-webhooks", "adyen-disputes"
TOKENS = "adyen-tokenization-webhooks"


@functools.cache
def document(name: str) -> dict[str, Any]:
    """One of Adyen's documents."""
    found: dict[str, Any] = json.loads((schema.SPECS / f"{name}.openapi.json").read_text())
    return found


@functools.cache
def _components(name: str) -> dict[str, Any]:
    schemas = json.loads(json.dumps(document(name)["components"]["schemas"]))
    for title, one in schemas.items():
        # Adyen's own examples have fields that its own schema does not list.
        if name == WEBHOOKS and "AdditionalData" in title:
            one.pop("additionalProperties", None)
    return {"schemas": schemas}


@functools.cache
def validator(name: str, title: str) -> jsonschema_rs.Draft202012Validator:
    """The validator of one schema."""
    return jsonschema_rs.Draft202012Validator(
        {"components": _components(name), "$ref": f"#/components/schemas/{title}"}
    )


def problems(name: str, title: str, value: Any) -> list[str]:
    """What Adyen's document does not allow in the value."""
    found = validator(name, title).iter_errors(value)
    return [f"{error.instance_path}: {error.message}"[:300] for error in found]


@functools.cache
def _titles(name: str) -> list[tuple[str, list[str], dict[str, Any]]]:
    return [
        (method.upper(), path.split("/"), operation["responses"])
        for path, methods in document(name)["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and "responses" in operation
    ]


def _matches(pattern: list[str], steps: list[str]) -> bool:
    return len(pattern) == len(steps) and all(
        wanted.startswith("{") or wanted == given for wanted, given in zip(pattern, steps, strict=True)
    )


def _title(name: str, method: str, path: str, status: int) -> str:
    """The schema of the answer with this status."""
    steps = path.partition("?")[0].split("/")
    for wanted, pattern, responses in _titles(name):
        if wanted == method and _matches(pattern, steps):
            content = responses[str(status)]["content"]["application/json"]
            title: str = content["schema"]["$ref"].rpartition("/")[2]
            return title
    raise AssertionError(f"Adyen has no {method} {path}")


def check(name: str, method: str, path: str, status: int, answer: Any) -> None:
    """Raises AssertionError when the answer is not what Adyen's document says."""
    if not schema.available():
        return
    title = "ServiceError" if status >= 400 else _title(name, method, path, status)
    assert not (found := problems(name, title, answer)), f"{method} {path} {status} {title}: {found}"


def check_request(path: str, body: Any) -> None:
    """Raises AssertionError when a test sends what Adyen's document does not allow."""
    if not schema.available():
        return
    for wanted, pattern, _ in _titles(CHECKOUT):
        if wanted == "POST" and _matches(pattern, path.split("/")):
            operation = document(CHECKOUT)["paths"]["/".join(pattern)]["post"]
            title = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert not (found := problems(CHECKOUT, title, body)), f"{path} {title}: {found}"


def check_notification(message: Any) -> None:
    """Raises AssertionError when the notification is not what Adyen's document says."""
    if not schema.available():
        return
    event = message["notificationItems"][0]["NotificationRequestItem"]["eventCode"]
    content = document(WEBHOOKS)["webhooks"][f"/{event}"]["post"]["requestBody"]["content"]["application/json"]
    title = content["schema"]["$ref"].rpartition("/")[2]
    assert not (found := problems(WEBHOOKS, title, message)), f"{event} {title}: {found}"


def check_token(message: Any) -> None:
    """Raises AssertionError when a message about a token is not what Adyen's document says."""
    if not schema.available():
        return
    content = document(TOKENS)["webhooks"][message["type"]]["post"]["requestBody"]["content"]["application/json"]
    title = content["schema"]["$ref"].rpartition("/")[2]
    assert not (found := problems(TOKENS, title, message)), f"{message['type']} {title}: {found}"
