"""Strict reading: what a caller sends is one JSON object, or a flat query, that says what it means and no more."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar

from django.http import HttpRequest, QueryDict
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from payments.kernel import errors
from payments.rest import cards
from payments.rest.problems import (
    BodyMalformed,
    BodyTooLarge,
    LengthRequired,
    MediaTypeUnsupported,
    ParameterInvalid,
    ParameterMissing,
    ParameterUnknown,
)

MAX_BODY_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 32
MAX_ERRORS: Final = 20
MAX_SHOWN: Final = 200
_JSON = re.compile(r'application/json *(; *charset="?utf-8"?)?', re.IGNORECASE)
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_UNREADABLE = re.compile("[\x00\ud800-\udfff\ufffd]")
"""What Django makes of bytes that are no UTF-8 (U+FFFD) counts too."""
_NESTED = re.compile(r"([a-z_]+)\[([a-z_]+)\]")
_KINDS: Final[Mapping[str, type[errors.Refusal]]] = {"missing": ParameterMissing, "extra_forbidden": ParameterUnknown}


M = TypeVar("M", bound=BaseModel)


def body(request: HttpRequest) -> tuple[bytes, dict[str, Any]]:
    """The bytes of the body and the object they spell; an empty body is the empty object.

    Refuses more than one megabyte, other media types, and everything that two JSON readers could understand
    differently (RFC 8259 section 4 and 6, RFC 7493).
    """
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise MediaTypeUnsupported("The body must not be compressed.")
    raw = received(request, MAX_BODY_BYTES, BodyTooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes."))
    if not raw:
        return b"{}", {}
    if not _JSON.fullmatch(request.META.get("CONTENT_TYPE", "")):
        raise MediaTypeUnsupported("The body must be application/json in UTF-8.")
    return raw, parse(raw)


def received(request: HttpRequest, limit: int, too_large: errors.Refusal) -> bytes:
    """The bytes of the body; raises `too_large` beyond `limit`, and `LengthRequired` where chunks are not put together.

    Our own front does that (config.asgi); a server that does not would show every body as an empty one.
    """
    refuse_length(request, limit, too_large)
    return request.body


def refuse_length(request: HttpRequest, limit: int, too_large: errors.Refusal) -> None:
    """Raise `too_large` for a body that is announced as longer than `limit`."""
    if "HTTP_TRANSFER_ENCODING" in request.META:
        raise LengthRequired("Send a Content-Length.")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isascii() and length.isdigit() and int(length) > limit:
        raise too_large


def refuse_unfit(text: str) -> None:
    """Refuse text that no database column or UTF-8 file can hold."""
    if _UNREADABLE.search(text):
        raise BodyMalformed("The body holds a NUL, half of a surrogate pair, or bytes that are not UTF-8.")


def parse(raw: bytes) -> dict[str, Any]:
    """One JSON object; `BodyMalformed` for whatever else."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise BodyMalformed("The body is not JSON in UTF-8.") from None
    except (RecursionError, ValueError):  # ValueError: an integer of thousands of digits
        raise BodyMalformed("The body nests too deep or holds an endless number.") from None
    if not isinstance(value, dict):
        raise BodyMalformed("The body must be a JSON object.")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH or b"\\u" in raw:
        _inspect(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BodyMalformed("The body has an object with the same key twice.")
    return found


def _constant(name: str) -> NoReturn:
    raise BodyMalformed(f"{name} is not JSON.")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BodyMalformed("The body holds a number beyond all bounds.")
    return value


def _inspect(value: object, depth: int = 1) -> None:
    """Refuse what goes too deep, and text that no database column or UTF-8 file can hold."""
    if isinstance(value, str):
        if _UNFIT.search(value):
            raise BodyMalformed("The body holds a NUL or half of a surrogate pair.")
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise BodyMalformed(f"The body nests deeper than {MAX_DEPTH} levels.")
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            _inspect(part, depth + 1)


def read_json(model: type[M], raw: bytes, parsed: Mapping[str, Any]) -> M:
    """The body as `model`; the first thing that is wrong becomes the problem, all of them its `errors`."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _refusal(error, parsed) from None


def read_query(model: type[M] | None, query: QueryDict) -> M | None:
    """The query string as `model`; without a model there must be none."""
    fields = _nested(query)
    if model is None:
        if fields:
            raise ParameterUnknown("This operation takes no query parameters.", param=shown(next(iter(fields))))
        return None
    try:
        return model.model_validate_strings(fields)
    except ValidationError as error:
        raise _refusal(error, fields, bracket="[{}]") from None


def _nested(query: QueryDict) -> dict[str, Any]:
    """`created[gte]=…` -> {"created": {"gte": …}}; a parameter given twice is refused."""
    fields: dict[str, Any] = {}
    for name, values in query.lists():
        if len(values) != 1 or _UNREADABLE.search(str(values[0])):
            raise ParameterInvalid("A query parameter is given once, as plain text.", param=shown(name))
        match = _NESTED.fullmatch(name)
        if match is None:
            fields[name] = values[0]
            continue
        inner = fields.setdefault(match[1], {})
        if not isinstance(inner, dict):
            raise ParameterInvalid("A query parameter is given once.", param=shown(match[1]))
        inner[match[2]] = values[0]
    return fields


def _refusal(error: ValidationError, parsed: Mapping[str, Any], bracket: str = ".{}") -> errors.Refusal:
    """A check of the whole model names the parameter in its context: `PydanticCustomError(…, {"param": "amount"})`."""
    details = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    known = errors.refusals()
    found = [(_kind(detail, known), _param(detail, parsed, bracket), detail["msg"]) for detail in details]
    kind, param, message = found[0]
    listed = [{"code": kind.code, "param": param, "detail": message} for kind, param, message in found]
    return kind(f"{param}: {message}." if param else f"{message}.", param=param, errors=listed)


def _param(detail: ErrorDetails, parsed: Mapping[str, Any], bracket: str) -> str | None:
    path = _path(detail["loc"], parsed, bracket)
    named = detail.get("ctx", {}).get("param")
    if named is not None:
        path = f"{path}.{named}" if path else str(named)
    return shown(path)


def _kind(detail: ErrorDetails, known: Mapping[str, type[errors.Refusal]]) -> type[errors.Refusal]:
    """A validator of ours names a refusal's code as its error type; pydantic's own types mean `parameter_invalid`."""
    return _KINDS.get(detail["type"]) or known.get(detail["type"], ParameterInvalid)


def shown(path: str) -> str | None:
    """What may be repeated of a name that the caller made up: no card number, but where it stood, and no novel."""
    while cards.look_like_number(path):
        path = path.rpartition(".")[0]
    return path[:MAX_SHOWN] or None


def _path(where: Iterable[int | str], parsed: object, bracket: str) -> str:
    """("lines", 0, "quantity") -> lines[0].quantity, without the names that pydantic gives to a union's choices."""
    steps, path, node = list(where), "", parsed
    for index, step in enumerate(steps):
        if isinstance(node, list) and isinstance(step, int):
            path, node = f"{path}[{step}]", node[step] if step < len(node) else None
        elif isinstance(node, dict) and (step in node or index == len(steps) - 1):
            path = f"{path}{bracket.format(step)}" if path else str(step)
            node = node.get(str(step))
    return path
