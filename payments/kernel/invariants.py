"""What must hold, whatever happens: each invariant is a query that finds what breaks it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db import connection

from payments.kernel.errors import invariant


@dataclass(frozen=True)
class Check:
    """One invariant: `broken` selects (object, why) of what violates it, `counted` how many were looked at."""

    number: int
    name: str
    title: str
    broken: str
    counted: str


@dataclass(frozen=True)
class Finding:
    """What one check found: how many objects it looked at, and the first of those that break it."""

    check: Check
    looked_at: int
    broken: list[tuple[str, str]]


CHECKS: Final[dict[str, Check]] = {}


def declare(number: int, name: str, title: str, broken: str, counted: str) -> None:
    """Register the check `name` of invariant `number` (the numbering is that of `docs/invariants.md`)."""
    invariant(name not in CHECKS, f"one check is called {name!r}")
    CHECKS[name] = Check(number, name, title, broken, counted)


def verify(prefix: str = "") -> Iterator[Finding]:
    """Run every check whose name begins with `prefix`, in one snapshot each, in order of number."""
    for check in sorted(CHECKS.values(), key=lambda check: (check.number, check.name)):
        if check.name.startswith(prefix):
            with connection.cursor() as cursor:
                cursor.execute(check.counted)
                looked_at = cursor.fetchone()[0]
                cursor.execute(check.broken)
                yield Finding(check, looked_at, [(str(a), str(b)) for a, b in cursor.fetchmany(20)])
