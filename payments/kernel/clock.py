"""The one clock of the platform: UTC now, or the moment that a seed or a replay is set to."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.utils import timezone

_moment: ContextVar[datetime | None] = ContextVar("moment", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _moment.get() or timezone.now()


def standing() -> datetime | None:
    """The moment that the clock is set to, or None while it runs."""
    return _moment.get()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let `now()` stand at `moment` in this context: seeds write a shop's past with it."""
    token = _moment.set(moment)
    try:
        yield
    finally:
        _moment.reset(token)
