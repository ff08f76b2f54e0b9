"""Reading a request body: what has to be there, and in which form. Raises InvalidError."""

from typing import Any

from payments.simulator.adyen import currencies, errors

Json = dict[str, Any]

LONGEST_REFERENCE = 80
LARGEST = 10**12


def thing(body: Json, name: str) -> Json:
    """An object; empty when it is not given."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise errors.unreadable(f"Field '{name}' must be an object")
    return value


def text(body: Json, name: str) -> str | None:
    """A text; None when it is not given."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.unreadable(f"Field '{name}' must be a string")
    return value or None


def names(body: Json, name: str) -> list[str]:
    """A list of texts; empty when it is not given."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise errors.unreadable(f"Field '{name}' must be a list of strings")
    return value


def amount(body: Json, *, least: int = 1) -> tuple[int, str]:
    """`amount`: value and currency."""
    given = thing(body, "amount")
    value, currency = given.get("value"), given.get("currency")
    if value is None or currency is None:
        raise errors.InvalidError("100", "No amount specified")
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LARGEST:
        raise errors.InvalidError("137", "Invalid amount specified")
    if not isinstance(currency, str) or not currencies.known(currency):
        raise errors.InvalidError("138", "Currency Not Supported")
    return value, currency


def reference(body: Json, name: str = "reference", *, required: bool = True) -> str:
    """The merchant's reference."""
    value = text(body, name) or ""
    if not value and required:
        raise errors.InvalidError("130", "Reference Missing")
    if len(value) > LONGEST_REFERENCE:
        raise errors.InvalidError("131", f"Reference may have at most {LONGEST_REFERENCE} characters")
    return value


def metadata(body: Json) -> dict[str, str]:
    """`metadata`: at most 20 pairs, keys of 20 and values of 80 characters."""
    given = thing(body, "metadata")
    if len(given) > 20 or any(len(key) > 20 or len(str(value)) > 80 for key, value in given.items()):
        raise errors.InvalidError("174", "Metadata has too many pairs, or one is too long")
    return {key: str(value) for key, value in given.items()}
