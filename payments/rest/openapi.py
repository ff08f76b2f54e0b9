"""OpenAPI 3.1: each operation's entry in the document, made from what the operation declares about itself."""

import inspect
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import orjson
import uritemplate
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema

from payments.kernel.errors import Refusal, invariant
from payments.rest import auth, fields, idempotency, keys, operations, problems
from payments.rest.operations import Operation

REFS: Final = "#/components/schemas/{model}"

_EXAMPLE_ID: Final = "req_0199a1b2c3d47e5f8a6b7c8d9e0f1a2b"

SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "`sk_…` from a server; `pk_…` from an app or a page, for the operations that allow it.",
}


class ProblemPart(fields.Output):
    """One of the things that are wrong with a request."""

    code: str
    param: str | None
    detail: str


class ProblemShape(fields.Output):
    """RFC 9457, with a code for programs; what does not apply is absent, and refusals add fields of their own."""

    model_config = ConfigDict(extra="allow", json_schema_serialization_defaults_required=False)

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    param: Annotated[str, Field(description="The first parameter that is wrong, as `lines[0].quantity`.")] = ""
    errors: Annotated[list[ProblemPart], Field(description="Everything that is wrong with the parameters.")] = []
    decline_code: Annotated[str, Field(description="Why the issuer declined.")] = ""
    category: Annotated[str, Field(description="What kind of decline it is.")] = ""
    customer_message: Annotated[str, Field(description="What the customer may read.")] = ""


class _Untitled(GenerateJsonSchema):
    """Pydantic's JSON schema without a title that repeats each field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  pydantic's signature
        return False


class DoorSchema(AutoSchema):
    """Describes the operations of a `wire.Door`."""

    def get_operation(
        self,
        path: str,
        path_regex: str,  # noqa: ARG002  drf-spectacular's signature
        path_prefix: str,  # noqa: ARG002  drf-spectacular's signature
        method: str,
        registry: ComponentRegistry,
    ) -> dict[str, Any] | None:
        """The entry of one method at one address; None when the door has no such operation."""
        found = operations.of(self.view, method)
        if found is None:
            return None
        _component(registry, "Bearer", SCHEME, ResolvedComponent.SECURITY_SCHEMA)
        described: dict[str, Any] = {
            "operationId": found.name.replace(".", "_"),
            "summary": found.summary,
            "description": self._description(found, method),
            "tags": [found.name.partition(".")[0]],
            "security": [{"Bearer": []}],
            "parameters": [*_path(path), *_headers(found, method), *_query(found)],
            "responses": {**_answer(found, registry), **_refusals(found, method, registry)},
        }
        if found.body is not None:
            described["requestBody"] = {
                "required": bool(_required(found.body)),
                "content": {
                    "application/json": {
                        "schema": schema_of(found.body, "validation", registry),
                        "example": found.example_body,
                    }
                },
            }
        if found.form is not None:
            content = {"multipart/form-data": {"schema": _form(found.form), "example": found.example_body}}
            described["requestBody"] = {"required": True, "content": content}
        return described

    def _description(self, found: Operation, method: str) -> str:
        doc = getattr(self.view, method.lower()).__doc__ or ""
        who = "publishable or secret key" if found.publishable else "secret key"
        return f"{inspect.cleandoc(doc)}\n\nScope `{found.scope}`, {who}.".strip()


def _form(form: operations.Form) -> dict[str, Any]:
    """Texts, and files as they come."""
    file: dict[str, Any] = {"type": "string", "contentMediaType": "application/octet-stream"}
    properties = dict.fromkeys(form.files, file) | {name: {"type": "string"} for name in form.texts}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _component(registry: ComponentRegistry, name: str, schema: Mapping[str, Any], kind: str) -> None:
    component = ResolvedComponent(name=name, type=kind, object=name, schema=dict(schema))  # type: ignore[no-untyped-call]
    if component in registry:
        invariant(registry[component].schema == component.schema, f"one shape is called {name}")
    else:
        registry.register(component)


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def schema_of(
    model: type[BaseModel], mode: Literal["validation", "serialization"], registry: ComponentRegistry
) -> dict[str, str]:
    """Put the model, and those it is made of, among the components; a reference to it. `Bug` when two share a name."""
    schema = model.model_json_schema(ref_template=REFS, mode=mode, schema_generator=_Untitled)
    parts = {**schema.pop("$defs", {}), model.__name__: schema}
    for name, part in parts.items():
        _component(registry, name, part, ResolvedComponent.SCHEMA)
    return {"$ref": REFS.format(model=model.__name__)}


def _path(path: str) -> Iterator[dict[str, Any]]:
    for name in sorted(uritemplate.variables(path)):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _headers(found: Operation, method: str) -> Iterator[dict[str, Any]]:
    if method == "POST":
        yield {
            "name": idempotency.HEADER,
            "in": "header",
            "required": found.moves_money,
            "description": "The same key and body are answered with the first answer, byte for byte, for 30 days.",
            "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.MAX_LENGTH, "pattern": "^[!-~]+$"},
        }


def _query(found: Operation) -> Iterator[dict[str, Any]]:
    """One parameter per field; the fields of a nested model as `name[field]`."""
    if found.query is None:
        return
    schema = found.query.model_json_schema(mode="validation", schema_generator=_Untitled)
    parts = schema.get("$defs", {})
    for name, field in schema["properties"].items():
        field = _resolved(field, parts)
        nested = [choice for choice in field.get("anyOf", [field]) if "properties" in choice]
        for inner, leaf in nested[0]["properties"].items() if nested else ():
            yield {"name": f"{name}[{inner}]", "in": "query", "required": False, "schema": _leaf(leaf, parts)}
        if not nested:
            yield {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "schema": _leaf(field, parts),
            }


def _leaf(field: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """A query parameter is absent or a value, never null."""
    choices = [choice for choice in _resolved(field, parts).get("anyOf", [field]) if choice.get("type") != "null"]
    rest = {key: value for key, value in field.items() if key not in ("anyOf", "$ref") and value is not None}
    return {**_resolved(choices[0], parts), **rest} if len(choices) == 1 else dict(field)


def _resolved(field: Any, parts: Mapping[str, Any]) -> Any:
    """The field with every reference to a part replaced by the part."""
    if isinstance(field, list):
        return [_resolved(item, parts) for item in field]
    if not isinstance(field, dict):
        return field
    inner = {key: _resolved(value, parts) for key, value in field.items() if key != "$ref"}
    if "$ref" not in field:
        return inner
    return {**_resolved(parts[field["$ref"].rpartition("/")[2]], parts), **inner}


def _answer(found: Operation, registry: ComponentRegistry) -> dict[str, Any]:
    if found.answers is None:
        described: dict[str, Any] = {"description": HTTPStatus(found.status).phrase}
        if found.media:  # a file, as it is: OpenAPI 3.1 says nothing more of binary content
            described["content"] = {media: {} for media in found.media}
        return {str(found.status): described}
    item = schema_of(found.answers, "serialization", registry)
    schema = _page(found.answers.__name__, item, registry) if found.paged else item
    content = {"application/json": {"schema": schema, "example": found.example}}
    return {str(found.status): {"description": HTTPStatus(found.status).phrase, "content": content}}


def _page(name: str, item: Mapping[str, str], registry: ComponentRegistry) -> dict[str, str]:
    page = {
        "type": "object",
        "required": ["data", "has_more", "next_cursor"],
        "properties": {
            "data": {"type": "array", "items": item},
            "has_more": {"type": "boolean"},
            "next_cursor": {"type": ["string", "null"]},
        },
    }
    _component(registry, f"{name}Page", page, ResolvedComponent.SCHEMA)
    return {"$ref": REFS.format(model=f"{name}Page")}


def refusals(found: Operation, method: str) -> list[type[Refusal]]:
    """Everything that the operation may refuse with: its own reasons first, then those that every door has."""
    kinds = [*found.refuses, *_ALWAYS]
    if method != "GET":
        kinds.append(problems.ObjectChanged)
    if method in ("POST", "PATCH"):
        kinds += _WITH_BODY
    if method == "POST":
        kinds += _WITH_KEY
    if found.moves_money:
        kinds.append(idempotency.IdempotencyKeyRequired)
    return list(dict.fromkeys(kinds))


_ALWAYS: Final[tuple[type[Refusal], ...]] = (
    keys.ApiKeyMissing,
    keys.ApiKeyInvalid,
    keys.ApiKeyExpired,
    auth.ScopeMissing,
    auth.SecretKeyRequired,
    problems.NotFound,
    problems.NotAcceptable,
    problems.RequestMalformed,
    problems.ParameterInvalid,
    problems.ParameterUnknown,
    problems.InternalError,
    problems.TemporarilyUnavailable,
)
_WITH_BODY: Final[tuple[type[Refusal], ...]] = (
    problems.BodyMalformed,
    problems.BodyTooLarge,
    problems.BodyTimeout,
    problems.LengthRequired,
    problems.MediaTypeUnsupported,
    problems.ParameterMissing,
    problems.CardNumberRefused,
    problems.SecretRefused,
)
_WITH_KEY: Final[tuple[type[Refusal], ...]] = (
    idempotency.IdempotencyKeyInvalid,
    idempotency.IdempotencyKeyInUse,
    idempotency.IdempotencyKeyReused,
)


def _refusals(found: Operation, method: str, registry: ComponentRegistry) -> dict[str, Any]:
    """One response per status, with an example for each of its codes."""
    schema = schema_of(ProblemShape, "serialization", registry)
    by_status: dict[int, list[type[Refusal]]] = {}
    for kind in refusals(found, method):
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _problem_response(kinds, schema) for status, kinds in sorted(by_status.items())}


def _problem_response(kinds: list[type[Refusal]], schema: Mapping[str, str]) -> dict[str, Any]:
    examples = {
        kind.code: {"value": orjson.loads(problems.document(kind(meaning(kind)), _EXAMPLE_ID))} for kind in kinds
    }
    text = "\n".join(f"* `{kind.code}`: {meaning(kind)}" for kind in kinds)
    return {"description": text, "content": {problems.CONTENT_TYPE: {"schema": schema, "examples": examples}}}


def meaning(kind: type[Refusal]) -> str:
    """The sentence that clients read about a refusal: its docstring, on one line."""
    return " ".join((kind.__doc__ or "").split())
