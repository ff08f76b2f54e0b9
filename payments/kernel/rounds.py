"""Rounds: what the timetable does for every row whose time has come, oldest first; one that fails stops nobody."""

import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from django.db import connection, models
from django.db.models import Q, Value
from django.db.models.functions import Cast, Concat, Replace

from payments.kernel import unit

log = structlog.get_logger(__name__)

PAGE: Final = 200
SECONDS: Final = 15
"""A round ends after this long, well within its job's lease; what is left comes first in the next."""


def each(due: models.QuerySet[Any], by: str, act: Callable[[str], object]) -> None:
    """Call `act` with the id of every row that is due, in the order of the column `by`.

    A row for which it raises is logged with its id, and comes again in the next round. It holds no place of those
    behind it: a round goes on until nothing is left. `due` leaves out what has been done.
    """
    ends, after = time.monotonic() + SECONDS, Q()
    while page := list(due.filter(after).order_by(by, "pk").values_list(by, "pk")[:PAGE]):
        for _, row_id in page:
            if time.monotonic() > ends:
                log.warning("round_cut_short", of=due.model.__name__, before=row_id)
                return
            _act(row_id, act)
        at, row_id = page[-1]
        after = Q(**{f"{by}__gt": at}) | Q(**{by: at, "pk__gt": row_id})


def _act(row_id: str, act: Callable[[str], object]) -> None:
    try:
        act(row_id)
    except unit.Stale:
        log.info("round_passed_by", object_id=row_id)  # somebody else is at work on it
    except Exception:
        log.exception("round_failed", object_id=row_id)
        if not connection.is_usable():
            raise


def written(prefix: str, column: str = "pk") -> Concat:
    """Inside a subquery: the UUID of the row around it as the public id that other tables keep, `att_0198…`."""
    text = models.TextField()
    digits = Replace(Cast(models.OuterRef(column), text), Value("-"), Value(""), output_field=text)
    return Concat(Value(f"{prefix}_"), digits, output_field=text)
