"""How long what may be personal is kept: one rule for each kind of row, held to in small batches beside the traffic."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection

from payments.kernel import clock, ids, jobs

BATCH: Final = 1_000
BATCHES: Final = 500


@dataclass(frozen=True)
class Rule:
    """What is done with rows of one kind when their time is over.

    `forget` is SQL that takes %(before)s, the first key that is kept, and touches at most %(most)s rows, oldest first.
    """

    name: str
    table: str
    what: str
    kept: Callable[[], timedelta]
    forget: str


RULES: Final[dict[str, Rule]] = {}
"""Every rule by name."""


def declare(name: str, table: str, what: str, kept: Callable[[], timedelta], forget: str) -> Rule:
    """Add a rule; `what` is said of it in docs/retention.md."""
    RULES[name] = Rule(name, table, what, kept, forget)
    return RULES[name]


def kept_days(name: str) -> Callable[[], timedelta]:
    """A time that an installation decides about, by a setting."""
    return lambda: timedelta(days=getattr(settings, name))


def hold_to(rule: Rule) -> int:
    """Forget what is older than the rule allows; how many rows that were. What is left over waits for the next hour."""
    values: dict[str, Any] = {"before": ids.uuid7(clock.now() - rule.kept()), "most": BATCH}
    count = 0
    for _ in range(BATCHES):
        with connection.cursor() as cursor:
            cursor.execute(rule.forget, values)
            count += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return count


@jobs.job("forget_what_is_over", jobs.Queue.UPKEEP, every=timedelta(hours=1), lease=timedelta(minutes=10))
def forget_what_is_over() -> None:
    """Hold to every rule."""
    for rule in RULES.values():
        hold_to(rule)
