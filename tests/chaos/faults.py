"""What is broken, one thing at a time."""

import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import redis
from django.conf import settings

from tests.chaos.shopping import Shop


def psp(shop: Shop, *, operation: str, fault: str, rate: float = 0.3, **facts: float) -> None:
    """The PSP misbehaves on a share of the requests."""
    shop.scenario(operation, fault, rate=rate, **facts)


def flush(shop: Shop) -> None:
    """Everything in Redis is gone."""
    redis.Redis.from_url(settings.REDIS_URL).flushall()


def kill(shop: Shop, *, program: str, how: signal.Signals = signal.SIGKILL) -> None:
    """A program dies."""
    shop.kill(program, how)


CONFIRM: Final = "payment_intents.confirm"

ALL: Final[Mapping[str, Callable[[Shop], None]]] = {
    "PSP: the connection breaks before the effect": partial(psp, operation=CONFIRM, fault="reset_before"),
    "PSP: the connection breaks after the effect": partial(psp, operation=CONFIRM, fault="reset_after"),
    "PSP: 500 after the effect": partial(psp, operation=CONFIRM, fault="error_500_after"),
    "PSP: 503 before the effect": partial(psp, operation="*", fault="error_503_before"),
    "PSP: 429": partial(psp, operation="*", fault="rate_limit_429"),
    "PSP: an unreadable answer": partial(psp, operation=CONFIRM, fault="garbage_200"),
    "PSP: notifications lost": partial(psp, operation="webhook", fault="webhook_lost", rate=0.5),
    "PSP: notifications doubled": partial(psp, operation="webhook", fault="webhook_doubled", rate=0.5),
    "PSP: notifications reordered": partial(psp, operation="webhook", fault="webhook_reordered", rate=0.5),
    "PSP: notifications forged": partial(psp, operation="webhook", fault="webhook_forged", rate=0.5),
    "kill -9 of the worker": partial(kill, program="worker"),
    "kill -9 of the web server": partial(kill, program="web"),
    "kill -9 of Valkey": partial(kill, program="valkey"),
    "FLUSHALL": flush,
    "immediate stop of PostgreSQL": partial(kill, program="postgres", how=signal.SIGQUIT),
}
