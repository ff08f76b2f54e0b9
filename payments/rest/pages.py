"""Lists: pages by cursor, newest first, stable while rows are added, never counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from pydantic import BeforeValidator, Field

from payments.rest import fields
from payments.rest.problems import ParameterInvalid

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100


class Range(fields.Input):
    """Bounds of a time: `created[gte]=2026-11-01T00:00:00Z`."""

    gte: fields.Time | None = None
    gt: fields.Time | None = None
    lte: fields.Time | None = None
    lt: fields.Time | None = None


class Query(fields.Input):
    """What every list can be asked; a list with filters of its own adds them in a subclass."""

    limit: Annotated[
        int, Field(strict=False, ge=1, le=MAX_LIMIT, description="Rows per page."), BeforeValidator(fields.whole_number)
    ] = DEFAULT_LIMIT
    starting_after: Annotated[
        str | None, Field(min_length=1, max_length=40, description="The page begins after this id.")
    ] = None
    ending_before: Annotated[
        str | None, Field(min_length=1, max_length=40, description="The page ends before this id.")
    ] = None
    created: Annotated[Range | None, Field(description="When it was made.")] = None


R = TypeVar("R", bound=models.Model)


@dataclass(frozen=True)
class Page(Generic[R]):
    """Some rows, newest first; `next_cursor` goes on in the direction that was asked for."""

    rows: Sequence[R]
    has_more: bool
    next_cursor: str | None


def page(rows: "models.QuerySet[R]", query: Query, *, created: str = "created_at") -> Page[R]:
    """The page of `rows` that `query` asks for; `created` is the column that `created[…]` bounds.

    `rows` is already narrowed to the client and to the list's own filters; its order is set here, by the
    time-ordered primary key. A cursor stays good when its row is gone.
    """
    if query.starting_after and query.ending_before:
        raise ParameterInvalid("Give starting_after or ending_before, not both.", param="ending_before")
    if query.created is not None:
        rows = rows.filter(**{f"{created}__{bound}": at for bound, at in query.created if at is not None})
    if query.ending_before:
        found = list(_beyond(rows, "gt", query.ending_before, "ending_before").order_by("pk")[: query.limit + 1])
        kept = found[: query.limit][::-1]
        return Page(kept, len(found) > query.limit, kept[0].pk if len(found) > query.limit else None)
    if query.starting_after:
        rows = _beyond(rows, "lt", query.starting_after, "starting_after")
    found = list(rows.order_by("-pk")[: query.limit + 1])
    kept = found[: query.limit]
    return Page(kept, len(found) > query.limit, kept[-1].pk if len(found) > query.limit else None)


def _beyond(rows: "models.QuerySet[R]", side: str, cursor: str, param: str) -> "models.QuerySet[R]":
    try:
        return rows.filter(**{f"pk__{side}": cursor})
    except ValidationError:
        raise ParameterInvalid("This is not an id of this list.", param=param) from None
