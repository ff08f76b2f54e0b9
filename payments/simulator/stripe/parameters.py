"""Which parameters an endpoint takes, and their types: everything else is refused as Stripe does."""

import re
from collections.abc import Mapping
from typing import Any

from payments.simulator.stripe import errors

INT, BOOL, STR, LIST, ANY, META = "integer", "boolean", "string", "array", "any", "metadata"

Spec = Mapping[str, "str | Spec"]

_INTEGER = re.compile(r"[+-]?\d{1,18}\Z")
EXPAND: Spec = {"expand": LIST}
PAGE: Spec = {"limit": INT, "starting_after": STR, "ending_before": STR, "created": ANY, "expand": LIST}


def check(spec: Spec, params: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The parameters with their types. Raises InvalidError for what is unknown or of the wrong type."""
    typed: dict[str, Any] = {}
    for name, value in params.items():
        full = f"{path}[{name}]" if path else name
        wanted = spec.get(name)
        if wanted is None:
            raise errors.InvalidError(f"Received unknown parameter: {full}", full, "parameter_unknown")
        typed[name] = _convert(wanted, value, full)
    return typed


def _convert(wanted: "str | Spec", value: Any, name: str) -> Any:
    if not isinstance(wanted, str):
        if value == "":
            return None
        if not isinstance(value, Mapping):
            raise errors.InvalidError(f"Invalid object: {name} must be a hash", name)
        return check(wanted, value, name)
    return _CONVERSIONS[wanted](value, name)


def _integer(value: Any, name: str) -> int:
    if value == "":
        raise errors.InvalidError(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a value.",
            name,
            "parameter_invalid_empty",
        )
    if not isinstance(value, str) or not _INTEGER.match(value):
        raise errors.InvalidError(f"Invalid integer: {value}", name, "parameter_invalid_integer")
    return int(value)


def _boolean(value: Any, name: str) -> bool | None:
    if value not in {"true", "false", ""}:
        raise errors.InvalidError(f"Invalid boolean: {value}", name)
    return None if value == "" else value == "true"


def _string(value: Any, name: str) -> str | None:
    if not isinstance(value, str):
        raise errors.InvalidError(f"Invalid string: {value}", name)
    if len(value) > 5_000:
        raise errors.InvalidError(f"Invalid string: {name} must be at most 5000 characters", name)
    return value or None


def _array(value: Any, name: str) -> list[Any] | None:
    if value == "":
        return None
    if not isinstance(value, list):
        raise errors.InvalidError("Invalid array", name)
    return value


def _metadata(value: Any, name: str) -> dict[str, str]:
    """New values by key; an empty value deletes the key; an empty string deletes all (`{"": ""}`)."""
    if value == "":
        return {"": ""}
    if not isinstance(value, Mapping):
        raise errors.InvalidError("Invalid metadata: must be a hash", name)
    for key, item in value.items():
        if not isinstance(item, str) or len(key) > 40 or len(item) > 500:
            raise errors.InvalidError(
                "Metadata keys may have at most 40 characters, values must be strings of at most 500.",
                f"{name}[{key}]",
            )
    if len(value) > 50:
        raise errors.InvalidError("You can have at most 50 keys of metadata.", name)
    return dict(value)


def _any(value: Any, _name: str) -> Any:
    return value


_CONVERSIONS = {INT: _integer, BOOL: _boolean, STR: _string, LIST: _array, ANY: _any, META: _metadata}


def merged(old: dict[str, str], new: dict[str, str] | None) -> dict[str, str]:
    """Metadata after an update."""
    if new is None:
        return old
    if new == {"": ""}:
        return {}
    result = {**old, **new}
    return {key: value for key, value in result.items() if value != ""}


def required(params: Mapping[str, Any], *names: str) -> None:
    """Raises InvalidError when one of them was not given."""
    for name in names:
        if params.get(name) is None:
            raise errors.InvalidError(f"Missing required param: {name}.", name, "parameter_missing")


def one_of(params: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> None:
    """Raises InvalidError when the parameter is given and is none of these."""
    value = params.get(name)
    if value is not None and value not in allowed:
        raise errors.InvalidError(f"Invalid {name}: must be one of {', '.join(allowed)}", name)
