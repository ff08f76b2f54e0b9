"""Stripe's form encoding: `a[b][0]=c` becomes nested dictionaries and lists; files come in a multipart form."""

import re
from email import policy
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

from payments.simulator.stripe import errors

DEEPEST = 10
_KEY = re.compile(r"\[([^\]]*)\]")


def decode(raw: str) -> dict[str, Any]:
    """Nested parameters of a query string or a form body; every leaf is a string."""
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=2_000)
    except ValueError as error:
        raise errors.InvalidError("The request body could not be read as a form.") from error
    params: dict[str, Any] = {}
    nested = False
    for name, value in pairs:
        if "[" in name:
            nested = True
            _put(params, name, value)
        else:
            params[name] = value
    if not nested:
        return params
    # Keys of metadata may look like indices and are none.
    return {name: value if name == "metadata" else _lists(value) for name, value in params.items()}


def multipart(kind: str, body: bytes) -> dict[str, Any]:
    """The parts of a multipart form by name: text, or a file's name and content."""
    message = BytesParser(policy=policy.HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    if not message.is_multipart():
        raise errors.InvalidError("The request body could not be read as a multipart form.")
    params: dict[str, Any] = {}
    for part in message.iter_parts():
        name, filename = part.get_param("name", header="content-disposition"), part.get_filename()
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise errors.InvalidError("A part of the form has no name or no content.")
        params[name] = {"filename": filename, "content": content} if filename else content.decode("utf-8", "replace")
    return params


def _put(params: dict[str, Any], name: str, value: str) -> None:
    head, _, tail = name.partition("[")
    steps = [head, *_KEY.findall("[" + tail)]
    if len(steps) > DEEPEST:
        raise errors.InvalidError(f"Invalid parameter: {name[:100]}", param=head)
    place = params
    for step in steps[:-1]:
        place = place.setdefault(step or str(len(place)), {})
        if not isinstance(place, dict):
            raise errors.InvalidError(f"Invalid parameter: {name}", param=head)
    place[steps[-1] or str(len(place))] = value


def _lists(value: Any) -> Any:
    """Turn `{"0": a, "1": b}` into a list, at every depth."""
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(item) for name, item in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
