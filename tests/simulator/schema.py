"""Validates answers against the JSON schemas of Stripe's published specification, of two API versions."""

import functools
import json
import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

SPECS = Path(__file__).resolve().parents[3] / "shared" / "reference" / "specs"
VERSIONS = ("stripe-payments.jsonschema.json", "stripe-payments.endive-overlay.jsonschema.json")
# Stripe's specification has no schema for these.
UNSPECIFIED = {"radar.early_fraud_warning", "search_result", "list"}


def available() -> bool:
    """Whether the specifications are here; in CI they must be."""
    if SPECS.is_dir():
        return True
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs the specifications in {SPECS}")
    return False


@functools.cache
def _document(version: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SPECS / version).read_text())
    return document


@functools.cache
def validator(version: str, name: str) -> jsonschema_rs.Draft202012Validator:
    """The validator of one kind of object."""
    document = _document(version)
    return jsonschema_rs.Draft202012Validator({"$defs": document["$defs"], "$ref": f"#/$defs/{name}"})


def check(answer: dict[str, Any]) -> None:
    """Raises AssertionError when the answer is not what Stripe's specification says."""
    if not available():
        return
    kind = "error" if "error" in answer and "object" not in answer else answer["object"]
    if kind in {"list", "search_result"}:
        for item in answer["data"]:
            check(item)
        return
    if kind == "event":
        check(answer["data"]["object"])
    if answer.get("deleted"):
        kind = f"deleted_{kind}"
    if kind in UNSPECIFIED:
        return
    for version in VERSIONS:
        problems = [
            f"{error.instance_path}: {error.message}"[:300] for error in validator(version, kind).iter_errors(answer)
        ]
        assert not problems, f"{version} {kind}: {problems}"


def sample(name: str) -> dict[str, Any]:
    """Stripe's own sample object of this kind."""
    document = json.loads((SPECS / "stripe-fixtures3.json").read_text())
    found: dict[str, Any] = document["resources"][name]
    return found
