"""What an operation of the API is: its name, scope, shapes, refusals and example, said once for code and document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from rest_framework.views import APIView

from payments.kernel.errors import Refusal, invariant
from payments.rest.models import ApiClient

ATTRIBUTE: Final = "operation"


@dataclass(frozen=True, kw_only=True)
class Form:
    """A body of `multipart/form-data`: its fields that are texts, and files, and how many bytes it may have."""

    texts: tuple[str, ...]
    files: tuple[str, ...]
    largest: int


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method at one address.

    `render` turns what the handler returns (one row of it, when `paged`) into the answer's shape. A POST also
    says how an answer is made from the record when ours was lost in a crash: `recorded(client, object id)`
    returns what the handler would have returned. `kept` renders in the place of `render` what is stored for a repeated
    idempotency key, where the answer holds something that is said once. `media` are the types of what is answered
    where that is a file.
    """

    name: str
    summary: str
    scope: str
    example: Mapping[str, Any] | None
    status: int = 200
    body: type[BaseModel] | None = None
    form: Form | None = None
    example_body: Mapping[str, Any] | None = None
    query: type[BaseModel] | None = None
    answers: type[BaseModel] | None = None
    media: tuple[str, ...] = ()
    render: Callable[[Any], BaseModel | Mapping[str, Any]] | None = None
    kept: Callable[[Any], BaseModel | Mapping[str, Any]] | None = None
    paged: bool = False
    refuses: tuple[type[Refusal], ...] = ()
    publishable: bool = False
    moves_money: bool = False
    recorded: Callable[[ApiClient, str], object] | None = None

    @property
    def creates(self) -> bool:
        """True when the answer is about a new object, false when about the one in the address."""
        return self.status == HTTPStatus.CREATED


REGISTRY: Final[dict[str, Operation]] = {}
"""Every operation by name."""


def register(operation: Operation, method: str) -> None:
    """Keep the operation, once it is complete for its method."""
    invariant(operation.name not in REGISTRY, f"one operation is called {operation.name}")
    invariant(method != "post" or operation.recorded is not None, f"{operation.name} can answer after a crash")
    takes_none = operation.body is None and operation.form is None
    invariant(takes_none or operation.example_body is not None, f"{operation.name} has an example body")
    REGISTRY[operation.name] = operation


def of(view: APIView, method: str) -> Operation | None:
    """The operation that `view` offers for an HTTP method."""
    found: Operation | None = getattr(getattr(view, method.lower(), None), ATTRIBUTE, None)
    return found
